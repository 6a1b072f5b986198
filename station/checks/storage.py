"""The disk under data_dir, and the journal on it. Nothing is left behind, nothing is written to
the journal."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from station.checks.probe import Probe, Result, Surroundings
from station.clock import monotonic
from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.store import Store
from station.rules.messages import StoredSession
from station.rules.values import Fault

WRITES = 5
WRITE_BYTES = 4096
FREE_BYTES = 100 * 1024 * 1024
# Two commits stand between a tap and the closed contactor.
SLOW_FSYNC_S = 1.0


def disk(around: Surroundings) -> Result:
    """Free space, and how long a small write takes until it is safe. Raises OSError."""
    folder = around.config.data_dir
    if not folder.is_dir():
        above = next(path for path in folder.absolute().parents if path.is_dir())
        return judge_missing(str(folder), str(above), os.access(above, os.W_OK | os.X_OK))
    try:
        took_s = [_write(folder) for _ in range(WRITES)]
    except OSError as error:
        return Result(
            "disk",
            False,
            f"{folder} cannot be written ({error.strerror}): full, read-only, or not the "
            "service's own (chown it to the service's user)",
        )
    return judge_disk(str(folder), shutil.disk_usage(folder).free, took_s)


def judge_missing(folder: str, above: str, allowed: bool) -> Result:
    """Pure. ``above``: the nearest folder that is there; ``allowed``: one may be made in it."""
    if allowed:
        return Result("disk", True, f"{folder} is made at the daemon's first start")
    return Result(
        "disk",
        False,
        f"{folder} does not exist and cannot be made in {above}: make it, and chown it to the "
        "service's user",
    )


def _write(folder: Path) -> float:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(os.urandom(WRITE_BYTES))
        file.flush()
        began_s = monotonic()
        os.fsync(file.fileno())
        return monotonic() - began_s


def judge_disk(folder: str, free_bytes: int, took_s: Sequence[float]) -> Result:
    """Pure."""
    free_mb, slowest_ms = free_bytes / 1024**2, 1000 * max(took_s)
    shown = f"{folder}: {free_mb:.0f} MB free, a safe write takes up to {slowest_ms:.1f} ms"
    problems = []
    if free_bytes < FREE_BYTES:
        problems.append(f"make room: at least {FREE_BYTES // 1024**2} MB should be free")
    if max(took_s) > SLOW_FSYNC_S:
        problems.append("the card is very slow: it may be worn out, replace it")
    return Result("disk", not problems, "; ".join([shown, *problems]))


@dataclass(frozen=True, slots=True)
class Content:
    """What stands in the journal."""

    waiting: int
    quarantined: int
    open_session: StoredSession | None
    faults: tuple[Fault, ...]
    tags: tuple[str, ...] = ()


def journal(around: Surroundings) -> Result:
    """Read it beside whoever writes it."""
    path = around.config.data_dir / JOURNAL_FILE
    if not path.exists():
        return Result("journal", True, "there is none yet; the daemon begins it at its first start")
    try:
        connection = database.connect_readonly(path)
        try:
            if (state := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(state)
            store = Store(connection)
            waiting, quarantined = store.pending()
            found = Content(
                waiting,
                quarantined,
                store.open_session(around.clock.boot_id),
                store.faults(),
                tuple(store.tags(None).entries),
            )
        finally:
            connection.close()
    except (database.JournalError, sqlite3.Error) as error:
        return Result(
            "journal",
            False,
            f"{path} cannot be read ({error}); keep a copy of it: the daemon sets a damaged "
            "journal aside and begins a new one",
        )
    return judge_journal(found, daemon_runs=around.status is not None)


def judge_journal(found: Content, *, daemon_runs: bool) -> Result:
    """Pure. A running daemon tells of its faults itself."""
    shown = [f"opens, {found.waiting} messages wait for the server"]
    problems = []
    if found.open_session is not None:
        since = found.open_session.session.started_at.isoformat(timespec="seconds")
        next_step = "" if daemon_runs else "; the daemon settles it at its start"
        shown.append(f"a session is open since {since}{next_step}")
    if found.quarantined:
        problems.append(
            f"{found.quarantined} messages were refused by the server: "
            "evcs-station outbox --quarantine says why"
        )
    if halves := [tag for tag in found.tags if is_half(tag)]:
        problems.append(
            f"{len(halves)} ids of the tag list look like halves, as readers tell them that know "
            "four bytes only: hold these tags to the box (evcs-station tag) and enter what it shows"
        )
    if not daemon_runs:
        problems += [
            f"fault {fault.name} is latched ({fault.detail}): mend its cause, start the daemon, "
            "then evcs-station reset"
            for fault in found.faults
        ]
    return Result("journal", not problems, "; ".join([", ".join(shown), *problems]))


def is_half(tag: str) -> bool:
    """Whether an id is the first part of a longer one: 88 and three bytes, with or without BCC."""
    return tag.startswith("88") and len(tag) in (8, 10)


PROBES = (Probe("disk", 2.5, disk, aside=True), Probe("journal", 2.0, journal, aside=True))
