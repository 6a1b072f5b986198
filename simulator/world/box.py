"""The model of the charging box: power path, header, inputs and outputs, tags, faults, clock.

Pure: time comes in as an argument (monotonic seconds, never backwards), nothing blocks, nothing is
read from the machine. Not thread-safe; its owner (hardware.py) holds one lock over it.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.errors import NoMains, Refused
from simulator.world.box_faults import BoxFault
from simulator.world.build import Build, build
from simulator.world.car import Car
from simulator.world.circuits import Circuits
from simulator.world.header import Header, Pull
from simulator.world.ledger import Cause
from simulator.world.rail import Rail
from simulator.world.wiring import Wire
from simulator.world.world_clock import WorldClock

_POWER_STEP_W = 100.0
_POWER_STEP_SHARE = 0.02


def _ignore(*_: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Attached:
    """What hears of changes: the watchers, the RFID field, the reader's reset line.

    ``event(t_s, kind, fields)``, ``cards(uids)``, ``reader_reset(low, t_s)``.
    """

    event: Callable[[float, str, dict[str, Any]], None] = _ignore
    cards: Callable[[tuple[bytes, ...]], None] = _ignore
    reader_reset: Callable[[bool, float], None] = _ignore


class Box:
    """One charging box. Every method that takes ``now_s`` first lets happen what was due by then.

    ``built``: None = a wallbox with the usual pins. ``commanded``: the contactor line is at its
    active level. ``tags``: the cards at the reader. ``pi_undervoltage``: what the Raspberry Pi
    finds of its own supply.
    """

    def __init__(
        self,
        now_s: float,
        *,
        wall_s: float = 0.0,
        built: Build | None = None,
        speed: float = 1.0,
        seed: int = 0,
        attached: Attached | None = None,
    ) -> None:
        dice = random.Random(seed)
        self.built = built or build()
        self.rail = Rail(now_s, self.built, speed, seed)
        self.clock = WorldClock(wall_s, now_s, lambda: str(uuid.UUID(int=dice.getrandbits(128))))
        self.header = Header(self._line_changed)
        self.faults: set[BoxFault] = set()
        self.tags: tuple[bytes, ...] = ()
        self.commanded = False
        self._circuits = Circuits(self.header, self.built.wiring, self.rail)
        self._out = attached or Attached()
        self._now_s = now_s
        self._asked_last: str | None = None
        self._asked_at_close: str | None = None
        self._tags_gone_at_s: float | None = None
        self._reported_w = 0.0
        self._settle()

    @property
    def pi_undervoltage(self) -> bool:
        return BoxFault.PI_UNDERVOLTAGE in self.faults

    # --- time

    @property
    def next_due_s(self) -> float | None:
        """When something will happen by itself; None = nothing is under way."""
        moments = (self.rail.next_due_s, self._circuits.next_due_s, self._tags_gone_at_s)
        return min((moment for moment in moments if moment is not None), default=None)

    def advance(self, now_s: float) -> None:
        """Let everything happen that is due by ``now_s``, each at its own moment."""
        while True:
            due_s = self.next_due_s
            until_s = now_s if due_s is None else min(due_s, now_s)
            if self._flow(until_s) < until_s:
                self._settle()
            elif due_s is not None and due_s <= now_s:
                self._arrive(due_s)
            else:
                break
        self._report_power()

    # --- the Raspberry Pi's side of the header; all raise NoMains while the Pi has no power

    def setup_output(self, bcm: int, level: int, now_s: float) -> None:
        """The Pi makes a line an output, starting at ``level``."""
        self._require_power(now_s)
        self.header.set_output(bcm, level)
        self._settle()

    def setup_input(self, bcm: int, pull: Pull, now_s: float) -> None:
        """The Pi makes a line an input."""
        self._require_power(now_s)
        self.header.set_input(bcm, pull)
        self._settle()

    def write(self, bcm: int, level: int, now_s: float) -> None:
        """The Pi drives an output."""
        self._require_power(now_s)
        self.header.write(bcm, level)
        self._settle()

    def read(self, bcm: int, now_s: float) -> int:
        """The Pi reads a line: 0 or 1."""
        self._require_power(now_s)
        return self.header.level(bcm)

    # --- the world

    def plug(self, car: Car, now_s: float) -> None:
        """A car comes. Raises Refused when one is there."""
        self.advance(now_s)
        if self.rail.car is not None:
            raise Refused("a car is plugged in; unplug it first")
        car.plugged(self._now_s, self.rail.speed)
        self.rail.car = car
        self._tell("car", plugged=True, kw=car.kw, phases=car.phases, soc=car.battery.soc)
        self._settle()

    def unplug(self, now_s: float) -> Car:
        """The car leaves; its load is gone at once. Raises Refused when none is there."""
        self.advance(now_s)
        car = self.rail.car
        if car is None:
            raise Refused("no car is plugged in")
        self.rail.car = None
        self._tell("car", plugged=False, soc=car.battery.soc)
        self._settle()
        return car

    def present(self, uids: tuple[bytes, ...], now_s: float, hold_s: float | None = None) -> None:
        """Hold cards to the reader, in place of those held now; for ``hold_s``, or until removed.

        One card alone counts as having asked; several at once do not.
        """
        self.advance(now_s)
        self._show(uids)
        if len(uids) == 1:
            self._asked_last = uids[0].hex().upper()
        self._tags_gone_at_s = None if hold_s is None else self._now_s + hold_s

    def remove(self, now_s: float) -> None:
        """Take all cards away."""
        self.advance(now_s)
        self._show(())

    def set_fault(self, fault: BoxFault, on: bool, now_s: float) -> None:
        """Break something, or mend it."""
        self.advance(now_s)
        (self.faults.add if on else self.faults.discard)(fault)
        if fault is BoxFault.WELDED:
            self.rail.contactor.set_welded(on, self._now_s)
        elif fault is BoxFault.STUCK_OPEN:
            self.rail.contactor.set_stuck_open(on, self._now_s)
        elif fault is BoxFault.UNDERVOLTAGE:
            self.rail.mains.sagging = on
        self._settle()

    def set_register(self, wh: float, now_s: float) -> None:
        """Put the meter's import register to ``wh``. Refused out of range."""
        self.advance(now_s)
        self.rail.set_register(wh)

    def set_clock(self, wall_s: float, now_s: float) -> None:
        """Set the wall clock to ``wall_s``. Refused outside the years 1970 to 9999."""
        self.advance(now_s)
        self.clock.set(wall_s, self._now_s)
        self._tell("clock", wall_s=wall_s, synced=self.clock.synced)

    def set_synced(self, synced: bool, now_s: float) -> None:
        """What the Pi's time service says about the wall clock."""
        self.advance(now_s)
        self.clock.synced = synced
        self._tell("clock", wall_s=self.clock.wall_s(self._now_s), synced=synced)

    def reset_trip(self, now_s: float) -> None:
        """Somebody switches the tripped branch on again. Refused when it has not tripped."""
        self.advance(now_s)
        if not self._circuits.trip.tripped:
            raise Refused("nothing has tripped")
        self._circuits.trip.reset(self._now_s)
        self._tell("trip", tripped=False)
        self._settle()

    def cut(self, now_s: float) -> None:
        """Mains gone: coil, car, Pi and reader lose power; the meter keeps its register."""
        self._require_power(now_s)
        self.rail.mains.on = False
        self._tell("mains", on=False)
        self.header.reset()
        self._settle()

    def restore(self, now_s: float, after_s: float = 0.0) -> None:
        """Mains back, ``after_s`` simulated seconds later than real time says; the Pi boots."""
        self.advance(now_s)
        if self.rail.mains.on:
            raise Refused("mains is on; `evcs-simbox power cut` comes first")
        if not after_s >= 0.0:
            raise Refused("power restore: --after is a number of seconds, 0 or more")
        self.clock.step(after_s, self._now_s)
        self.clock.reboot(self._now_s)
        self.rail.mains.on = True
        self._tell("mains", on=True, boot_id=self.clock.boot_id)
        self._settle()

    # --- how it works

    def _require_power(self, now_s: float) -> None:
        self.advance(now_s)
        if not self.rail.mains.on:
            raise NoMains

    def _flow(self, until_s: float) -> float:
        """Let energy flow; returns how far it got (:meth:`Rail.flow`)."""
        until_s = max(self._now_s, until_s)
        cause = Cause(self.commanded, self._asked_last, self._asked_at_close, drawing=False)
        self._now_s = self.rail.flow(until_s, cause, self.clock.wall_s(0.0))
        return self._now_s

    def _arrive(self, due_s: float) -> None:
        if self.rail.arrive(due_s):
            closed = self.rail.contactor.closed
            self._tell("contactor", closed=closed, commanded=self.commanded)
        if self._circuits.arrive(due_s):
            self._tell("trip", tripped=True)
        if self._tags_gone_at_s == due_s:
            self._show(())
        self._settle()

    def _settle(self) -> None:
        """Let every consequence of a change follow, at the present moment."""
        self._circuits.settle(self.faults, self._now_s)
        commanded = self._circuits.commanded
        if commanded and not self.commanded:
            self._asked_at_close = self._asked_last
        self.commanded = commanded
        self._report_power()

    def _show(self, uids: tuple[bytes, ...]) -> None:
        self._tags_gone_at_s = None
        if uids == self.tags:
            return
        self.tags = uids
        self._out.cards(uids)
        self._tell("tag", tags=[uid.hex().upper() for uid in uids])

    def _line_changed(self, bcm: int) -> None:
        line = self.header.describe(bcm)
        self._tell("line", bcm=bcm, name=self.built.wiring.name_of(bcm), **line)
        self._circuits.line_changed(bcm, self._now_s)
        reset = self.built.wiring.get(Wire.RESET)
        if reset is not None and reset.bcm == bcm:
            self._out.reader_reset(line["level"] != reset.active_level, self._now_s)

    def _report_power(self) -> None:
        power_w = self.rail.power_w
        # What the mains' own unrest does to the power of a charge is no event.
        step_w = max(_POWER_STEP_W, _POWER_STEP_SHARE * self._reported_w)
        changed = abs(power_w - self._reported_w) >= step_w
        if changed or (power_w == 0.0) != (self._reported_w == 0.0):
            self._reported_w = power_w
            self._tell("power", power_w=power_w)

    def _tell(self, kind: str, **fields: Any) -> None:
        self._out.event(self._now_s, kind, fields)
