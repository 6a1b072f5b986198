"""A box on virtual time: the simulated world, the real rules and journal, a server that nods.

Nothing blocks. What takes a daemon's threads time takes virtual time here: a sample of the meter, a
commit, the server's answer. The journal is a database in memory: it outlives a run of the daemon,
and what a cut does to its file is not the subject here.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import uuid
from pathlib import Path

from campaign.disk.day import Source
from campaign.fast.meter import Line
from simulator.world.box import Box
from simulator.world.build import Build
from simulator.world.header import Pull
from simulator.world.wiring import Wire
from station.clock import Clock
from station.journal import database
from station.journal.keeper import Keeper
from station.journal.store import Store
from station.rules.charging import step
from station.rules.messages import (
    AnswerRequest,
    AskServer,
    CloseContactor,
    Command,
    ContactorObserved,
    Event,
    Leave,
    OpenContactor,
    PulseTrip,
    ReaderStateChanged,
    Release,
    SampleMeter,
    ServerAnswered,
    ServerHeard,
    TagPresented,
    Ticked,
    Verdict,
)
from station.rules.messages import JournalCommand as ForTheJournal
from station.rules.settings import Settings
from station.rules.state import State, phase
from station.rules.values import Fault, Phase, Session

ANNA = "04A3C6CAE26180"
# Seldomer than the daemon's loop turns: every sample of the meter moves the rules on as well.
TICK_S, REST_TICK_S = 2.0, 30.0
LOOK_EVERY_S = 0.5
COMMIT_S, ANSWER_S = 0.01, 0.05
_IN_MEMORY = Path(":memory:")


class NotInTime(Exception):
    """The box did not get where a life wanted it; the message says where it is."""


class Branch:
    """One box behind its fuse. Time passes in ``until_s`` and what calls it.

    ``opened_s`` and ``closed_s``: when the contactor was last told so. ``latched``: every fault
    that was latched, with its moment. ``lowest_w``: the least that has flowed at any tick since it
    was last set.
    """

    def __init__(
        self,
        built: Build,
        settings: Settings,
        seed: int,
        *,
        register_wh: float = 1_234_567.0,
        update_s: float = 1.0,
    ) -> None:
        self.now_s = 1000.0
        self.settings = settings
        self.dice = random.Random(f"branch {seed}")
        self.box = Box(self.now_s, built=built, seed=seed)
        self.box.set_register(register_wh, self.now_s)
        self.meter = Line(self.box, self.dice, update_s)
        self.store = Store(database.connect(_IN_MEMORY))
        self.opened_s = self.closed_s = self.now_s
        self.latched: list[tuple[float, Fault]] = []
        self.ended: list[Session] = []
        self.lowest_w = 0.0
        self.on = False
        self._numbers = itertools.count()
        self.start()

    # -- the daemon's life

    def start(self) -> None:
        """The daemon starts, on a Pi that has power: as it stood, or booted anew."""
        pin = self.box.built.wiring.contactor
        self.box.setup_output(pin.bcm, pin.inactive_level, self.now_s)
        for wire in (Wire.STOP, Wire.FEEDBACK):
            if (fitted := self.box.built.wiring.get(wire)) is not None:
                self.box.setup_input(fitted.bcm, Pull.UP, self.now_s)
        self._source = Source(self.now_s, self.box.clock.boot_id)
        clock = Clock(self._source, self._monotonic)
        self.state = State(settings=self.settings)
        self._events: list[tuple[float, int, Event]] = []
        self._tick_s = self._sample_s = self.now_s
        self._every_s: float | None = None
        self.on, self.left = True, False
        log = logging.getLogger("campaign.weld")
        self._keeper = Keeper(
            _IN_MEMORY,
            clock,
            lambda event: self.post(event, COMMIT_S),
            lambda: None,
            log,
            self._monotonic,
        )
        self._keeper.boot(self.store)
        self.post(ReaderStateChanged(None))
        self.post(ServerHeard(0), ANSWER_S)

    def cut(self, away_s: float) -> None:
        """Mains gone, and back after a while; the daemon comes up again with them."""
        self.box.cut(self.now_s)
        self.on = False
        self.now_s += away_s
        self.box.restore(self.now_s)
        self.start()

    def _monotonic(self) -> float:
        return self.now_s

    # -- time

    def pass_time(self, seconds: float) -> None:
        self.until_s(self.now_s + seconds)

    def until_s(self, end_s: float) -> None:
        """Everything that is due by then, each at its moment."""
        while True:
            due_s = min(self._tick_s, self._sample_s if self._every_s is not None else end_s)
            if self._events:
                due_s = min(due_s, self._events[0][0])
            if due_s > end_s:
                break
            self.now_s = max(self.now_s, due_s)
            self._now()
        self.now_s = max(self.now_s, end_s)
        self.box.advance(self.now_s)

    def until_phase(self, *wanted: Phase, within_s: float = 120.0) -> None:
        """Raises NotInTime."""
        end_s = self.now_s + within_s
        while self.phase not in wanted:
            if self.now_s >= end_s:
                why = "; ".join(fault.detail for fault in self.state.faults)
                raise NotInTime(f"not {wanted} after {within_s:.0f} s but {self.phase} {why}")
            self.pass_time(LOOK_EVERY_S)

    @property
    def phase(self) -> Phase:
        return phase(self.state, self.now_s)

    def post(self, event: Event, in_s: float = 0.0) -> None:
        heapq.heappush(self._events, (self.now_s + in_s, next(self._numbers), event))

    def tap(self, tag: str = ANNA) -> None:
        """Somebody holds a tag to the box; it is taken in now."""
        key = uuid.UUID(int=self.dice.getrandbits(128), version=4)
        self.post(TagPresented(tag, str(key)))
        self.until_s(self.now_s)

    # -- how it works

    def _now(self) -> None:
        while self._events and self._events[0][0] <= self.now_s:
            self._step(heapq.heappop(self._events)[2])
        if self._every_s is not None and self._sample_s <= self.now_s:
            self.box.advance(self.now_s)
            event, takes_s = self.meter.sample(self.now_s)
            self.post(event, takes_s)
            self._sample_s = self.now_s + max(self._every_s, takes_s)
        if self._tick_s <= self.now_s:
            self._tick()

    def _tick(self) -> None:
        self._tick_s = self.now_s + (TICK_S if self.state.session is not None else REST_TICK_S)
        wiring = self.box.built.wiring
        self._step(Ticked())
        active = self.box.read(wiring.contactor.bcm, self.now_s) == wiring.contactor.active_level
        self.lowest_w = min(self.lowest_w, self.box.rail.power_w)
        if active != self.state.line_active or active != self.state.closed:
            self._step(ContactorObserved(active))

    def _step(self, event: Event) -> None:
        before = self.state
        self._source.mono_s = self.now_s
        self.state, commands = step(before, event, self._source.now())
        for command in commands:
            self._carry_out(command)
        if self.state.faults is not before.faults:
            known = {fault.name for fault in before.faults}
            new = (fault for fault in self.state.faults if fault.name not in known)
            self.latched += [(self.now_s, fault) for fault in new]
        if before.session is not None and self.state.session is None and before.session.reason:
            self.ended.append(before.session)

    def _carry_out(self, command: Command) -> None:
        match command:
            case OpenContactor():
                if self._drive(Wire.CONTACTOR, False):
                    self.opened_s = self.now_s
            case CloseContactor():
                self._drive(Wire.CONTACTOR, True)
                self.closed_s = self.now_s
            case Release(on):
                self._drive(Wire.ENABLE, on)
            case SampleMeter(every_s):
                self._every_s, self._sample_s = every_s, self.now_s
            case AskServer(session):
                self.post(ServerAnswered(session.uuid, Verdict.ACCEPTED, "flat"), ANSWER_S)
            case Leave():
                self._drive(Wire.CONTACTOR, False)
                self.left = True
            case AnswerRequest() | PulseTrip():
                pass
            case _ if isinstance(command, ForTheJournal):
                self._keeper.carry_out(self.store, command)

    def _drive(self, wire: Wire, on: bool) -> bool:
        """True if the line was at the other level."""
        pin = self.box.built.wiring.get(wire)
        if pin is None:
            return False
        level = pin.active_level if on else pin.inactive_level
        moved = self.box.read(pin.bcm, self.now_s) != level
        self.box.write(pin.bcm, level, self.now_s)
        return moved
