"""A damaged SAK that says "complete" too early must not make a part of a UID into a tag."""

from __future__ import annotations

import pytest

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
