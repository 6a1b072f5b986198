"""The car: a battery and a charging curve, solved in closed form: steps lose no energy.

Full current up to 80 % state of charge, from there power falls in a straight line over the state of
charge to TAPER_END_W at 100 %, then nothing. Pure; time comes in as an argument.
"""

from __future__ import annotations

import math

from simulator.electrical import Phases
from simulator.errors import Refused

NOMINAL_V = 230.0
TAPER_FROM_SOC = 0.80
TAPER_END_W = 400.0
WAKE_UP_S = 1.0


class Car:
    """One plugged-in car.

    ``kw`` is its power at 230 V per phase, ``soc_percent`` the state of charge on arrival,
    ``delay_s`` the time from supply to load. Raises Refused for a car that does not exist.
    """

    def __init__(
        self,
        kw: float = 11.0,
        phases: int = 3,
        battery_kwh: float = 40.0,
        soc_percent: float = 20.0,
        delay_s: float = WAKE_UP_S,
    ) -> None:
        _require(0.0 < kw <= 50.0, "kw must lie above 0 and not above 50")
        _require(phases in (1, 3), "phases must be 1 or 3")
        _require(0.0 < battery_kwh <= 1000.0, "battery-kwh must lie above 0 and not above 1000")
        _require(0.0 <= soc_percent <= 100.0, "soc must lie between 0 and 100")
        _require(0.0 <= delay_s <= 3600.0, "delay must lie between 0 and 3600 seconds")
        self.kw = kw
        self.phases = phases
        self.battery_wh = battery_kwh * 1000.0
        self.charge_wh = min(self.battery_wh, self.battery_wh * soc_percent / 100.0)
        self.delay_s = delay_s
        self.wakes_at_s: float | None = None
        self._supplied = False
        self._awake = False

    @property
    def soc(self) -> float:
        """State of charge, 0 to 1."""
        return self.charge_wh / self.battery_wh

    @property
    def full(self) -> bool:
        return self.charge_wh >= self.battery_wh

    @property
    def drawing(self) -> bool:
        """Whether load is on: supplied, awake, not full."""
        return self._awake and not self.full

    def set_supply(self, on: bool, now_s: float) -> None:
        """Mains at the inlet on or off. Load goes at once and comes back ``delay_s`` later."""
        if on == self._supplied:
            return
        self._supplied = on
        self._awake = False
        self.wakes_at_s = now_s + self.delay_s if on else None

    def wake(self) -> None:
        """Load is taken up. To be called at ``wakes_at_s``."""
        self.wakes_at_s = None
        self._awake = True

    def phase_power_w(self, voltage_v: Phases) -> Phases:
        """What the car draws now, by phase."""
        if not self.drawing:
            return (0.0, 0.0, 0.0)
        share = self._share()
        one, two, three = (power * share for power in self._full_power_w(voltage_v))
        return (one, two, three)

    def take(self, hours: float, voltage_v: Phases) -> tuple[Phases, float]:
        """Charge for ``hours``: the energy taken by phase in Wh, and the hours until full if less.

        Exact for any length of time at constant voltage.
        """
        full = self._full_power_w(voltage_v)
        power_w = sum(full)
        if not self.drawing or power_w <= 0.0 or hours <= 0.0:
            return (0.0, 0.0, 0.0), 0.0
        before_wh = self.charge_wh
        used = self._constant(hours, power_w)
        used += self._taper(hours - used, power_w)
        taken = self.charge_wh - before_wh
        one, two, three = (taken * power / power_w for power in full)
        return (one, two, three), used

    def _full_power_w(self, voltage_v: Phases) -> Phases:
        current_a = self.kw * 1000.0 / (self.phases * NOMINAL_V)
        one, two, three = (voltage * current_a for voltage in voltage_v)
        return (one, two, three) if self.phases == 3 else (one, 0.0, 0.0)

    def _share(self) -> float:
        """Present power as a share of full power."""
        beyond = max(0.0, self.charge_wh - self._knee_wh)
        return 1.0 - self._slope * beyond

    @property
    def _knee_wh(self) -> float:
        return TAPER_FROM_SOC * self.battery_wh

    @property
    def _slope(self) -> float:
        """Loss of share per Wh beyond the knee."""
        end = min(1.0, TAPER_END_W / (self.kw * 1000.0))
        return (1.0 - end) / (self.battery_wh - self._knee_wh)

    def _constant(self, hours: float, power_w: float) -> float:
        limit_wh = self._knee_wh if self._slope > 0.0 else self.battery_wh
        if self.charge_wh >= limit_wh:
            return 0.0
        to_limit = (limit_wh - self.charge_wh) / power_w
        if hours < to_limit:
            self.charge_wh += power_w * hours
            return hours
        self.charge_wh = limit_wh
        return to_limit

    def _taper(self, hours: float, power_w: float) -> float:
        # The share s falls as the charge grows, which grows with s: s(t) = s0 exp(-slope P t).
        if hours <= 0.0 or self.full or self._slope == 0.0:
            return 0.0
        rate = self._slope * power_w
        share = self._share()
        end_share = 1.0 - self._slope * (self.battery_wh - self._knee_wh)
        to_full = math.log(share / end_share) / rate
        if hours >= to_full:
            self.charge_wh = self.battery_wh
            return max(0.0, to_full)
        gained = -share * math.expm1(-rate * hours) / self._slope
        self.charge_wh = min(self.battery_wh, self.charge_wh + gained)
        return hours


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise Refused(f"car: {message}")
