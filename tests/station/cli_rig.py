"""A box and a station's config in a folder, and commands against them as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.store import Store
from station.rules.messages import Announce
from station.rules.values import EndReason, MeterFacts, Record, Session, Stage, TimeQuality
from tests.stories.recorder import Recorder
from tools.installation import ROOT, Box, Station, until

NOBODY = "http://127.0.0.1:9"
"""No server listens on the port of discard."""

CONTACTOR, GREEN, RED, BUZZER = 17, 5, 6, 13


@dataclass
class CliRig:
    """The box is shared by the tests of a module; folder and station are the test's own."""

    folder: Path
    box: Box
    recorder: Recorder
    started: list[Station] = field(default_factory=list)
    spawned: list[subprocess.Popen[str]] = field(default_factory=list)

    def station(self, url: str = NOBODY, **changes: Mapping[str, Any]) -> Station:
        """A station that has not been started, with its config written."""
        (self.folder / "token").write_text("a-token\n")
        (self.folder / "token").chmod(0o600)
        station = Station("box-1", self.folder, self.box, url, self.folder / "token", changes)
        station.write_config()
        return station

    def start(self, station: Station) -> Station:
        """Run its daemon until it has a word to say of its meter: a register, or what is wrong."""
        self.started.append(station)
        station.start()

        def has_read() -> bool:
            status = station.status
            return (
                status is not None
                and status["meter"]["age_s"] is not None
                and "meter: no reading yet" not in status["unavailable"]
            )

        until(has_read, "a daemon that has read its meter")
        return station

    def spawn(self, station: Station, *words: str) -> subprocess.Popen[str]:
        """A command that the test goes on talking to."""
        process = subprocess.Popen(
            [sys.executable, "-m", "station.cli.main", *words, "--config", station.config_file],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.spawned.append(process)
        return process

    @contextmanager
    def journal(self) -> Iterator[Store]:
        """The station's journal, while no daemon runs."""
        connection = database.connect(self.folder / "data" / JOURNAL_FILE)
        try:
            yield Store(connection)
        finally:
            connection.close()

    def fault(self, name: str) -> None:
        self.box.client.call("fault", name=name)

    def levels(self, bcm: int, since: int) -> list[int]:
        """The levels that an output took, in order, since a mark of the recorder."""
        return [
            event["level"]
            for event in self.recorder.events[since:]
            if event["event"] == "line" and event["bcm"] == bcm and event["direction"] == "out"
        ]

    def end(self) -> None:
        for process in self.spawned:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for station in self.started:
            station.stop()

    def mend(self) -> None:
        """The box as it was: mains on, nothing broken, nobody there."""
        if not self.box.state["mains"]["on"]:
            self.box.client.call("power_restore")
        self.box.client.call("clear", name="all")
        self.box.client.call("remove")
        self.box.client.call("clock_synced", synced=True)
        if self.box.state["car"] is not None:
            self.box.client.call("unplug")


def ended_session(uuid: str = "1b671a64-40d5-491e-99b0-da01ff1f3341") -> Session:
    """A charge of 1000 Wh that is over."""
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    return Session(
        uuid=uuid,
        seq=1,
        tag="04A3C6CAE26180",
        started_at=at,
        time_quality=TimeQuality.SYNCED,
        stage=Stage.STORING_END,
        stage_since_s=0.0,
        start=MeterFacts("21487365", 1_000_000),
        reason=EndReason.LOCAL,
        ended_at=at,
        end=MeterFacts("21487365", 1_001_000),
    )


def quarantine_one(store: Store) -> int:
    """Put an END into quarantine; its id."""
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    store.put_session(ended_session(), Record.ENDED, "a-boot", Announce.END)
    (message,) = store.next_messages(1)
    store.quarantine(message.id, "{}", "HTTP 422 code 422: out of range", at)
    return message.id


def results(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """What ``check --json`` printed, by the name of the probe."""
    return {result["name"]: result for result in json.loads(done.stdout)}
