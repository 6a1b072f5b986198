"""One run of the daemon on virtual time, from its start to its death: the shell, turned by hand.

It carries out the core's commands as daemon.py does. What blocks there in a thread takes virtual
time here: the journal's jobs, one exchange with the server, a sample of the meter. Their events
come when that time is over, and a cut in between finds them not yet told.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from campaign.fast.disk import Disk
from campaign.fast.house import HOST
from campaign.fast.meter import Line as MeterLine
from campaign.fast.road import TIMEOUT_S, Road
from campaign.fast.timeline import Timeline
from simulator.world.box import Box
from simulator.world.header import Pull
from simulator.world.wiring import Wire
from station.clock import Clock
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
    JournalCommand,
    Leave,
    OpenContactor,
    PulseTrip,
    ReaderStateChanged,
    Release,
    SampleMeter,
    ShutdownRequested,
    StopInputChanged,
    Ticked,
    VehicleInputChanged,
)
from station.rules.settings import Settings
from station.rules.state import State
from station.rules.values import Now, Session
from station.status import snapshot
from station.transport.rest import RestTransport
from station.uplink.commands import REMOTE
from station.uplink.line import Line
from station.uplink.sender import Sender
from station.workers.link import Link

T = TypeVar("T")

TICK_S = 0.5
REST_TICK_S = 2.0
LEAVE_WITHIN_S = 3.0
LONGEST_PAUSE_S = 60.0
SOFTWARE = "evcs-station campaign"


@dataclass(slots=True)
class BoxSource:
    """The machine's clocks as the simulated box has them."""

    box: Box
    timeline: Timeline
    boot_id: str
    energy_speed: float = 1.0

    def now(self) -> Now:
        wall = datetime.fromtimestamp(self.box.clock.wall_s(self.timeline.now_s), UTC)
        return Now(self.timeline.now_s, wall, self.box.clock.synced)

    def uptime_ms(self) -> int:
        return int(self.box.clock.uptime_s(self.timeline.now_s) * 1000)

    def undervoltage(self) -> bool:
        return self.box.pi_undervoltage


@dataclass(slots=True)
class World:
    """What a daemon finds when it starts, and leaves behind when it dies."""

    timeline: Timeline
    box: Box
    meter: MeterLine
    disk: Disk
    road: Road
    token: str
    settings: Settings
    dice: random.Random


class Watcher(Protocol):
    """Looks on, and may end the world by raising Gone."""

    def stepped(self, station: Station, before: State, commands: tuple[Command, ...]) -> None:
        """The core took a step, and its commands were carried out."""

    def job_begins(self) -> None:
        """The journal's thread begins to write."""

    def job_ends(self, command: JournalCommand) -> None:
        """It has written, or failed to; nobody has been told yet."""


