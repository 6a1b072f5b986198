"""What really flowed in one life, and when the contacts really moved. Looks at the box only."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Any

from simulator.world.box import Attached, Box
from simulator.world.build import Build


@dataclass(slots=True)
class Period:
    """Contacts closed from ``closed_s`` to ``opened_s``, for the session ``uuid``.

    ``told_s``: when the line was told to open again; later than that only a weld, or a line that
    nobody could drive any more, keeps them closed.
    """

    uuid: str | None
    closed_s: float
    told_s: float | None = None
    opened_s: float | None = None


@dataclass
class Truth:
    """``flowed_wh(t)``: what has flowed through the meter since the beginning, at any moment."""

    periods: list[Period] = field(default_factory=list)
    owner: str | None = None  # the session for which the line was told to close last
    times_s: list[float] = field(default_factory=list)
    counts_wh: list[float] = field(default_factory=list)

    def build(self, built: Build, now_s: float, wall_s: float, seed: int) -> Box:
        """The box whose truth this is."""
        self.box = Box(
            now_s, wall_s=wall_s, built=built, seed=seed, attached=Attached(event=self._event)
        )
        self.began_wh = self.box.rail.register_wh
        self.note(now_s)
        return self.box

    def closes_for(self, uuid: str | None) -> None:
        """The line was told to close for this session; contacts that move later are its own."""
        self.owner = uuid
        if self.periods and self.periods[-1].uuid is None:
            self.periods[-1].uuid = uuid

    def note(self, now_s: float) -> None:
        """Remember how much has flowed by now."""
        count_wh = self.box.rail.register_wh - self.began_wh
        if not self.times_s or now_s > self.times_s[-1]:
            self.times_s.append(now_s)
            self.counts_wh.append(count_wh)

    def flowed_wh(self, at_s: float) -> float:
        """By the nearest moments that were noted; between them the power hardly changes."""
        index = bisect.bisect_left(self.times_s, at_s)
        if index == 0:
            return self.counts_wh[0]
        if index == len(self.times_s):
            return self.counts_wh[-1]
        before_s, after_s = self.times_s[index - 1], self.times_s[index]
        before, after = self.counts_wh[index - 1], self.counts_wh[index]
        return before + (after - before) * (at_s - before_s) / (after_s - before_s)

    def _event(self, t_s: float, kind: str, fields: dict[str, Any]) -> None:
        if not hasattr(self, "box"):
            return
        self.note(t_s)
        open_one = self.periods[-1] if self.periods and not self.periods[-1].opened_s else None
        if kind == "contactor" and fields["closed"]:
            self.periods.append(Period(self.owner, t_s))
        elif kind == "contactor" and open_one is not None:
            open_one.opened_s = t_s
            if open_one.told_s is None:
                open_one.told_s = t_s
        elif kind == "line" and fields["name"] == "contactor" and open_one is not None:
            if fields["level"] == self.box.built.wiring.contactor.inactive_level:
                open_one.told_s = t_s
            elif open_one.told_s is not None:
                # Told to close while a weld holds the contacts of the one before: from here on
                # they are this one's.
                open_one.opened_s = t_s
                self.periods.append(Period(None, t_s))
