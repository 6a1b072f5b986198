"""Cards (PICC) of ISO 14443-3 type A, and the field that they are held into.

Pure and deterministic: time comes in as ``at_us``, in the same count as the reader chip's. Not
thread-safe; whoever owns the chip owns the field. Only what identifies a card is simulated (wake,
anticollision, select, halt); any other frame is treated as unknown and sends the card away.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum, auto

from simulator.rfid.iso14443a import (
    CASCADE_TAG,
    HLTA,
    REQA,
    SELECT_BY_LEVEL,
    WUPA,
    Bits,
    bits_of,
    block_check,
    bytes_of,
    crc_a,
)

POWER_UP_US = 5_000.0
"""The longest that a card may take to be ready in a fresh field; these cards take all of it."""

POWER_DOWN_US = 5_000.0
"""The longest that a card may live on without a field; a shorter gap leaves it as it was."""

_ATQA = {4: 0x0004, 7: 0x0044, 10: 0x0084}
_SAK = {4: 0x08, 7: 0x00, 10: 0x20}
_SAK_UID_NOT_COMPLETE = 0x04


class PiccState(Enum):
    """States of ISO 14443-3. The starred ones were reached from HALT and return to it."""

    POWER_OFF = auto()
    IDLE = auto()
    READY = auto()
    ACTIVE = auto()
    READY_STAR = auto()
    ACTIVE_STAR = auto()
    HALT = auto()


class Picc:
    """One card. ``uid`` has 4, 7 or 10 bytes; SAK and ATQA default to what such cards show."""

    def __init__(self, uid: bytes, *, sak: int | None = None, atqa: int | None = None) -> None:
        if len(uid) not in _ATQA:
            raise ValueError(f"a UID has 4, 7 or 10 bytes, not {len(uid)}")
        self.uid = bytes(uid)
        self.sak = _SAK[len(uid)] if sak is None else sak
        self.atqa = _ATQA[len(uid)] if atqa is None else atqa
        self.state = PiccState.POWER_OFF
        self.level = 0

    def power_up(self) -> None:
        """The field is strong enough: the card waits for REQA or WUPA."""
        self.state = PiccState.IDLE
        self.level = 0

    def power_down(self) -> None:
        """The field is gone: the card forgets where it was."""
        self.state = PiccState.POWER_OFF

    def answer(self, frame: Bits) -> Bits | None:
        """What the card sends back to a reader's frame, or None. Changes its state."""
        if self.state in (PiccState.IDLE, PiccState.HALT):
            return self._answer_call(frame)
        if self.state in (PiccState.READY, PiccState.READY_STAR):
            return self._answer_anticollision(frame)
        if self.state in (PiccState.ACTIVE, PiccState.ACTIVE_STAR):
            self._answer_selected(frame)
        return None

    def levels(self) -> tuple[bytes, ...]:
        """The four bytes shown at each cascade level, without BCC."""
        uid, tag = self.uid, bytes([CASCADE_TAG])
        if len(uid) == 4:
            return (uid,)
        if len(uid) == 7:
            return (tag + uid[:3], uid[3:])
        return (tag + uid[:3], tag + uid[3:6], uid[6:])

    def _answer_call(self, frame: Bits) -> Bits | None:
        if len(frame) != 7:
            return None
        call = bytes_of(frame)[0]
        if call == WUPA or (call == REQA and self.state is PiccState.IDLE):
            from_halt = self.state is PiccState.HALT
            self.state = PiccState.READY_STAR if from_halt else PiccState.READY
            self.level = 0
            return bits_of(self.atqa.to_bytes(2, "little"))
        return None

    def _answer_anticollision(self, frame: Bits) -> Bits | None:
        data = bytes_of(frame)
        if len(frame) < 16 or data[0] != SELECT_BY_LEVEL[self.level]:
            self._turn_away()
            return None
        shown = self.levels()[self.level]
        complete = shown + bytes([block_check(shown)])
        if data[1] == 0x70:
            body = bytes([data[0], 0x70]) + complete
            if frame != bits_of(body + crc_a(body)):
                self._turn_away()
                return None
            return self._selected()
        whole_bytes, extra_bits = data[1] >> 4, data[1] & 0x0F
        known = (whole_bytes - 2) * 8 + extra_bits
        if extra_bits > 7 or not 0 <= known < 40 or len(frame) != 16 + known:
            self._turn_away()
            return None
        own = bits_of(complete)
        return own[known:] if own[:known] == frame[16:] else None

    def _selected(self) -> Bits:
        if self.level + 1 < len(self.levels()):
            self.level += 1
            sak = _SAK_UID_NOT_COMPLETE
        else:
            starred = self.state is PiccState.READY_STAR
            self.state = PiccState.ACTIVE_STAR if starred else PiccState.ACTIVE
            sak = self.sak
        return bits_of(bytes([sak]) + crc_a([sak]))

    def _answer_selected(self, frame: Bits) -> None:
        if frame == bits_of(bytes(HLTA) + crc_a(HLTA)):
            self.state = PiccState.HALT
        else:
            self._turn_away()

    def _turn_away(self) -> None:
        starred = self.state in (PiccState.READY_STAR, PiccState.ACTIVE_STAR)
        self.state = PiccState.HALT if starred else PiccState.IDLE
        self.level = 0


