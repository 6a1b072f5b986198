"""Two things that stand between the Pi and the power, each with a time of its own.

Pure; time comes in as an argument. Whoever owns them asks ``due_s`` and calls ``arrive`` then.
"""

from __future__ import annotations

HEARTBEAT_HOLD_S = 1.5
TRIP_PULSE_S = 0.2


class TimeRelay:
    """In series with the coil: closed while its input toggled within HEARTBEAT_HOLD_S."""

    def __init__(self) -> None:
        self.closed = False
        self.due_s: float | None = None

    def toggled(self, now_s: float) -> None:
        """Its input changed level."""
        self.closed = True
        self.due_s = now_s + HEARTBEAT_HOLD_S

    def drop(self) -> None:
        """It opens: because it lost its own power, or because ``due_s`` is there."""
        self.closed = False
        self.due_s = None


class ShuntTrip:
    """Switches off the branch behind the meter for good after a pulse of TRIP_PULSE_S."""

    def __init__(self) -> None:
        self.tripped = False
        self.due_s: float | None = None
        self._active = False

    def set_active(self, on: bool, now_s: float) -> None:
        """Its input, and the power to follow it."""
        if on != self._active:
            self._active = on
            self._aim(now_s)

    def arrive(self) -> None:
        """The pulse was long enough. To be called at ``due_s``."""
        self.tripped = True
        self.due_s = None

    def reset(self, now_s: float) -> None:
        """Somebody switches it on again by hand; a pulse that goes on trips it anew."""
        self.tripped = False
        self._aim(now_s)

    def _aim(self, now_s: float) -> None:
        self.due_s = now_s + TRIP_PULSE_S if self._active and not self.tripped else None
