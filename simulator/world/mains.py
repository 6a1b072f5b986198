"""The mains: voltages that are never the same twice, and what their unrest does to a load.

Everything here is a function of seed and time, constant within a slice of SLICE_S: that is what
lets energy be exact, and what makes a run repeatable. Pure; the box's lock covers it.
"""

from __future__ import annotations

import math
import random

from simulator.electrical import Phases

SLICE_S = 0.25
MAINS_V: Phases = (230.6, 229.5, 229.9)
"""At the meter, without unrest."""
VOLTAGE_UNREST = 0.003
LOAD_UNREST = 0.002
FREQUENCY_HZ = 50.0
_FREQUENCY_UNREST_HZ = 0.02

# Far enough below the 200 V that a station asks for, high enough for the meter and the coil.
_SAGGED = 0.78
_NO_VOLTAGE: Phases = (0.0, 0.0, 0.0)

# Share of a wave and the range of its period in s: flicker, neighbours' kettles, the grid.
_WAVES = ((0.3, 5.0, 9.0), (0.3, 20.0, 40.0), (0.4, 90.0, 150.0))


class Mains:
    """``on`` and ``sagging`` may be set by the owner. ``restless=False``: the same for ever."""

    def __init__(self, seed: int, *, restless: bool = True) -> None:
        self.on = True
        self.sagging = False
        self._restless = restless
        dice = random.Random(f"mains {seed}")
        self._voltage = [_Wander(dice) for _ in MAINS_V]
        self._load = _Wander(dice)
        self._frequency = _Wander(dice)
        self._slice = math.nan
        self._calm_v: Phases = MAINS_V
        self._load_factor = 1.0

    def changes_at_s(self, at_s: float) -> float:
        """The end of the slice in which ``at_s`` lies; infinity when it has none."""
        return (math.floor(at_s / SLICE_S) + 1) * SLICE_S if self._restless else math.inf

    def voltage_v(self, at_s: float) -> Phases:
        """At the meter, by phase."""
        if not self.on:
            return _NO_VOLTAGE
        self._enter(at_s)
        if not self.sagging:
            return self._calm_v
        one, two, three = (voltage * _SAGGED for voltage in self._calm_v)
        return (one, two, three)

    def drive_v(self, at_s: float) -> Phases:
        """The voltages that a load of constant current draws by.

        They differ from the real ones by the load's own unrest, so that its current is never the
        same twice either.
        """
        one, two, three = self.voltage_v(at_s)
        factor = self._load_factor
        return (one * factor, two * factor, three * factor)

    def frequency_hz(self, at_s: float) -> float:
        if not self._restless:
            return FREQUENCY_HZ
        return FREQUENCY_HZ + _FREQUENCY_UNREST_HZ * self._frequency.at(_start_of(at_s))

    def _enter(self, at_s: float) -> None:
        start_s = _start_of(at_s)
        if not self._restless or start_s == self._slice:
            return
        self._slice = start_s
        one, two, three = (
            voltage * (1.0 + VOLTAGE_UNREST * wander.at(start_s))
            for voltage, wander in zip(MAINS_V, self._voltage, strict=True)
        )
        self._calm_v = (one, two, three)
        self._load_factor = 1.0 + LOAD_UNREST * self._load.at(start_s)


class _Wander:
    """A value between -1 and 1 that moves smoothly and does not come back to where it was."""

    def __init__(self, dice: random.Random) -> None:
        self._waves = [
            (share, math.tau / dice.uniform(shortest, longest), dice.uniform(0.0, math.tau))
            for share, shortest, longest in _WAVES
        ]

    def at(self, at_s: float) -> float:
        return sum(share * math.sin(rate * at_s + phase) for share, rate, phase in self._waves)


def _start_of(at_s: float) -> float:
    return math.floor(at_s / SLICE_S) * SLICE_S
