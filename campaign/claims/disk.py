"""What is written to the card: at rest one commit a day, charging two a minute and < 5 MB a day.

Counted are the writes that a process hands to the kernel and its fsyncs (campaign.disk.witness). A
whole day is lived on virtual time by the real rules, journal and uplink (campaign.disk.day); where
the scale leaves less than a day, what is a figure of a day is extrapolated and says so. Beside it,
at scale 0.2 and more, the real daemon is watched for some minutes (campaign.disk.watched).

``python -m campaign.claims.disk [SCALE] [SEED]``; there is no chance in it, the seed is not used.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from campaign.disk import witness
from campaign.disk.day import MARKS
from campaign.disk.watched import LOG, Span, lived
from campaign.disk.witness import Kind, Record
from campaign.figures import Figure, at_most, table

CLAIM = "disk"
DAY_H = 24.0
LEAST_H = 0.5
COMMITS_A_DAY = 1
COMMITS_A_MINUTE = 2
BYTES_A_DAY = 5_000_000
SMALL_BYTES = 4096
DAEMON_FROM_SCALE = 0.2
REST_S, CHARGING_S = 150.0, 240.0

_ROOT = Path(__file__).resolve().parents[2]


def measure(scale: float, seed: int, folder: Path) -> list[Figure]:
    """``scale`` 1.0: 24 hours at rest, 24 hours charging, and 7 minutes of the real daemon."""
    del seed
    hours = max(LEAST_H, DAY_H * min(scale, 1.0))
    with ThreadPoolExecutor() as beside:
        at_rest = beside.submit(_day, folder / "rest", "rest", hours)
        charged = beside.submit(_day, folder / "charging", "charging", hours)
        daemon: list[Figure] = []
        if scale >= DAEMON_FROM_SCALE:
            rest_s, charging_s = max(30.0, REST_S * scale), max(90.0, CHARGING_S * scale)
            daemon = _daemon(*lived(folder / "daemon", rest_s, charging_s))
        return [*_at_rest(at_rest.result(), hours), *_charging(charged.result(), hours), *daemon]


def _day(folder: Path, what: str, hours: float) -> list[list[Record]]:
    """What was written before the box was up and quiet, and in each minute since."""
    folder.mkdir(parents=True)
    card, log = folder / "card", folder / "log"
    watched = witness.environment(card, log)
    subprocess.run(
        (sys.executable, "-m", "campaign.disk.day", str(card), what, str(hours)),
        cwd=_ROOT,
        env={**os.environ, **watched},
        check=True,
    )
    return list(_by_marks(witness.read(log)))


def _by_marks(records: Sequence[Record]) -> Iterator[list[Record]]:
    part: list[Record] = []
    for record in records:
        if record.name != MARKS:
            part.append(record)
        elif record.kind is Kind.WRITE:
            yield part
            part = []


def _at_rest(parts: list[list[Record]], hours: float) -> list[Figure]:
    records = _joined(parts[1:])
    commits = len(witness.commits(records))
    return [
        at_most(
            CLAIM,
            f"commits of a box in {hours:g} h at rest (virtual time), start not counted",
            commits,
            COMMITS_A_DAY,
        ),
        _megabytes(f"written in {hours:g} h at rest", witness.bytes_written(records)),
    ]


def _charging(parts: list[list[Record]], hours: float) -> list[Figure]:
    minutes, records = parts[1:], _joined(parts[1:])
    commits = witness.commits(records)
    largest = max(_sizes(records, commits))
    day = f"a day of charging (virtual time{_extrapolated(hours)})"
    return [
        at_most(
            CLAIM,
            f"commits in {hours * 60:,.0f} minutes of charging (virtual time): two a minute,"
            " and the one a day that a box at rest has too",
            len(commits),
            COMMITS_A_MINUTE * round(hours * 60) + COMMITS_A_DAY,
        ),
        at_most(
            CLAIM,
            "minutes among these with more than two commits (that one falls into a minute)",
            sum(len(witness.commits(part)) > COMMITS_A_MINUTE for part in minutes),
            COMMITS_A_DAY,
        ),
        at_most(CLAIM, "largest of these commits, in the log", largest, SMALL_BYTES, "bytes"),
        _megabytes(f"handed to the kernel on {day}", _per_day(records, hours)),
        _told(
            f"the same as whole blocks of 4096 bytes at each fsync, on {day}",
            witness.blocks_written(records) * DAY_H / hours,
        ),
    ]


def _daemon(rest: Span, charging: Span) -> list[Figure]:
    def megabytes(span: Span, folder: str) -> float:
        return witness.bytes_written(span.of(folder)) * DAY_H * 3600 / span.seconds / 1e6

    steady = charging.from_commit_to_commit()
    elsewhere = [
        record
        for span in (rest, charging)
        for record in span.records
        if not record.name.startswith("data/") and record.name != LOG and record.data
    ]
    return [
        at_most(
            CLAIM,
            f"commits of the real daemon in {rest.seconds:g} s at rest",
            len(witness.commits(rest.records)),
            0,
        ),
        at_most(
            CLAIM,
            f"commits of the real daemon in {charging.seconds:g} s of charging (two a minute, and"
            " one because the span may begin right before one)",
            len(witness.commits(charging.records)),
            round(COMMITS_A_MINUTE * charging.seconds / 60) + 1,
        ),
        at_most(
            CLAIM,
            f"written below data_dir by the real daemon, extrapolated to a day from"
            f" {steady.seconds:.0f} s of charging between two commits",
            megabytes(steady, "data"),
            BYTES_A_DAY / 1e6,
            "MB",
        ),
        at_most(
            CLAIM,
            "bytes written by the real daemon elsewhere (run_dir, other files)",
            witness.bytes_written(elsewhere),
            0,
            "bytes",
        ),
        at_most(
            CLAIM,
            f"log lines' bytes of the real daemon, extrapolated from {charging.seconds:g} s of"
            " charging to a day (systemd's journal, not data_dir)",
            megabytes(charging, LOG),
            BYTES_A_DAY / 1e6,
            "MB",
        ),
    ]


def _sizes(records: Sequence[Record], commits: Sequence[int]) -> Iterator[int]:
    """Bytes that each commit appended to the log."""
    begin = 0
    for end in commits:
        yield witness.bytes_written(
            record for record in records[begin:end] if record.name.endswith("-wal")
        )
        begin = end


def _joined(parts: Sequence[Sequence[Record]]) -> list[Record]:
    return [record for part in parts for record in part]


def _per_day(records: Sequence[Record], hours: float) -> float:
    return witness.bytes_written(records) * DAY_H / hours


def _extrapolated(hours: float) -> str:
    return "" if hours >= DAY_H else f", extrapolated from {hours:g} h"


def _megabytes(what: str, count: float) -> Figure:
    return at_most(CLAIM, what, count / 1e6, BYTES_A_DAY / 1e6, "MB")


def _told(what: str, count: float) -> Figure:
    """A figure that no limit was set for."""
    return Figure(CLAIM, what, f"{count / 1e6:,.4g} MB", "–", True)


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 when a figure is missed."""
    scale = float(arguments[0]) if arguments else 1.0
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    with tempfile.TemporaryDirectory(prefix="disk") as folder:
        figures = measure(scale, seed, Path(folder))
    sys.stdout.write(table(figures) + "\n")
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
