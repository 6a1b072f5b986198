"""Judges a journal that came through a power cut: it opens, and no commit is lost or half there.

The right states are made by the same steps on a journal in memory: one after each step, each a dump
of all tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib import resources
from pathlib import Path

from campaign.disk.steps import JOURNAL, RETURNED, Reopen, steps
from campaign.disk.witness import Kind, Record
from station.journal import database
from station.journal.store import Store

State = dict[str, list[tuple[object, ...]]]


def expected(seed: int, count: int) -> list[State]:
    """What the journal holds before the first of ``count`` steps and after each of them."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        memory.row_factory = sqlite3.Row
        memory.executescript(resources.files("station.journal").joinpath("schema.sql").read_text())
        store = Store(memory)
        found = [state_of(memory)]
        for step in steps(seed, count):
            if not isinstance(step, Reopen):
                step(store)
            found.append(state_of(memory))
    return found


def state_of(connection: sqlite3.Connection) -> State:
    """All rows of all tables."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return {
        name: [tuple(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2")]
        for (name,) in tables.fetchall()
    }


def returned(records: Sequence[Record], first: int = 0) -> int:
    """How many steps had returned when the last of ``records`` was carried out."""
    return first + sum(
        len(record.data)
        for record in records
        if record.kind is Kind.WRITE and record.name == RETURNED
    )


def judge(folder: Path, states: Sequence[State], done: int) -> tuple[int, str | None]:
    """Open the journal as the daemon does. ``done``: steps that had returned before the cut.

    Returns how many steps it holds, and what is wrong with it (None: nothing).
    """
    try:
        connection = database.connect(folder / JOURNAL)
    except database.JournalError as error:
        return 0, f"it does not open: {error}"
    with closing(connection):
        aside = sorted(path.name for path in folder.glob(f"{JOURNAL}.damaged-*"))
        if aside:
            return 0, f"it was set aside as damaged: {', '.join(aside)}"
        check = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if check != "ok":
            return 0, f"it is not sound: {check}"
        found = state_of(connection)
    for held in range(done, min(done + 2, len(states))):
        if found == states[held]:
            return held, None
    for held in reversed(range(done)):
        if found == states[held]:
            return held, f"{done} steps had returned, {held} are there"
    return 0, f"it holds half a commit: no state after any step, {done} had returned"
