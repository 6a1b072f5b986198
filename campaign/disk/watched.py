"""The real daemon for some minutes at rest and charging, with every write to its folders seen.

Server, simulated box and daemon are processes on this machine, in real time, with the sample and
life-sign periods, the heartbeat and the waiting times of the default configuration.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from campaign.disk import witness
from campaign.disk.witness import Record
from tools.installation import Box, Process, Server, Station, until

# What tools.installation makes quicker than a real box, as the default is; no clock is shortened.
AS_USUAL = {
    "server": {"timeout_s": 3.0},
    "contactor": {"min_off_s": 30.0},
    "meter": {"sample_s": 1.0, "update_s": 2.0, "lost_after_s": 30},
}
TAG = "04A3C6CAE26180"
LOG = "station.log"
QUIET_AFTER_S = 15.0


class WatchedStation(Station):
    """Writes nothing that the witness does not see: data, run folder, log."""

    @property
    def witness_log(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.witness")

    def start(self) -> None:
        self.write_config()
        self.process = Process(
            self.name,
            self.folder / LOG,
            *(sys.executable, "-m", "station.cli.main"),
            *("run", "--config", str(self.config_file)),
            **witness.environment(self.folder, self.witness_log),
        )


@dataclass(frozen=True, slots=True)
class Span:
    """What was written in some real time."""

    seconds: float
    records: Sequence[Record]

    def of(self, folder: str) -> list[Record]:
        """What was written below a folder, or to the file of that name."""
        return [
            record
            for record in self.records
            if record.name == folder or record.name.startswith(f"{folder}/")
        ]

    def from_commit_to_commit(self) -> Span:
        """From the first commit to the last in an even number of them: whole minutes of a charge.

        A span that begins and ends anywhere may hold one commit more than its length has room for.
        Raises ValueError when there are not three.
        """
        commits = witness.commits(self.records)
        if len(commits) < 3:
            raise ValueError(f"{len(commits)} commits in {self.seconds:g} s: too few for a rate")
        first, last = commits[0], commits[2 * ((len(commits) - 1) // 2)]
        seconds = (self.records[last].at_ns - self.records[first].at_ns) / 1e9
        return Span(seconds, self.records[first + 1 : last + 1])


def lived(folder: Path, rest_s: float, charging_s: float) -> tuple[Span, Span]:
    """(at rest, charging): each begins when the box is up, or the charge runs, for a while.

    Raises NotInTime when the box does not get there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    server, box = Server(folder, 0), Box(folder)
    server.prepare()
    station = WatchedStation(
        "box-1", folder / "card", box, server.url, folder / "box-1.token", AS_USUAL
    )
    station.folder.mkdir()
    try:
        server.start()
        box.start()
        station.server_url = server.url
        station.start()
        station.wait_for("available", 60)
        rest = _watch(station, rest_s)
        box.do("plug", "--kw", "11", "--phases", "3")
        box.do("tap", TAG)
        station.wait_for("charging", 60)
        charging = _watch(station, charging_s)
        station.wait_for("charging", 1)
        return rest, charging
    finally:
        station.stop()
        box.stop()
        server.stop()


def _watch(station: WatchedStation, seconds: float) -> Span:
    """The records of so many seconds, after what was begun has come to rest."""
    began_s = time.monotonic() + QUIET_AFTER_S
    ends_s = began_s + seconds
    until(lambda: time.monotonic() >= ends_s, "the span to end", QUIET_AFTER_S + seconds + 10)
    records = [
        record
        for record in witness.read(station.witness_log)
        if began_s <= record.at_ns / 1e9 < ends_s
    ]
    return Span(seconds, records)
