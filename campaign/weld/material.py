"""How a box is built and set up, and what is plugged into it: drawn, within what electricians do.

A sensible electrician reads the wallbox's standby from `check --observe` and writes down the next
multiple of 5 W. Some leave the default of 5 W with a wallbox that takes up to 45 W.
"""

from __future__ import annotations

import math
import random
from typing import Any

from campaign.weld.branch import Branch
from simulator.world import wiring
from simulator.world.build import Build
from simulator.world.car import RAMP_STEP_S, RAMP_STEPS, Car, Mode
from station.rules.settings import Settings
from station.rules.values import Load

# Up to the largest register of a meter with five digits before the comma, by float32 grid.
REGISTERS_WH = (0.0, 4_321.0, 1_234_567.0, 9_999_000.0, 40_000_000.0, 99_999_000.0)
MOST_STANDBY_W, MOST_FORGOTTEN_W = 60.0, 45.0
DEFAULT_STANDBY_W = 5.0
PHASE_W = 3680.0
# Mains that never stand still cost much time to simulate; the meter shows unrest of its own.
RESTLESS = 0.15


class SlowCar(Car):
    """A car that takes ``ramp_s`` to let go when the wallbox withdraws its leave."""

    def __init__(self, ramp_s: float, **how: Any) -> None:
        super().__init__(**how)
        self._step_s = ramp_s / RAMP_STEPS

    def set_supply(self, on: bool, now_s: float, *, released: bool = True) -> None:
        before = self.mode
        super().set_supply(on, now_s, released=released)
        if self.mode is Mode.RAMPING and before is not Mode.RAMPING:
            self.due_s = now_s + self._step_s

    def arrive(self, now_s: float) -> None:
        super().arrive(now_s)
        if self.mode is Mode.RAMPING and self.due_s == now_s + RAMP_STEP_S:
            self.due_s = now_s + self._step_s


def standby_w(dice: random.Random, load: Load) -> tuple[float, float]:
    """What the wallbox takes for itself, and what the config says of it."""
    if load is Load.SOCKET:
        return 0.0, DEFAULT_STANDBY_W
    if dice.random() < 0.2:
        return dice.uniform(0.0, MOST_FORGOTTEN_W), DEFAULT_STANDBY_W
    taken_w = dice.uniform(0.0, MOST_STANDBY_W)
    return taken_w, max(DEFAULT_STANDBY_W, 5.0 * math.ceil(taken_w / 5.0))


def branch(
    dice: random.Random, load: Load, taken_w: float, configured_w: float, **more: Any
) -> Branch:
    """A box of this load, without mirror contact; ``more`` settings as given."""
    update_s = dice.choice((1.0, 2.0))
    kind = wiring.Load(load.value)
    # A release line would stop the car even behind a welded contact, so there is none.
    built = Build(
        kind, wiring.Wiring.parse("enable=none", kind), taken_w, restless=dice.random() < RESTLESS
    )
    settings = Settings(
        load=load,
        phases=3,
        max_current_a=16.0,
        standby_w=configured_w,
        min_off_s=dice.choice((5.0, 10.0, 30.0)),
        sample_s=dice.choice((1.0, 2.0)),
        update_s=update_s,
        **more,
    )
    return Branch(
        built,
        settings,
        dice.getrandbits(32),
        register_wh=dice.choice(REGISTERS_WH) + dice.uniform(0.0, 900.0),
        update_s=update_s,
    )


def log_uniform(dice: random.Random, least: float, most: float) -> float:
    return math.exp(dice.uniform(math.log(least), math.log(most)))


def phases_for(dice: random.Random, watts: float) -> int:
    """Three where one would not carry it, one or three elsewhere."""
    return 3 if watts > PHASE_W else dice.choice((1, 3))
