"""Cards by the state machine of ISO 14443-3, frame by frame."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.rfid.iso14443a import Bits, bits_of, bytes_of, crc_a
from simulator.rfid.picc import POWER_DOWN_US, POWER_UP_US, Field, Picc, PiccState, RandomUidPicc

U4 = bytes.fromhex("DEADBEEF")
U7 = bytes.fromhex("04A3C6CAE26180")
U10 = bytes.fromhex("04112233445566778899")
CALL_REQA = bits_of([0x26])[:7]
CALL_WUPA = bits_of([0x52])[:7]
HALT = bits_of(bytes.fromhex("500057CD"))


def frame(text: str) -> Bits:
    return bits_of(bytes.fromhex(text))


def checked(text: str) -> Bits:
    data = bytes.fromhex(text)
    return bits_of(data + crc_a(data))


def idle(card: Picc) -> Picc:
    card.power_up()
    return card


def answered(card: Picc, sent: Bits) -> str | None:
    answer = card.answer(sent)
    return None if answer is None else bytes_of(answer).hex()


def test_crc_a_of_published_frames() -> None:
    assert crc_a(bytes.fromhex("5000")).hex() == "57cd"
    assert crc_a(bytes.fromhex("9370DEADBEEF22")).hex() == "b99c"


def test_four_byte_card_from_call_to_halt() -> None:
    card = idle(Picc(U4))
    assert answered(card, CALL_REQA) == "0400"
    assert answered(card, frame("9320")) == "deadbeef22"
    assert answered(card, checked("9370deadbeef22")) == "08" + crc_a([0x08]).hex()
    assert card.state is PiccState.ACTIVE
    assert answered(card, HALT) is None
    assert card.state is PiccState.HALT
    assert answered(card, CALL_REQA) is None
    assert answered(card, CALL_WUPA) == "0400"
    assert card.state is PiccState.READY_STAR


def test_seven_byte_card_shows_the_cascade_tag_first() -> None:
    card = idle(Picc(U7))
    assert answered(card, CALL_WUPA) == "4400"
    assert answered(card, frame("9320")) == "8804a3c6e9"
    assert answered(card, checked("93708804a3c6e9")) == "04" + crc_a([0x04]).hex()
    assert card.state is PiccState.READY
    assert answered(card, frame("9520")) == "cae26180c9"
    assert answered(card, checked("9570cae26180c9")) == "00" + crc_a([0x00]).hex()
    assert card.state is PiccState.ACTIVE


def test_ten_byte_card_has_three_levels() -> None:
    card = idle(Picc(U10))
    assert answered(card, CALL_REQA) == "8400"
    assert card.levels() == (b"\x88" + U10[:3], b"\x88" + U10[3:6], U10[6:])
    assert answered(card, checked("937088041122bf")) == "04" + crc_a([0x04]).hex()
    assert answered(card, checked("957088334455aa")) == "04" + crc_a([0x04]).hex()
    assert answered(card, frame("9720")) == "6677889900"
    assert answered(card, checked("97706677889900")) == "20" + crc_a([0x20]).hex()


@pytest.mark.parametrize(
    "wrong",
    [
        checked("9370deadbeef23"),
        frame("9370deadbeef220000"),
        frame("9520"),
        checked("9370deadbeee23"),
        CALL_REQA,
        CALL_WUPA,
        HALT,
    ],
    ids=["bcc", "crc", "level", "other-uid", "reqa", "wupa", "hlta"],
)
@pytest.mark.parametrize("halted_before", [False, True])
def test_a_wrong_frame_in_ready_sends_the_card_back_silently(
    wrong: Bits, halted_before: bool
) -> None:
    card = idle(Picc(U4))
    if halted_before:
        card.state = PiccState.HALT
    card.answer(CALL_WUPA)
    assert card.answer(wrong) is None
    assert card.state is (PiccState.HALT if halted_before else PiccState.IDLE)


def test_a_selected_card_that_is_called_again_goes_idle_without_an_answer() -> None:
    card = idle(Picc(U4))
    card.answer(CALL_REQA)
    card.answer(checked("9370deadbeef22"))
    assert card.answer(CALL_REQA) is None
    assert card.state is PiccState.IDLE
    assert answered(card, CALL_REQA) == "0400"


def test_partial_anticollision_answers_the_rest_of_the_bits() -> None:
    card = idle(Picc(U4))
    card.answer(CALL_REQA)
    own = frame("deadbeef22")
    known = 11
    sent = frame(f"93{(2 + known // 8) << 4 | known % 8:02x}") + own[:known]
    assert card.answer(sent) == own[known:]
    other = (*own[: known - 1], 1 - own[known - 1])
    assert card.answer(frame("9333") + other) is None
    assert card.state is PiccState.READY


def test_uid_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="4, 7 or 10 bytes, not 5"):
        Picc(bytes(5))


def woken_field(*uids: bytes) -> Field:
    field = Field()
    field.present(*uids)
    field.switch(True, 0.0)
    return field


def test_a_card_needs_its_time_to_wake_up() -> None:
    field = woken_field(U4)
    assert field.exchange(CALL_REQA, POWER_UP_US - 1) is None
    assert field.exchange(CALL_REQA, POWER_UP_US) is not None


def test_a_card_that_arrives_in_a_live_field_wakes_from_its_arrival() -> None:
    field = woken_field()
    field.advance(20_000.0)
    field.present(U4)
    assert field.exchange(CALL_REQA, 20_000.0 + POWER_UP_US - 1) is None
    assert field.exchange(CALL_REQA, 20_000.0 + POWER_UP_US) is not None


def test_only_a_long_gap_in_the_field_makes_a_card_forget() -> None:
    field = woken_field(U4)
    field.exchange(CALL_REQA, 10_000.0)
    field.switch(False, 11_000.0)
    field.switch(True, 11_000.0 + POWER_DOWN_US - 1)
    assert field.cards[0].state is PiccState.READY
    field.switch(False, 20_000.0)
    field.switch(True, 20_000.0 + POWER_DOWN_US)
    assert field.cards[0].state is PiccState.POWER_OFF
    assert field.exchange(CALL_REQA, 40_000.0) is not None


def test_no_field_no_answer() -> None:
    field = Field()
    field.present(U4)
    assert field.exchange(CALL_REQA, 50_000.0) is None


def test_two_cards_collide_at_their_first_different_bit() -> None:
    other = bytes([U4[0], U4[1] ^ 0x10, *U4[2:]])
    field = woken_field(U4, other)
    atqa = field.exchange(CALL_REQA, 10_000.0)
    assert atqa is not None
    assert atqa.collision_at is None
    reply = field.exchange(frame("9320"), 11_000.0)
    assert reply is not None
    assert reply.collision_at == 8 + 4
    assert reply.bits[:12] == bits_of(U4)[:12]


def test_cards_of_different_size_collide_in_their_atqa() -> None:
    reply = woken_field(U4, U7).exchange(CALL_WUPA, 10_000.0)
    assert reply is not None
    assert reply.collision_at == 6


def test_cards_leave_after_so_many_answers() -> None:
    field = woken_field(U4)
    field.remove_after(2)
    assert field.exchange(CALL_REQA, 10_000.0) is not None
    assert field.exchange(frame("9320"), 11_000.0) is not None
    assert field.cards == ()
    assert field.exchange(checked("9370deadbeef22"), 12_000.0) is None


def test_a_random_uid_is_new_in_every_field() -> None:
    field = Field()
    field.place(RandomUidPicc(seed=1))
    seen = []
    for start_us in (0.0, 100_000.0, 200_000.0):
        field.switch(True, start_us)
        field.advance(start_us + 10_000)
        seen.append(field.cards[0].uid)
        field.switch(False, start_us + 50_000)
    assert len(set(seen)) == 3
    assert all(len(uid) == 4 and uid[0] == 0x08 for uid in seen)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    uid=st.sampled_from([U4, U7, U10]),
    frames=st.lists(
        st.one_of(
            st.sampled_from([CALL_REQA, CALL_WUPA, HALT, frame("9320"), frame("9520")]),
            st.lists(st.integers(0, 1), max_size=90).map(tuple),
        ),
        max_size=12,
    ),
)
def test_no_sequence_of_frames_breaks_a_card(uid: bytes, frames: list[Bits]) -> None:
    card = idle(Picc(uid))
    for sent in frames:
        answer = card.answer(sent)
        assert answer is None or 0 < len(answer) <= 40
    # Whatever happened, a wrong frame and a call find it again.
    card.answer(HALT)
    assert card.answer(CALL_WUPA) is not None
