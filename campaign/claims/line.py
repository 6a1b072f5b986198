"""Two stations on a pseudo-terminal each, 1,000 charges over MCSP: each booked once, 0 Wh error.

The real journals and uplink threads, the real ``runevcs`` as a process, and between each pair of
them a wire that garbles bytes, swallows requests and answers, keeps answers until they are late,
says them twice, and is pulled out and put back. Now and then a station's threads or the listener
are killed and started again.

Alone: ``python -m campaign.claims.line [SCALE] [SEED]``.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from campaign.claims import books
from campaign.claims.traffic import Charge, charges, delivering, fill, installed, left
from campaign.claims.wire import Wire
from campaign.figures import Figure, at_least, exactly, table
from drivers.text_line import TextLine
from station.transport.mcsp import McspTransport
from station.workers.link import Link
from tools.installation import NotInTime, Process, Server, until

CLAIM = "MCSP: two stations, 1,000 charges over noisy lines"
CHARGES = 1_000
BOXES = (
    ("box-1", "11223344", ("04A3C6CAE26180", "16AC936B")),
    ("box-2", "55667788", ("04B17A5C3D6E80", "7D21F0A4")),
)
RESTARTS = 8
PATIENCE_S, SLOWEST_S = 120.0, 3.0


class Listener:
    """``runevcs`` on both lines, killed and started as often as one likes."""

    def __init__(self, server: Server, folder: Path, wires: Sequence[Wire]) -> None:
        self._server, self._folder = server, folder
        self._ports = [
            word
            for (name, *_), wire in zip(BOXES, wires, strict=True)
            for word in ("--port", f"{wire.server_end}={name}")
        ]
        self.process: Process | None = None

    def start(self) -> None:
        self.process = Process(
            "runevcs",
            self._folder / "runevcs.log",
            *(sys.executable, "-m", "server.manage", "runevcs", *self._ports),
            **self._server.environment,
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.end(signal.SIGKILL)


def measure(scale: float, seed: int, folder: Path) -> list[Figure]:
    """``scale`` 1: 500 charges a station."""
    rng = random.Random(seed)
    each = max(2, round(CHARGES * scale / len(BOXES)))
    restarts = max(1, round(RESTARTS * min(1.0, scale)))
    charged = [
        [replace(one, signs=()) for one in charges(each, rng, serial, tags, datetime.now(UTC))]
        for _, serial, tags in BOXES
    ]
    journals = [folder / f"{name}.sqlite3" for name, *_ in BOXES]
    for journal, mine in zip(journals, charged, strict=True):
        fill(journal, mine)
    wires = [Wire(folder / name, random.Random(rng.random())) for name, *_ in BOXES]
    with installed(folder / "server") as (server, _):
        for name, *_ in BOXES[1:]:
            server.manage("evcs_station", name)
        listener = Listener(server, folder, wires)
        listener.start()
        try:
            done = [
                _Station(name, journal, wire, each, restarts, random.Random(rng.random()))
                for (name, *_), journal, wire in zip(BOXES, journals, wires, strict=True)
            ]
            for one in done:
                one.start()
            kills = _kill_now_and_then(listener, done, restarts, rng)
            for one in done:
                one.join()
        finally:
            listener.kill()
            for wire in wires:
                wire.close()
        found = [books.read(server, name) for name, *_ in BOXES]
    return [
        *_both(charged, found),
        exactly(
            CLAIM, "left in the journals for the server", sum(left(j).all for j in journals), 0
        ),
        at_least(CLAIM, "restarts of a station", sum(one.restarted for one in done), 1),
        at_least(CLAIM, "kills of the listener", kills, 1),
        *_mischief(wires, scale),
    ]


class _Station(threading.Thread):
    """A station's uplink on its line, stopped in the middle and started again a few times."""

    def __init__(
        self,
        name: str,
        journal: Path,
        wire: Wire,
        charges: int,
        restarts: int,
        rng: random.Random,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._journal, self._wire, self._rng = journal, wire, rng
        stops = sorted(rng.sample(range(2 * charges), min(restarts, 2 * charges - 1)), reverse=True)
        self._stops = [*stops, 0]
        self._within_s = PATIENCE_S + SLOWEST_S * charges
        self.restarted = 0

    def run(self) -> None:
        for waiting in self._stops:
            link = Link(random.Random(self._rng.random()), first_s=0.05, longest_s=0.5)
            line = TextLine(str(self._wire.station_end), 9600)
            transport = McspTransport(line, self.name)
            # Stopped with ``waiting`` messages still to go: whatever is under way is cut off.
            with delivering(self._journal, transport, link), suppress(NotInTime):
                until(
                    lambda waiting=waiting: left(self._journal).waiting <= waiting,  # type: ignore[misc]
                    "so many delivered",
                    self._within_s,
                )
            self.restarted += waiting > 0


def _kill_now_and_then(
    listener: Listener, stations: Sequence[threading.Thread], kills: int, rng: random.Random
) -> int:
    for number in range(kills):
        for _ in range(40):
            stations[number % len(stations)].join(rng.uniform(0.05, 0.2))
        if not any(one.is_alive() for one in stations):
            return number
        listener.kill()
        listener.start()
    return kills


def _both(charged: Sequence[Sequence[Charge]], found: Sequence[books.Books]) -> list[Figure]:
    """The counting figures of both stations, as one list: a figure is met when both are."""
    first, second = (
        books.judge(CLAIM, mine, theirs) for mine, theirs in zip(charged, found, strict=True)
    )
    return [
        Figure(CLAIM, one.what, f"{one.measured} and {two.measured}",
               f"{one.limit} and {two.limit}", one.met and two.met)
        for one, two in zip(first, second, strict=True)
        if "readings" not in one.what
    ]  # fmt: skip


def _mischief(wires: Sequence[Wire], scale: float) -> list[Figure]:
    counts: Counter[str] = sum((wire.counts for wire in wires), Counter())
    least = 1 if scale >= 0.2 else 0
    return [at_least(CLAIM, kind, counts[kind], least) for kind in Wire.MISCHIEF]


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 when a figure is missed."""
    scale = float(arguments[0]) if arguments else 1.0
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    with tempfile.TemporaryDirectory(prefix="line") as folder:
        figures = measure(scale, seed, Path(folder))
    sys.stdout.write(table(figures) + "\n")
    return 0 if all(one.met for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
