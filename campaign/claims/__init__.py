"""The claims that are measured by themselves, by name.

Each module has ``measure(scale, seed, folder) -> list[Figure]``. ``scale`` 1.0 is the size that is
published; smaller ones are for CI. ``folder`` is empty and the claim's own. Imported late: some
claims need Django, some must not have it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol

from campaign.figures import Figure

NAMES = (
    "away",
    "deliveries",
    "garbage",
    "latency",
    "death",
    "weld",
    "tags",
    "clock",
    "disk",
    "line",
)


class Measure(Protocol):
    def __call__(self, scale: float, seed: int, folder: Path) -> list[Figure]: ...


def claim(name: str) -> Measure:
    """The measuring function of a claim. Raises LookupError with the names there are."""
    if name not in NAMES:
        raise LookupError(f"there is no claim {name!r}; there are {', '.join(NAMES)}")
    measure: Measure = import_module(f"campaign.claims.{name}").measure
    return measure
