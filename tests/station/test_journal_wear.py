"""What a charge costs the card: two small commits a minute, whatever the server confirms."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from station.journal import database
from station.journal.store import Store
from station.rules.messages import Announce, StoreLifeSign
from station.rules.values import Record, TimeQuality
from tests.station.journal_rig import BOOT, NOON, begun, ended, uuid

MINUTES = 30
# 5 MB a day, spread over its minutes.
BYTES_A_MINUTE = 5_000_000 / 1440


class Wear:
    """A journal whose commits and bytes are counted. The log of commits is never reset here."""

    def __init__(self, path: Path) -> None:
        self.connection = database.connect(path)
        self.connection.execute("PRAGMA wal_autocheckpoint=0")
        self.store = Store(self.connection)
        self.wal = path.with_name(f"{path.name}-wal")
        self.commits = 0
        self.connection.set_trace_callback(self._count)
        self.began = self.wal.stat().st_size

    def _count(self, statement: str) -> None:
        self.commits += statement == "COMMIT"

    @property
    def written(self) -> int:
        return self.wal.stat().st_size - self.began


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def wear(path: Path) -> Iterator[Wear]:
    found = Wear(path)
    with closing(found.connection):
        put(found.store, Record.ASKED)
        put(found.store, Record.ACCEPTED)
        found.commits, found.began = 0, found.wal.stat().st_size
        yield found


def put(store: Store, record: Record, number: int = 1) -> None:
    session = ended(number) if record in (Record.ENDING, Record.ENDED) else begun(number)
    announce = Announce.END if record is Record.ENDED else Announce.NOTHING
    store.put_session(session, record, BOOT, announce)


def sign(store: Store, half: int) -> None:
    """The sign of life that comes every half minute; every other one carries a reading."""
    store.put_life_sign(
        StoreLifeSign(
            uuid=uuid(1),
            at=NOON + timedelta(seconds=30 * half),
            quality=TimeQuality.SYNCED,
            import_wh=1_234_567 + 90 * half,
            power_w=11_000,
            closed_s=30.0 * half,
            charged_s=30.0 * half,
            minute=half // 2 if half % 2 == 0 else None,
        )
    )


def charge(store: Store, minutes: int) -> list[int]:
    """The server takes every reading as soon as there is one; which it was given, in order."""
    given = []
    for half in range(1, 2 * minutes + 1):
        sign(store, half)
        batch = store.unsent_readings()
        if batch:
            given += [reading.n for reading in batch]
            store.readings_sent(batch)
    return given


def left(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM readings").fetchone()[0])


def test_a_charge_takes_two_commits_a_minute_and_less_than_5_mb_a_day(wear: Wear) -> None:
    assert charge(wear.store, MINUTES) == list(range(1, MINUTES + 1))
    assert wear.commits == 2 * MINUTES
    assert 0 < wear.written < BYTES_A_MINUTE * MINUTES
    assert left(wear.connection) <= 1


def test_what_the_server_has_is_not_sent_again_before_it_is_removed(wear: Wear) -> None:
    sign(wear.store, 2)
    batch = wear.store.unsent_readings()
    wear.store.readings_sent(batch)
    assert left(wear.connection) == 1
    assert wear.store.unsent_readings() == []
    sign(wear.store, 3)
    sign(wear.store, 4)
    assert [reading.n for reading in wear.store.unsent_readings()] == [2]
    assert left(wear.connection) == 1


def test_a_daemon_that_died_before_the_removal_sends_it_once_more(wear: Wear, path: Path) -> None:
    sign(wear.store, 2)
    batch = wear.store.unsent_readings()
    wear.store.readings_sent(batch)
    with closing(database.connect(path)) as after:
        assert Store(after).unsent_readings() == batch


@pytest.mark.parametrize("record", [Record.ENDING, Record.ENDED])
def test_the_end_of_the_charge_removes_what_the_server_has(wear: Wear, record: Record) -> None:
    sign(wear.store, 2)
    wear.store.readings_sent(wear.store.unsent_readings())
    put(wear.store, record)
    assert left(wear.connection) == 0


def test_without_a_charge_it_is_removed_at_once(wear: Wear) -> None:
    sign(wear.store, 2)
    put(wear.store, Record.ENDED)
    batch = wear.store.unsent_readings()
    before = wear.commits
    wear.store.readings_sent(batch)
    assert left(wear.connection) == 0
    assert wear.commits == before + 1


def test_a_commit_that_fails_forgets_nothing(wear: Wear) -> None:
    sign(wear.store, 2)
    wear.store.readings_sent(wear.store.unsent_readings())
    wear.connection.execute("PRAGMA query_only=ON")
    with pytest.raises(sqlite3.Error):
        sign(wear.store, 4)
    assert wear.store.unsent_readings() == []
    wear.connection.execute("PRAGMA query_only=OFF")
    sign(wear.store, 4)
    assert [reading.n for reading in wear.store.unsent_readings()] == [2]
    assert left(wear.connection) == 1


def test_a_refused_batch_that_is_put_back_is_sent_although_later_ones_are_there(
    wear: Wear,
) -> None:
    store = wear.store
    sign(store, 2)
    refused = store.unsent_readings()
    body = [
        {"n": one.n, "at": one.at.isoformat(), "import_wh": one.import_wh, "power_w": one.power_w}
        for one in refused
    ]
    store.quarantine_readings(
        refused, json.dumps({"readings": body}), "the server finds it wrong", NOON
    )
    sign(store, 4)
    store.readings_sent(store.unsent_readings())
    assert store.retry(store.quarantined()[0].id)
    assert [reading.n for reading in store.unsent_readings()] == [1]
    sign(store, 6)
    assert [reading.n for reading in store.unsent_readings()] == [1, 3]
