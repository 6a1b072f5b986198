"""What really happens: when people tap, what their car draws, and what the register must say.

Pure but for its random generator. The register's true course is kept, so that a value can be held
against the moment it claims to be of.
"""

from __future__ import annotations

import random

from simulator.electrical import Electrical, Phases

PHASE_W = 3680.0  # 16 A
_KEPT = 64


class Register:
    """The true counters in Wh, per phase: straight lines between the moments that power changes."""

    def __init__(self, chance: random.Random, now_s: float) -> None:
        # From a new meter, which counts finely, to an old one, whose float32 steps by 8 Wh.
        total_wh = 10 ** chance.uniform(4.5, 8)
        shares = [chance.uniform(0.5, 1.5) for _ in range(3)]
        one, two, three = (total_wh * share / sum(shares) for share in shares)
        phases = (one, two, three)
        # Replaced as a whole: the thread of a paced line reads it.
        self._course: tuple[tuple[float, Phases, Phases], ...] = ((now_s, phases, (0.0, 0.0, 0.0)),)

    def flow(self, now_s: float, watts: Phases) -> None:
        """From now on these powers flow."""
        if watts != self._course[-1][2]:
            self._course = (*self._course, (now_s, self.phases_wh(now_s), watts))[-_KEPT:]

    @property
    def watts(self) -> Phases:
        return self._course[-1][2]

    def phases_wh(self, at_s: float) -> Phases:
        since_s, phases, watts = next(
            (part for part in reversed(self._course) if part[0] <= at_s), self._course[0]
        )
        hours = max(0.0, at_s - since_s) / 3600
        one, two, three = (wh + w * hours for wh, w in zip(phases, watts, strict=True))
        return one, two, three

    def wh(self, at_s: float) -> float:
        """The total at a moment of the recent past; older ones read as the oldest that is kept."""
        return sum(self.phases_wh(at_s))


class Household:
    """A resident, a car, and mains that breathe. Asked twice a second what happens next.

    ``hurry``: they come and go so many times faster.
    """

    def __init__(self, chance: random.Random, now_s: float, hurry: float = 1.0) -> None:
        self._chance = chance
        self._hurry = hurry
        self.register = Register(chance, now_s)
        self._tap_s = now_s + 60.0 / hurry
        self._change_s = now_s
        self._wanted = (0.0, 0.0, 0.0)

    def wants(self, now_s: float, charging: bool) -> bool:
        """Whether somebody taps now."""
        if now_s < self._tap_s:
            return False
        # Who starts comes back soon; who ends leaves the box alone for a while.
        pause = (40, 160) if charging else (20, 90)
        self._tap_s = now_s + self._chance.uniform(*pause) / self._hurry
        return True

    def draw(self, now_s: float, closed: bool) -> None:
        """Let the car want what it wants; without the contactor it gets nothing."""
        if now_s >= self._change_s:
            self._change_s = now_s + self._chance.uniform(5, 60) / self._hurry
            full = self._chance.choice((0.0, 0.0, 0.4, 1.0, 1.0))
            one, two, three = (PHASE_W * full * self._chance.uniform(0.9, 1) for _ in range(3))
            self._wanted = (one, two, three)
        self.register.flow(now_s, self._wanted if closed else (0.0, 0.0, 0.0))

    def flowing(self, now_s: float) -> Electrical:
        """What goes through the meter now."""
        one, two, three = (self._chance.uniform(228, 232) for _ in range(3))
        watts = self.register.watts
        return Electrical(
            voltage_v=(one, two, three),
            current_a=(watts[0] / one, watts[1] / two, watts[2] / three),
            power_w=watts,
            import_wh=self.register.phases_wh(now_s),
        )
