"""Where the lines and bars of a chart are. Pure numbers; the templates draw them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000, 200
MOST_POINTS = 300
ROW_PX = 46
# Behind the longest bar its value has to find room, in percent of the width.
TRACK = 60


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: ``share`` of the width in percent, at most TRACK; ``top`` in pixels."""

    name: str
    energy_wh: int
    share: float
    top: int

    @property
    def bar_top(self) -> int:
        """Where the bar itself begins, below its name."""
        return self.top + 24

    @property
    def value_y(self) -> int:
        """The base line of its value, behind the bar: on a phone no name leaves room for it."""
        return self.bar_top + 11

    @property
    def text_y(self) -> int:
        """The base line of its name."""
        return self.top + 17


@dataclass(frozen=True, slots=True)
class Curve:
    """A line within WIDTH x HEIGHT: ``points`` for a polyline, ``area`` for what is below it."""

    points: str
    area: str
    top_w: int
    begins: dt.datetime
    ends: dt.datetime
    rows: list[tuple[dt.datetime, int]]

    @property
    def half_w(self) -> int:
        """The power at half the height."""
        return self.top_w // 2


def bars(named: Sequence[tuple[str, int]]) -> list[Bar]:
    """Return a bar for each name and energy, in the order given; negative energy has no length."""
    longest = max((wh for _, wh in named), default=0)
    return [
        Bar(name, wh, round(max(wh, 0) * TRACK / longest, 2) if longest > 0 else 0.0, i * ROW_PX)
        for i, (name, wh) in enumerate(named)
    ]


def curve(samples: Sequence[tuple[dt.datetime, int]], rows: int = 30) -> Curve | None:
    """Return the line through (time, W); None for fewer than two of them.

    Many are averaged to at most MOST_POINTS; ``rows`` of them go into the table beside it.
    """
    ordered = sorted(samples)
    if len(ordered) < 2 or ordered[0][0] == ordered[-1][0]:
        return None
    thin = _thinned(ordered, MOST_POINTS)
    begins, ends = thin[0][0], thin[-1][0]
    top_w = _round_up(max(watt for _, watt in thin))
    span_s = (ends - begins).total_seconds()
    at = [
        (
            (when - begins).total_seconds() / span_s * WIDTH,
            HEIGHT - min(max(watt, 0), top_w) / top_w * HEIGHT,
        )
        for when, watt in thin
    ]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    area = f"0,{HEIGHT} {points} {WIDTH},{HEIGHT}"
    return Curve(points, area, top_w, begins, ends, _thinned(ordered, rows))


def _thinned(
    samples: Sequence[tuple[dt.datetime, int]], most: int
) -> list[tuple[dt.datetime, int]]:
    """Averages of groups of neighbours, each at the time of its first; the last sample stays."""
    if len(samples) <= most:
        return list(samples)
    size = -(-(len(samples) - 1) // (most - 1))
    groups = [samples[i : i + size] for i in range(0, len(samples) - 1, size)]
    found = [(group[0][0], round(sum(w for _, w in group) / len(group))) for group in groups]
    return [*found, samples[-1]]


def _round_up(watt: int) -> int:
    """The next of 1, 2, 4, 6, … kW that is not below."""
    return max(1000, -(-watt // 2000) * 2000)
