"""Time: the only module that reads a clock.

Durations are monotonic. Records carry wall time with its quality, the boot id and the uptime. On a
Pi without a clock battery the wall clock is wrong until NTP has set it; the kernel knows whether it
was (adjtimex), and that is what ``synced`` says; where the unit's sandbox forbids to ask it, it is
what systemd-timesyncd leaves in /run. A simulated box brings its own wall clock, sync state and
boot id.

Any thread may call a clock.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from station.rules.values import Now

if TYPE_CHECKING:
    from simulator.client import BoxClient

HWMON = Path("/sys/class/hwmon")
# A server that says another year is broken, or means harm.
FIRST_YEAR, LAST_YEAR = 2025, 2125
# Clocks that differ by more are not both right; the server takes that for the future, too.
AHEAD = timedelta(minutes=5)
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Source(Protocol):
    """A machine's clocks. ``energy_speed`` is 1 outside a simulation."""

    boot_id: str
    energy_speed: float

    def now(self) -> Now: ...

    def uptime_ms(self) -> int: ...

    def undervoltage(self) -> bool: ...


class Clock:
    """The machine's clocks, with a better idea of the wall time while they are not synced.

    The server's time counts as synced: it is good to a few seconds, and it is the time by which the
    server books. Without it, time at least never runs back behind what was stored last, so a Pi
    that wakes up in 1970 does not stamp 1970. The machine's own clock is never set here.
    """

    def __init__(self, source: Source, monotonic: Callable[[], float] | None = None) -> None:
        self._source = source
        self._monotonic = monotonic or time.monotonic
        self.boot_id = source.boot_id
        self.energy_speed = source.energy_speed
        self._began_s = self._monotonic()
        self._floor: datetime | None = None
        self._server: tuple[float, datetime] | None = None

    def now(self) -> Now:
        now = self._source.now()
        if now.synced:
            return now
        if self._server is not None:
            taken_s, utc = self._server
            return Now(now.mono_s, utc + timedelta(seconds=now.mono_s - taken_s), True)
        floor = self._floor
        if floor is not None and now.utc < floor:
            return Now(now.mono_s, floor + timedelta(seconds=now.mono_s - self._began_s), False)
        return now

    def uptime_ms(self) -> int:
        return self._source.uptime_ms()

    def undervoltage(self) -> bool:
        """Whether the Pi's own supply is too low now."""
        return self._source.undervoltage()

    def not_before(self, utc: datetime | None) -> None:
        """The newest stamp that is on disk: the present is later than that."""
        self._floor = utc

    def learn(self, server_time: datetime) -> None:
        """What the server says the time is now. The first word counts for a boot, unless a later
        one says that it lay ahead: a time to come would stay on disk as the floor of all boots to
        follow. No answer lies outside the years that this program can see.
        """
        if not FIRST_YEAR <= server_time.year <= LAST_YEAR:
            return
        now_s = self._monotonic()
        if self._server is not None:
            taken_s, told = self._server
            ahead = told + timedelta(seconds=now_s - taken_s) - server_time
            if ahead <= AHEAD or (self._floor is not None and server_time < self._floor):
                return
        self._server = (now_s, server_time)


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
    _SET_BY_TIMESYNCD = Path("/run/systemd/timesync/synchronized")

    def __init__(self) -> None:
        self.boot_id = BOOT_ID.read_text().strip()
        self._libc = ctypes.CDLL(None, use_errno=True)

    def now(self) -> Now:
        return Now(monotonic(), datetime.now(UTC), self._synced())

    def uptime_ms(self) -> int:
        return int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)

    def undervoltage(self) -> bool:
        """The firmware's alarm for 4.63 V, where the kernel has a sensor for it."""
        for alarm in HWMON.glob("hwmon*/in0_lcrit_alarm"):
            try:
                return alarm.read_text().strip() == "1"
            except OSError:
                continue
        return False

    def _synced(self) -> bool:
        """adjtimex(2) returns TIME_ERROR (5) as long as nobody has disciplined the clock."""
        state = int(self._libc.adjtimex(ctypes.byref(_Timex())))
        if state == -1:
            return self._SET_BY_TIMESYNCD.exists()
        return state != self._TIME_ERROR


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

    def undervoltage(self) -> bool:
        supply = getattr(self.box, "supply", None)
        return bool(supply()) if supply is not None else False
