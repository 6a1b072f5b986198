"""A damaged SAK that says "complete" too early must not make a part of a UID into a tag."""

from __future__ import annotations

import pytest

from campaign.tags.air import on_air
from drivers.iso14443 import Answer, Card, Damage, Exchange, Outcome, read_card
from simulator.rfid.iso14443a import Bits, bits_of, bytes_of, crc_a
from simulator.rfid.picc import POWER_UP_US, Field, Picc

COMPLETE = bits_of(bytes([0x08, *crc_a([0x08])]))


def read(card: Picc, sak_to_spoil: int | None) -> Outcome:
    """The card as it is read when that SAK (counted from 1) arrives as one of a short UID."""
    field = Field()
    field.place(card)
    field.switch(True, 0.0)
    saks = 0

    def transceive(frame: bytes, *, answer_bits: int, last_bits: int = 0) -> Exchange:
        nonlocal saks
        sent: Bits = bits_of(frame)
        sent = sent[: len(sent) - 8 + last_bits] if last_bits else sent
        reply = field.exchange(sent, POWER_UP_US)
        assert reply is not None
        bits = reply.bits
        if answer_bits == 24:
            saks += 1
            bits = COMPLETE if saks == sak_to_spoil else bits
        return Answer(bytes_of(bits), len(bits))

    return read_card(transceive)


@pytest.mark.parametrize(
    ("uid", "sak"),
    [("04A3C6CAE26180", 1), ("04112233445566778899", 1), ("04112233445566778899", 2)],
)
def test_a_uid_that_was_announced_longer_is_not_cut(uid: str, sak: int) -> None:
    assert read(Picc(bytes.fromhex(uid)), sak) is Damage.CASCADE
    whole = read(Picc(bytes.fromhex(uid)), None)
    assert isinstance(whole, Card)
    assert whole.tag == uid


@pytest.mark.parametrize(
    ("uid", "atqa"),
    [("88123456", 0x0004), ("88123456", 0x0002), ("DEADBEEF", 0x0344), ("08010203", 0x0044)],
)
def test_short_uids_are_read_as_before(uid: str, atqa: int) -> None:
    card = read(Picc(bytes.fromhex(uid), atqa=atqa), None)
    assert isinstance(card, Card)
    assert card.tag == uid


@pytest.mark.parametrize("spoilt", [1, 2, 3])
def test_what_may_be_a_part_has_to_be_read_three_times(spoilt: int) -> None:
    """So many readings in a row are forged alike: ATQA and SAK of a card with a short UID."""
    forged_sak = bytes([0x00, *crc_a([0x00])])
    with on_air(1, 0.0) as poller:
        poller.air.field.present(bytes.fromhex("04A3C6CAE26180"))
        whole, readings = poller.air.transceive, 0

        def transceive(frame: bytes, *, answer_bits: int, last_bits: int = 0) -> Exchange:
            nonlocal readings
            answer = whole(frame, answer_bits=answer_bits, last_bits=last_bits)
            readings += answer_bits == 16
            if readings <= spoilt and answer_bits == 16:
                return Answer(b"\x04\x00", 16)
            if readings <= spoilt and answer_bits == 24:
                return Answer(forged_sak, 24)
            return answer

        poller.air.transceive = transceive  # type: ignore[method-assign]
        first, _ = poller.poll()
    if spoilt == 3:
        # The price of reading cards at all that have such a UID against the standard.
        assert isinstance(first, Card)
        assert first.tag == "8804A3C6"
    else:
        assert not (isinstance(first, Card) and first.tag == "8804A3C6")