class RandomUidPicc(Picc):
    """A card that protects its owner: a new ``08 xx xx xx`` every time it gets power."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        super().__init__(self._draw())

    def power_up(self) -> None:
        self.uid = self._draw()
        super().power_up()

    def _draw(self) -> bytes:
        return b"\x08" + self._random.randbytes(3)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the antenna hears.

    ``collision_at``: index of the first bit that the cards disagree on; from there on the bits are
    the cards' bits laid over each other.
    """

    bits: Bits
    collision_at: int | None = None


class Field:
    """What is in front of the antenna. Times never run backwards."""

    def __init__(self) -> None:
        self._cards: list[Picc] = []
        self._powered_since_us: dict[Picc, float] = {}
        self._on = False
        self._off_since_us = 0.0
        self._now_us = 0.0
        self._answers_left: int | None = None

    @property
    def cards(self) -> tuple[Picc, ...]:
        """The cards held into the field, whether it is on or off."""
        return tuple(self._cards)

    @property
    def on(self) -> bool:
        """Whether the antenna radiates."""
        return self._on

    def present(self, *uids: bytes) -> None:
        """Hold ordinary cards with these UIDs to the antenna, in place of what was there."""
        self.place(*(Picc(uid) for uid in uids))

    def place(self, *cards: Picc) -> None:
        """Hold these cards to the antenna, in place of what was there."""
        self.remove()
        self._cards = list(cards)
        if self._on:
            self._powered_since_us = dict.fromkeys(cards, self._now_us)

    def remove(self) -> None:
        """Take every card away."""
        for card in self._cards:
            card.power_down()
        self._cards = []
        self._powered_since_us = {}
        self._answers_left = None

    def remove_after(self, answers: int) -> None:
        """Let every card leave as soon as this many more answers (at least 1) have been sent."""
        self._answers_left = answers

    def switch(self, on: bool, at_us: float) -> None:
        """Turn the field on or off; turning it off for a moment does not reset a card."""
        self.advance(at_us)
        if on and not self._on:
            for card in self._cards:
                if card.state is PiccState.POWER_OFF:
                    self._powered_since_us[card] = at_us
        if not on and self._on:
            self._off_since_us = at_us
        self._on = on

    def advance(self, at_us: float) -> None:
        """Let cards wake up or lose their power up to this moment."""
        self._now_us = max(self._now_us, at_us)
        if self._on:
            for card, since_us in self._powered_since_us.items():
                if card.state is PiccState.POWER_OFF and self._now_us - since_us >= POWER_UP_US:
                    card.power_up()
        elif self._now_us - self._off_since_us >= POWER_DOWN_US:
            for card in self._cards:
                card.power_down()

    def exchange(self, frame: Bits, at_us: float) -> Reply | None:
        """The cards' common answer to a frame that ended at ``at_us``; None for silence."""
        self.advance(at_us)
        if not self._on:
            return None
        answers = [a for card in self._cards if (a := card.answer(frame)) is not None]
        if not answers:
            return None
        if self._answers_left is not None:
            self._answers_left -= 1
            if self._answers_left <= 0:
                self.remove()
        return _overlay(answers)


def _overlay(answers: list[Bits]) -> Reply:
    length = max(len(answer) for answer in answers)
    columns = [{answer[i] for answer in answers if i < len(answer)} for i in range(length)]
    disagreements = (i for i, column in enumerate(columns) if len(column) > 1)
    return Reply(tuple(max(column) for column in columns), next(disagreements, None))
