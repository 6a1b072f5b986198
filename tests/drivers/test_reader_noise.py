"""Whatever noise does to the wires and the air, no UID comes out that was not in the field."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import ReaderError
from drivers.iso14443 import Answer, Card, Collision, Damage, Exchange, crc_a, read_card
from drivers.reader import Reader, Scan
from simulator.rfid import iso14443a
from tests.drivers.rfid_rig import Rig

SEED = 20_261_122
UIDS = [
    bytes.fromhex("DEADBEEF"),
    bytes.fromhex("88123456"),
    bytes.fromhex("04A3C6CAE26180"),
    bytes.fromhex("04112233445566778899"),
    bytes.fromhex("00000000"),
    bytes.fromhex("FFFFFFFF"),
]
READS_PER_CASE = 600


def scan_or_recover(reader: Reader) -> Scan:
    """What the polling thread does: soft recovery, then the hard one, then the next poll."""
    try:
        return reader.scan()
    except ReaderError:
        pass
    for recover in (reader.reinit, reader.open):
        try:
            recover()
        except ReaderError:
            continue
        break
    return None


@pytest.mark.parametrize(
    ("wire", "air", "least_read"),
    [
        (0.0, 0.005, 100),
        (0.0, 0.05, 0),
        (0.0005, 0.0, 100),
        (0.0005, 0.002, 50),
        (0.002, 0.002, 5),
        (0.01, 0.0, 0),
        (0.05, 0.05, 0),
    ],
)
def test_noise_never_makes_a_uid(wire: float, air: float, least_read: int) -> None:
    with Rig().installed() as rig:
        reader = rig.reader()
        reader.open()
        rig.chip.faults.reseed(SEED)
        rig.chip.faults.noise, rig.chip.faults.air_noise = wire, air
        read = 0
        for poll in range(READS_PER_CASE):
            uid = UIDS[poll % len(UIDS)]
            rig.field.present(uid)
            rig.pass_time(0.1)
            scan = scan_or_recover(reader)
            if isinstance(scan, Card):
                assert scan.uid == uid, f"seed {SEED}, poll {poll}: {scan} out of {uid.hex()}"
                read += 1
        assert read >= least_read, f"seed {SEED}: the noise left only {read} cards"
        rig.chip.faults.noise = rig.chip.faults.air_noise = 0.0
        reader.open()
        rig.pass_time(0.1)
        assert isinstance(reader.scan(), Card)


def test_noise_in_an_empty_field_is_no_card_and_no_crowd() -> None:
    with Rig().installed() as rig:
        reader = rig.reader()
        reader.open()
        rig.chip.faults.reseed(SEED)
        rig.chip.faults.noise = 0.002
        for poll in range(READS_PER_CASE):
            rig.pass_time(0.1)
            assert scan_or_recover(reader) is None, f"seed {SEED}, poll {poll}"


def answers() -> st.SearchStrategy[Exchange]:
    damaged = st.sampled_from([None, Damage.AIR, Collision(5)])
    whole = st.binary(max_size=8).map(lambda data: Answer(data, len(data) * 8))
    partial = st.builds(
        lambda a, cut: Answer(a.data, max(a.bits - cut, 0)), whole, st.integers(1, 7)
    )
    return st.one_of(damaged, whole, partial)


@settings(derandomize=True, max_examples=1_000, deadline=None)
@given(script=st.lists(answers(), max_size=8))
def test_arbitrary_answers_are_no_card(script: list[Exchange]) -> None:
    """Made-up answers do not hit a BCC and a CRC_A; whatever comes, an outcome comes out."""
    played = iter([*script, *repeat(None, 7)])

    def transceive(frame: bytes, *, answer_bits: int, last_bits: int = 0) -> Exchange:
        return next(played)

    outcome = read_card(transceive)
    assert outcome is None or isinstance(outcome, Damage | Collision)


def card_answering(
    uid_levels: list[bytes], saks: list[int], spoil: Callable[[int, bytes], bytes]
) -> Callable[..., Exchange]:
    """A card by its answers alone, each passed through ``spoil(step, answer)``."""
    steps = [b"\x04\x00"]
    for shown, sak in zip(uid_levels, saks, strict=True):
        bcc = shown[0] ^ shown[1] ^ shown[2] ^ shown[3]
        steps += [shown + bytes([bcc]), bytes([sak]) + iso14443a.crc_a([sak])]
    played = iter(enumerate(steps))

    def transceive(frame: bytes, *, answer_bits: int, last_bits: int = 0) -> Exchange:
        step, answer = next(played, (0, b""))
        answer = spoil(step, answer)
        return Answer(answer, len(answer) * 8) if answer else None

    return transceive


@settings(derandomize=True, max_examples=500, deadline=None)
@given(
    levels=st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=4),
    saks=st.lists(st.integers(0, 255), min_size=4, max_size=4),
)
def test_a_uid_is_what_the_saks_say(levels: list[bytes], saks: list[int]) -> None:
    saks = saks[: len(levels)]
    outcome = read_card(card_answering(levels, saks, lambda _, answer: answer))
    last = next((i for i, sak in enumerate(saks) if not sak & 0x04), None)
    tagged = all(shown[0] == 0x88 for shown in levels[:last])
    if last is not None and last <= 2 and tagged:
        uid = b"".join(shown[1:] for shown in levels[:last]) + levels[last]
        assert outcome == Card(uid, saks[last], 0x0004)
    else:
        assert isinstance(outcome, Damage)


@settings(derandomize=True, max_examples=500, deadline=None)
@given(
    step=st.integers(1, 4),
    flips=st.sets(st.integers(0, 39), min_size=1, max_size=3),
)
def test_up_to_three_flipped_bits_never_pass_for_a_select_answer(
    step: int, flips: set[int]
) -> None:
    """CRC_A has a distance of 4 over so short an answer; the BCC alone stops single bits."""

    def spoil(at: int, answer: bytes) -> bytes:
        if at != step:
            return answer
        value = int.from_bytes(answer, "little")
        for bit in flips:
            value ^= 1 << bit % (len(answer) * 8)
        return value.to_bytes(len(answer), "little")

    levels = [bytes.fromhex("8804A3C6"), bytes.fromhex("CAE26180")]
    outcome = read_card(card_answering(levels, [0x04, 0x00], spoil))
    sak_step = step % 2 == 0
    effective = {bit % 24 for bit in flips} if sak_step else flips
    if sak_step and len(effective) == len(flips):
        assert outcome is Damage.CRC
    if not sak_step and len(flips) == 1:
        assert outcome is Damage.BCC


@settings(derandomize=True, max_examples=300, deadline=None)
@given(data=st.binary(max_size=40))
def test_both_ways_of_computing_crc_a_agree(data: bytes) -> None:
    assert crc_a(data) == iso14443a.crc_a(data)
