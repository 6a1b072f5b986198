"""An end by an estimate waits for its exact register: over a meter that lies, and over a restart.

It waits until the next closing, and not at all where the estimate is the last word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from station.journal.database import connect
from station.journal.store import Store
from station.rules.messages import (
    Announce,
    Booted,
    CloseContactor,
    JournalStateChanged,
    ServerAnswered,
    StoredSession,
    StoreSession,
    Verdict,
)
from station.rules.plausibility import BASELINE_S, may_replace
from station.rules.values import (
    EndReason,
    MeterFacts,
    Phase,
    Reading,
    Record,
    Session,
    Stage,
    TagList,
    TimeQuality,
)
from tests.station.core_rig import ALICE, SETTINGS, Core
from tests.station.journal_rig import BOOT, FakeClock, begun, ended, running_journal

QUICK = replace(SETTINGS, lost_after_s=5, final_reading_timeout_s=30)
UNSEEN_S = 30 + 5 + 10  # a sign of life's distance, lost_after_s, and slack


def silent_end(car_w: float = 11_000.0) -> Core:
    """A charge whose meter fell silent: its END went out as an estimate."""
    core = Core(settings=QUICK).charging(car_w)
    core.pass_time(20)
    core.meter_works = False
    core.pass_time(60)
    assert last(core).estimated
    assert core.phase is Phase.UNAVAILABLE
    return core


def last(core: Core) -> Session:
    """The session of the newest record."""
    return core.given(StoreSession)[-1].session


def exact(session: Session, register_wh: float) -> bool:
    assert session.end is not None
    return not session.estimated and session.end.import_wh == round(register_wh)


# --- what may replace it


@pytest.mark.parametrize(
    ("step_wh", "grid_wh", "good"),
    [
        (0, 0.12, True),
        (-1, 0.12, True),
        (-2, 0.12, False),
        (-9, 8.0, True),
        (-10, 8.0, False),
        (175, 0.12, True),  # 1.2 x 11040 W x 45 s, 10 Wh and two steps
        (176, 0.12, False),
        (191, 8.0, True),
        (192, 8.0, False),
    ],
)
def test_an_exact_register_is_near_the_estimate(step_wh: int, grid_wh: float, good: bool) -> None:
    estimate = MeterFacts("11223344", 1_000_000)
    reading = Reading(0.0, 0.0, MeterFacts("11223344", 1_000_000 + step_wh), grid_wh)
    assert may_replace(estimate, reading, UNSEEN_S, QUICK) is good


# --- a meter that lies


@pytest.mark.parametrize("lie_wh", [0, 1_234_567_000, 2**32])
@pytest.mark.parametrize("for_s", [60, BASELINE_S + 120])
def test_a_lie_replaces_nothing_however_long_it_is_told(lie_wh: int, for_s: float) -> None:
    """After ten minutes it is the past that readings are judged by; the estimate waits on."""
    core = silent_end()
    truth_wh, core.register_wh = core.register_wh, float(lie_wh)
    core.meter_works = True
    core.pass_time(for_s)
    assert last(core).estimated
    assert core.phase is (Phase.AVAILABLE if for_s > BASELINE_S else Phase.UNAVAILABLE)
    core.register_wh = truth_wh
    core.pass_time(BASELINE_S + 30)
    assert exact(last(core), truth_wh)
    assert core.given(StoreSession)[-1].announce is Announce.END
    records = len(core.given(StoreSession))
    core.pass_time(60)
    assert len(core.given(StoreSession)) == records, "it was replaced twice"


def test_what_flowed_unseen_up_to_the_opening_is_in_the_exact_register() -> None:
    core = Core(settings=QUICK).charging(SETTINGS.fuse_w)
    core.pass_time(20)
    seen_wh = core.register_wh
    core.meter_works = False
    core.pass_time(60)
    assert core.register_wh > seen_wh + 10
    core.meter_works = True
    core.pass_time(10)
    assert exact(last(core), core.register_wh)


def test_another_meter_ends_the_wait() -> None:
    core = silent_end()
    core.meter_serial, core.meter_works = "99887766", True
    core.pass_time(60)
    assert core.phase is Phase.AVAILABLE
    assert core.state.unsettled is None
    core.meter_serial = "11223344"
    core.pass_time(60)
    assert last(core).estimated


# --- the next charge


def lying_and_believed() -> tuple[Core, float]:
    """The estimate waits, the box is free again by a register that went elsewhere."""
    core = silent_end()
    truth_wh, core.register_wh = core.register_wh, 500.0
    core.meter_works = True
    core.pass_time(BASELINE_S + 30)
    assert core.phase is Phase.AVAILABLE
    assert core.state.unsettled is not None
    return core, truth_wh


def test_after_the_next_closing_the_register_is_another_sessions() -> None:
    core, truth_wh = lying_and_believed()
    estimate = last(core)
    core.tap()
    core.until(Phase.CHARGING)
    assert core.state.unsettled is None
    core.pass_time(30)
    core.tap()
    core.until(Phase.AVAILABLE)
    core.register_wh = truth_wh
    core.pass_time(BASELINE_S + 60)
    assert core.sessions[estimate.uuid] == estimate


def test_a_tap_that_closes_nothing_ends_no_wait() -> None:
    core, truth_wh = lying_and_believed()
    estimate = last(core)
    core.verdict = Verdict.UNKNOWN_TAG
    core.tap()
    core.pass_time(10)
    core.register_wh = truth_wh
    core.pass_time(BASELINE_S + 60)
    assert exact(core.sessions[estimate.uuid], truth_wh)


def test_while_one_waits_the_meter_is_asked_often() -> None:
    core, truth_wh = lying_and_believed()
    assert core.every_s == QUICK.sample_s
    core.register_wh = truth_wh
    core.pass_time(BASELINE_S + 60)
    assert core.every_s > QUICK.sample_s


def test_an_exact_register_on_a_bad_disk_does_not_keep_the_next_end_from_being_stored() -> None:
    core = silent_end()
    core.meter_works, core.journal_works = True, False
    core.pass_time(4)
    core.journal_works, core.verdict = True, None
    core.feed(JournalStateChanged(None))
    core.tap()
    session = core.state.session
    assert session is not None
    core.journal_works = False
    core.feed(ServerAnswered(session.uuid, Verdict.ACCEPTED))
    core.pass_time(30)
    core.journal_works = True
    core.feed(JournalStateChanged(None))
    core.until(Phase.AVAILABLE, 30)


# --- over a restart


def restarted(core: Core, unsettled: Session | None, **changes: object) -> Core:
    """The next daemon, a while later, at the same meter."""
    mono_s = core.mono_s + 3600
    again = Core(settings=QUICK, start_wh=core.register_wh, mono_s=mono_s, **changes)
    for uuid, session in core.sessions.items():
        again.stored[uuid] = [Record.ENDED]
        again.sessions[uuid] = session
    again.feed(Booted(None, 1, TagList(), (), unsettled=unsettled))
    return again


def test_a_restart_does_not_end_the_wait() -> None:
    before = silent_end()
    estimate = last(before)
    core = restarted(before, estimate)
    core.pass_time(30)
    assert exact(last(core), before.register_wh)
    assert last(core) == replace(estimate, end=last(core).end, estimated=False)
    assert core.state.unsettled is None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    connection = connect(tmp_path / "journal.sqlite3")
    yield Store(connection)
    connection.close()


@pytest.mark.parametrize(
    ("session", "record", "wanted"),
    [
        (ended(estimated=True), Record.ENDED, True),
        (ended(estimated=False), Record.ENDED, False),
        (ended(estimated=True, exact_wanted=False), Record.ENDED, False),
        (ended(end=None), Record.ENDING, False),
        (begun(), Record.ACCEPTED, False),
        (begun(), Record.ASKED, False),
    ],
)
def test_the_journal_knows_which_end_waits(
    store: Store, session: Session, record: Record, wanted: bool
) -> None:
    store.put_session(session, record, BOOT, Announce.NOTHING)
    found = store.unsettled(BOOT)
    assert (found is not None) is wanted
    if found is not None:
        assert (found.uuid, found.end, found.estimated) == (session.uuid, session.end, True)


def test_of_two_sessions_only_the_newest_may_wait(store: Store) -> None:
    store.put_session(ended(1, estimated=True), Record.ENDED, BOOT, Announce.END)
    store.put_session(begun(2), Record.ASKED, BOOT, Announce.NOTHING)
    assert store.unsettled(BOOT) is None
    store.put_session(begun(2), Record.DROPPED, BOOT, Announce.NOTHING)
    assert store.unsettled(BOOT) is not None, "a session that was refused drew nothing"
    store.put_session(begun(3), Record.ACCEPTED, BOOT, Announce.NOTHING)
    assert store.unsettled(BOOT) is None


def test_the_exact_end_takes_the_place_of_the_estimate(store: Store) -> None:
    store.put_session(ended(1, estimated=True), Record.ENDED, BOOT, Announce.END)
    store.put_session(ended(1, estimated=False), Record.ENDED, BOOT, Announce.END)
    assert store.unsettled(BOOT) is None
    assert [(one.kind, one.session.estimated) for one in store.waiting()] == [("end", False)] * 2


def test_the_core_hears_at_boot_which_end_waits(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    connection = connect(path)
    Store(connection).put_session(ended(1, estimated=True), Record.ENDED, BOOT, Announce.END)
    connection.close()
    with running_journal(path, FakeClock(boot_id="another")) as (_, events):
        (booted,) = events.seen
    assert isinstance(booted, Booted)
    assert booted.unsettled is not None
    assert booted.unsettled.uuid == begun(1).uuid


# --- estimates that are the last word


def interrupted(core: Core, life_wh: int) -> StoredSession:
    session = Session(
        uuid="00000000-0000-4000-8000-0000000000aa",
        seq=1,
        tag=ALICE,
        started_at=core.now.utc - timedelta(minutes=20),
        time_quality=TimeQuality.SYNCED,
        stage=Stage.CLOSING,
        stage_since_s=0,
        start=MeterFacts("11223344", life_wh - 1000),
    )
    return StoredSession(
        session,
        Record.ACCEPTED,
        same_boot=False,
        life_at=core.now.utc - timedelta(hours=2),
        life_quality=TimeQuality.SYNCED,
        life_wh=life_wh,
        life_closed_s=900.0,
    )


def test_an_end_at_the_ceiling_waits_for_nothing(store: Store) -> None:
    core = Core(settings=QUICK)
    core.boot(interrupted(core, round(core.start_wh) - 5000), last_seq=1)
    core.pass_time(60)
    assert last(core).estimated
    assert core.state.faults
    assert core.state.unsettled is None
    store.put_session(last(core), Record.ENDED, BOOT, Announce.END)
    assert store.unsettled(BOOT) is None


def test_an_end_of_an_exchanged_meter_waits_for_nothing(store: Store) -> None:
    core = Core().charging()
    core.pass_time(30)
    core.meter_serial, core.register_wh = "99887766", 42.0
    core.pass_time(60)
    assert (last(core).estimated, last(core).reason) == (True, EndReason.METER_LOST)
    assert core.state.unsettled is None
    store.put_session(last(core), Record.ENDED, BOOT, Announce.END)
    assert store.unsettled(BOOT) is None
    assert len(core.given(CloseContactor)) == 1
