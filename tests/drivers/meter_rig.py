"""A meter under test: on a line without real time, or on a pseudo-terminal."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import minimalmodbus
import pytest

from drivers import serial_line
from drivers.meter import Meter
from simulator.electrical import Electrical
from simulator.meter.line import RtuLine
from simulator.meter.meter_faults import MeterFaults
from simulator.meter.meter_models import SDM630, MeterModel
from simulator.meter.sdm630 import Sdm630

SERIAL = 21_487_365
READ_SERIAL_NUMBER = bytes.fromhex("01 03 fc 00 00 02 f4 5b")

# No two registers alike, each exact in float32: a value in the wrong place shows.
FLOWING = Electrical(
    voltage_v=(230.0, 231.5, 229.25),
    current_a=(16.0, 10.5, 6.25),
    power_w=(3680.0, 2430.75, 1432.5),
    import_wh=(1_024_500.0, 2_048_250.0, 4_096_000.0),
    export_wh=768_000.0,
    frequency_hz=49.875,
)

Slave = Callable[[bytes], bytes | None]
Replies = list[tuple[float, bytes]]


@dataclass
class Clock:
    """Time that passes when somebody sleeps or waits for bytes."""

    now_s: float = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now_s += seconds


@dataclass
class VirtualLine:
    """Stands where ``SerialLine`` stands. ``slave``: request -> (delay in s, bytes) of replies.

    The slave serves one request after the other, and the line carries one byte after the other.
    """

    clock: Clock
    slave: Callable[[bytes], Replies]
    baudrate: int = 9600
    port: str = "/dev/virtual"
    is_open: bool = True
    timeout: float = 0.0
    turnaround_s: float = 0.020
    request: bytes = b""
    reply: bytes = b""
    asked: list[bytes] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    coming: list[tuple[float, int]] = field(default_factory=list)
    busy_until: float = 0.0
    broken: Exception | None = None

    @property
    def char_s(self) -> float:
        return 10 / self.baudrate

    @property
    def in_waiting(self) -> int:
        self._check()
        return sum(at <= self.clock.now_s for at, _ in self.coming)

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def reset_input_buffer(self) -> None:
        self._check()
        self.coming = [(at, byte) for at, byte in self.coming if at > self.clock.now_s]

    def reset_output_buffer(self) -> None:
        self._check()

    def write(self, data: bytes) -> int:
        self._check()
        self.request, self.reply = data, b""
        self.asked.append(data)
        self.asked_at.append(self.clock.now_s)
        heard_at = self.clock.now_s + len(data) * self.char_s
        for delay_s, reply in self.slave(data):
            at = max(heard_at, self.busy_until) + self.turnaround_s + delay_s
            for byte in reply:
                at += self.char_s
                self.coming.append((at, byte))
            self.busy_until = at
        return len(data)

    def read(self, size: int) -> bytes:
        self._check()
        deadline = self.clock.now_s + self.timeout
        received = bytearray()
        while len(received) < size and self.coming and self.coming[0][0] <= deadline:
            at, byte = self.coming.pop(0)
            self.clock.now_s = max(self.clock.now_s, at)
            received.append(byte)
        if len(received) < size:
            self.clock.now_s = deadline
        self.reply = bytes(received)
        return self.reply

    def _check(self) -> None:
        if self.broken is not None:
            raise self.broken


def promptly(slave: Slave) -> Callable[[bytes], Replies]:
    """A slave that takes no longer than the line's turnaround."""

    def replies(request: bytes) -> Replies:
        reply = slave(request)
        return [] if reply is None else [(0.0, reply)]

    return replies


def once_identified(first: Slave, then: Slave) -> Slave:
    """``first`` until it was asked for its serial number (opening ends so), then ``then``."""
    identified = [False]

    def answer(request: bytes) -> bytes | None:
        if identified[0]:
            return then(request)
        identified[0] = request == READ_SERIAL_NUMBER
        return first(request)

    return answer


def sdm630(
    source: Callable[[], Electrical] = lambda: FLOWING,
    *,
    clock: Clock | None = None,
    **options: Any,
) -> Sdm630:
    """A meter whose registers are always fresh; ``model`` may make it another than an SDM630."""
    monotonic = (clock or Clock()).monotonic
    options.setdefault("serial", SERIAL)
    return Sdm630(source, update_s=0, monotonic=monotonic, **options)


@contextmanager
def virtual_meter(
    slave: Callable[[bytes], Replies], *, clock: Clock | None = None, **options: object
) -> Iterator[tuple[Meter, VirtualLine]]:
    """A meter, not opened yet, whose port leads to ``slave``. No real time passes."""
    clock = clock or Clock()
    line = VirtualLine(clock, slave)

    def open_line(path: str, *, baudrate: int, **_: object) -> VirtualLine:
        line.is_open = True
        line.baudrate = baudrate
        return line

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serial_line, "open_line", open_line)
        # minimalmodbus keeps the silence between frames with the module of that name.
        time = types.SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep)
        patch.setattr(minimalmodbus, "time", time)
        patch.setattr(minimalmodbus, "_latest_read_times", {})
        yield Meter(line.port, monotonic=clock.monotonic, sleep=clock.sleep, **options), line


@contextmanager
def pty_line(
    answer: Slave | None = None, *, model: MeterModel = SDM630, pace: bool = False, **options: Any
) -> Iterator[tuple[RtuLine, MeterFaults]]:
    """A running line on a pseudo-terminal, with a simulated meter unless ``answer`` is given."""
    faults = MeterFaults()
    speed = options.get("baudrate", model.baudrate)
    slave = (
        answer
        or Sdm630(
            lambda: FLOWING, serial=SERIAL, model=model, update_s=0, baudrate=speed, faults=faults
        ).answer
    )
    line = RtuLine(slave, pace=pace, faults=faults, **{"baudrate": speed, **options})
    line.start()
    try:
        yield line, faults
    finally:
        line.stop()
