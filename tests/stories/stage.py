"""Everything that one story has to itself: its box, its station, its wire to the server.

Used by the sentences from the test's one thread. What the box saw is the recorder's; what the
daemon says of itself comes over its control socket; what was booked comes from the server.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from simulator.client import BoxClient
from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.store import Store
from tests.stories.house import House, SecondStation
from tests.stories.recorder import Recorder, Seen
from tests.stories.wire import Wire
from tools.installation import Box, NotInTime, Process, Station, free_port
from tools.installation import until as box_answers

T = TypeVar("T")

LOOK_EVERY_S = 0.15
DELIVERED_WITHIN_S = 45.0


def until(condition: Callable[[], T], what: str, within_s: float = 30.0) -> T:
    """Look now and then until it is so; the condition's value. Raises NotInTime.

    For what cannot be waited on: the server's books, the daemon's journal.
    """
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise NotInTime(f"{what}: not within {within_s:g} s")
        time.sleep(LOOK_EVERY_S)
    return value


class StoryBox(Box):
    """A simulated box with further ``options`` of evcs-simbox serve."""

    options: tuple[str, ...] = ()

    def start(self) -> None:
        serve = ("-m", "simulator.cli", "serve", "--socket", str(self.socket))
        told = ("--speed", f"{self.speed:g}", "--seed", str(self.seed))
        self.process = Process(
            "box",
            self.folder / "box.log",
            *(sys.executable, *serve, *told, "--meter-baudrate", str(self.baudrate)),
            *self.options,
        )
        self.client = BoxClient(str(self.socket))
        box_answers(self._answers, "simulated box")


class StoryStation(Station):
    """The daemon, in the house's time zone, on a disk that may be slow."""

    commit_takes_s: float = 0.0

    def start(self) -> None:
        self.write_config()
        slow = ("tests.stories.slow_disk", f"{self.commit_takes_s:g}")
        program = slow if self.commit_takes_s else ("station.cli.main",)
        self.process = Process(
            self.name,
            self.folder / "station.log",
            *(sys.executable, "-m", *program, "run", "--config", str(self.config_file)),
            TZ="Europe/Berlin",
        )

    def wait_for(self, phase: str, within_s: float = 30.0) -> dict[str, Any]:
        """As any station's, but without asking it fifty times a second."""

        def there() -> dict[str, Any] | None:
            assert self.process is None or self.process.running, "the daemon has left"
            found = self.status
            return found if found is not None and found["phase"] == phase else None

        try:
            return dict(until(there, f"{self.name} {phase}", within_s) or {})
        except NotInTime as error:
            raise NotInTime(f"{error}; it is {self.status}") from None


@dataclass
class Stage:
    """One story under way. What `given` changes is here before `begin`, the rest after it."""

    folder: Path
    house: House
    name: str
    speed: float = 60.0
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    box_options: list[str] = field(default_factory=list)
    commit_takes_s: float = 0.0
    on_a_line: bool = False
    clock: dict[str, Any] = field(default_factory=dict)
    started: bool = False
    mark: int = 0
    mark_us: int = 0
    nobodys_wh: float = 0.0
    second: SecondStation | None = None
    command: str | None = None

    # -- beginning and end

    def begin(self) -> None:
        """Bring up box and station at the first sentence that is not a `given`."""
        self.started = True
        self.token_file = self.folder / "token"
        self.token_file.write_text(self.house.landlord.ask("new_station", name=self.name) + "\n")
        self.wire = Wire(self._listen() if self.on_a_line else self.house.port)
        self.box = StoryBox(self.folder, speed=self.speed, baudrate=19200)
        self.box.options = tuple(self.box_options)
        self.box.start()
        for op, arguments in self.clock.items():
            self.box.client.call(op, **arguments)
        self.recorder = Recorder(str(self.box.socket))
        self.changes.setdefault("meter", {}).setdefault("baudrate", 19200)
        if self.on_a_line:
            port = f"tcp://127.0.0.1:{self.wire.port}"
            self.changes.setdefault("server", {}).update(transport="mcsp", port=port)
        self.station = StoryStation(
            self.name, self.folder, self.box, self.wire.url, self.token_file, self.changes
        )
        self.station.commit_takes_s = self.commit_takes_s
        self.station.start()
        self.station.wait_for("available", 30)

    def end(self) -> None:
        """Leave nothing running and the house as it was. Any part may be missing."""
        if not self.started:
            return
        parts = {
            "station": "stop",
            "recorder": "close",
            "wire": "close",
            "listener": "end",
            "box": "stop",
        }
        for part, ending in parts.items():
            if hasattr(self, part):
                getattr(getattr(self, part), ending)()
        if self.house.process is None or not self.house.process.running:
            self.house.start()
        self.house.landlord.ask("tidy", name=self.name)

    def _listen(self) -> int:
        """The server's listener, with the far end of the line; returns its port."""
        port = free_port()
        listen = ("server.manage", "runevcs", "--port", f"tcp://127.0.0.1:{port}={self.name}")
        self.listener = Process(
            "listener",
            self.folder / "listener.log",
            *(sys.executable, "-m", *listen),
            **self.house.environment,
        )
        return port

    def moment(self) -> None:
        """What follows is measured from here."""
        self.mark = self.recorder.mark()
        self.mark_us = self.box.state["t_us"]

    # -- what the box saw since the last `when`

    def since(self, events: list[Seen], kind: str, **wanted: Any) -> list[Seen]:
        return [
            event
            for event in events[self.mark :]
            if event["event"] == kind and all(event.get(k) == v for k, v in wanted.items())
        ]

    def wait(self, kind: str, within_s: float, what: str, **wanted: Any) -> Seen:
        """The first such event since the last `when`; late by the clock of the box is late."""
        seen = self.recorder.wait(
            lambda events: self.since(events, kind, **wanted), within_s + 5, what
        )
        took_s = (seen[0]["t_us"] - self.mark_us) / 1e6
        assert took_s <= within_s, f"{what}: after {took_s:.3f} s, {within_s:g} s are allowed"
        return dict(seen[0])

    # -- the books

    def sessions(self) -> list[dict[str, Any]]:
        """The server's sessions of this story's station, in the order of seq."""
        found = self.house.get(f"sessions?station={self.name}&page_size=1000")["results"]
        return sorted(found, key=lambda one: one["seq"])

    def journal(self, look: Callable[[Store], T]) -> T:
        """Look into the station's own record, beside the daemon."""
        with closing(database.connect_readonly(self.folder / "data" / JOURNAL_FILE)) as connection:
            return look(Store(connection))

    def settled(self) -> list[dict[str, Any]]:
        """The sessions, once nothing is on its way any more."""

        def quiet() -> bool:
            waiting = self.journal(lambda store: [*store.waiting(), *store.unsent_readings()])
            if waiting or not self._at_rest():
                return False
            return all(one["state"] == "ended" for one in self.sessions())

        until(quiet, "everything delivered and ended", DELIVERED_WITHIN_S)
        return self.sessions()

    def _at_rest(self) -> bool:
        status = self.station.status
        return status is None or status["session"] is None
