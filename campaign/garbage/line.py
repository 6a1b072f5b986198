"""A serial port without a wire, and the clock that runs only when somebody waits.

The stand-in takes the place of ``serial.Serial``; everything above it is the code of the box:
drivers.serial_line, minimalmodbus, drivers.modbus, drivers.meter. No real time passes. One thread.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import minimalmodbus
import serial

from drivers import serial_line
from station.workers import meter as meter_worker

Replies = list[tuple[float, bytes]]
"""What the slave sends for one request: (further delay in s, bytes), one after the other."""

TURNAROUND_S = 0.02


class Clock:
    """Monotonic seconds. ``ring`` is called at ``alarm_s``, and sets the next one."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s
        self.alarm_s = float("inf")
        self.ring: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.advance(self.now_s + seconds)

    def advance(self, to_s: float) -> None:
        """Let time pass up to ``to_s``, and let happen what happens meanwhile."""
        while self.alarm_s <= to_s:
            self.now_s = max(self.now_s, self.alarm_s)
            self.ring()
        self.now_s = max(self.now_s, to_s)


class VirtualSerial:
    """One port. The slave serves one request after the other; bytes come one after the other."""

    port = "/dev/virtual"

    def __init__(self, clock: Clock, baudrate: int, slave: Callable[[bytes], Replies]) -> None:
        self.baudrate = baudrate
        self.is_open = True
        self._clock = clock
        self._slave = slave
        self._char_s = 10 / baudrate
        self._coming: list[tuple[float, bytes]] = []  # (start of its first byte, bytes)
        self._busy_until = 0.0

    def fileno(self) -> int:
        return -1

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    @property
    def in_waiting(self) -> int:
        return sum(self._arrived(at, data) for at, data in self._coming)

    def reset_input_buffer(self) -> None:
        self._coming = [
            (at + arrived * self._char_s, data[arrived:])
            for at, data in self._coming
            if (arrived := self._arrived(at, data)) < len(data)
        ]

    def reset_output_buffer(self) -> None:
        pass

    def write(self, data: bytes) -> int:
        heard_at = self._clock.now_s + len(data) * self._char_s
        for delay_s, reply in self._slave(data):
            at = max(heard_at, self._busy_until) + TURNAROUND_S + delay_s
            self._coming.append((at, reply))
            self._busy_until = at + len(reply) * self._char_s
        return len(data)

    def read(self, size: int) -> bytes:
        """What has arrived, at most ``size`` bytes; never waits."""
        received = b""
        while self._coming and len(received) < size:
            at, data = self._coming[0]
            taken = min(self._arrived(at, data), size - len(received))
            received += data[:taken]
            if taken == len(data):
                del self._coming[0]
                continue
            self._coming[0] = (at + taken * self._char_s, data[taken:])
            break
        return received

    def wait(self, seconds: float) -> bool:
        """Let time pass until a byte is there, for ``seconds`` at most."""
        deadline = self._clock.now_s + seconds
        first_at = self._coming[0][0] + self._char_s if self._coming else float("inf")
        self._clock.advance(min(first_at, deadline))
        return first_at <= deadline

    def _arrived(self, at: float, data: bytes) -> int:
        # A byte is there when its last bit is; the tolerance is for the sums of floats.
        return max(0, min(len(data), int((self._clock.now_s - at) / self._char_s + 1e-6)))


@contextmanager
def virtual_line(clock: Clock, slave: Callable[[bytes], Replies]) -> Iterator[None]:
    """Within the block serial ports lead to ``slave``, and the meter's time is ``clock``'s."""
    ports: list[VirtualSerial] = []

    def open_serial(_path: str, *, baudrate: int, **_: object) -> VirtualSerial:
        ports[:] = [VirtualSerial(clock, baudrate, slave)]
        return ports[0]

    def select(_r: object, _w: object, _x: object, seconds: float) -> tuple[list[int], ...]:
        return ([-1] if ports[0].wait(seconds) else [], [], [])

    time = types.SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep)
    with ExitStack() as stack:
        for module, name, standin in (
            (serial, "Serial", open_serial),
            (serial_line, "time", time),
            (serial_line, "select", types.SimpleNamespace(select=select)),
            (minimalmodbus, "time", time),
            (minimalmodbus, "_latest_read_times", {}),
            (meter_worker, "monotonic", clock.monotonic),
        ):
            stack.enter_context(patch.object(module, name, standin))
        yield
