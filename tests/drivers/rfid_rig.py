"""A reader on a bench: simulated chip and cards, fake spidev and RPi.GPIO, and a virtual clock.

Everything that takes time advances the one clock: an SPI transfer by its bits and the host's
overhead, a sleep by its duration and the overshoot. Nothing reads the computer's clock.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from drivers.reader import Reader
from simulator.rfid.mfrc522 import AirFrame, Mfrc522Chip
from simulator.rfid.picc import Field

RESET_PIN = 25
_MODULES = ("spidev", "RPi", "RPi.GPIO", "mfrc522", "mfrc522.MFRC522", "mfrc522.SimpleMFRC522")


class Rig:
    """One bench. ``host_us``: cost of a transfer beside its bits; ``sleep_late_us``: overshoot."""

    def __init__(
        self,
        *,
        host_us: float = 60.0,
        sleep_late_us: float = 0.0,
        soft_reset_wake_us: float = 0.0,
    ) -> None:
        self.host_us = host_us
        self.sleep_late_us = sleep_late_us
        self.now_us = 0.0
        self.field = Field()
        self.chip = Mfrc522Chip(self.field, soft_reset_wake_us=soft_reset_wake_us)
        self.transfers: list[bytes] = []
        self.open_devices: list[tuple[int, int]] = []
        self.left_over_mode = 0
        self.open_error: OSError | None = None
        self.transfer_error: OSError | None = None
        self.before_transfer: Callable[[bytes], None] | None = None
        self.gpio = FakeGpio(self)
        self.spidev = _module("spidev", SpiDev=lambda: FakeSpiDev(self))

    def monotonic(self) -> float:
        return self.now_us / 1e6

    def sleep(self, duration_s: float) -> None:
        assert duration_s >= 0
        self.now_us += duration_s * 1e6 + self.sleep_late_us

    def pass_time(self, duration_s: float) -> None:
        """Let time go by that nobody slept for."""
        self.now_us += duration_s * 1e6

    def reader(self, **arguments: Any) -> Reader:
        """A reader, not opened, on this rig's clock."""
        return Reader(monotonic=self.monotonic, sleep=self.sleep, **arguments)

    def frames(self) -> list[str]:
        """What left the antenna since the last call, as hex; short frames as ``26/7``."""
        frames = [_text(frame) for frame in self.chip.air]
        self.chip.air.clear()
        return frames

    def air(self) -> list[AirFrame]:
        """The same, with times and answers; forgets nothing."""
        return list(self.chip.air)

    @contextmanager
    def count(self) -> Iterator[list[int]]:
        """The number of SPI transfers within the block, as the only element of the list."""
        before = len(self.transfers)
        result: list[int] = []
        yield result
        result.append(len(self.transfers) - before)

    @contextmanager
    def installed(self) -> Iterator[Rig]:
        """The fakes stand in for the hardware's modules; mfrc522 itself is the real package."""
        package = _module("RPi", GPIO=self.gpio.module)
        package.__path__ = []
        kept = {name: sys.modules.pop(name) for name in _MODULES if name in sys.modules}
        sys.modules |= {"spidev": self.spidev, "RPi": package, "RPi.GPIO": self.gpio.module}
        try:
            yield self
        finally:
            for name in _MODULES:
                sys.modules.pop(name, None)
            sys.modules |= kept


class FakeSpiDev:
    """spidev.SpiDev over the simulated chip."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._device: tuple[int, int] | None = None
        self.max_speed_hz = 125_000_000
        self.mode = rig.left_over_mode
        self.bits_per_word = 8

    def open(self, bus: int, device: int) -> None:
        if self._rig.open_error is not None:
            raise self._rig.open_error
        self._device = (bus, device)
        self._rig.open_devices.append(self._device)

    def close(self) -> None:
        if self._device is not None:
            self._rig.open_devices.remove(self._device)
            self._device = None

    def xfer2(self, values: Any) -> list[int]:
        rig = self._rig
        if self._device is None:
            raise OSError(9, "Bad file descriptor")
        if not values:
            raise TypeError("Argument must be a sequence of at least one, but not more than 4096")
        sent = bytes(values)
        if rig.before_transfer is not None:
            rig.before_transfer(sent)
        if rig.transfer_error is not None:
            raise rig.transfer_error
        rig.transfers.append(sent)
        # The chip samples on the wrong edge of the clock in another mode than 0.
        answer = rig.chip.transfer(sent, rig.now_us, self.max_speed_hz)
        if self.mode != 0 or self.bits_per_word != 8:
            answer = bytes(len(sent))
        rig.now_us += len(sent) * 8e6 / self.max_speed_hz + rig.host_us
        if isinstance(values, list):
            values[:] = answer
            return values
        return list(answer)


class FakeGpio:
    """RPi.GPIO with one wire: the chip's reset. ``setups`` and ``levels`` are what the pins saw."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._mode: int | None = None
        self._outputs: set[int] = set()
        self.setups: list[tuple[int, int | None]] = []
        self.levels: list[tuple[float, int, int]] = []
        self.cleanups: list[object] = []
        self.setup_error: Exception | None = None
        self.module = _module(
            "RPi.GPIO",
            BCM=11,
            BOARD=10,
            OUT=0,
            IN=1,
            HIGH=1,
            LOW=0,
            setwarnings=lambda _on: None,
            getmode=lambda: self._mode,
            setmode=self._setmode,
            setup=self._setup,
            output=self._output,
            cleanup=lambda channel=None: self.cleanups.append(channel),
        )

    def _setmode(self, mode: int) -> None:
        if self._mode not in (None, mode):
            raise ValueError("A different mode has already been set!")
        self._mode = mode

    def _setup(self, pin: int, direction: int, initial: int | None = None) -> None:
        if self.setup_error is not None:
            raise self.setup_error
        assert direction == self.module.OUT
        self.setups.append((pin, initial))
        self._outputs.add(pin)
        if initial is not None:
            self._drive(pin, initial)

    def _output(self, pin: int, level: int) -> None:
        if pin not in self._outputs:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        self._drive(pin, level)

    def _drive(self, pin: int, level: int) -> None:
        self.levels.append((self._rig.now_us, pin, level))
        if pin == RESET_PIN:
            self._rig.chip.set_reset(not level, self._rig.now_us)


def _module(name: str, **attributes: Any) -> Any:
    module = ModuleType(name)
    vars(module).update(attributes)
    return module


def _text(frame: AirFrame) -> str:
    whole = frame.bits % 8 == 0
    return frame.data.hex() if whole else f"{frame.data.hex()}/{frame.bits}"
