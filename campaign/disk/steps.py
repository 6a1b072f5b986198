"""The life of a journal as a list of commits, the same for the same seed, and a process doing them.

``python -m campaign.disk.steps FOLDER SEED [--from N] [--to N] [--defect NAME]`` opens
FOLDER/journal.sqlite3 as the daemon does, carries the steps out and appends one byte to
FOLDER/returned whenever one has returned: with the witness preloaded, the log then tells what had
been promised at every moment. Steps are exactly one transaction each, so that any state between two
of them is half a commit.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from station.journal import database
from station.journal.store import Store
from station.rules.messages import Announce, RepairStamps, StoreLifeSign
from station.rules.values import (
    EndReason,
    Fault,
    MeterFacts,
    Record,
    Session,
    Stage,
    TagEntry,
    TagList,
    TimeQuality,
)

JOURNAL = "journal.sqlite3"
RETURNED = "returned"
# A checkpoint after so many pages instead of SQLite's 1000: many of them in a short life.
CHECKPOINT_PAGES = 24

Step = Callable[[Store], None]

_BEGAN = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
_BOOT = "11111111-2222-3333-4444-555555555555"
_TAG = "04A3C6CAE26180"


class Reopen:
    """Between two steps: the daemon leaves in order and is started anew."""


def steps(seed: int, count: int) -> list[Step | Reopen]:
    """The first ``count`` steps of a box's life."""
    life = _life(random.Random(seed))
    return [next(life) for _ in range(count)]


def _life(dice: random.Random) -> Iterator[Step | Reopen]:
    number, at = 0, _BEGAN
    yield lambda store: store.raise_seq(1)
    while True:
        yield from _around(dice, number, at)
        number += 1
        yield from _charge(dice, number, at)
        at += timedelta(hours=3)


def _around(dice: random.Random, number: int, at: datetime) -> Iterator[Step | Reopen]:
    """What happens to a journal at rest."""
    what = dice.randrange(6)
    if what == 0:
        entries = {
            f"{index:08X}": TagEntry(f"{index:08X}", dice.random() < 0.9, None, f"g{index}")
            for index in range(dice.randint(1, 120))
        }
        tags = TagList(entries=entries, etag=f'"{number}"')
        yield lambda store: store.put_tags(tags, at)
    elif what == 1:
        yield lambda store: store.confirm_tags(at)
    elif what == 2:
        fault = Fault("meter_lost", at, "no answer from address 1" * dice.randint(0, 9))
        yield lambda store: store.put_fault(fault)
        yield lambda store: store.forget_fault(fault.name)
    elif what == 3:
        yield lambda store: store.put_done({f"command-{number}": "ok"})
        yield lambda store: store.put_disabled(True)
        yield lambda store: store.put_disabled(False)
        yield lambda store: store.forget_done([f"command-{number}"])
    elif what == 4:
        repair = RepairStamps(5000.0 + number, at)
        yield lambda store: _repair(store, repair)
    else:
        yield Reopen()


def _charge(dice: random.Random, number: int, at: datetime) -> Iterator[Step | Reopen]:
    synced = dice.random() < 0.8
    asked = Session(
        uuid=f"00000000-0000-4000-8000-{number:012d}",
        seq=number + 1,
        tag=_TAG,
        started_at=at,
        time_quality=TimeQuality.SYNCED if synced else TimeQuality.ESTIMATED,
        stage=Stage.ASKING,
        stage_since_s=0.0,
        start=MeterFacts("11223344", 1_000_000 + 7 * number, (411_522, 411_522, 411_523)),
        started_s=4000.0 + number,
    )
    yield _put(asked, Record.ASKED, Announce.NOTHING)
    if dice.random() < 0.15:
        yield _put(asked, Record.DROPPED, Announce.NOTHING)
        return
    offline = dice.random() < 0.4
    yield _put(asked, Record.ACCEPTED, Announce.START if offline else Announce.NOTHING)
    minutes = dice.randint(0, 9)
    for half in range(2 * minutes):
        yield _life_sign(asked, half)
        if half % 2 and not offline:
            yield _confirm
    ending = replace(
        asked,
        stage=Stage.FINAL_READING,
        reason=EndReason.LOCAL,
        ended_at=at + timedelta(minutes=minutes),
        ended_s=4000.0 + number + 60 * minutes,
    )
    yield _put(ending, Record.ENDING, Announce.NOTHING)
    if dice.random() < 0.2:
        yield Reopen()
    end = replace(
        ending,
        stage=Stage.STORING_END,
        end=MeterFacts("11223344", 1_000_400 + 7 * number, (415_000, 415_402, 415_405)),
    )
    yield _put(end, Record.ENDED, Announce.END)
    for _ in range(dice.randint(0, 2)):
        yield _refuse if dice.random() < 0.2 else _deliver


def _put(session: Session, record: Record, announce: Announce) -> Step:
    return lambda store: store.put_session(session, record, _BOOT, announce)


def _life_sign(session: Session, half: int) -> Step:
    assert session.start is not None
    at = session.started_at + timedelta(seconds=30 * half)
    sign = StoreLifeSign(
        uuid=session.uuid,
        at=at,
        quality=session.time_quality,
        import_wh=session.start.import_wh + 90 * half,
        power_w=11_000,
        closed_s=30.0 * half,
        charged_s=30.0 * half,
        minute=half // 2 if half % 2 == 0 else None,
    )
    return lambda store: store.put_life_sign(sign)


def _confirm(store: Store) -> None:
    """The server has the readings: they go with the commit of the next step."""
    store.readings_sent(store.unsent_readings())


def _repair(store: Store, repair: RepairStamps) -> None:
    store.repair_stamps(repair, _BOOT)


def _deliver(store: Store) -> None:
    store.delivered(store.next_messages(2))


def _refuse(store: Store) -> None:
    for message in store.next_messages(1):
        store.quarantine(message.id, "{}" * 400, "the server finds it wrong", _BEGAN)


# -- what a careless journal would do; the judge has to find each of them


def _no_fsync(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _lazy_fsync(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")


@contextlib.contextmanager
def _each_statement_by_itself(store: Store) -> Iterator[None]:
    del store
    yield


def _no_transactions(connection: sqlite3.Connection) -> None:
    del connection
    Store._transaction = _each_statement_by_itself  # type: ignore[method-assign, assignment]


DEFECTS: dict[str, Callable[[sqlite3.Connection], None]] = {
    "no-fsync": _no_fsync,
    "lazy-fsync": _lazy_fsync,
    "no-transactions": _no_transactions,
}


def _open(folder: Path, defect: str | None) -> Store:
    connection = database.connect(folder / JOURNAL)
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    if defect is not None:
        DEFECTS[defect](connection)
    return Store(connection)


def main() -> None:
    parser = argparse.ArgumentParser(description="carry out the life of a journal")
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    parser.add_argument("--from", dest="first", type=int, default=0, help="steps that are done")
    parser.add_argument("--to", dest="last", type=int, default=200, help="steps to have done")
    parser.add_argument("--defect", choices=DEFECTS)
    given = parser.parse_args()
    told = os.open(given.folder / RETURNED, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    store = _open(given.folder, given.defect)
    life = steps(given.seed, given.last)
    if given.first and life[given.first - 1] is _confirm:
        _confirm(store)  # what a process knew and the disk did not: the uplink sends it again
    for step in life[given.first :]:
        if isinstance(step, Reopen):
            store.database.close()
            store = _open(given.folder, given.defect)
        else:
            step(store)
        os.write(told, b".")
    store.database.close()


if __name__ == "__main__":
    main()
