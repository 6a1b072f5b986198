"""The journal: what a commit survives, what happens when there is none."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.journal import database
from station.journal import keeper as keeper_module
from station.journal.database import JournalError, connect, connect_readonly
from station.journal.rows import Message, ReportedReading
from station.journal.store import Store
from station.rules.messages import (
    Announce,
    Booted,
    ForgetFault,
    JournalStateChanged,
    RepairStamps,
    SessionStored,
    StoreFault,
    StoreLifeSign,
    StoreSession,
    StoringFailed,
)
from station.rules.values import (
    AuthorizedBy,
    EndReason,
    Fault,
    Interruption,
    MeterFacts,
    Record,
    Session,
    Stage,
    TagEntry,
    TagList,
    TimeQuality,
)
from station.workers.journal import JournalWorker
from tests.station.journal_rig import (
    BOOT,
    NOON,
    PATIENCE_S,
    Events,
    FakeClock,
    begun,
    ended,
    offline,
    running_journal,
    settled,
    uuid,
)

ROOT = Path(__file__).parents[2]
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    connection = connect(path)
    yield Store(connection)
    connection.close()


def put(store: Store, session: Session, record: Record, announce=Announce.NOTHING) -> None:
    store.put_session(session, record, BOOT, announce)


def reopened(path: Path) -> Store:
    return Store(connect(path))


def kept(session: Session, stage: Stage) -> Session:
    """A session as it comes back: what only means something to the running core is gone."""
    return replace(session, stage=stage, stage_since_s=0.0, closed_at_s=None)


# --- what is stored is there after reopening --------------------------------------------------

STEPS = [
    (begun(), Record.ASKED, Stage.ASKING),
    (begun(group="flat-3"), Record.ACCEPTED, Stage.CLOSING),
    (ended(end=None), Record.ENDING, Stage.FINAL_READING),
    (ended(estimated=True), Record.ENDED, Stage.STORING_END),
]


@pytest.mark.parametrize(("session", "record", "stage"), STEPS, ids=[str(one[1]) for one in STEPS])
def test_every_step_survives_reopening(path: Path, session: Session, record: Record, stage: Stage):
    first = Store(connect(path))
    for before, earlier, _ in STEPS:
        put(first, before, earlier)
        if earlier is record:
            break
    first.database.close()
    again = reopened(path)
    assert again.sessions() == [(kept(session, stage), record)]
    open_session = again.open_session(BOOT)
    if record is Record.ENDED:
        assert open_session is None
    else:
        assert open_session is not None
        assert open_session.session == kept(session, stage)
        assert (open_session.record, open_session.same_boot) == (record, True)
        assert not again.open_session("another boot").same_boot
    again.database.close()


def test_a_dropped_session_is_gone_but_its_seq_is_used(path: Path):
    first = Store(connect(path))
    put(first, begun(7), Record.ASKED)
    put(first, begun(7), Record.DROPPED)
    first.database.close()
    again = reopened(path)
    assert again.sessions() == []
    assert again.last_seq() == 7
    again.database.close()


def test_facts_of_the_start_are_never_rewritten(store: Store):
    put(store, begun(), Record.ASKED)
    other = replace(
        begun(),
        tag="DEADBEEF",
        seq=99,
        started_at=LATER,
        time_quality=TimeQuality.ESTIMATED,
        start=MeterFacts("99887766", 5),
    )
    put(store, other, Record.ACCEPTED)
    ((session, record),) = store.sessions()
    assert record is Record.ACCEPTED
    assert (session.tag, session.seq, session.started_at) == (begun().tag, 1, NOON)
    assert (session.start, session.time_quality) == (begun().start, TimeQuality.SYNCED)


def test_the_sign_of_life_is_the_last_one(path: Path):
    first = Store(connect(path))
    put(first, begun(), Record.ACCEPTED)
    for minute, wh in ((None, 1_234_600), (1, 1_234_700)):
        first.put_life_sign(
            StoreLifeSign(
                uuid=uuid(1),
                at=LATER + timedelta(seconds=30 * (minute or 0)),
                quality=TimeQuality.ESTIMATED,
                import_wh=wh,
                power_w=11_000,
                closed_s=61.5,
                charged_s=90.25,
                minute=minute,
            )
        )
    first.database.close()
    again = reopened(path)
    left = again.open_session(BOOT)
    assert left is not None
    assert left.life_at == LATER + timedelta(seconds=30)
    assert left.life_quality is TimeQuality.ESTIMATED
    assert (left.life_wh, left.life_closed_s) == (1_234_700, 61.5)
    assert left.session.charged_s == 90.25
    assert again.unsent_readings() == [
        ReportedReading(uuid(1), 1, LATER + timedelta(seconds=30), 1_234_700, 11_000)
    ]
    again.database.close()


def test_tags_and_faults_survive_reopening(path: Path):
    tags = TagList(
        {
            "04A3C6CAE26180": TagEntry("04A3C6CAE26180", True, None, "flat-3"),
            "DEADBEEF": TagEntry("DEADBEEF", False, NOON, None),
        },
        etag='"v7"',
    )
    fault = Fault("contactor_fault", NOON, "welded: 230 W with the contactor open", welded=True)
    first = Store(connect(path))
    first.put_tags(tags, NOON)
    first.put_fault(fault)
    first.database.close()
    again = reopened(path)
    assert again.tags(NOON + timedelta(hours=3)) == replace(tags, age_at_boot_s=3 * 3600.0)
    assert again.tags(None) == tags
    assert again.faults() == (fault,)
    again.put_tags(TagList(etag='"v8"'), None)
    assert again.tags(LATER) == TagList(etag='"v8"')
    again.confirm_tags(NOON)
    assert again.tags(LATER).age_at_boot_s == 3600.0
    again.forget_fault("contactor_fault")
    assert again.faults() == ()
    again.database.close()


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 11, 22, 12, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 22, 12, 0, 0, 999_999, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_stamps_come_back_to_the_microsecond(store: Store, moment: datetime):
    put(store, ended(started_at=moment, ended_at=moment), Record.ENDED)
    ((session, _),) = store.sessions()
    assert session.started_at == moment
    assert session.ended_at == moment
    assert session.started_at.utcoffset() == timedelta(0)


def test_sessions_since_a_moment_in_the_order_of_seq(store: Store):
    put(store, ended(3, ended_at=NOON), Record.ENDED)
    put(store, ended(1, ended_at=LATER), Record.ENDED)
    put(store, begun(4), Record.ACCEPTED)
    seqs = [[one.seq for one, _ in store.sessions(since)] for since in (None, NOON, LATER)]
    assert seqs == [[1, 3, 4], [1, 3, 4], [1, 4]]
    assert [one.seq for one, _ in store.sessions(LATER + timedelta(microseconds=1))] == [4]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
whole = st.integers(0, 10**13)
meters = st.builds(
    MeterFacts,
    serial=st.none() | texts,
    import_wh=whole,
    phase_wh=st.tuples(*[st.none() | whole] * 3),
)
stamps = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
monotonics = st.none() | st.floats(0, 1e9)
interruptions = st.lists(
    st.builds(Interruption, stamps, stamps, st.sampled_from(EndReason)), max_size=3
).map(tuple)
session_values = st.builds(
    Session,
    uuid=texts,
    seq=st.integers(1, 2**53 - 1),
    tag=texts,
    started_at=stamps,
    time_quality=st.sampled_from(TimeQuality),
    stage=st.sampled_from(Stage),
    stage_since_s=st.floats(0, 1e6),
    start=meters,
    authorized_by=st.sampled_from(AuthorizedBy),
    group=st.none() | texts,
    closed_at_s=monotonics,
    reason=st.none() | st.sampled_from(EndReason),
    ended_at=st.none() | stamps,
    end_time_quality=st.sampled_from(TimeQuality),
    stop_tag=st.none() | texts,
    end=st.none() | meters,
    estimated=st.booleans(),
    exact_wanted=st.booleans(),
    started_s=monotonics,
    ended_s=monotonics,
    resumes=st.integers(0, 5),
    interruptions=interruptions,
)
ROUND_TRIP = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@ROUND_TRIP
@given(
    session=session_values, record=st.sampled_from([Record.ASKED, Record.ACCEPTED, Record.ENDING])
)
def test_a_session_comes_back_as_it_went(store: Store, session: Session, record: Record):
    store.database.execute("DELETE FROM sessions")
    put(store, session, record)
    found = store.open_session(BOOT)
    assert found is not None
    assert found.record is record
    assert found.session == kept(session, found.session.stage)
    in_another_boot = store.open_session("another boot")
    assert in_another_boot.session == replace(found.session, started_s=None, ended_s=None)


@ROUND_TRIP
@given(rows=st.lists(st.tuples(texts, st.booleans(), st.none() | stamps, st.none() | texts)))
def test_a_tag_list_comes_back_as_it_went(store: Store, rows: list[tuple[Any, ...]]):
    tags = TagList({row[0]: TagEntry(*row) for row in rows}, etag='"e"')
    store.put_tags(tags, None)
    assert store.tags(NOON) == tags


# --- one step, one commit ---------------------------------------------------------------------


class Interrupted(sqlite3.Connection):
    """A connection that fails at the n-th statement from now on, as a power cut would."""

    fail_at = 0

    def _count(self) -> None:
        self.fail_at -= 1
        if self.fail_at == 0:
            raise sqlite3.OperationalError("the power went")

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self._count()
        return super().execute(*args)

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        self._count()
        return super().executemany(*args)


def content(connection: sqlite3.Connection) -> list[str]:
    return list(connection.iterdump())


SIGN = StoreLifeSign(uuid(1), NOON, TimeQuality.SYNCED, 1_300_000, 11_000, 60.0, 60.0, 9)
READINGS = [ReportedReading(uuid(1), n, NOON, 1_234_567 + n, 11_000) for n in (1, 2)]


def sent_and_signed(store: Store) -> None:
    """While a charge is open, what the server has is removed in the commit of the next reading."""
    store.readings_sent(READINGS)
    store.put_life_sign(SIGN)


WRITES: dict[str, Callable[[Store], object]] = {
    "a session and its message": lambda store: put(store, ended(), Record.ENDED, Announce.END),
    "a new session and its message": lambda store: put(
        store, offline(8), Record.ACCEPTED, Announce.START
    ),
    "a dropped session": lambda store: put(store, begun(3), Record.DROPPED),
    "a sign of life and its reading": lambda store: store.put_life_sign(SIGN),
    "delivered messages": lambda store: store.delivered(store.next_messages(2)),
    "a quarantined message": lambda store: store.quarantine(1, "{}", "code 400", NOON),
    "a reported message": lambda store: store.reported(1, NOON),
    "a message for another try": lambda store: store.retry(2),
    "readings for another try": lambda store: store.retry(3),
    "quarantined readings": lambda store: store.quarantine_readings(READINGS, "{}", "400", NOON),
    "sent readings, with the next one": lambda store: sent_and_signed(store),
    "a tag list": lambda store: store.put_tags(
        TagList({"FF": TagEntry("FF", True)}, etag='"w"'), LATER
    ),
    "a confirmed tag list": lambda store: store.confirm_tags(LATER),
    "a fault": lambda store: store.put_fault(Fault("power_unstable", NOON)),
    "a cleared fault": lambda store: store.forget_fault("contactor_fault"),
    "a higher seq": lambda store: store.raise_seq(1000),
    "repaired stamps": lambda store: store.repair_stamps(RepairStamps(6000.0, LATER), BOOT),
}


def furnished(path: Path) -> Interrupted:
    """A journal with something of everything in it."""
    connect(path).close()
    connection = sqlite3.connect(path, isolation_level=None, factory=Interrupted)
    connection.row_factory = sqlite3.Row
    store = Store(connection)
    estimated = begun(time_quality=TimeQuality.ESTIMATED, started_s=4000.0)
    put(store, estimated, Record.ACCEPTED, Announce.START)
    put(store, begun(3), Record.ASKED)
    put(store, ended(2), Record.ENDED, Announce.END)
    store.quarantine(2, "{}", "code 412", NOON)
    raw = json.dumps({"readings": [{"n": 7, "at": "x", "import_wh": 1, "power_w": 2}]})
    store.quarantine_readings([ReportedReading(uuid(2), 7, NOON, 1, 2)], raw, "404", NOON)
    for n in (1, 2):
        store.put_life_sign(replace(SIGN, minute=n, import_wh=1_234_567 + n))
    store.put_tags(TagList({"AA": TagEntry("AA", False)}, etag='"v"'), NOON)
    store.put_fault(Fault("contactor_fault", NOON, "welded"))
    return connection


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_write_that_is_cut_off_leaves_nothing(path: Path, write: Callable[[Store], object]):
    connection = furnished(path)
    store = Store(connection)
    before = content(connection)
    for place in range(1, 100):
        connection.fail_at = place
        try:
            write(store)
        except sqlite3.OperationalError:
            connection.fail_at = 0
            assert content(connection) == before, f"cut off at statement {place}"
            assert not connection.in_transaction
        else:
            break
    connection.fail_at = 0
    assert 3 <= place < 50, "BEGIN, something, COMMIT"
    assert content(connection) != before
    connection.close()


def test_the_message_is_in_the_same_commit_as_the_session(path: Path):
    """Seen by a second connection: it never finds one without the other."""
    first = Store(connect(path))
    other = connect_readonly(path)
    statements: list[tuple[str, int, int]] = []

    def look(statement: str) -> None:
        sessions = other.execute("SELECT count(*) FROM sessions").fetchone()[0]
        messages = other.execute("SELECT count(*) FROM outbox").fetchone()[0]
        statements.append((statement.split()[0], sessions, messages))

    first.database.set_trace_callback(look)
    put(first, offline(), Record.ACCEPTED, Announce.START)
    first.database.set_trace_callback(None)
    assert [name for name, _, _ in statements][:1] == ["BEGIN"]
    assert statements[-1][0] == "COMMIT"
    assert {(sessions, messages) for _, sessions, messages in statements} == {(0, 0)}
    look("after it")
    assert statements[-1][1:] == (1, 1)
    other.close()
    first.database.close()


def test_every_commit_waits_for_the_disk(store: Store):
    assert store.database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    full = 2
    assert store.database.execute("PRAGMA synchronous").fetchone()[0] == full


# --- seq --------------------------------------------------------------------------------------


def test_a_new_journal_knows_no_seq(store: Store):
    assert store.last_seq() is None
    store.raise_seq(0)
    assert store.last_seq() == 0


def test_seq_never_goes_back(store: Store):
    seen = []
    for seq in (5, 3, 9, 100, 99, 20, 2**53 - 1, 7):
        store.raise_seq(seq)
        seen.append(store.last_seq())
    assert seen == [5, 5, 9, 100, 100, 100, 2**53 - 1, 2**53 - 1]


def test_a_session_raises_seq_and_never_lowers_it(store: Store):
    put(store, begun(10), Record.ASKED)
    assert store.last_seq() == 10
    put(store, begun(9), Record.ASKED)
    assert store.last_seq() == 10
    put(store, ended(10), Record.ENDED, Announce.END)
    store.raise_seq(12)
    assert store.last_seq() == 12


def oldest(store: Store) -> Message | None:
    """The message that leaves next."""
    return next(iter(store.next_messages(1)), None)


# --- the outbox -------------------------------------------------------------------------------


def test_messages_leave_in_the_order_in_which_they_came(store: Store):
    for number in (4, 2, 9):
        put(store, offline(number), Record.ACCEPTED, Announce.START)
        put(store, ended(number), Record.ENDED, Announce.END)
    told = []
    while messages := store.next_messages(2):
        told += [(message.kind, message.session.seq) for message in messages]
        store.delivered(messages)
    assert told == [("start", 4), ("end", 4), ("start", 2), ("end", 2), ("start", 9), ("end", 9)]
    assert store.pending() == (0, 0)


def test_ids_are_never_used_twice(store: Store):
    put(store, ended(1), Record.ENDED, Announce.END)
    store.delivered(store.next_messages(1))
    put(store, ended(2), Record.ENDED, Announce.END)
    assert oldest(store).id == 2


def test_quarantine_and_another_try(store: Store):
    for number in (1, 2):
        put(store, ended(number), Record.ENDED, Announce.END)
    store.quarantine(1, '{"seq": 1}', "code 412", LATER)
    assert store.pending() == (1, 1)
    assert oldest(store).id == 2
    (message,) = store.quarantined()
    assert (message.id, message.kind, message.session.uuid) == (1, "end", uuid(1))
    assert (message.refused_at, message.reason, message.raw) == (LATER, "code 412", '{"seq": 1}')
    assert store.quarantined(unreported=True) == [message]
    store.reported(1, LATER)
    assert store.quarantined(unreported=True) == []
    assert store.retry(1)
    assert store.pending() == (2, 0)
    assert [message.id for message in store.waiting()] == [1, 2]
    assert not store.retry(1), "it waits already"
    assert not store.retry(77)


def test_readings_of_one_session_oldest_first_and_at_most_so_many(store: Store):
    for number, minutes in ((1, 3), (2, 2)):
        put(store, begun(number), Record.ACCEPTED)
        for n in range(1, minutes + 1):
            at = NOON + timedelta(minutes=10 * number + n)
            store.put_life_sign(replace(SIGN, uuid=uuid(number), at=at, minute=n))
    first = store.unsent_readings(2)
    assert [(one.uuid, one.n) for one in first] == [(uuid(1), 1), (uuid(1), 2)]
    store.readings_sent(first)
    assert [(one.uuid, one.n) for one in store.unsent_readings()] == [(uuid(1), 3)]
    store.readings_sent(store.unsent_readings())
    assert [(one.uuid, one.n) for one in store.unsent_readings()] == [(uuid(2), 1), (uuid(2), 2)]


def test_quarantined_readings_can_be_tried_again_and_are_never_sent_as_an_end(store: Store):
    from station.transport import bodies

    put(store, begun(), Record.ACCEPTED)
    for n in (1, 2):
        store.put_life_sign(replace(SIGN, minute=n, import_wh=1_234_567 + n))
    batch = store.unsent_readings()
    store.quarantine_readings(batch, bodies.raw(bodies.readings(batch)), "code 400", NOON)
    assert store.unsent_readings() == []
    (message,) = store.quarantined()
    assert message.kind == "readings"
    assert store.retry(message.id)
    assert oldest(store) is None
    assert store.quarantined() == []
    assert store.unsent_readings() == batch


# --- repaired stamps --------------------------------------------------------------------------


def test_stamps_of_this_boot_are_repaired_and_told_once_more(store: Store):
    """The clock was set an hour late: at 6000 s of this boot it is NOON + 1 h."""
    wrong = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    put(
        store,
        ended(
            started_at=wrong,
            time_quality=TimeQuality.ESTIMATED,
            started_s=2400.0,
            ended_at=wrong,
            end_time_quality=TimeQuality.ESTIMATED,
            ended_s=5400.0,
        ),
        Record.ENDED,
    )
    put(store, ended(2, started_s=1.0, ended_s=2.0), Record.ENDED)
    again = store.repair_stamps(RepairStamps(mono_s=6000.0, utc=LATER), BOOT)
    (first, _), (second, _) = store.sessions()
    assert (first.started_at, first.ended_at) == (
        NOON,
        NOON + timedelta(minutes=50),
    )
    assert (first.time_quality, first.end_time_quality) == (TimeQuality.SYNCED,) * 2
    assert (second.started_at, second.ended_at) == (NOON, ended().ended_at), "never altered"
    assert again == 1
    assert [(one.kind, one.session.seq) for one in store.waiting()] == [("end", 1)]
    assert store.repair_stamps(RepairStamps(mono_s=9000.0, utc=LATER), BOOT) == 0


def test_what_was_under_way_while_its_stamps_were_repaired_goes_out_again(store: Store):
    """The first answer may be to the old stamp."""
    first = {"time_quality": TimeQuality.ESTIMATED, "started_s": 2400.0}
    put(store, offline(**first), Record.ACCEPTED, Announce.START)
    put(store, ended(2), Record.ENDED, Announce.END)
    under_way = oldest(store)
    assert store.repair_stamps(RepairStamps(mono_s=6000.0, utc=LATER), BOOT) == 0
    store.delivered([under_way])
    repaired = oldest(store)
    assert (repaired.id, repaired.session.time_quality) == (under_way.id, TimeQuality.SYNCED)
    store.delivered([repaired])
    untouched = oldest(store)
    assert untouched.session.seq == 2
    store.delivered([untouched])
    assert oldest(store) is None


def test_stamps_of_another_boot_cannot_be_repaired(store: Store):
    put(store, begun(time_quality=TimeQuality.ESTIMATED, started_s=2400.0), Record.ACCEPTED)
    assert store.repair_stamps(RepairStamps(mono_s=6000.0, utc=LATER), "another boot") == 0
    ((session, _),) = store.sessions()
    assert (session.started_at, session.time_quality) == (NOON, TimeQuality.ESTIMATED)


# --- files that are not what they should be ---------------------------------------------------


def furnished_file(path: Path) -> bytes:
    """A journal of some size, closed, as bytes."""
    store = Store(connect(path))
    for number in range(1, 60):
        put(store, ended(number), Record.ENDED, Announce.END)
    store.database.close()
    return path.read_bytes()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "no header": lambda raw: b"\0" * 100 + raw[100:],
    "half of it": lambda raw: raw[: len(raw) // 2],
    "zeros in the middle": lambda raw: raw[:8192] + b"\0" * 8192 + raw[16384:],
    "text": lambda raw: b"this is no database " * 1000,
    "a torn page": lambda raw: raw[:4096] + random.Random(1).randbytes(1024) + raw[5120:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_set_aside_and_named(
    path: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
):
    damaged = damage(furnished_file(path))
    path.write_bytes(damaged)
    with caplog.at_level(logging.ERROR):
        store = reopened(path)
    aside = path.with_name("journal.sqlite3.damaged-1")
    assert aside.read_bytes() == damaged
    assert str(aside) in caplog.text
    assert store.last_seq() is None, "seq goes on from what the server knows"
    assert store.sessions() == []
    put(store, begun(), Record.ASKED)
    store.database.close()


def test_a_second_damaged_file_does_not_replace_the_first(path: Path):
    for number in (1, 2, 3):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"no database, number %d" % number * 100)
        connect(path).close()
        aside = path.with_name(f"journal.sqlite3.damaged-{number}")
        assert aside.read_bytes().startswith(b"no database, number %d" % number)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_bytes_are_wrong_nothing_is_lost_and_nothing_else_is_raised(path: Path, seed: int):
    rng = random.Random(seed)
    raw = bytearray(furnished_file(path))
    for _ in range(rng.choice([1, 5, 200])):
        raw[rng.randrange(rng.choice([100, 4096, len(raw)]))] = rng.randrange(256)
    path.write_bytes(raw)
    words = str(path)
    try:
        connect(path).close()
    except JournalError as error:
        words = str(error)
    assert str(path) in words, f"seed {seed}"
    left = [path, *path.parent.glob("*.damaged-*")]
    sizes = [one.stat().st_size for one in left]
    assert max(sizes) >= len(raw), f"seed {seed}: {sizes}"


@pytest.mark.parametrize("version", [1, 99])
def test_another_schema_version_is_refused_and_left_alone(path: Path, version: int):
    connection = connect(path)
    connection.execute(f"PRAGMA user_version={version}")
    connection.close()
    with pytest.raises(JournalError) as caught:
        connect(path)
    text = str(caught.value)
    assert f"schema {version}, this program knows {database.SCHEMA_VERSION}" in text
    assert "install that one" in text
    assert list(path.parent.glob("*damaged*")) == []


def test_a_folder_that_cannot_be(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot be created"):
        connect(tmp_path / "file" / "journal.sqlite3")


def test_a_journal_that_is_a_folder(path: Path):
    path.mkdir(parents=True)
    with pytest.raises(JournalError, match="cannot be opened"):
        connect(path)


def test_a_reader_beside_the_daemon_sees_all_and_writes_nothing(path: Path):
    first = Store(connect(path))
    put(first, begun(), Record.ASKED)
    reader = Store(connect_readonly(path))
    assert [one.seq for one, _ in reader.sessions()] == [1]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        put(reader, begun(2), Record.ASKED)
    reader.database.close()
    first.database.close()


def test_reading_a_journal_that_is_none(path: Path):
    with pytest.raises(JournalError, match="was the daemon ever started"):
        connect_readonly(path)
    path.parent.mkdir()
    path.write_bytes(b"no database" * 100)
    with pytest.raises(JournalError, match="cannot be read"):
        connect_readonly(path)


# --- the worker -------------------------------------------------------------------------------


def test_a_stored_step_is_answered_after_its_commit(path: Path):
    pokes: list[bool] = []
    other: list[sqlite3.Connection] = []
    with running_journal(path, on_outbox=lambda: pokes.append(True)) as (worker, events):
        booted = len(pokes)
        other.append(connect_readonly(path))
        worker.submit(StoreSession(offline(), Record.ACCEPTED, Announce.START))
        assert events.next() == SessionStored(uuid(1), Record.ACCEPTED)
        assert [one.seq for one, _ in Store(other[0]).sessions()] == [1]
        settled(worker)
        assert len(pokes) == booted + 1
    other[0].close()


def test_the_first_event_tells_what_was_left_behind(path: Path):
    first = Store(connect(path))
    put(first, begun(5), Record.ACCEPTED)
    first.put_fault(Fault("contactor_fault", NOON, "welded"))
    first.put_tags(TagList({"AA": TagEntry("AA", True)}, etag='"v"'), NOON)
    first.database.close()
    with running_journal(path, FakeClock(boot_id="another")) as (_, events):
        (booted,) = events.seen
    assert isinstance(booted, Booted)
    assert booted.open_session is not None
    assert booted.open_session.session.seq == 5
    assert not booted.open_session.same_boot
    assert booted.last_seq == 5
    assert [fault.name for fault in booted.faults] == ["contactor_fault"]
    assert list(booted.tags.entries) == ["AA"]


@pytest.mark.parametrize("uptime_s", [10.0, 40 * 86_400.0])
def test_the_age_of_the_tag_list_does_not_count_the_uptime_twice(path: Path, uptime_s: float):
    """A daemon that starts anew on a machine that has been up for weeks."""
    from station.rules.authorization import list_is_stale
    from station.rules.settings import Settings
    from station.rules.values import Load, Now

    first = Store(connect(path))
    first.put_tags(TagList(), NOON - timedelta(minutes=10))
    first.database.close()
    with running_journal(path, FakeClock(mono_s=uptime_s)) as (_, events):
        (booted,) = events.seen
    assert isinstance(booted, Booted)
    box = Settings(load=Load.WALLBOX, phases=3, max_current_a=16, offline_max_age_s=3600.0)
    for later_s, stale in ((0.0, False), (49 * 60.0, False), (51 * 60.0, True)):
        now = Now(uptime_s + later_s, NOON + timedelta(seconds=later_s), synced=True)
        assert list_is_stale(booted.tags, box, now) is stale


def test_with_an_unsynced_clock_the_age_of_the_list_is_unknown(path: Path):
    first = Store(connect(path))
    first.put_tags(TagList(), NOON - timedelta(days=900))
    first.database.close()
    with running_journal(path, FakeClock(synced=False)) as (_, events):
        (booted,) = events.seen
    assert isinstance(booted, Booted)
    assert booted.tags.age_at_boot_s is None


def test_all_that_was_submitted_is_written_before_the_thread_ends(path: Path):
    with running_journal(path) as (worker, _):
        for number in range(1, 101):
            worker.submit(StoreSession(begun(number), Record.ASKED))
    assert reopened(path).last_seq() == 100


def test_a_call_gives_the_result_or_the_error(path: Path):
    def fail(store: Store) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def wrong(store: Store) -> None:
        raise TimeoutError("a defect")

    with running_journal(path) as (worker, _):
        assert worker.call(Store.pending) == (0, 0)
        with pytest.raises(sqlite3.OperationalError):
            worker.call(fail)
        with pytest.raises(TimeoutError, match="a defect"):
            worker.call(wrong)
        assert worker.call(Store.pending) == (0, 0)
    with pytest.raises(CancelledError):
        worker.call(Store.pending)


def test_a_call_that_waits_at_shutdown_is_cancelled_and_the_rest_still_written(path: Path):
    """The disk hangs, somebody waits behind it, the daemon leaves."""
    hanging, outcome = threading.Event(), []
    with running_journal(path) as (worker, _):
        worker._jobs.put(lambda store: hanging.wait(PATIENCE_S) and None)

        def wait_for_it() -> None:
            try:
                outcome.append(worker.call(Store.pending))
            except CancelledError:
                outcome.append("cancelled")

        waiting = threading.Thread(target=wait_for_it)
        waiting.start()
        worker.submit(StoreSession(begun(7), Record.ASKED))
        worker.stop()
        waiting.join(PATIENCE_S)
        hanging.set()
    assert outcome == ["cancelled"]
    assert reopened(path).last_seq() == 7


# --- a journal that cannot be written ---------------------------------------------------------


def fill(store: Store) -> None:
    """No page more: what SQLite says of a full disk."""
    pages = store.database.execute("PRAGMA page_count").fetchone()[0]
    store.database.execute(f"PRAGMA max_page_count={pages}")


def enlarge(store: Store) -> None:
    store.database.execute("PRAGMA max_page_count=1000000")


def lock_away(store: Store) -> None:
    """What a file system does that was mounted read-only after an error."""
    store.database.execute("PRAGMA query_only=1")


def unlock(store: Store) -> None:
    store.database.execute("PRAGMA query_only=0")


UNWRITABLE = pytest.mark.parametrize(
    ("spoil", "mend", "words"),
    [(fill, enlarge, "full"), (lock_away, unlock, "readonly")],
    ids=["full disk", "read-only disk"],
)


def fail_once(worker: JournalWorker, events: Events) -> tuple[int, StoringFailed]:
    """Store sessions until one cannot be; a full disk has some room left in its pages."""
    for number in range(1, 1000):
        worker.submit(StoreSession(begun(number), Record.ASKED))
        event = events.next()
        if isinstance(event, JournalStateChanged):
            failed = events.next()
            assert isinstance(failed, StoringFailed)
            assert event.problem == failed.problem
            return number, failed
        assert event == SessionStored(uuid(number), Record.ASKED)
    raise AssertionError("the disk never was full")


@UNWRITABLE
def test_what_cannot_be_stored_is_said_and_recovers_by_itself(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Store], None],
    mend: Callable[[Store], None],
    words: str,
):
    monkeypatch.setattr(keeper_module, "PROBE_EVERY_S", 0.02)
    probes = threading.Semaphore(0)
    touch = Store.touch
    monkeypatch.setattr(Store, "touch", lambda store: (probes.release(), touch(store))[1])
    with running_journal(path) as (worker, events):
        worker.call(spoil)
        number, failed = fail_once(worker, events)
        assert (failed.uuid, failed.record) == (uuid(number), Record.ASKED)
        assert str(path) in failed.problem
        assert words in failed.problem
        for _ in range(5):
            assert probes.acquire(timeout=PATIENCE_S)
        assert events.so_far() == [], "said once, and not taken back while it is so"
        worker.call(mend)
        assert events.next() == JournalStateChanged(None)
        assert worker.call(Store.last_seq) == (number - 1 or None)
        worker.submit(StoreSession(begun(number), Record.ASKED))
        assert events.next() == SessionStored(uuid(number), Record.ASKED)
    assert reopened(path).last_seq() == number


def test_the_probe_is_not_put_off_by_a_busy_uplink(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keeper_module, "PROBE_EVERY_S", 0.05)
    with running_journal(path) as (worker, events):
        worker.call(lock_away)
        fail_once(worker, events)
        over = threading.Event()

        def again(store: Store) -> None:
            if not over.is_set():
                worker._jobs.put(again)

        worker._jobs.put(again)  # from now on there is always something to do
        try:
            worker.call(unlock)
            assert events.next() == JournalStateChanged(None)
        finally:
            over.set()


def test_a_stored_step_says_as_well_that_the_journal_works_again(path: Path):
    with running_journal(path) as (worker, events):
        worker.call(lock_away)
        fail_once(worker, events)
        worker.call(unlock)
        worker.submit(StoreSession(begun(), Record.ASKED))
        assert events.next() == JournalStateChanged(None)
        assert events.next() == SessionStored(uuid(1), Record.ASKED)


def test_a_fault_that_could_not_be_stored_is_stored_when_it_can_be(path: Path):
    """It has to latch over a reboot, and nobody stores it a second time."""
    first, second = Fault("contactor_fault", NOON, "welded"), Fault("lease_lapse", LATER)
    with running_journal(path) as (worker, events):
        worker.call(lock_away)
        worker.submit(StoreFault(first))
        worker.submit(StoreFault(second))
        worker.submit(ForgetFault("lease_lapse"))
        assert isinstance(events.next_of(JournalStateChanged).problem, str)
        settled(worker)
        worker.call(unlock)
        worker.submit(StoreSession(begun(), Record.ASKED))
        assert events.next_of(SessionStored)
        assert worker.call(Store.faults) == (first,)
    assert reopened(path).faults() == (first,)


@pytest.mark.parametrize("paid_by", ["the probe", "another session"])
def test_a_removal_that_could_not_be_made_is_made_when_it_can_be(
    path: Path, monkeypatch: pytest.MonkeyPatch, paid_by: str
):
    """Else a START that was refused is found as open by the next boot, and ended."""
    if paid_by == "the probe":
        monkeypatch.setattr(keeper_module, "PROBE_EVERY_S", 0.05)
    with running_journal(path) as (worker, events):
        worker.submit(StoreSession(begun(), Record.ASKED))
        assert events.next() == SessionStored(uuid(1), Record.ASKED)
        worker.call(lock_away)
        worker.submit(StoreSession(begun(), Record.DROPPED))
        failed = events.next_of(StoringFailed)
        assert (failed.uuid, failed.record) == (uuid(1), Record.DROPPED)
        worker.call(unlock)
        if paid_by == "another session":
            worker.submit(StoreSession(begun(2), Record.ASKED))
        assert events.next_of(JournalStateChanged).problem is None
        settled(worker)
    left = [session.uuid for session, _ in reopened(path).sessions()]
    assert left == ([uuid(2)] if paid_by == "another session" else [])


def test_a_journal_that_cannot_be_opened_is_waited_for(path: Path, monkeypatch):
    """The box stays up, unavailable, and goes on as soon as the file can be opened."""
    monkeypatch.setattr("station.journal.keeper.PROBE_EVERY_S", 0.01)
    path.mkdir(parents=True)
    events = Events()
    worker = JournalWorker(path, FakeClock(), events.queue.put, lambda: None, events.crashes.put)
    worker.start()
    problem = events.next_of(JournalStateChanged).problem
    assert problem is not None
    assert str(path) in problem
    assert "cannot be opened" in problem
    path.rmdir()
    assert events.next_of(JournalStateChanged).problem is None
    assert isinstance(events.next(), Booted)
    worker.stop()
    worker.join(PATIENCE_S)
    assert events.crashes.empty()


def test_a_journal_of_another_release_lets_the_daemon_leave_with_words(path: Path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    events = Events()
    worker = JournalWorker(path, FakeClock(), events.queue.put, lambda: None, events.crashes.put)
    worker.start()
    assert "another release" in events.crashes.get(timeout=PATIENCE_S)
    worker.join(PATIENCE_S)


# --- a process that dies ----------------------------------------------------------------------

CHILD = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from station.rules.messages import Announce, SessionStored, StoreSession
    from station.rules.values import Record
    from station.workers.journal import JournalWorker
    from tests.station.journal_rig import FakeClock, ended, offline

    def post(event):
        if isinstance(event, SessionStored):
            sys.stdout.write(f"stored {event.record.value}\\n")
            sys.stdout.flush()

    worker = JournalWorker(Path(sys.argv[1]), FakeClock(), post, lambda: None, print)
    worker.start()
    worker.submit(StoreSession(offline(41), Record.ACCEPTED, Announce.START))
    worker.submit(StoreSession(ended(41), Record.ENDED, Announce.END))
    worker.join()
    """
)


@pytest.mark.parametrize("told", ["stored accepted", "stored ended"])
def test_what_was_told_as_stored_is_there_after_a_kill(path: Path, told: str):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    try:
        while child.stdout.readline().strip() != told:
            assert child.poll() is None
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait(PATIENCE_S)
        child.stdout.close()
    again = reopened(path)
    ((session, record),) = again.sessions()
    assert session.seq == 41
    kinds = [message.kind for message in again.waiting()]
    if told == "stored ended" or record is Record.ENDED:
        assert (record, kinds) == (Record.ENDED, ["start", "end"])
    else:
        assert (record, kinds) == (Record.ACCEPTED, ["start"])
    again.database.close()
