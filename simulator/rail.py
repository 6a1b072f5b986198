"""The power path of the box: mains -> meter -> contactor -> car, with register and ledger.

Pure; time comes in as an argument and never runs backwards. What hangs behind the contactor is the
supply of a wallbox with a car; a wallbox with a release input or a plain socket would differ in
:meth:`Rail.settle` alone, where supply reaches the car. Energy runs ``speed`` times faster than
time; power does not.
"""

from __future__ import annotations

from simulator.car import Car
from simulator.contactor import Contactor
from simulator.electrical import Electrical, Phases
from simulator.errors import Refused
from simulator.ledger import Cause, Ledger

MAINS_V: Phases = (230.6, 229.5, 229.9)
# Far enough below the 200 V that a station asks for, high enough for the meter and the coil.
_SAGGED = 0.78
_NOTHING: Phases = (0.0, 0.0, 0.0)
_REGISTER_WH = 1_234_567.0
_REGISTER_END_WH = 1e10
_S_PER_HOUR = 3600.0


class Rail:
    """``mains`` and ``sagging`` may be set by the owner, who then calls :meth:`settle`."""

    def __init__(self, now_s: float, speed: float) -> None:
        if not 0.0 < speed <= 1e6:
            raise Refused("speed must lie above 0 and not above 1000000")
        self.speed = speed
        self.mains = True
        self.sagging = False
        self.car: Car | None = None
        self.contactor = Contactor()
        self.ledger = Ledger()
        self.phase_wh = [_REGISTER_WH / 3.0] * 3
        self._now_s = now_s

    @property
    def next_due_s(self) -> float | None:
        """When contacts arrive or the car wakes up; None = neither is under way."""
        wakes_at_s = None if self.car is None else self.car.wakes_at_s
        moments = (self.contactor.due_s, wakes_at_s)
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def voltage_v(self) -> Phases:
        """At the meter, by phase."""
        if not self.mains:
            return _NOTHING
        if not self.sagging:
            return MAINS_V
        one, two, three = (voltage * _SAGGED for voltage in MAINS_V)
        return (one, two, three)

    @property
    def phase_power_w(self) -> Phases:
        """Through the meter, by phase."""
        if self.car is None or not self._feeding:
            return _NOTHING
        return self.car.phase_power_w(self.voltage_v)

    @property
    def power_w(self) -> float:
        return sum(self.phase_power_w)

    @property
    def register_wh(self) -> float:
        """The import register's true count."""
        return sum(self.phase_wh)

    def electrical(self) -> Electrical:
        """What the meter measures at the present moment."""
        voltage, power = self.voltage_v, self.phase_power_w
        one, two, three = (p / v if v else 0.0 for p, v in zip(power, voltage, strict=True))
        return Electrical(
            voltage_v=voltage,
            current_a=(one, two, three),
            power_w=power,
            import_wh=(self.phase_wh[0], self.phase_wh[1], self.phase_wh[2]),
        )

    def set_register(self, wh: float) -> None:
        """Put the import register to ``wh``, shared evenly by the phases. Refused out of range."""
        if not 0.0 <= wh <= _REGISTER_END_WH:
            raise Refused(f"meter: the register holds 0 to {_REGISTER_END_WH:.0f} Wh")
        self.phase_wh = [wh / 3.0] * 3

    def flow(self, until_s: float, cause: Cause, wall_offset_s: float) -> None:
        """Let energy flow until then, put down to ``cause`` (:meth:`Ledger.add`)."""
        start_s, self._now_s = self._now_s, max(self._now_s, until_s)
        if self.car is None or not self._feeding:
            return
        hours = (self._now_s - start_s) * self.speed / _S_PER_HOUR
        energy_wh, used_hours = self.car.take(hours, self.voltage_v)
        if used_hours <= 0.0:
            return
        for phase, energy in enumerate(energy_wh):
            self.phase_wh[phase] += energy
        end_s = min(self._now_s, start_s + used_hours * _S_PER_HOUR / self.speed)
        self.ledger.add(cause, start_s, end_s, wall_offset_s, energy_wh)

    def arrive(self, due_s: float) -> bool:
        """Whatever was due at that moment happens; True when the contacts moved."""
        moved = self.contactor.due_s == due_s
        if moved:
            self.contactor.move(due_s)
        if self.car is not None and self.car.wakes_at_s == due_s:
            self.car.wake()
        return moved

    def settle(self, now_s: float) -> None:
        """Let supply reach the car, or not, after something changed."""
        if self.car is not None:
            self.car.set_supply(self._feeding, now_s)
        if self.power_w == 0.0:
            self.ledger.pause()

    @property
    def _feeding(self) -> bool:
        return self.mains and self.contactor.closed
