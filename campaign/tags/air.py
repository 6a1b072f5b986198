"""The reader's driver on frames alone: the chip is left out, what it would bring is made here.

The real Reader, ISO 14443 and presence rules; in the chip's place stands the air, with the
simulated cards in it. A million frames through the registers would take hours. One thread.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from drivers import reader as driver
from drivers.iso14443 import Answer, Collision, Damage, Exchange, crc_a
from drivers.presence import Presence
from drivers.reader import Reader, Scan
from simulator.rfid.iso14443a import bits_of, bytes_of
from simulator.rfid.picc import Field

_FRAME_US = 1_000.0
_RISE_US = 5_200.0
_POLL_US = 100_000.0


class Air:
    """Stands where drivers.mfrc522.Mfrc522 stands. ``share`` of all frames are noise."""

    version = 0x92

    def __init__(self, chance: random.Random, share: float) -> None:
        self._chance = chance
        self.share = share
        self.field = Field()
        self.now_us = 0.0
        self.noisy = 0
        self._uid = b""

    def start(self) -> None:
        pass

    def verify_next_setting(self) -> None:
        pass

    def field_on(self) -> None:
        self.field.switch(True, self.now_us)
        self.now_us += _RISE_US

    def field_off(self) -> None:
        self.field.switch(False, self.now_us)
        self.now_us += _POLL_US

    def transceive(self, frame: bytes, *, answer_bits: int, last_bits: int = 0) -> Exchange:
        """What the card sends, or noise in its place, most of it nearly right."""
        sent = bits_of(frame)
        if last_bits:
            sent = sent[: len(sent) - 8 + last_bits]
        reply = self.field.exchange(sent, self.now_us)
        self.now_us += _FRAME_US
        if answer_bits and self._chance.random() < self.share:
            noise = self._noise(frame, answer_bits)
            self.noisy += noise is not None
            return noise
        if reply is None:
            return None
        if reply.collision_at is not None:
            return Collision(reply.collision_at + 1)
        return Answer(bytes_of(reply.bits), len(reply.bits))

    def _noise(self, frame: bytes, answer_bits: int) -> Exchange:
        chance = self._chance
        match chance.randrange(8):
            case 0:
                return None
            case 1:
                return Damage.AIR
            case 2:
                return Collision(chance.randrange(33))
            case 3:
                bits = chance.randrange(1, 65)
                return Answer(chance.randbytes((bits + 7) // 8), bits)
            case 4:
                bits = chance.randrange(1, answer_bits)
                return Answer(forged(chance, answer_bits)[: (bits + 7) // 8], bits)
            case 5:
                return Answer(chance.randbytes(answer_bits // 8), answer_bits)
        return Answer(forged(chance, answer_bits), answer_bits)


def forged(chance: random.Random, answer_bits: int) -> bytes:
    """An answer of the right length whose checks hold, or all but hold."""
    wrong = chance.choice((0, 0, 1 << chance.randrange(8)))
    if answer_bits == 40:
        a, b, c, d = chance.randbytes(4)
        return bytes((a, b, c, d, a ^ b ^ c ^ d ^ wrong))
    if answer_bits == 24:
        sak = chance.choice((b"\x00", b"\x08", b"\x20", b"\x04"))
        low, high = crc_a(sak)
        return bytes((*sak, low ^ wrong, high))
    return chance.choice((b"\x04\x00", b"\x44\x00", chance.randbytes(2)))


class Poller:
    """A reader over the air, and what its thread does with it."""

    def __init__(self, air: Air) -> None:
        self.air = air
        self.reader = Reader(monotonic=lambda: air.now_us / 1e6, sleep=lambda _: None)
        self.presence = Presence()

    def poll(self) -> tuple[Scan, Scan]:
        """One poll: what was read, and that again if it is new."""
        scan = self.reader.scan()
        return scan, self.presence.feed(scan, heard=self.reader.heard)


@contextmanager
def on_air(seed: int, share: float) -> Iterator[Poller]:
    """A poller whose reader is open."""
    air = Air(random.Random(seed), share)
    nothing: Any = SimpleNamespace(
        OUT=0, LOW=0, HIGH=1, setup=lambda *_, **__: None, output=lambda *_: None
    )
    spi = SimpleNamespace(open=lambda *_: None, close=lambda: None)
    hardware = SimpleNamespace(
        gpio=lambda: nothing, spidev=lambda: SimpleNamespace(SpiDev=lambda: spi)
    )
    with (
        patch.object(driver, "libraries", hardware),
        patch.object(driver, "registers", lambda _spi: None),
        patch.object(driver, "Mfrc522", lambda *_, **__: air),
    ):
        poller = Poller(air)
        poller.reader.open()
        yield poller
