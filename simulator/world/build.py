"""How a box was built and what it was built into. Fixed for its life."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.errors import Refused
from simulator.world.wiring import Load, Wire, Wiring

STANDBY_W = 3.0
_LARGEST_STANDBY_W = 1000.0


@dataclass(frozen=True, slots=True)
class Build:
    """``standby_w``: what the wallbox takes for itself whenever it is supplied.

    ``restless=False``: mains and load without their small fluctuations. ``metered_phases``: 1 if
    the meter is wired into L1 alone. Raises Refused for what cannot be built.
    """

    load: Load
    wiring: Wiring
    standby_w: float
    restless: bool = True
    metered_phases: int = 3

    def __post_init__(self) -> None:
        if self.load is Load.SOCKET and self.wiring.get(Wire.ENABLE) is not None:
            raise Refused("wiring: a socket has no release input; leave out enable")
        if not 0.0 <= self.standby_w <= _LARGEST_STANDBY_W:
            raise Refused(f"standby-w must lie between 0 and {_LARGEST_STANDBY_W:.0f} W")


def build(
    load: Load = Load.WALLBOX,
    wiring: Wiring | None = None,
    standby_w: float | None = None,
    metered_phases: int = 3,
) -> Build:
    """A box with whatever is usual for its load: pins, and standby power (a socket has none)."""
    usual_w = 0.0 if load is Load.SOCKET else STANDBY_W
    return Build(
        load=load,
        wiring=wiring or Wiring.parse(load=load),
        standby_w=usual_w if standby_w is None else standby_w,
        metered_phases=metered_phases,
    )
