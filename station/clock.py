"""Time: the only module that reads a clock.

Durations are monotonic. Records carry wall time with its quality, the boot id and the uptime. On a
Pi without a clock battery the wall clock is wrong until NTP has set it; the kernel knows whether it
was (adjtimex), and that is what ``synced`` says. A simulated box brings its own wall clock, sync
state and boot id.

Any thread may call a clock.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from station.rules.values import Now

if TYPE_CHECKING:
    from simulator.client import BoxClient

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """What the daemon needs to know of time. ``energy_speed`` is 1 outside a simulation."""

    boot_id: str
    energy_speed: float

    def now(self) -> Now: ...

    def uptime_ms(self) -> int: ...


def monotonic() -> float:
    """Seconds that only go forward, the same for every thread."""
    return time.monotonic()


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2); only ``modes`` (0: ask, change nothing) is set."""

    _fields_ = [("modes", ctypes.c_uint), ("room", ctypes.c_byte * 512)]


class SystemClock:
    """The machine's own clocks."""

    energy_speed = 1.0
    _TIME_ERROR = 5

    def __init__(self) -> None:
        self.boot_id = BOOT_ID.read_text().strip()
        self._libc = ctypes.CDLL(None, use_errno=True)

    def now(self) -> Now:
        return Now(monotonic(), datetime.now(UTC), self._synced())

    def uptime_ms(self) -> int:
        return int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)

    def _synced(self) -> bool:
        """adjtimex(2) returns TIME_ERROR (5) as long as nobody has disciplined the clock."""
        return int(self._libc.adjtimex(ctypes.byref(_Timex()))) not in (-1, self._TIME_ERROR)


@dataclass(slots=True)
class BoxClock:
    """The clock of a simulated box; monotonic time is the machine's own."""

    box: BoxClient
    boot_id: str = ""
    energy_speed: float = 1.0

    def __post_init__(self) -> None:
        world = self.box.clock()
        self.boot_id = world.boot_id
        self.energy_speed = world.speed

    def now(self) -> Now:
        world = self.box.clock()
        return Now(monotonic(), datetime.fromtimestamp(world.wall_s, UTC), world.synced)

    def uptime_ms(self) -> int:
        return int(self.box.clock().uptime_s * 1000)
