"""What a part of the campaign measured: figures beside their limits, and the table of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value beside what it has to be.

    ``claim`` is the row of docs/reliability.md it belongs to, ``what`` says what was counted,
    ``measured`` and ``limit`` are texts with their units, ``met`` whether the limit holds.
    """

    claim: str
    what: str
    measured: str
    limit: str
    met: bool


def at_most(claim: str, what: str, value: float, limit: float, unit: str = "") -> Figure:
    """A figure that may not be larger than its limit."""
    return Figure(
        claim, what, _with_unit(value, unit), f"≤ {_with_unit(limit, unit)}", value <= limit
    )


def at_least(claim: str, what: str, value: float, limit: float, unit: str = "") -> Figure:
    """A figure that may not be smaller than its limit."""
    return Figure(
        claim, what, _with_unit(value, unit), f"≥ {_with_unit(limit, unit)}", value >= limit
    )


def exactly(claim: str, what: str, value: float, wanted: float, unit: str = "") -> Figure:
    """A figure that has one right value."""
    return Figure(claim, what, _with_unit(value, unit), _with_unit(wanted, unit), value == wanted)


def _with_unit(value: float, unit: str) -> str:
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
    return f"{text} {unit}".strip()


def table(figures: Iterable[Figure]) -> str:
    """As Markdown, in the order given; what is missed is marked."""
    lines = ["| claim | counted | measured | to reach |", "|---|---|---|---|"]
    for one in figures:
        measured = one.measured if one.met else f"**{one.measured}** (missed)"
        lines.append(f"| {one.claim} | {one.what} | {measured} | {one.limit} |")
    return "\n".join(lines)


def save(path: Path, figures: Iterable[Figure]) -> None:
    """Keep them for :func:`load`."""
    path.write_text(json.dumps([asdict(one) for one in figures], ensure_ascii=False, indent=1))


def load(path: Path) -> list[Figure]:
    """What :func:`save` kept."""
    return [Figure(**one) for one in json.loads(path.read_text())]
