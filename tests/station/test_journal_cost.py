"""What a step of the outbox costs, counted in SQLite's own steps: the same with a long backlog."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaign.claims.traffic import charges, fill
from station.journal.database import connect
from station.journal.store import Store

FEW, MANY = 20, 400
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def steps(folder: Path, sessions: int, act: Callable[[Store], object]) -> int:
    """Instructions of SQLite's machine that ``act`` takes with so many charges waiting."""
    folder.mkdir()
    path = folder / "journal.sqlite3"
    fill(path, charges(sessions, random.Random(1), "11223344", ("04A3C6CAE26180",), NOW))
    store, taken = Store(connect(path)), 0

    def one() -> int:
        nonlocal taken
        taken += 1
        return 0

    store.database.set_progress_handler(one, 1)
    act(store)
    store.database.close()
    return taken


ACTS: dict[str, Callable[[Store], object]] = {
    "next messages": lambda store: store.next_messages(20),
    "next readings": lambda store: store.unsent_readings(),
    "readings that the server has": lambda store: store.readings_sent(store.unsent_readings()),
    "messages that the server has": lambda store: store.delivered(store.next_messages(20)),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_long_backlog_costs_no_more_than_a_short_one(tmp_path: Path, act: str) -> None:
    few = steps(tmp_path / "few", FEW, ACTS[act])
    many = steps(tmp_path / "many", MANY, ACTS[act])
    assert few > 0
    # The trees are a level deeper, and a page may split at the wrong moment.
    assert many <= 1.5 * few, (few, many)


def test_the_count_sees_a_scan(tmp_path: Path) -> None:
    def scan(store: Store) -> None:
        store.database.execute("SELECT count(*) FROM sessions WHERE tag LIKE '%x%'").fetchall()

    assert steps(tmp_path / "many", MANY, scan) > 5 * steps(tmp_path / "few", FEW, scan)
