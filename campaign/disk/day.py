"""What a box writes to its card in a day, on virtual time: the real rules, journal and uplink.

``python -m campaign.disk.day FOLDER rest|charging HOURS`` lives so long in a process of its own, to
be watched by the witness. The journal is FOLDER/journal.sqlite3; a byte is appended to FOLDER/hours
when a piece of the day begins (see ``main``), so that the log can be told apart by it. The server
is one that answers at once and is content; it wants heartbeats as the real one does, every 60 s at
rest and every 10 s while charging. The car draws little enough for a day within the limits.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from station.clock import Clock
from station.journal import database
from station.journal.keeper import Keeper
from station.journal.store import Store
from station.rules.charging import step
from station.rules.messages import (
    AskServer,
    CloseContactor,
    Command,
    ContactorObserved,
    Event,
    MeterRead,
    OpenContactor,
    SampleMeter,
    TagPresented,
    Ticked,
)
from station.rules.messages import JournalCommand as ForTheJournal
from station.rules.settings import Settings
from station.rules.state import State, phase
from station.rules.values import Load, MeterFacts, Now, Phase, Reading
from station.status import snapshot
from station.transport.answers import Answer, Kind
from station.uplink.line import Line
from station.uplink.sender import Sender
from station.workers.link import Link

JOURNAL = "journal.sqlite3"
MARKS = "hours"
MARK_EVERY_S = 60.0

CAR_W = 4000.0
TAG = "04A3C6CAE26180"
_EPOCH = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
_TAGS = [
    {"tag": f"04A3C6CAE2{index:04X}", "status": "accepted", "expires_at": None, "group": "flat"}
    for index in range(40)
]

T = TypeVar("T")


@dataclass
class Source:
    """A machine's clocks, turned by hand."""

    mono_s: float = 1000.0
    boot_id: str = "11111111-2222-3333-4444-555555555555"
    energy_speed: float = 1.0

    def now(self) -> Now:
        return Now(self.mono_s, _EPOCH + timedelta(seconds=self.mono_s), True)

    def uptime_ms(self) -> int:
        return int(self.mono_s * 1000)

    def undervoltage(self) -> bool:
        return False


