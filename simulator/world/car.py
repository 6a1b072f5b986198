"""The car: when it draws, and how much. Its battery says how much it may.

It draws when it is supplied and released, some time after both, and not before its departure timer
lets it. A release that goes while the supply stays lets it ramp down, as IEC 61851 cars do; supply
that goes takes the load at once. Waking and ramping take real seconds; departure timer and
preconditioning go by the car's time, which runs ``speed`` times faster, as its battery does.

Pure; time comes in as an argument. Whoever owns it asks ``due_s`` and then calls ``arrive``.
"""

from __future__ import annotations

from enum import StrEnum

from simulator.electrical import Phases
from simulator.errors import Refused
from simulator.world.battery import Battery

NOMINAL_V = 230.0
WAKE_UP_S = 1.0
RAMP_STEPS = 20
RAMP_STEP_S = 0.1
PRECONDITION_EVERY_S = 300.0
PRECONDITION_FOR_S = 60.0
PRECONDITION_W = 3000.0
_SMALLEST_KW = 0.001
_NOTHING: Phases = (0.0, 0.0, 0.0)


class Mode(StrEnum):
    """What the car is doing."""

    OFF = "off"
    WAITING = "waiting"
    CHARGING = "charging"
    RAMPING = "ramping"
    FULL = "full"
    PRECONDITIONING = "preconditioning"


class Car:
    """One car, or anything else with a battery.

    ``kw`` is its power at 230 V per phase, ``soc_percent`` the state of charge on arrival,
    ``delay_s`` the time from supply to load, ``after_s`` that of its departure timer from plugging
    in, ``taper_w`` what it still takes over its last percent (None: it falls to some hundred W and
    ends). With ``precondition`` it heats for a while every few minutes once it is full. Raises
    Refused for a car that does not exist.
    """

    def __init__(
        self,
        kw: float = 11.0,
        phases: int = 3,
        battery_kwh: float = 40.0,
        soc_percent: float = 20.0,
        delay_s: float = WAKE_UP_S,
        *,
        after_s: float = 0.0,
        precondition: bool = False,
        taper_w: float | None = None,
    ) -> None:
        _require(_SMALLEST_KW <= kw <= 50.0, f"kw must lie between {_SMALLEST_KW} and 50")
        _require(phases in (1, 3), "phases must be 1 or 3")
        _require(0.001 <= battery_kwh <= 1000.0, "battery-kwh must lie between 0.001 and 1000")
        _require(0.0 <= soc_percent <= 100.0, "soc must lie between 0 and 100")
        _require(0.0 <= delay_s <= 3600.0, "delay must lie between 0 and 3600 seconds")
        _require(0.0 <= after_s <= 1e6, "after must lie between 0 and 1000000 seconds")
        _require(
            taper_w is None or 1.0 <= taper_w <= kw * 1000.0,
            "taper-w must lie between 1 W and the car's own power",
        )
        self.kw = kw
        self.phases = phases
        self.delay_s = delay_s
        self.after_s = after_s
        self.precondition = precondition
        self.taper_w = taper_w
        capacity_wh = battery_kwh * 1000.0
        self.battery = Battery(capacity_wh, capacity_wh * soc_percent / 100.0, kw * 1000.0, taper_w)
        self.mode = Mode.OFF
        self.due_s: float | None = None
        self._speed = 1.0
        self._departs_at_s = 0.0
        self._ramp_left = 0

    def plugged(self, now_s: float, speed: float) -> None:
        """It stands at the box: its time begins to run."""
        self._speed = speed
        self._departs_at_s = now_s + self.after_s / speed

    @property
    def drawing(self) -> bool:
        """Whether load is on."""
        if self.mode in (Mode.CHARGING, Mode.RAMPING):
            return not self.battery.full
        return self.mode is Mode.PRECONDITIONING

    def set_supply(self, on: bool, now_s: float, *, released: bool = True) -> None:
        """Mains at the inlet, and the wallbox's leave to draw."""
        if on and released:
            if self.mode in (Mode.OFF, Mode.RAMPING):
                self.mode = Mode.WAITING
                self.due_s = max(now_s + self.delay_s, self._departs_at_s)
        elif on and self.mode is Mode.CHARGING and not self.battery.full:
            self.mode, self._ramp_left = Mode.RAMPING, RAMP_STEPS
            self.due_s = now_s + RAMP_STEP_S
        elif not (on and self.mode is Mode.RAMPING):
            self.mode, self.due_s = Mode.OFF, None

    def arrive(self, now_s: float) -> None:
        """What was due happens. To be called at ``due_s``."""
        self.due_s = None
        if self.mode is Mode.RAMPING:
            self._ramp_left -= 1
            if self._ramp_left > 0:
                self.due_s = now_s + RAMP_STEP_S
            else:
                self.mode = Mode.OFF
        elif self.mode is Mode.WAITING and not self.battery.full:
            self.mode = Mode.CHARGING
        elif self.mode is Mode.FULL:
            self.mode = Mode.PRECONDITIONING
            self.due_s = now_s + PRECONDITION_FOR_S / self._speed
        else:
            self._rest(now_s)

    def filled(self, now_s: float) -> None:
        """The battery got full. To be called at that moment."""
        if self.mode is Mode.CHARGING:
            self._rest(now_s)

    def phase_power_w(self, voltage_v: Phases) -> Phases:
        """What the car draws now, by phase."""
        if not self.drawing:
            return _NOTHING
        share = self._heating_share if self.mode is Mode.PRECONDITIONING else self.battery.share
        one, two, three = (power * share for power in self._full_power_w(voltage_v))
        return (one, two, three)

    def take(self, hours: float, voltage_v: Phases) -> tuple[Phases, float]:
        """Draw for ``hours``: the energy taken by phase in Wh, and the hours until full if less.

        Exact for any length of time at constant voltage while nothing is due.
        """
        full = self._full_power_w(voltage_v)
        power_w = sum(full)
        if not self.drawing or power_w <= 0.0 or hours <= 0.0:
            return _NOTHING, 0.0
        if self.mode is Mode.PRECONDITIONING:
            taken, used = power_w * self._heating_share * hours, hours
        else:
            before_wh = self.battery.charge_wh
            used = self.battery.fill(hours, power_w)
            taken = self.battery.charge_wh - before_wh
        one, two, three = (taken * power / power_w for power in full)
        return (one, two, three), used

    def _rest(self, now_s: float) -> None:
        self.mode = Mode.FULL
        self.due_s = now_s + PRECONDITION_EVERY_S / self._speed if self.precondition else None

    def _full_power_w(self, voltage_v: Phases) -> Phases:
        current_a = self.kw * 1000.0 / (self.phases * NOMINAL_V)
        if self.mode is Mode.RAMPING:
            current_a *= self._ramp_left / RAMP_STEPS
        one, two, three = (voltage * current_a for voltage in voltage_v)
        return (one, two, three) if self.phases == 3 else (one, 0.0, 0.0)

    @property
    def _heating_share(self) -> float:
        return min(1.0, PRECONDITION_W / (self.kw * 1000.0))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise Refused(f"car: {message}")
