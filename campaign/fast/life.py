"""Plays one life: acts at their time, traps at their place, and in the end everything is mended.

The daemon is started again when it is gone and there is power, as systemd would; after a kill the
failsafe drives the line inactive first, unless it is one of the rare lives in which nothing does.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter, deque
from collections.abc import Callable
from contextlib import closing
from typing import Any

from campaign.fast.disk import Disk
from campaign.fast.house import House
from campaign.fast.meter import Lie, Line, Meter
from campaign.fast.road import CLEAR, WEATHERS, Road
from campaign.fast.script import RESIDENTS, Script, Trap
from campaign.fast.station import Station, World
from campaign.fast.timeline import Gone, Timeline
from campaign.fast.truth import Truth
from simulator.errors import Refused
from simulator.world import build as building
from simulator.world import wiring
from simulator.world.box_faults import BoxFault
from simulator.world.car import Car
from station.rules.messages import (
    Command,
    JournalCommand,
    Request,
    RequestMade,
    SeveralTagsPresented,
    ShutdownRequested,
    StoreSession,
    TagPresented,
)
from station.rules.state import State
from station.rules.values import Load, Record, Session, Stage

SETTLES_WITHIN_S = 4 * 3600.0
CARE_EVERY_S = 20.0
QUIET_S = 300.0
FAILSAFE_S = (0.3, 2.0)
PEOPLE_WAIT_S = 60.0  # a box that is dead for longer is left alone
NO_FAILSAFE = 0.1
LONGEST_LIE_S = 200.0


class NotSettled(AssertionError):
    """Everything was mended, and still something is under way."""


class Life:
    """``play`` once, then everything that was seen is in the attributes."""

    def __init__(self, script: Script, house: House, token: str, timeline: Timeline) -> None:
        self.script = script
        self.house = house
        self.timeline = timeline
        self.dice = random.Random(f"life {script.seed}")
        self.truth = Truth()
        load = wiring.Load(script.settings.load.value)
        box = self.truth.build(
            building.Build(
                load, wiring.Wiring.parse(load=load), 0.0 if load == Load.SOCKET else 3.0, False
            ),
            timeline.now_s,
            timeline.utc().timestamp(),
            script.seed,
        )
        self.box = box
        self.meter = Line(box, self.dice)
        self.meters: list[Meter] = [self.meter.meter]
        self.road = Road(house, self.dice)
        self.road.on_way = self._on_way
        self.world = World(
            timeline,
            box,
            self.meter,
            Disk(self.dice),
            self.road,
            token,
            script.settings,
            self.dice,
        )
        self.station: Station | None = None
        self.start_s: float | None = timeline.now_s
        self.failsafe_s: float | None = None
        self.counted: Counter[str] = Counter()
        self.reasons: dict[str, set[str]] = {}
        self.closings_unrecorded: list[str] = []
        self.line_left_up = False
        self._places: Counter[str] = Counter()
        self._traps = {(trap.place, trap.nth): trap for trap in script.traps}
        self._commit_takes_s = 0.01
        self._job_position: int | None = None
        self._pending: deque[Trap] = deque()

    # -- the way of a life

    def play(self) -> None:
        """All of it, to the moment when everything is settled. Raises NotSettled."""
        began_s = self.timeline.now_s
        for act in self.script.acts:
            while self.timeline.now_s < (due_s := began_s + act.at_s + self._later_s):
                self._until(due_s)
            self._do(act.what, act.arg)
        self._settle()

    def _until(self, end_s: float) -> None:
        while self.timeline.now_s < end_s:
            moments = [end_s, self.start_s, self.failsafe_s, self._meter_well_s]
            if self.station is not None:
                moments.append(self.station.due_s)
            due_s = min(moment for moment in moments if moment is not None)
            self.timeline.now_s = max(self.timeline.now_s, due_s)
            self._now()

    def _now(self) -> None:
        """Everything that is due at this moment."""
        now_s = self.timeline.now_s
        self.box.advance(now_s)
        self.truth.note(now_s)
        if self._meter_well_s is not None and self._meter_well_s <= now_s:
            self.meter.lie = self._meter_well_s = None
        if self.failsafe_s is not None and self.failsafe_s <= now_s:
            self._failsafe()
        if self.start_s is not None and self.start_s <= now_s:
            self._start()
        if self.station is None:
            return
        try:
            self.station.turn()
            while self._pending:
                trap = self._pending.popleft()
                self._do(trap.what, trap.arg)
        except Gone as gone:
            self._gone(gone)
        if self.station is not None and self.station.left:
            self.world.disk.leave(None)
            self.station = None
            self.start_s = now_s + self.dice.uniform(0.5, 2.0)

    def _start(self) -> None:
        self.start_s = None
        if not self.box.rail.mains.on:
            self.box.restore(self.timeline.now_s)
        self.counted["starts of the daemon"] += 1
        self.station = Station(self.world, self)
        self.station.commit_takes_s = self._commit_takes_s

    def _gone(self, gone: Gone) -> None:
        """The daemon is no more. What becomes of it is in the trap's or act's argument."""
        self.counted[str(gone)] += 1
        if self.station is None:
            return
        now_s, away_s = self.timeline.now_s, self._away_s
        if away_s > PEOPLE_WAIT_S:
            self._later_s += away_s
        if gone.power:
            self.box.cut(now_s)
        position = gone.position if gone.position is not None else self.world.disk.position
        self.world.disk.leave(Gone(power=gone.power, position=position))
        self.station = None
        self.start_s = now_s + away_s
        if gone.power:
            self.failsafe_s = None
            return
        if self.dice.random() < NO_FAILSAFE:
            self.counted["no failsafe"] += 1
            self.line_left_up = True
        else:
            self.failsafe_s = now_s + min(away_s, self.dice.uniform(*FAILSAFE_S))

    _meter_well_s: float | None = None
    _away_s = 1.0
    _later_s = 0.0

    def _failsafe(self) -> None:
        self.failsafe_s = None
        if self.station is not None or not self.box.rail.mains.on:
            return
        pin = self.box.built.wiring.contactor
        self.box.setup_output(pin.bcm, pin.inactive_level, self.timeline.now_s)

    # -- looking on (station.Watcher), and the traps

    def stepped(self, station: Station, before: State, commands: tuple[Command, ...]) -> None:
        state = station.state
        if state.closed and not before.closed:
            self._closes(station)
        session, earlier = state.session, before.session
        if session is not None and (earlier is None or earlier.stage is not session.stage):
            self._reached(f"stage {session.stage.value}")

    def _closes(self, station: Station) -> None:
        session = station.state.session
        uuid = session.uuid if session is not None else None
        self.truth.closes_for(uuid)
        with closing(self.world.disk.look().database) as connection:
            row = connection.execute(
                "SELECT record, authorized_by FROM sessions WHERE uuid = ?", (uuid,)
            ).fetchone()
        if row is None or row["record"] != Record.ACCEPTED.value:
            self.closings_unrecorded.append(f"{uuid} closed as {tuple(row) if row else 'nothing'}")

    def job_begins(self) -> None:
        place, nth = "in commit", self._places["in commit"] + 1
        self._job_position = self.world.disk.position if (place, nth) in self._traps else None

    def job_ends(self, command: JournalCommand) -> None:
        self._places["in commit"] += 1
        trap = self._traps.get(("in commit", self._places["in commit"]))
        if trap is not None and self._job_position is not None:
            position = self.dice.randint(self._job_position, self.world.disk.position)
            self._spring(trap, position)
        if isinstance(command, StoreSession) and command.session.reason is not None:
            self._reason_stored(command.session)
        self._reached("commit")

    def _reason_stored(self, session: Session) -> None:
        """On disk, unless the card refused it: whatever comes later, this is why it ended."""
        with closing(self.world.disk.look().database) as connection:
            row = connection.execute(
                "SELECT reason FROM sessions WHERE uuid = ?", (session.uuid,)
            ).fetchone()
        if row is not None and row["reason"] is not None:
            self.reasons.setdefault(session.uuid, set()).add(row["reason"])

    def _on_way(self, way: str, path: str) -> None:
        kind = path.rsplit("/", 1)[-1]
        known = ("end", "heartbeat", "readings", "tags")
        self._reached(f"{way} {kind if kind in known else 'start'}")

    def _reached(self, place: str) -> None:
        self._places[place] += 1
        trap = self._traps.get((place, self._places[place]))
        if trap is not None:
            self._spring(trap, None)

    def _spring(self, trap: Trap, position: int | None) -> None:
        self.counted[f"trap at {trap.place.split()[0]}"] += 1
        if trap.what in ("kill", "power cut"):
            self._away_s = trap.arg
            raise Gone(power=trap.what == "power cut", position=position)
        self._pending.append(trap)
        if trap.what == "meter lies":
            self._meter_well_s = self.timeline.now_s + self.dice.uniform(1.0, LONGEST_LIE_S)

    # -- what happens

    def _do(self, what: str, arg: Any) -> None:
        self.counted[what] += 1
        try:
            _ACTS[what](self, arg)
        except Refused:
            self.counted[what] -= 1  # as it was already: a car that is there, a button that is in

    def _tell(self, event: object) -> None:
        if self.station is not None:
            self.station.post(event)  # type: ignore[arg-type]

    def tap(self, tag: str) -> None:
        if self.box.rail.mains.on:
            key = uuid.UUID(int=self.dice.getrandbits(128), version=4)
            self._tell(TagPresented(tag, str(key)))

    def plug(self, car: dict[str, Any]) -> None:
        self.box.plug(Car(**car), self.timeline.now_s)

    def power_cut(self, away_s: float) -> None:
        if self.box.rail.mains.on:
            self._away_s = away_s
            if self.station is None:
                self.box.cut(self.timeline.now_s)
                self.start_s = self.timeline.now_s + away_s
            else:
                self._gone(Gone(power=True))

    def kill(self, away_s: float) -> None:
        self._away_s = away_s
        self._gone(Gone(power=False))

    def break_box(self, fault: str) -> None:
        self.box.set_fault(BoxFault(fault), True, self.timeline.now_s)

    def mend_box(self) -> None:
        for fault in sorted(self.box.faults):
            self.box.set_fault(fault, False, self.timeline.now_s)

    def exchange(self) -> None:
        self.meter.exchange()
        self.meters.append(self.meter.meter)

    def card(self, writable: bool = True, full: bool = False, takes_s: float = 0.01) -> None:
        self._commit_takes_s = takes_s
        if self.station is not None:
            self.station.commit_takes_s = takes_s
            self.world.disk.set_writable(writable)
            self.world.disk.set_full(full)

    def set_clock_right(self) -> None:
        self.box.set_clock(self.timeline.utc().timestamp(), self.timeline.now_s)
        self.box.set_synced(True, self.timeline.now_s)

    def set_clock_wrong(self, to_s: float, synced: bool) -> None:
        self.box.set_clock(to_s, self.timeline.now_s)
        self.box.set_synced(synced, self.timeline.now_s)

    # -- the end

    def _settle(self) -> None:
        """Everything is mended, everybody does what a sensible person would do."""
        self._mend()
        end_s = self.timeline.now_s + SETTLES_WITHIN_S
        quiet_since_s: float | None = None
        while quiet_since_s is None or self.timeline.now_s - quiet_since_s < QUIET_S:
            if self.timeline.now_s > end_s:
                raise NotSettled(f"not settled after {SETTLES_WITHIN_S:.0f} s: {self._under_way()}")
            self._until(self.timeline.now_s + CARE_EVERY_S)
            if self._under_way():
                quiet_since_s = None
                self._care()
            elif quiet_since_s is None:
                quiet_since_s = self.timeline.now_s

    def _mend(self) -> None:
        self._traps.clear()
        self._pending.clear()
        self.road.weather = CLEAR
        self.meter.lie = None
        self.mend_box()
        self.card()
        for tag in RESIDENTS:
            self.house.set_tag(tag, blocked=False)
        self.house.set_enabled(True)
        if not self.box.rail.mains.on and self.start_s is not None:
            self._until(self.start_s + 0.1)
        self.set_clock_right()

    def _care(self) -> None:
        station = self.station
        if station is None:
            return
        if station.state.faults:
            number = len(station.answers)
            self._tell(RequestMade(f"box:{number}", Request.RESET, remote=False))
        session = station.state.session
        if session is not None and session.stage is Stage.RUNNING:
            self.tap(session.tag)

    def _under_way(self) -> str:
        """What is not settled, in words; empty when all is."""
        station = self.station
        if station is None:
            return "the daemon does not run"
        state = station.state
        waiting = station.store.waiting()
        found = {
            "session": state.session,
            "an estimate to be replaced": state.unsettled,
            "faults": state.faults,
            "messages": len(waiting),
            "readings": len(station.store.unsent_readings()),
            "unavailable": state.meter_problem or state.journal_problem,
            "disabled": state.disabled,
            "commands": self.house.unanswered() if not waiting else 1,
        }
        return ", ".join(f"{name}: {value}" for name, value in found.items() if value)


_ACTS: dict[str, Callable[[Life, Any], object]] = {
    "tap": Life.tap,
    "two cards": lambda life, _: life._tell(SeveralTagsPresented()),
    "plug": Life.plug,
    "unplug": lambda life, _: life.box.unplug(life.timeline.now_s),
    "weather": lambda life, name: setattr(life.road, "weather", WEATHERS[name]),
    "meter lies": lambda life, lie: setattr(life.meter, "lie", Lie(lie)),
    "meter is well": lambda life, _: setattr(life.meter, "lie", None),
    "meter is exchanged": lambda life, _: life.exchange(),
    "kill": Life.kill,
    "power cut": Life.power_cut,
    "terminate": lambda life, _: life._tell(ShutdownRequested()),
    "card read-only": lambda life, _: life.card(writable=False),
    "card full": lambda life, _: life.card(full=True),
    "card slow": lambda life, _: life.card(takes_s=1.5),
    "card is well": lambda life, _: life.card(),
    "clock 1970": lambda life, _: life.set_clock_wrong(3600.0, False),
    "clock step": lambda life, by_s: life.set_clock_wrong(
        life.box.clock.wall_s(life.timeline.now_s) + by_s, True
    ),
    "clock unsynced": lambda life, by_s: life.set_clock_wrong(
        max(0.0, life.timeline.utc().timestamp() + by_s), False
    ),
    "clock is set right": lambda life, _: life.set_clock_right(),
    "block": lambda life, tag: life.house.set_tag(tag, blocked=True),
    "unblock": lambda life, tag: life.house.set_tag(tag, blocked=False),
    "disable": lambda life, _: life.house.set_enabled(False),
    "enable": lambda life, _: life.house.set_enabled(True),
    "remote stop": lambda life, _: life.house.stop(),
    "box breaks": Life.break_box,
    "box is mended": lambda life, _: life.mend_box(),
}
