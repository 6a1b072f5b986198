"""The truth: every interval in which energy flowed through the meter, kept beside the register.

Bookings are judged against it, so it never looks at what the station did or wrote, and never at the
register. Not thread-safe; the box's lock covers it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from simulator.electrical import Phases
from simulator.world.exact import ExactSum
from simulator.world.world_clock import rfc3339


@dataclass(frozen=True, slots=True)
class Cause:
    """What an interval is put down to; a change of it begins a new interval.

    ``commanded``: the contactor line was at its active level. ``tag``: the tag presented last.
    ``tag_at_close``: the tag that had been presented last when the line last became active.
    ``drawing``: the car drew; otherwise it is the wallbox's standby alone.
    """

    commanded: bool
    tag: str | None
    tag_at_close: str | None
    drawing: bool


@dataclass(slots=True)
class Interval:
    """Energy that flowed without a break for one cause. Monotonic and wall seconds, exact Wh."""

    cause: Cause
    start_s: float
    end_s: float
    start_wall_s: float
    end_wall_s: float
    sums: tuple[ExactSum, ExactSum, ExactSum]

    @property
    def phase_wh(self) -> Phases:
        one, two, three = (phase.value for phase in self.sums)
        return (one, two, three)

    @property
    def wh(self) -> float:
        return math.fsum(self.phase_wh)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "start_us": round(self.start_s * 1e6),
            "end_us": round(self.end_s * 1e6),
            "start": rfc3339(self.start_wall_s),
            "end": rfc3339(self.end_wall_s),
            "wh": self.wh,
            "phase_wh": list(self.phase_wh),
            "commanded": self.cause.commanded,
            "tag": self.cause.tag,
            "tag_at_close": self.cause.tag_at_close,
            "drawing": self.cause.drawing,
        }


class Ledger:
    """All intervals, oldest first."""

    def __init__(self) -> None:
        self.intervals: list[Interval] = []
        self._running = False

    @property
    def total_wh(self) -> float:
        return math.fsum(interval.wh for interval in self.intervals)

    def add(
        self, cause: Cause, start_s: float, end_s: float, wall_offset_s: float, energy_wh: Phases
    ) -> None:
        """Energy that flowed in a span of time; ``wall_offset_s`` = wall - monotonic."""
        last = self.intervals[-1] if self.intervals else None
        if last is None or not self._running or last.cause != cause:
            sums = (ExactSum(), ExactSum(), ExactSum())
            last = Interval(cause, start_s, end_s, start_s + wall_offset_s, 0.0, sums)
            self.intervals.append(last)
            self._running = True
        last.end_s = end_s
        last.end_wall_s = end_s + wall_offset_s
        for phase, energy in zip(last.sums, energy_wh, strict=True):
            phase.add(energy)

    def pause(self) -> None:
        """The flow stopped: what comes next is another interval."""
        self._running = False

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form: ``{"total_wh", "by_tag", "intervals"}``; no tag counts under ``""``."""
        by_tag: dict[str, list[float]] = {}
        for interval in self.intervals:
            by_tag.setdefault(interval.cause.tag or "", []).append(interval.wh)
        return {
            "total_wh": self.total_wh,
            "by_tag": {tag: math.fsum(amounts) for tag, amounts in by_tag.items()},
            "intervals": [interval.as_dict() for interval in self.intervals],
        }
