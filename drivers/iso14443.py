"""Reading a card's UID by ISO 14443-3 type A: call, anticollision, select, halt.

Pure protocol over one function that sends a frame and brings the answer; it owns no state, so any
thread may call it. One card is read or none: two cards are reported, never chosen between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

WUPA = 0x52
HLTA = b"\x50\x00"

_ATQA_BITS = 16
_ANTICOLLISION_BITS = 40
_SAK_BITS = 24
_SHORT_FRAME_BITS = 7
_SELECT_BY_LEVEL = (0x93, 0x95, 0x97)
_CASCADE_TAG = 0x88
_SAK_UID_NOT_COMPLETE = 0x04
_RANDOM_UID = 0x08


@dataclass(frozen=True, slots=True)
class Card:
    """One card, read completely. ``uid`` has 4, 7 or 10 bytes, first byte first.

    A UID is a name, not a secret: it can be copied. ``sak`` and ``atqa`` tell the card's kind.
    """

    uid: bytes
    sak: int
    atqa: int

    @property
    def tag(self) -> str:
        """The UID as upper-case hex digits, first byte first."""
        return self.uid.hex().upper()

    @property
    def may_be_part(self) -> bool:
        """Whether noise in one byte, the SAK, can have made it of a longer UID.

        ISO 14443-3 gives no card such a UID of four bytes; copies have one all the same.
        """
        return len(self.uid) == 4 and self.uid[0] == _CASCADE_TAG

    @property
    def random(self) -> bool:
        """The UID is drawn anew at every tap (phones, passports): it names nobody."""
        return len(self.uid) == 4 and self.uid[0] == _RANDOM_UID


@dataclass(frozen=True, slots=True)
class SeveralCards:
    """More than one card answers; which one is meant cannot be known."""


Scan = Card | SeveralCards | None
"""What one poll saw. None = no card, which is not an error."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, as bytes of which ``bits`` bits are filled."""

    data: bytes
    bits: int


@dataclass(frozen=True, slots=True)
class Collision:
    """Cards disagreed: in the answer to ``command``, at what CollReg shows as ``position``.

    The same cards disagree at the same place every time; a weak signal does so here and there.
    """

    position: int
    command: int = 0


class Damage(Enum):
    """Why a card that was there could not be read."""

    LEFT = "the card went silent before its UID was complete"
    AIR = "parity, framing or overflow error in an answer"
    LENGTH = "an answer of the wrong length"
    BCC = "wrong block check character (BCC)"
    CRC = "wrong CRC_A"
    CASCADE = "select acknowledge (SAK) and cascade tag contradict each other"


Exchange = Answer | Collision | Damage | None
"""An answer, or what stood in its way; None = silence."""

Outcome = Card | Collision | Damage | None
"""One attempt at a card; None = no card."""


class Transceive(Protocol):
    """Sends ``frame``, whose last byte has ``last_bits`` bits (0 = all 8), and awaits an answer.

    ``answer_bits`` is the length of a good answer, 0 if silence is expected.
    """

    def __call__(self, frame: bytes, *, answer_bits: int, last_bits: int = 0) -> Exchange: ...


def crc_a(data: Iterable[int]) -> bytes:
    """CRC_A of ISO 14443-3 (annex B), two bytes in the order sent."""
    crc = 0x6363
    for byte in data:
        mixed = (byte ^ crc) & 0xFF
        mixed = (mixed ^ mixed << 4) & 0xFF
        crc = crc >> 8 ^ mixed << 8 ^ mixed << 3 ^ mixed >> 4
    return bytes((crc & 0xFF, crc >> 8))


def read_card(transceive: Transceive) -> Outcome:
    """Wake what is in the field (halted or not), and read one card up to its final SAK.

    Whether another level follows is the SAK's word alone: a UID of 4 bytes may begin with 0x88. But
    what begins so, and was announced as a longer one by the ATQA, is a part of a UID.
    """
    atqa = transceive(bytes([WUPA]), answer_bits=_ATQA_BITS, last_bits=_SHORT_FRAME_BITS)
    if not isinstance(atqa, Answer):
        return _at(WUPA, atqa)
    if atqa.bits != _ATQA_BITS:
        return Damage.LENGTH
    uid = b""
    announced_levels = 1 + (atqa.data[0] >> 6)
    for number, select in enumerate(_SELECT_BY_LEVEL, start=1):
        level = _read_level(transceive, select)
        if not isinstance(level, _Level):
            return level
        if not level.sak & _SAK_UID_NOT_COMPLETE:
            if level.shown[0] == _CASCADE_TAG and number < announced_levels:
                return Damage.CASCADE
            return Card(uid + level.shown, level.sak, int.from_bytes(atqa.data, "little"))
        if level.shown[0] != _CASCADE_TAG:
            return Damage.CASCADE
        uid += level.shown[1:]
    return Damage.CASCADE


def halt(transceive: Transceive) -> None:
    """Send every card back to where WUPA finds it, whatever it was doing.

    A selected card takes HLTA as such, any other takes it as a wrong frame and gives up.
    """
    transceive(HLTA + crc_a(HLTA), answer_bits=0)


@dataclass(frozen=True, slots=True)
class _Level:
    shown: bytes
    sak: int


def _read_level(transceive: Transceive, select: int) -> _Level | Collision | Damage:
    shown = transceive(bytes([select, 0x20]), answer_bits=_ANTICOLLISION_BITS)
    if not isinstance(shown, Answer):
        return _at(select, shown) or Damage.LEFT
    if shown.bits != _ANTICOLLISION_BITS:
        return Damage.LENGTH
    a, b, c, d, bcc = shown.data
    if a ^ b ^ c ^ d != bcc:
        return Damage.BCC
    frame = bytes([select, 0x70]) + shown.data
    sak = transceive(frame + crc_a(frame), answer_bits=_SAK_BITS)
    if not isinstance(sak, Answer):
        return _at(select, sak) or Damage.LEFT
    if sak.bits != _SAK_BITS:
        return Damage.LENGTH
    if crc_a(sak.data[:1]) != sak.data[1:]:
        return Damage.CRC
    return _Level(shown.data[:4], sak.data[0])


def _at(command: int, failed: Collision | Damage | None) -> Collision | Damage | None:
    if isinstance(failed, Collision):
        return Collision(failed.position, command)
    return failed
