"""Boxes as models, without a process: calm ones for exact figures, restless ones as they are."""

from __future__ import annotations

from typing import Any

from simulator.world.box import Box
from simulator.world.build import Build
from simulator.world.wiring import Load, Wiring

CONTACTOR = 17
ENABLE = 27


def built(
    load: Load = Load.WALLBOX, wiring: str = "", standby_w: float = 0.0, restless: bool = False
) -> Build:
    return Build(load, Wiring.parse(wiring, load), standby_w, restless)


def calm_box(
    load: Load = Load.WALLBOX, wiring: str = "", standby_w: float = 0.0, **options: Any
) -> Box:
    """A box at 0.0 s on mains that stand still, without standby unless told."""
    return Box(0.0, built=built(load, wiring, standby_w), **options)


def restless_box(
    load: Load = Load.WALLBOX, wiring: str = "", standby_w: float = 3.0, **options: Any
) -> Box:
    """A box at 0.0 s as ``serve`` makes it."""
    return Box(0.0, built=built(load, wiring, standby_w, restless=True), **options)