class Station:
    """``turn`` lets happen what is due; ``due_s`` says when that is."""

    def __init__(self, world: World, watcher: Watcher) -> None:
        self.world = world
        self.left = False
        self.commit_takes_s = 0.01
        self._watcher = watcher
        self._events: list[tuple[float, int, Event]] = []
        self._numbers = itertools.count()
        self._jobs: deque[tuple[float, JournalCommand]] = deque()
        self._asks: deque[Session] = deque()
        self._exchanging = False
        now_s = world.timeline.now_s
        self._tick_s = self._sample_s = self._uplink_s = now_s
        self._every_s: float | None = None
        self._busy_until_s = 0.0
        self._leave_by_s: float | None = None
        self._seen: dict[Wire, bool] = {}
        self.answers: list[AnswerRequest] = []
        source = BoxSource(world.box, world.timeline, world.box.clock.boot_id)
        self.clock = Clock(source, world.timeline.monotonic)
        self.state = State(settings=world.settings)
        self._set_up_lines()
        self._keeper = Keeper(
            world.disk.path,
            self.clock,
            self.post,
            self._poke,
            logging.getLogger("station.journal"),
            world.timeline.monotonic,
        )
        self.store = world.disk.boot()
        self._sender = Sender(
            Line(
                transport=RestTransport(
                    f"http://{HOST}",
                    world.token,
                    monotonic=world.timeline.monotonic,
                    adapter=world.road,
                ),
                journal=self,
                clock=self.clock,
                snapshot=lambda: snapshot(self.state, self.clock.now()),
                post=self.post,
                link=Link(random.Random(world.dice.getrandbits(32)), longest_s=LONGEST_PAUSE_S),
                log=logging.getLogger("station.uplink"),
                monotonic=world.timeline.monotonic,
            ),
            SOFTWARE,
        )
        self._keeper.boot(self.store)
        self.post(ReaderStateChanged(None))

    # -- what happens by itself

    @property
    def due_s(self) -> float:
        """When the next thing happens."""
        moments = [self._tick_s, self._uplink_s]
        if self._every_s is not None:
            moments.append(self._sample_s)
        if self._events:
            moments.append(self._events[0][0])
        if self._jobs:
            moments.append(self._jobs[0][0])
        return min(moments)

    def turn(self) -> None:
        """Everything that is due now. Raises Gone when the world ends in the middle."""
        now_s = self.world.timeline.now_s
        while self._events and self._events[0][0] <= now_s:
            self._step(heapq.heappop(self._events)[2])
        while self._jobs and self._jobs[0][0] <= now_s:
            self._next_job()
        if self._every_s is not None and self._sample_s <= now_s:
            event, takes_s = self.world.meter.sample(now_s)
            self._put(event, takes_s)
            self._sample_s = now_s + max(self._every_s, takes_s)
        if self._uplink_s <= now_s:
            self._turn_uplink(now_s)
        if self._tick_s <= now_s:
            self._tick(now_s)

    def post(self, event: Event) -> None:
        """An event for the core. What an exchange brings is told when that is over."""
        self._put(event, self.world.road.took_s if self._exchanging else 0.0)

    def _put(self, event: Event, in_s: float) -> None:
        due_s = self.world.timeline.now_s + in_s
        heapq.heappush(self._events, (due_s, next(self._numbers), event))

    def _tick(self, now_s: float) -> None:
        busy = self.state.session is not None or self._events or self._jobs
        self._tick_s = now_s + (TICK_S if busy else REST_TICK_S)
        box, wiring = self.world.box, self.world.box.built.wiring
        self._keeper.probe_if_due(self.store)
        for wire, event in ((Wire.STOP, StopInputChanged), (Wire.VEHICLE, VehicleInputChanged)):
            if (level := self._input(wire)) is not None and self._seen.get(wire) != level:
                self._seen[wire] = level
                self._step(event(level))
        self._step(Ticked())
        active = box.read(wiring.contactor.bcm, now_s) == wiring.contactor.active_level
        feedback = self._input(Wire.FEEDBACK)
        seen = (self.state.line_active, self.state.feedback_closed)
        if (active, feedback) != seen or active != self.state.closed:
            self._step(ContactorObserved(active, feedback))
        if self._leave_by_s is not None and now_s > self._leave_by_s:
            self._leave()

    def _input(self, wire: Wire) -> bool | None:
        """An input's level as the box's config would have it; None when it is not fitted."""
        pin = self.world.box.built.wiring.get(wire)
        if pin is None or wire not in self.fitted:
            return None
        level = self.world.box.read(pin.bcm, self.world.timeline.now_s)
        return level == pin.active_level

    @property
    def fitted(self) -> set[Wire]:
        settings = self.world.settings
        return {
            Wire.STOP,
            *((Wire.FEEDBACK,) if settings.has_feedback else ()),
            *((Wire.VEHICLE,) if settings.has_vehicle_input else ()),
        }

    def _step(self, event: Event) -> None:
        before = self.state
        if isinstance(event, ShutdownRequested):
            self._leave_by_s = self.world.timeline.now_s + LEAVE_WITHIN_S
        self.state, commands = step(before, event, self.clock.now())
        for command in commands:
            self._carry_out(command)
        self._watcher.stepped(self, before, commands)

    # -- the contactor and the other lines

    def _set_up_lines(self) -> None:
        """As the daemon's first act: every output at its inactive level."""
        box, now_s = self.world.box, self.world.timeline.now_s
        for wire in (Wire.CONTACTOR, Wire.ENABLE):
            if (pin := box.built.wiring.get(wire)) is not None:
                box.setup_output(pin.bcm, pin.inactive_level, now_s)
        for wire in (Wire.STOP, Wire.VEHICLE, Wire.FEEDBACK):
            if (pin := box.built.wiring.get(wire)) is not None:
                active = Pull.UP if pin.active_level else Pull.DOWN
                inactive = Pull.DOWN if pin.active_level else Pull.UP
                pull = inactive if wire is Wire.VEHICLE else active
                box.setup_input(pin.bcm, pull, now_s)

    def _drive(self, wire: Wire, on: bool) -> None:
        pin = self.world.box.built.wiring.get(wire)
        if pin is not None:
            level = pin.active_level if on else pin.inactive_level
            self.world.box.write(pin.bcm, level, self.world.timeline.now_s)

    def _carry_out(self, command: Command) -> None:
        match command:
            case OpenContactor():
                self._drive(Wire.CONTACTOR, False)
            case CloseContactor():
                self._drive(Wire.CONTACTOR, True)
            case Release(on):
                self._drive(Wire.ENABLE, on)
            case SampleMeter(every_s):
                self._every_s, self._sample_s = every_s, self.world.timeline.now_s
            case AskServer(session):
                self._asks.append(session)
                self._poke()
            case AnswerRequest(key, result, _):
                self.answers.append(command)
                if key.startswith(REMOTE):
                    self._sender.commands.answered(key.removeprefix(REMOTE), result)
                    self._poke()
            case Leave():
                self._leave()
            case PulseTrip():
                pass
            case _:
                self._submit(command)

    def _leave(self) -> None:
        self._drive(Wire.CONTACTOR, False)
        self._drive(Wire.ENABLE, False)
        while self._jobs:
            self._next_job()
        self.left = True

    # -- the journal's thread

    def _submit(self, command: JournalCommand) -> None:
        earliest_s = self._jobs[-1][0] if self._jobs else self.world.timeline.now_s
        self._jobs.append((earliest_s + self.commit_takes_s, command))

    def _next_job(self) -> None:
        _, command = self._jobs.popleft()
        self._watcher.job_begins()
        self._keeper.carry_out(self.store, command)
        self._watcher.job_ends(command)

    def call(self, function: Callable[[Store], T]) -> T:
        """The uplink's way to the journal: in turn, after all that was submitted before."""
        while self._jobs:
            self._next_job()
        return function(self.store)

    # -- the uplink's thread

    def _poke(self) -> None:
        self._uplink_s = min(self._uplink_s, max(self._busy_until_s, self.world.timeline.now_s))

    def _turn_uplink(self, now_s: float) -> None:
        road = self.world.road
        road.took_s = wait_s = 0.0
        self._exchanging = True
        try:
            if self._asks:
                self._sender.ask(self._asks.popleft())
            else:
                wait_s = self._sender.turn()
        except sqlite3.Error as error:
            self._sender.journal_failed(error)
            wait_s = 1.0
        finally:
            self._exchanging = False
        self._busy_until_s = now_s + max(0.001, min(road.took_s, TIMEOUT_S))
        self._uplink_s = self._busy_until_s + wait_s
        if self._asks:
            self._poke()
