"""The power path of the box, with register and ledger: where energy flows and is counted.

    mains -> meter -> shunt trip -> contactor -> wallbox or socket -> car

Built as ``enable``, the contactor does not stand in that path but in the loop of the wallbox's
release input, so the wallbox stays supplied. A release line, where there is one, is in series with
that loop, or alone in it. The wallbox's standby flows on L1 whenever it is supplied.

Pure; time comes in as an argument and never runs backwards. Energy runs ``speed`` times faster than
time; power does not.
"""

from __future__ import annotations

import math

from simulator.electrical import Electrical, Phases
from simulator.errors import Refused
from simulator.world.build import Build
from simulator.world.car import NOMINAL_V, Car
from simulator.world.contactor import Contactor
from simulator.world.exact import ExactSum
from simulator.world.ledger import Cause, Ledger
from simulator.world.mains import Mains
from simulator.world.wiring import Load

_NOTHING: Phases = (0.0, 0.0, 0.0)
_REGISTER_WH = 1_234_567.0
_REGISTER_END_WH = 1e10
_S_PER_HOUR = 3600.0


class Rail:
    """``car``, ``tripped``, ``release_line`` and what ``mains`` offers may be set by the owner, who
    then calls :meth:`settle`.
    """

    def __init__(self, now_s: float, build: Build, speed: float, seed: int = 0) -> None:
        if not 0.0 < speed <= 1e6:
            raise Refused("speed must lie above 0 and not above 1000000")
        self.speed = speed
        self.mains = Mains(seed, restless=build.restless)
        self.car: Car | None = None
        self.tripped = False
        self.release_line = True
        self.contactor = Contactor()
        self.ledger = Ledger()
        self._build = build
        self._now_s = now_s
        self._drew = False
        self._sums: tuple[ExactSum, ExactSum, ExactSum]
        self.set_register(_REGISTER_WH)

    @property
    def next_due_s(self) -> float | None:
        """When contacts arrive or the car changes its mind; None = neither is under way."""
        moments = (self.contactor.due_s, None if self.car is None else self.car.due_s)
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def supplied(self) -> bool:
        """Whether there is voltage at the wallbox or socket."""
        switched = self._build.load is Load.ENABLE or self.contactor.closed
        return self.mains.on and not self.tripped and switched

    @property
    def released(self) -> bool:
        """Whether the wallbox may let the car draw."""
        loop = self._build.load is not Load.ENABLE or self.contactor.closed
        return self.release_line and loop

    @property
    def drawing(self) -> bool:
        """Whether the car draws."""
        return self.car is not None and self.supplied and self.car.drawing

    @property
    def voltage_v(self) -> Phases:
        """At the meter, by phase."""
        return self.mains.voltage_v(self._now_s)

    @property
    def phase_power_w(self) -> Phases:
        """Through the meter, by phase."""
        if not self.supplied:
            return _NOTHING
        drive_v = self.mains.drive_v(self._now_s)
        one, two, three = _NOTHING if self.car is None else self.car.phase_power_w(drive_v)
        return (one + self._standby_w(drive_v), two, three)

    @property
    def power_w(self) -> float:
        return sum(self.phase_power_w)

    @property
    def phase_wh(self) -> Phases:
        """The import register's true count by phase."""
        one, two, three = (phase.value for phase in self._sums)
        return (one, two, three)

    @property
    def register_wh(self) -> float:
        """The import register's true count, of the phases that the meter is in."""
        return sum(self.phase_wh[: self._build.metered_phases])

    def electrical(self) -> Electrical:
        """What the meter measures at the present moment."""
        power, voltage = self.phase_power_w, self.voltage_v
        one, two, three = (p / v if v else 0.0 for p, v in zip(power, voltage, strict=True))
        return Electrical(
            voltage_v=voltage,
            current_a=(one, two, three),
            power_w=power,
            import_wh=self.phase_wh,
            frequency_hz=self.mains.frequency_hz(self._now_s),
        )

    def set_register(self, wh: float) -> None:
        """Put the import register to ``wh``, shared evenly by its phases. Refused out of range."""
        if not 0.0 <= wh <= _REGISTER_END_WH:
            raise Refused(f"meter: the register holds 0 to {_REGISTER_END_WH:.0f} Wh")
        share_wh = wh / self._build.metered_phases
        others_wh = share_wh if self._build.metered_phases == 3 else 0.0
        self._sums = (ExactSum(share_wh), ExactSum(others_wh), ExactSum(others_wh))

    def flow(self, until_s: float, cause: Cause, wall_offset_s: float) -> float:
        """Let energy flow until then, put down to ``cause`` (:meth:`Ledger.add`).

        Returns the moment it got to: earlier than ``until_s`` if the car was full by then, because
        what follows from that comes first.
        """
        while self._now_s < until_s:
            if self.power_w == 0.0:
                self._now_s = until_s
                break
            end_s = min(until_s, self.mains.changes_at_s(self._now_s))
            if self._piece(end_s, cause, wall_offset_s):
                break
        return self._now_s

    def arrive(self, due_s: float) -> bool:
        """Whatever was due at that moment happens; True when the contacts moved."""
        moved = self.contactor.due_s == due_s
        if moved:
            self.contactor.move(due_s)
        if self.car is not None and self.car.due_s == due_s:
            self.car.arrive(due_s)
        return moved

    def settle(self, now_s: float) -> None:
        """Let supply and release reach the car, or not, after something changed."""
        if self.car is not None:
            self.car.set_supply(self.supplied, now_s, released=self.released)
        drew, self._drew = self._drew, self.drawing
        if self._drew != drew or self.power_w == 0.0:
            self.ledger.pause()

    def _piece(self, end_s: float, cause: Cause, wall_offset_s: float) -> bool:
        """Flow while nothing changes; True when the car got full, which ends the piece there."""
        start_s, drive_v = self._now_s, self.mains.drive_v(self._now_s)
        hours = (end_s - start_s) * self.speed / _S_PER_HOUR
        drawing, filled = self.drawing, False
        energy_wh = _NOTHING
        if self.car is not None and drawing:
            energy_wh, hours_used = self.car.take(hours, drive_v)
            filled = self.car.battery.full and not self.car.drawing
            if filled and hours_used < hours:
                hours = hours_used
                full_s = start_s + hours * _S_PER_HOUR / self.speed
                end_s = min(end_s, max(full_s, math.nextafter(start_s, math.inf)))
        one, two, three = energy_wh
        energy_wh = (one + self._standby_w(drive_v) * hours, two, three)
        if any(energy_wh):
            for phase, energy in zip(self._sums, energy_wh, strict=True):
                phase.add(energy)
            noted = Cause(cause.commanded, cause.tag, cause.tag_at_close, drawing)
            self.ledger.add(noted, start_s, end_s, wall_offset_s, energy_wh)
        self._now_s = end_s
        if filled and self.car is not None:
            self.car.filled(end_s)
        return filled

    def _standby_w(self, drive_v: Phases) -> float:
        return self._build.standby_w * drive_v[0] / NOMINAL_V
