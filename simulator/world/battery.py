"""A battery and its charging curve, solved in closed form: steps of any length lose no energy.

Full power up to 80 % state of charge. From there power falls in a straight line over the state of
charge; then nothing. Where it falls to depends on the battery: as it comes, to a small power at
100 %; with a ``tail_w``, to that power at 99 %, which then stays until the battery is full, as cell
balancing does. Pure.
"""

from __future__ import annotations

import math

TAPER_FROM_SOC = 0.80
TAIL_FROM_SOC = 0.99
TAPER_END_W = 400.0
_LARGEST_END_SHARE = 0.1


class Battery:
    """``full_w`` is the charger's power before the taper; 0 < ``tail_w`` <= ``full_w``."""

    def __init__(
        self, capacity_wh: float, charge_wh: float, full_w: float, tail_w: float | None = None
    ) -> None:
        self.capacity_wh = capacity_wh
        self.charge_wh = min(capacity_wh, charge_wh)
        self._knee_wh = TAPER_FROM_SOC * capacity_wh
        self._tail_wh = capacity_wh * (1.0 if tail_w is None else TAIL_FROM_SOC)
        # A bicycle's charger tapers too, so the end of the taper follows a small full power.
        end_w = min(TAPER_END_W, _LARGEST_END_SHARE * full_w) if tail_w is None else tail_w
        self._end_share = end_w / full_w
        # Loss of share per Wh between knee and tail.
        self._slope = (1.0 - self._end_share) / (self._tail_wh - self._knee_wh)

    @property
    def soc(self) -> float:
        """State of charge, 0 to 1."""
        return self.charge_wh / self.capacity_wh

    @property
    def full(self) -> bool:
        return self.charge_wh >= self.capacity_wh

    @property
    def share(self) -> float:
        """What it takes now, as a share of full power."""
        if self.full:
            return 0.0
        if self.charge_wh >= self._tail_wh:
            return self._end_share
        return 1.0 - self._slope * max(0.0, self.charge_wh - self._knee_wh)

    def fill(self, hours: float, full_w: float) -> float:
        """Charge for ``hours`` at what is full power just now; returns the hours until full."""
        if full_w <= 0.0 or hours <= 0.0:
            return 0.0
        used = self._steadily(hours, full_w, self._knee_wh)
        used += self._tapering(hours - used, full_w)
        return used + self._steadily(hours - used, full_w * self._end_share, self.capacity_wh)

    def _steadily(self, hours: float, power_w: float, limit_wh: float) -> float:
        if hours <= 0.0 or self.charge_wh >= limit_wh:
            return 0.0
        to_limit = (limit_wh - self.charge_wh) / power_w
        if hours < to_limit:
            self.charge_wh += power_w * hours
            return hours
        self.charge_wh = limit_wh
        return to_limit

    def _tapering(self, hours: float, full_w: float) -> float:
        # The share s falls as the charge grows, which grows with s: s(t) = s0 exp(-slope P t).
        if hours <= 0.0 or self.charge_wh >= self._tail_wh:
            return 0.0
        if self._slope <= 0.0:
            return self._steadily(hours, full_w, self._tail_wh)
        rate, share = self._slope * full_w, self.share
        to_tail = max(0.0, math.log(share / self._end_share) / rate)
        if hours >= to_tail:
            self.charge_wh = self._tail_wh
            return to_tail
        gained = -share * math.expm1(-rate * hours) / self._slope
        self.charge_wh = min(self._tail_wh, self.charge_wh + gained)
        return hours
