"""One weld: contacts that do not open when they are told to, and how long until that is known.

Powers are what flows beyond the configured standby, because the rule does not look at less. The
time counts from the moment of the command to open if the car draws then, and else from the moment
at which it begins to draw through the contacts that should be open.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from campaign.weld.branch import NotInTime
from campaign.weld.material import branch, log_uniform, phases_for, standby_w
from simulator.world.box_faults import BoxFault
from simulator.world.car import Car
from station.rules.values import Load, Phase

FAST_W, SLOW_W = 200.0, 50.0
MOST_W = 11_000.0
# What unrest of mains and load may take off a power that is drawn.
UNREST = 1.008
GIVEN_UP_AFTER_S = 3600.0
BATTERY_KWH = 500.0


@dataclass(frozen=True, slots=True)
class Class:
    """What kind of weld: ``strong`` from 200 W on, ``late``: it shows at the next draw only."""

    load: Load
    strong: bool
    late: bool


@dataclass(frozen=True, slots=True)
class Weld:
    """``found_s`` None: not within an hour. ``lowest_w``: the least that flowed until then."""

    seed: int
    kind: Class
    found_s: float | None
    lowest_w: float
    phases: int
    register_wh: float
    how: str = ""

    def __str__(self) -> str:
        found = "never" if self.found_s is None else f"after {self.found_s:.1f} s"
        return (
            f"weld {self.seed}: {self.kind}, {self.lowest_w:.0f} W at least on {self.phases} "
            f"phases, register {self.register_wh:.0f} Wh: found {found} {self.how}"
        )


def live(seed: int, kind: Class) -> Weld:
    """One box, one charge, one weld."""
    dice = random.Random(f"weld {seed} {kind}")
    taken_w, configured_w = standby_w(dice, kind.load)
    box = branch(dice, kind.load, taken_w, configured_w)
    least_w, most_w = (FAST_W, MOST_W) if kind.strong else (SLOW_W, FAST_W)
    beyond_w = log_uniform(dice, least_w * UNREST, most_w / UNREST)
    car_w = min(beyond_w + configured_w - taken_w, MOST_W)
    phases = phases_for(dice, car_w)
    drawing = Car(kw=car_w / 1000, phases=phases, battery_kwh=BATTERY_KWH)
    box.until_phase(Phase.AVAILABLE)
    box.pass_time(dice.uniform(0.0, 6.0))
    # A weld that shows late has a car that is full, or gone, when the contactor is told to open.
    first = Car(battery_kwh=1.0, soc_percent=100.0) if kind.late else drawing
    box.box.plug(first, box.now_s)
    box.tap()
    box.until_phase(Phase.CHARGING, Phase.SUSPENDED_EV)
    box.pass_time(dice.uniform(7.0, 40.0))
    box.box.set_fault(BoxFault.WELDED, True, box.now_s)
    box.pass_time(dice.uniform(0.0, 3.0))
    box.tap()
    since_s = box.opened_s
    if kind.late:
        box.pass_time(dice.uniform(0.0, 400.0))
        box.box.unplug(box.now_s)
        box.pass_time(dice.uniform(1.0, 30.0))
        box.box.plug(drawing, box.now_s)
        since_s = box.now_s + drawing.delay_s
        box.until_s(since_s + 0.05)
    box.lowest_w = box.box.rail.power_w
    while not box.latched and box.now_s < since_s + GIVEN_UP_AFTER_S:
        box.pass_time(1.0)
    found_s, fault = box.latched[0] if box.latched else (None, None)
    if found_s is not None and found_s < since_s:
        raise NotInTime(f"weld {seed}: found before anything flowed")
    return Weld(
        seed,
        kind,
        None if found_s is None else found_s - since_s,
        box.lowest_w - configured_w,
        phases,
        box.box.rail.register_wh,
        fault.detail if fault is not None else "",
    )