@dataclass
class ContentServer:
    """Takes everything. ``charging`` says whether it wants the heartbeat of a charge."""

    source: Source
    charging: Callable[[], bool]
    last_seq: int = 0
    end_tells_all: bool = True

    def start(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        self.last_seq = max(self.last_seq, body["seq"])
        return self._done(session_id=1, group="flat", action="continue")

    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        self.last_seq = max(self.last_seq, body["seq"])
        return self._done(session_id=1, energy_wh=0)

    def readings(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._done(stored=len(body["readings"]), action="continue")

    def heartbeat(self, body: Mapping[str, Any]) -> Answer:
        every_s = 10 if self.charging() else 60
        return self._done(heartbeat_s=every_s, tags_etag='"1"', action="continue", commands=[])

    def tags(self, etag: str | None) -> Answer:
        if etag == '"1"':
            return Answer(Kind.UNCHANGED, etag=etag)
        return Answer(Kind.DONE, {"service": "evcs", "tags": _TAGS}, etag='"1"')

    def quarantine(self, message_id: str, raw: str, reason: str) -> Answer:
        return self._done()

    def close(self) -> None:
        pass

    def _done(self, **more: object) -> Answer:
        server_time = self.source.now().utc.isoformat()
        body = {"service": "evcs", "server_time": server_time, "last_seq": self.last_seq, **more}
        return Answer(Kind.DONE, body)


class Day:
    """One box. Time passes in ``pass_time`` only."""

    def __init__(self, path: Path) -> None:
        self.source = Source()
        clock = Clock(self.source)
        self.store = Store(database.connect(path))
        self.settings = Settings(load=Load.WALLBOX, phases=3, max_current_a=16)
        self.state = State(settings=self.settings)
        self.register_wh, self.closed = 1_234_567.0, False
        self.sample_every_s = self.settings.sample_s
        self._sample_due_s = self._turn_due_s = 0.0
        self._events: deque[Event] = deque()
        log = logging.getLogger("campaign.day")
        self._keeper = Keeper(path, clock, self._events.append, self._poke, log, self._monotonic)
        server = ContentServer(self.source, lambda: self.phase is Phase.CHARGING)
        self._sender = Sender(
            Line(
                transport=server,
                journal=self,
                clock=clock,
                snapshot=lambda: snapshot(self.state, self.source.now()),
                post=self._events.append,
                link=Link(random.Random(1)),
                log=log,
                monotonic=self._monotonic,
            ),
            "evcs-station campaign",
        )
        self._keeper.boot(self.store)
        self._settle()

    @property
    def phase(self) -> Phase:
        return phase(self.state, self.source.mono_s)

    def call(self, function: Callable[[Store], T]) -> T:
        """As the journal's thread does it for the uplink's."""
        return function(self.store)

    def pass_time(self, seconds: float, each_s: Callable[[], None] = lambda: None) -> None:
        """In steps of a second: the car draws, the meter is read, the uplink has its turns."""
        for _ in range(round(seconds)):
            self.source.mono_s += 1.0
            each_s()
            if self.closed:
                self.register_wh += CAR_W / 3600
            self._events.append(Ticked())
            if self.state.line_active != self.closed:
                self._events.append(ContactorObserved(self.closed))
            if self.source.mono_s >= self._sample_due_s:
                self._sample_due_s = self.source.mono_s + self.sample_every_s
                self._events.append(MeterRead(self._reading()))
            self._settle()
            if self.source.mono_s >= self._turn_due_s:
                self._uplink()

    def tap(self) -> None:
        """Somebody holds the tag to the box."""
        self._events.append(TagPresented(TAG, "00000000-0000-4000-8000-000000000001"))
        self._settle()

    def _monotonic(self) -> float:
        return self.source.mono_s

    def _poke(self) -> None:
        self._turn_due_s = 0.0

    def _uplink(self) -> None:
        while (wait_s := self._sender.turn()) == 0.0:
            self._settle()
        self._turn_due_s = self.source.mono_s + wait_s

    def _settle(self) -> None:
        while self._events:
            self.state, commands = step(self.state, self._events.popleft(), self.source.now())
            for command in commands:
                self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case OpenContactor():
                self.closed = False
            case CloseContactor():
                self.closed = True
            case SampleMeter(every_s):
                self.sample_every_s, self._sample_due_s = every_s, 0.0
            case AskServer(session):
                self._sender.ask(session)
            case _ if isinstance(command, ForTheJournal):
                self._keeper.carry_out(self.store, command)

    def _reading(self) -> Reading:
        watts = CAR_W if self.closed else 0.0
        amperes = watts / 230 / 3
        breath = 0.01 * (self.source.mono_s % 7)
        return Reading(
            requested_at_s=self.source.mono_s - 0.2,
            received_at_s=self.source.mono_s,
            facts=MeterFacts("11223344", round(self.register_wh)),
            grid_wh=0.12,
            voltage_v=(230.0 + breath, 231.0, 229.0),
            current_a=(amperes, amperes, amperes),
            power_w=watts,
        )


def main() -> None:
    """Marks: one when the box is up and quiet, one when the charge runs, then one a minute."""
    parser = argparse.ArgumentParser(description="live a day of a box on virtual time")
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=("rest", "charging"))
    parser.add_argument("hours", type=float)
    given = parser.parse_args()
    marks = os.open(given.folder / MARKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    day = Day(given.folder / JOURNAL)

    def mark() -> None:
        os.write(marks, b".")

    def each_minute() -> None:
        if day.source.mono_s % MARK_EVERY_S == 0:
            mark()

    day.pass_time(200)
    if given.what == "charging":
        day.tap()
        day.pass_time(120)
        if day.phase is not Phase.CHARGING:
            raise SystemExit(f"the box is {day.phase.value}, it should be charging")
    mark()
    day.pass_time(given.hours * 3600, each_minute)
    wanted = Phase.CHARGING if given.what == "charging" else Phase.AVAILABLE
    if day.phase is not wanted:
        raise SystemExit(f"at the end the box is {day.phase.value}, it should be {wanted.value}")
    mark()


if __name__ == "__main__":
    main()
