"""The reader's driver on the simulated chip, in this process and on virtual time. One thread.

The real ``mfrc522`` package is loaded on top of stand-ins for ``spidev`` and ``RPi.GPIO``; nothing
reads the computer's clock.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

from drivers.errors import ReaderError
from drivers.presence import Presence
from drivers.reader import Reader, Scan
from simulator.rfid.mfrc522 import Mfrc522Chip
from simulator.rfid.picc import Field

POLL_S = 0.1
_HOST_US = 60.0
_MFRC522 = ("mfrc522", "mfrc522.MFRC522", "mfrc522.SimpleMFRC522")


class Bench:
    """A chip, the field before it, and a reader that is polled. ``now_us`` is the one clock."""

    def __init__(self) -> None:
        self.now_us = 0.0
        self.field = Field()
        self.chip = Mfrc522Chip(self.field)
        self.reader = Reader(monotonic=lambda: self.now_us / 1e6, sleep=self.sleep)
        self.presence = Presence()

    def sleep(self, seconds: float) -> None:
        self.now_us += seconds * 1e6

    def poll(self) -> tuple[Scan, Scan]:
        """One poll as the reader's thread does it, with its recoveries.

        Returns what was read, and that again if it is new.
        """
        due_us = self.now_us + POLL_S * 1e6
        try:
            scan = self.reader.scan()
            return scan, self.presence.feed(scan, heard=self.reader.heard)
        except ReaderError:
            self._recover()
            return None, None
        finally:
            self.now_us = max(self.now_us, due_us)

    def _recover(self) -> None:
        for recover in (self.reader.reinit, self.reader.open):
            try:
                recover()
            except ReaderError:
                continue
            return


class _Spi:
    """spidev.SpiDev over the chip."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.max_speed_hz, self.mode, self.bits_per_word = 1_000_000, 0, 8

    def open(self, bus: int, device: int) -> None:
        pass

    def close(self) -> None:
        pass

    def xfer2(self, values: list[int]) -> list[int]:
        bench = self._bench
        answer = bench.chip.transfer(bytes(values), bench.now_us, self.max_speed_hz)
        bench.now_us += len(values) * 8e6 / self.max_speed_hz + _HOST_US
        return list(answer)


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench whose reader is open."""
    made = Bench()

    def drive(_pin: int, level: int) -> None:
        made.chip.set_reset(not level, made.now_us)

    gpio = _module("RPi.GPIO", BCM=11, OUT=0, LOW=0, HIGH=1, output=drive)
    gpio.setwarnings = lambda _on: None
    gpio.getmode = lambda: gpio.BCM
    gpio.setup = lambda pin, _direction, initial: drive(pin, initial)
    package = _module("RPi", GPIO=gpio, __path__=[])
    spidev = _module("spidev", SpiDev=lambda: _Spi(made))
    with patch.dict(sys.modules, {"RPi": package, "RPi.GPIO": gpio, "spidev": spidev}):
        for name in _MFRC522:
            sys.modules.pop(name, None)
        made.reader.open()
        yield made
        made.reader.close()


def _module(name: str, **attributes: Any) -> Any:
    module = ModuleType(name)
    vars(module).update(attributes)
    return module
