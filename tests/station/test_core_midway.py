"""A session that is disturbed halfway: while it ramps down, while it resumes, after an estimate."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from station.journal import database
from station.journal.store import Store
from station.rules import faults
from station.rules.messages import (
    Announce,
    Event,
    LeaseLapsed,
    Request,
    RequestMade,
    ShutdownRequested,
    StopInputChanged,
    StoredSession,
    StoreLifeSign,
    StoreSession,
)
from station.rules.switching import RAMP_S
from station.rules.values import (
    EndReason,
    Load,
    MeterFacts,
    Record,
    Session,
    Stage,
    TagEntry,
    TagList,
    TimeQuality,
)
from tests.station.core_rig import ALICE, SETTINGS, Core

LEFT = "20000000-0000-4000-8000-000000000000"  # resumes 7.5 s after it may
TAGS = TagList({ALICE: TagEntry(ALICE, accepted=True)}, confirmed_at_s=1000.0)
RELEASED = replace(SETTINGS, load=Load.ENABLE, has_enable=True, lost_after_s=5)
DRAWN_WH = 5000


def left(core: Core, record: Record = Record.ACCEPTED, **changes: object) -> StoredSession:
    """A charge that was interrupted 20 s ago and had drawn DRAWN_WH at its last sign of life."""
    session = Session(
        uuid=LEFT,
        seq=1,
        tag=ALICE,
        started_at=core.now.utc - timedelta(hours=1),
        time_quality=TimeQuality.SYNCED,
        stage=Stage.READING,
        stage_since_s=0.0,
        start=MeterFacts("11223344", round(core.start_wh) - DRAWN_WH),
    )
    if record is Record.ENDING:
        session = replace(session, reason=EndReason.LOCAL, ended_at=core.now.utc)
    stored = StoredSession(
        session,
        record,
        same_boot=False,
        life_at=core.now.utc - timedelta(seconds=20),
        life_quality=TimeQuality.SYNCED,
        life_wh=round(core.start_wh),
        life_closed_s=600.0,
    )
    return replace(stored, **changes)  # type: ignore[arg-type]


def until_stage(core: Core, stage: Stage, within_s: float = 120) -> Session:
    end_s = core.mono_s + within_s
    while core.state.session is None or core.state.session.stage is not stage:
        assert core.mono_s < end_s, f"not {stage}: {core.state.session}"
        core.pass_time(0.5)
    return core.state.session


def drawn_wh(session: Session) -> int:
    assert session.start is not None
    assert session.end is not None
    return session.end.import_wh - session.start.import_wh


# --- the ramp


def test_a_meter_that_falls_silent_does_not_keep_the_contactor_closed() -> None:
    core = Core(settings=RELEASED).charging()
    core.meter_works = False
    until_stage(core, Stage.RAMPING, 30)
    core.pass_time(RAMP_S + 1)
    assert not core.closed
    assert core.state.session is not None
    assert core.state.session.reason is EndReason.METER_LOST


def test_a_meter_lost_during_the_ramp_prolongs_nothing_and_is_not_the_reason() -> None:
    core = Core(settings=RELEASED).charging()
    core.pass_time(10)
    core.meter_works = False
    core.pass_time(4)
    core.tap()
    core.pass_time(RAMP_S + 1)
    assert not core.closed
    assert core.state.session is not None
    assert core.state.session.reason is EndReason.LOCAL


def test_another_meter_during_the_ramp_prolongs_nothing_and_is_not_the_reason() -> None:
    core = Core(settings=RELEASED).charging()
    core.pass_time(10)
    core.tap()
    core.meter_serial = "99"
    core.pass_time(RAMP_S + 1)
    assert not core.closed
    assert core.state.session is not None
    assert core.state.session.reason is EndReason.LOCAL


# --- resuming


@pytest.mark.parametrize(
    "event",
    [
        RequestMade("1", Request.STOP, remote=True, uuid=LEFT),
        LeaseLapsed(),
        StopInputChanged(True),
        ShutdownRequested(),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_ends_a_charge_while_its_resuming_is_stored_books_what_was_drawn(
    event: Event,
) -> None:
    core = Core()
    core.boot(left(core), last_seq=1, tags=TAGS)
    until_stage(core, Stage.RESUMING)
    core.journal_holds = True
    until_stage(core, Stage.STORING_ACCEPTED)
    core.feed(event)
    core.release()
    core.pass_time(20)
    session = core.sessions[LEFT]
    assert core.stored[LEFT][-1] is Record.ENDED
    assert session.reason is EndReason.POWER_LOSS
    assert drawn_wh(session) == DRAWN_WH


def test_a_second_cut_counts_from_the_resuming(tmp_path: Path) -> None:
    """Else a breaker that trips at closing is closed onto again, and the ceiling is too low."""
    core = Core()
    before = left(core)
    store = Store(database.connect(tmp_path / "journal"))
    store.put_session(before.session, Record.ACCEPTED, "boot", Announce.NOTHING)
    store.put_life_sign(
        StoreLifeSign(
            uuid=LEFT,
            at=core.now.utc - timedelta(seconds=20),
            quality=TimeQuality.SYNCED,
            import_wh=round(core.start_wh) - 100,
            power_w=11_000,
            closed_s=600.0,
            charged_s=600.0,
            minute=None,
        )
    )
    found = store.open_session("boot 2")
    assert found is not None
    core.boot(found, last_seq=1, tags=TAGS)
    until_stage(core, Stage.RUNNING)
    for command in (one for _, _, commands in core.trace for one in commands):
        if isinstance(command, StoreSession):
            store.put_session(command.session, command.record, "boot 2", command.announce)
        elif isinstance(command, StoreLifeSign):
            store.put_life_sign(command)
    again = store.open_session("boot 3")
    assert again is not None
    assert again.life_closed_s == 0
    assert again.life_wh == round(core.start_wh)
    assert again.session.charged_s == 600.0
    second = Core(mono_s=core.mono_s + 5, start_wh=core.start_wh)
    second.boot(again, last_seq=1, tags=TAGS)
    assert [fault.name for fault in second.state.faults] == [faults.POWER_UNSTABLE]


# --- the last good reading, over a boot


@pytest.mark.parametrize("record", [Record.ACCEPTED, Record.ENDING])
def test_a_meter_exchanged_while_the_power_was_away_books_up_to_the_last_sign_of_life(
    record: Record,
) -> None:
    core = Core(meter_serial="99")
    before = left(core, record)
    core.register_wh = 12.0
    core.boot(before, last_seq=1, tags=TAGS)
    core.pass_time(60)
    session = core.sessions[LEFT]
    assert core.stored[LEFT][-1] is Record.ENDED
    assert drawn_wh(session) == DRAWN_WH
    assert session.end is not None
    assert session.end.serial == "11223344"
    assert session.estimated


def test_a_meter_that_stays_silent_after_a_boot_books_up_to_the_last_sign_of_life() -> None:
    core = Core(settings=replace(SETTINGS, final_reading_timeout_s=60), meter_works=False)
    core.boot(left(core, Record.ENDING), last_seq=1, tags=TAGS)
    core.pass_time(70)
    assert drawn_wh(core.sessions[LEFT]) == DRAWN_WH
    assert core.sessions[LEFT].estimated


def test_without_a_sign_of_life_the_start_is_the_last_good_reading() -> None:
    core = Core(settings=replace(SETTINGS, final_reading_timeout_s=60), meter_works=False)
    core.boot(left(core, Record.ENDING, life_at=None, life_wh=None), last_seq=1, tags=TAGS)
    core.pass_time(70)
    assert drawn_wh(core.sessions[LEFT]) == 0


# --- the exact register after an estimate


def test_the_exact_register_is_stored_once_however_slow_the_disk() -> None:
    core = Core(settings=replace(SETTINGS, lost_after_s=5, final_reading_timeout_s=30)).charging()
    core.pass_time(10)
    core.meter_works = False
    core.pass_time(60)
    assert core.state.unsettled is not None
    before = len(core.given(StoreSession))
    core.meter_works, core.journal_holds = True, True
    core.pass_time(20)
    exact = core.given(StoreSession)[before:]
    assert len(exact) == 1
    core.release()
    assert core.state.unsettled is None


def test_an_exact_register_that_could_not_be_stored_is_stored_again() -> None:
    core = Core(settings=replace(SETTINGS, lost_after_s=5, final_reading_timeout_s=30)).charging()
    core.pass_time(10)
    core.meter_works = False
    core.pass_time(60)
    core.meter_works, core.journal_works = True, False
    core.pass_time(20)
    assert core.state.unsettled is not None
    core.journal_works = True
    core.pass_time(20)
    assert core.state.unsettled is None
    [session] = core.sessions.values()
    assert not session.estimated
