"""The reader by the frames that left its antenna and the transfers on its SPI wires."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from drivers.reader import Card, Reader, SeveralCards
from simulator.rfid.iso14443a import Bits, bits_of, bytes_of, crc_a
from simulator.rfid.picc import Picc, RandomUidPicc
from tests.drivers.rfid_rig import Rig

U4 = bytes.fromhex("DEADBEEF")
U7 = bytes.fromhex("04A3C6CAE26180")
U10 = bytes.fromhex("04112233445566778899")
POLL_S = 0.1

FRAMES_4 = ["52/7", "9320", "9370deadbeef22b99c"]
FRAMES_7 = ["52/7", "9320", "93708804a3c6e9037f", "9520", "9570cae26180c9e283"]
FRAMES_10 = [
    "52/7",
    "9320",
    "937088041122bfb3f9",
    "9520",
    "957088334455aa13fa",
    "9720",
    "97706677889900ce25",
]
HLTA = "500057cd"


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig().installed() as bench:
        yield bench


@pytest.fixture
def reader(rig: Rig) -> Reader:
    reader = rig.reader()
    reader.open()
    rig.pass_time(POLL_S)
    return reader


@pytest.mark.parametrize(
    ("uid", "sak", "atqa", "frames"),
    [(U4, 0x08, 0x0004, FRAMES_4), (U7, 0x00, 0x0044, FRAMES_7), (U10, 0x20, 0x0084, FRAMES_10)],
    ids=["4", "7", "10"],
)
def test_a_card_is_read_twice_with_exactly_these_frames(
    rig: Rig, reader: Reader, uid: bytes, sak: int, atqa: int, frames: list[str]
) -> None:
    rig.field.present(uid)
    assert reader.scan() == Card(uid, sak, atqa)
    assert rig.frames() == [*frames, HLTA, *frames]


def test_tag_is_upper_case_hex_first_byte_first() -> None:
    assert Card(U7, 0x00, 0x0044).tag == "04A3C6CAE26180"


def test_no_card_is_none_and_costs_one_frame(rig: Rig, reader: Reader) -> None:
    assert reader.scan() is None
    assert rig.frames() == ["52/7"]


def test_the_field_is_off_between_polls_and_long_enough_on_before_the_first_frame(
    rig: Rig, reader: Reader
) -> None:
    began_us = rig.now_us
    assert not rig.field.on
    reader.scan()
    assert not rig.field.on
    assert rig.air()[0].at_us - began_us >= 5_100


def test_a_genuine_four_byte_uid_may_begin_with_the_cascade_tag(rig: Rig, reader: Reader) -> None:
    uid = bytes.fromhex("88123456")
    rig.field.present(uid)
    assert reader.scan() == Card(uid, 0x08, 0x0004)
    assert "9520" not in rig.frames()


def test_a_seven_byte_uid_may_hold_the_cascade_tag_inside(rig: Rig, reader: Reader) -> None:
    uid = bytes.fromhex("04888888881234")
    rig.field.present(uid)
    assert reader.scan() == Card(uid, 0x00, 0x0044)


def test_sak_with_cascade_bit_but_no_cascade_tag_is_no_card(rig: Rig, reader: Reader) -> None:
    rig.field.place(Picc(U4, sak=0x0C))
    assert reader.scan() is None
    assert reader.counters.cascade_errors > 0
    assert "9520" not in rig.frames()


def test_a_fourth_level_is_not_asked_for(rig: Rig, reader: Reader) -> None:
    rig.field.place(Picc(U10, sak=0x04))
    assert reader.scan() is None
    assert reader.counters.cascade_errors > 0


@pytest.mark.parametrize(
    "uids",
    [
        (U4, bytes.fromhex("DEADBEEE")),
        (U7, bytes.fromhex("04A3C6CAE26181")),
        (U4, U7),
        (U7, U10),
        (U4, U7, U10),
    ],
    ids=["4+4", "7+7", "4+7", "7+10", "all"],
)
def test_two_cards_are_reported_and_none_is_chosen(
    rig: Rig, reader: Reader, uids: tuple[bytes, ...]
) -> None:
    rig.field.present(*uids)
    assert reader.scan() == SeveralCards()
    assert reader.counters.several == 1
    rig.pass_time(POLL_S)
    rig.field.present(uids[0])
    scan = reader.scan()
    assert isinstance(scan, Card)
    assert scan.uid == uids[0]


def test_a_collision_that_moves_about_is_a_weak_signal_and_not_two_cards(
    rig: Rig, reader: Reader
) -> None:
    first = bytes.fromhex("00000000")
    others = iter([b"\x01" + bytes(3), b"\x02" + bytes(3), b"\x04" + bytes(3)])

    def another_neighbour(_sent: bytes) -> None:
        if rig.chip.air and rig.chip.air[-1].data == b"\x52":
            rig.chip.air.clear()
            neighbour = next(others)
            for card in rig.field.cards[1:]:
                card.uid = neighbour

    rig.field.present(first, bytes.fromhex("80000000"))
    rig.before_transfer = another_neighbour
    assert reader.scan() is None
    assert reader.counters.collisions == 3


@pytest.mark.parametrize("answers", range(1, 10))
def test_a_card_that_leaves_in_the_middle_is_no_card(
    rig: Rig, reader: Reader, answers: int
) -> None:
    rig.field.present(U7)
    rig.field.remove_after(answers)
    assert reader.scan() is None
    rig.pass_time(POLL_S)
    rig.field.present(U7)
    assert isinstance(reader.scan(), Card)


def test_a_card_that_leaves_after_its_second_reading_counts(rig: Rig, reader: Reader) -> None:
    rig.field.present(U7)
    rig.field.remove_after(10)
    assert reader.scan() == Card(U7, 0x00, 0x0044)


def changed_card_after(answers: int, uid: bytes, rig: Rig) -> Callable[[Bits], Bits]:
    seen = 0

    def tamper(bits: Bits) -> Bits:
        nonlocal seen
        seen += 1
        if seen == answers:
            rig.field.present(uid)
            for card in rig.field.cards:
                card.power_up()
        return bits

    return tamper


def test_two_readings_that_differ_are_not_a_card_until_they_agree(rig: Rig, reader: Reader) -> None:
    rig.field.present(U4)
    rig.chip.faults.tamper = changed_card_after(3, bytes.fromhex("01020304"), rig)
    scan = reader.scan()
    assert isinstance(scan, Card)
    assert scan.uid == bytes.fromhex("01020304")
    frames = rig.frames()
    assert frames.count("52/7") == 3


def test_one_damaged_reading_is_made_up_for_in_the_same_scan(rig: Rig, reader: Reader) -> None:
    rig.field.present(U7)
    rig.chip.faults.garble_answers = 1
    assert reader.scan() == Card(U7, 0x00, 0x0044)
    assert reader.counters.air_errors == 1


def tampered(change: Callable[[bytes], bytes], length: int) -> Callable[[Bits], Bits]:
    """Changes every answer of that many bytes."""

    def tamper(bits: Bits) -> Bits:
        return bits_of(change(bytes_of(bits))) if len(bits) == length * 8 else bits

    return tamper


def test_wrong_bcc(rig: Rig, reader: Reader) -> None:
    rig.field.present(U4)
    rig.chip.faults.tamper = tampered(lambda b: b[:4] + bytes([b[4] ^ 0x01]), 5)
    assert reader.scan() is None
    assert reader.counters.bcc_errors == 3
    assert not any(frame.startswith("9370") for frame in rig.frames())


def test_damage_that_the_bcc_does_not_see_is_stopped_by_the_card_itself(
    rig: Rig, reader: Reader
) -> None:
    rig.field.present(U4)
    rig.chip.faults.tamper = tampered(lambda b: bytes([b[0] ^ 0x10, b[1] ^ 0x10, *b[2:]]), 5)
    assert reader.scan() is None
    assert reader.counters.left_early == 3


def test_wrong_crc_a_in_the_select_answer(rig: Rig, reader: Reader) -> None:
    rig.field.present(U4)
    rig.chip.faults.tamper = tampered(lambda b: bytes([b[0] ^ 0x20, *b[1:]]), 3)
    assert reader.scan() is None
    assert reader.counters.crc_errors == 3


def test_a_forged_cascade_bit_with_a_right_crc_is_caught_by_the_missing_tag(
    rig: Rig, reader: Reader
) -> None:
    rig.field.present(U4)
    rig.chip.faults.tamper = tampered(lambda _: b"\x04" + crc_a(b"\x04"), 3)
    assert reader.scan() is None
    assert reader.counters.cascade_errors == 3


@pytest.mark.parametrize("answer_bytes", [2, 5, 3], ids=["atqa", "anticollision", "select"])
@pytest.mark.parametrize(
    "resize",
    [
        lambda bits: bits[:-1],
        lambda bits: bits[:-8],
        lambda bits: (*bits, 0),
        lambda bits: bits + bits,
        lambda bits: bits * 40,
        lambda bits: bits[:1],
        lambda bits: (),
    ],
    ids=["bit-less", "byte-less", "bit-more", "double", "overflow", "one-bit", "empty"],
)
def test_an_answer_of_wrong_length_is_no_card(
    rig: Rig, reader: Reader, answer_bytes: int, resize: Callable[[Bits], Bits]
) -> None:
    rig.field.present(U4)
    rig.chip.faults.tamper = lambda bits: resize(bits) if len(bits) == 8 * answer_bytes else bits
    assert reader.scan() is None
    damaged = reader.counters.length_errors + reader.counters.air_errors
    assert damaged == 3
    rig.chip.faults.tamper = None
    rig.pass_time(POLL_S)
    assert isinstance(reader.scan(), Card)


def test_a_held_card_is_found_at_every_poll(rig: Rig, reader: Reader) -> None:
    rig.field.present(U7)
    for _ in range(50):
        assert isinstance(reader.scan(), Card)
        rig.pass_time(POLL_S)


def test_a_held_card_is_found_by_polls_without_a_pause(rig: Rig, reader: Reader) -> None:
    rig.field.present(U7)
    assert all(isinstance(reader.scan(), Card) for _ in range(20))


def test_a_random_uid_is_the_same_within_a_scan_and_is_called_random(
    rig: Rig, reader: Reader
) -> None:
    rig.field.place(RandomUidPicc(seed=3))
    first = reader.scan()
    rig.pass_time(POLL_S)
    second = reader.scan()
    assert isinstance(first, Card)
    assert isinstance(second, Card)
    assert first.uid != second.uid
    assert first.random
    assert second.random
    assert not Card(U4, 0x08, 0x0004).random
    assert not Card(b"\x08" + U7[1:], 0x00, 0x0044).random


def test_card_kinds_come_through(rig: Rig, reader: Reader) -> None:
    rig.field.place(Picc(U7, sak=0x20, atqa=0x0344))
    assert reader.scan() == Card(U7, 0x20, 0x0344)


def test_counters_add_up(rig: Rig, reader: Reader) -> None:
    reader.scan()
    rig.field.present(U4)
    reader.scan()
    rig.field.present(U4, U7)
    reader.scan()
    counters = reader.counters
    assert (counters.polls, counters.empty, counters.cards, counters.several) == (3, 1, 1, 1)
    assert (counters.hard_resets, counters.re_inits, counters.glitches) == (1, 0, 0)
