"""The clock of the world in which the box stands: the daemon's wall time, sync state, boot id.

Monotonic time comes in as an argument and is the machine's own, so durations are real; only the
wall clock can be moved. Not thread-safe; the box's lock covers it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from simulator.errors import Refused

# Years 1970 to 9999: what RFC 3339 can write.
_EARLIEST_S = 0.0
_LATEST_S = 253_402_300_799.0


class WorldClock:
    """``new_boot_id`` gives the id of each boot; ``synced`` is what NTP would say."""

    def __init__(self, wall_s: float, now_s: float, new_boot_id: Callable[[], str]) -> None:
        self.synced = True
        self._new_boot_id = new_boot_id
        self._offset_s = 0.0
        self._booted_at_s = now_s
        self.boot_id = new_boot_id()
        self.set(wall_s, now_s)

    def wall_s(self, now_s: float) -> float:
        """Seconds since 1970-01-01 UTC, as the daemon's wall clock shows them."""
        return now_s + self._offset_s

    def uptime_s(self, now_s: float) -> float:
        """Seconds since the present boot."""
        return now_s - self._booted_at_s

    def set(self, wall_s: float, now_s: float) -> None:
        """Set the wall clock. Raises Refused outside the years 1970 to 9999."""
        if not (math.isfinite(wall_s) and _EARLIEST_S <= wall_s <= _LATEST_S):
            raise Refused("clock: the time must lie in the years 1970 to 9999")
        self._offset_s = wall_s - now_s

    def step(self, seconds: float, now_s: float) -> None:
        """Move the wall clock by ``seconds``; negative = back."""
        self.set(self.wall_s(now_s) + seconds, now_s)

    def reboot(self, now_s: float) -> None:
        """A new boot id, uptime from zero. Wall time and sync state stay as they are."""
        self.boot_id = self._new_boot_id()
        self._booted_at_s = now_s


def rfc3339(wall_s: float) -> str:
    """A wall time as UTC text with milliseconds."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")
