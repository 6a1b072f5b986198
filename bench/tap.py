"""From the card to the contactor's line: ``python -m bench.tap [CYCLES]``.

The real daemon on a simulated box, with a server that answers in 20 ms and a journal that is synced
to the disk. A cycle is a card that enters the field at a random moment, a charge, and a second card
of the same apartment that ends it; in every other cycle the server is mute and the meter silent
when that second card comes. Card and line are timed by the box, the steps between by the daemon
(bench.stopwatch), all by the machine's one monotonic clock.
"""

from __future__ import annotations

import itertools
import json
import random
import signal
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import rfid
from bench.quick_server import ANSWER_S, TAGS
from tests.stories.recorder import Recorder
from tools.installation import Box, Process, Station, free_port, until

CYCLES = 40
# At rest the meter is read every 5 s. Read oftener, as it is right after a charge, it may say the
# same twice, and a tap then waits for the next reading.
REST_S = 5.5
CLOSE_MS, OPEN_MS = 250.0, 150.0
CONTACTOR_PIN = 17
STEPS = ("detection", "UID", "journal", "server", "journal again", "line")


class TimedStation(Station):
    """The daemon with the stopwatch."""

    @property
    def report(self) -> Path:
        return self.folder / "report.jsonl"

    def start(self) -> None:
        self.write_config()
        command = ("bench.stopwatch", str(self.report), "--config", str(self.config_file))
        log = self.folder / "station.log"
        self.process = Process(self.name, log, sys.executable, "-m", *command)

    def tell(self) -> dict[str, Any]:
        """What the daemon has used and marked since it was last asked."""
        assert self.process is not None
        before = len(self._lines())
        self.process.popen.send_signal(signal.SIGUSR1)
        until(lambda: len(self._lines()) > before, "the daemon's report")
        return dict(json.loads(self._lines()[-1]))

    def _lines(self) -> list[str]:
        text = self.report.read_text() if self.report.exists() else ""
        return text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]


class Way:
    """A box, its station and the quick server, from power-on to the end of the block."""

    def __init__(self, folder: Path, changes: dict[str, dict[str, Any]] | None = None) -> None:
        self.port = free_port()
        self.server = Process(
            "server",
            folder / "server.log",
            *(sys.executable, "-m", "bench.quick_server", str(self.port)),
        )
        self.box = Box(folder)
        self.box.start()
        self.box.client.call("plug", kw=11, phases=3)
        (folder / "token").write_text("bench\n")
        self.station = TimedStation(
            *("box-1", folder, self.box, f"http://127.0.0.1:{self.port}", folder / "token"),
            changes or {},
        )
        self.recorder = Recorder(str(self.box.socket))
        until(lambda: self.say("speak") is None, "the quick server")
        self.station.start()

    def close(self) -> None:
        self.station.stop()
        self.recorder.close()
        self.box.stop()
        self.server.end()

    def say(self, word: str) -> Exception | None:
        """``mute`` or ``speak``."""
        url = f"http://127.0.0.1:{self.port}/{word}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=5):
                return None
        except OSError as error:
            return error

    def tap(self, uid: str, level: int) -> tuple[int, int]:
        """Hold a card until the contactor's line has this level; both moments in µs."""
        mark = self.recorder.mark()
        self.box.client.call("present", uids=[uid])

        def seen(events: list[dict[str, Any]]) -> tuple[int, int] | None:
            later = events[mark:]
            card = [one["t_us"] for one in later if one["event"] == "tag" and one["tags"]]
            line = [
                one["t_us"]
                for one in later
                if one["event"] == "line" and one["bcm"] == CONTACTOR_PIN and one["level"] == level
            ]
            return (card[0], line[0]) if card and line else None

        try:
            return tuple(self.recorder.wait(seen, 15, f"the contactor's line at {level}"))  # type: ignore[return-value]
        finally:
            self.box.client.call("remove")


def cycle(way: Way, rng: random.Random, broken: bool) -> tuple[dict[str, float], float]:
    """One charge: ms of each step until it closed, and ms until it opened."""
    way.station.wait_for("available")
    way.station.tell()
    time.sleep(REST_S + rng.uniform(0.0, 0.2))
    card_us, closed_us = way.tap(TAGS[0], 1)
    way.station.wait_for("charging")
    steps = _steps(card_us, way.station.tell()["marks"], closed_us)
    if broken:
        way.say("mute")
        way.box.client.call("fault", name="meter-silent")
    time.sleep(rng.uniform(0.7, 0.9))
    card_us, opened_us = way.tap(TAGS[1], 0)
    if broken:
        way.say("speak")
        way.box.client.call("clear", name="meter-silent")
    return steps, (opened_us - card_us) / 1000


def _steps(card_us: int, marks: Sequence[tuple[str, int]], closed_us: int) -> dict[str, float]:
    """Of the scans before the tag was told the last one found it."""
    place = next(n for n, (what, _) in enumerate(marks) if what == "tag")
    scan_us = [us for what, us in marks[:place] if what == "scan"][-1]
    times = [us for what, us in marks[place:] if what != "scan"]
    whole = [card_us, scan_us, *times[:4], closed_us]
    ms = [(after - before) / 1000 for before, after in itertools.pairwise(whole)]
    return dict(zip(STEPS, ms, strict=True))


def p99(values: Sequence[float]) -> float:
    """The highest but one in a hundred."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def row(name: str, values: Sequence[float]) -> str:
    return f"{name:44}{statistics.median(values):9.1f}{p99(values):9.1f}"


def main(arguments: list[str]) -> int:
    """Print the table; 1 when a figure is missed."""
    cycles = int(arguments[0]) if arguments else CYCLES
    rng = random.Random(1)
    closing: list[dict[str, float]] = []
    opening: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory(prefix="tap") as folder:
        meter = {"sample_s": 1.0, "update_s": 2.0, "lost_after_s": 30}
        way = Way(Path(folder), {"contactor": {"min_off_s": 0.5}, "meter": meter})
        try:
            # The first one after power-on waits for the meter's second reading.
            cycle(way, rng, broken=False)
            for number in range(cycles):
                broken = number % 2 == 1
                steps, open_ms = cycle(way, rng, broken)
                closing.append(steps)
                opening[broken].append(open_ms)
        finally:
            way.close()
    uid = bytes.fromhex(TAGS[0])
    floor_ms = rfid.one_reading(uid, host_us=0.0).duration_ms + 1000 * ANSWER_S
    closed = [sum(steps.values()) for steps in closing]
    print(f"card to contactor line, {cycles} charges{'':18}{'p50 ms':>9}{'p99 ms':>9}")
    print(row("card enters the field -> line closed", closed))
    for step in STEPS:
        print(row(f"  {step}", [steps[step] for steps in closing]))
    print(f"{'  beside it: air time of the UID, and the server':44}{floor_ms:9.1f}")
    print(row("card enters the field -> line open", opening[False]))
    print(row("  the same, server mute and meter dead", opening[True] or [0.0]))
    wanted = {
        f"closed: p99 <= {CLOSE_MS:g} ms": p99(closed) <= CLOSE_MS,
        f"open: p99 <= {OPEN_MS:g} ms": p99([*opening[False], *opening[True]]) <= OPEN_MS,
    }
    for figure, reached in wanted.items():
        print(f"{figure}: {'reached' if reached else 'MISSED'}")
    return 0 if all(wanted.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
