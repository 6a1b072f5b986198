"""A charge that was interrupted goes on as the same session, or ends exactly, by condition."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from station.rules import resume
from station.rules.messages import (
    CloseContactor,
    ShutdownRequested,
    StoredSession,
    StoreLifeSign,
    StoreSession,
    VehicleInputChanged,
)
from station.rules.values import (
    EndReason,
    Fault,
    Interruption,
    Load,
    MeterFacts,
    Phase,
    Record,
    Session,
    Stage,
    TagEntry,
    TagList,
    TimeQuality,
)
from tests.station.core_rig import ALICE, EPOCH, SETTINGS, Core

TAGS = TagList(entries={ALICE: TagEntry(ALICE, True, None, "flat-3")})
LIFE = timedelta(seconds=950)  # the rig boots at 1000 s


def left(*, same_boot: bool = False, **changes: object) -> StoredSession:
    """A charge whose last sign of life is 50 s old when the rig boots."""
    session = Session(
        uuid="40000000-0000-4000-8000-0000000000aa",  # spreads by a quarter: 15 s
        seq=3,
        tag=ALICE,
        started_at=EPOCH,
        time_quality=TimeQuality.SYNCED,
        stage=Stage.CLOSING,
        stage_since_s=0,
        start=MeterFacts("11223344", 1_230_000),
        charged_s=900.0,
    )
    session = replace(session, **{k: v for k, v in changes.items() if hasattr(session, k)})
    stored = StoredSession(
        session,
        Record.ACCEPTED,
        same_boot,
        life_at=EPOCH + LIFE,
        life_quality=TimeQuality.SYNCED,
        life_wh=1_234_500,
        life_closed_s=900.0,
    )
    return replace(stored, **{k: v for k, v in changes.items() if hasattr(stored, k)})


def booted(stored: StoredSession, **changes: object) -> Core:
    core = Core(car_w=7000, **changes)
    return core.boot(stored, last_seq=3, tags=TAGS)


def test_short_power_cut_resumes_as_the_same_session():
    core = booted(left())
    assert core.phase is Phase.PREPARING
    core.pass_time(29)
    assert core.given(CloseContactor) == [], "the supply had not been stable for 30 s"
    core.until(Phase.CHARGING, 60)
    [accepted] = core.given(StoreSession)
    assert accepted.record is Record.ACCEPTED
    assert accepted.session.resumes == 1
    assert accepted.session.interruptions == (
        Interruption(EPOCH + LIFE, accepted.session.interruptions[0].until, EndReason.POWER_LOSS),
    )
    core.pass_time(30)
    core.tap()
    core.until(Phase.AVAILABLE)
    end = core.given(StoreSession)[-1].session
    assert end.uuid == left().session.uuid
    assert end.reason is EndReason.LOCAL
    assert end.start == MeterFacts("11223344", 1_230_000)
    assert end.end is not None
    assert end.end.import_wh == round(core.register_wh)


def test_resume_is_counted_on_disk_before_the_contactor_closes():
    core = booted(left())
    core.pass_time(25)
    core.journal_holds = True
    core.pass_time(60)
    assert [c.session.resumes for c in core.given(StoreSession)] == [1]
    assert core.given(CloseContactor) == []
    core.release()
    core.pass_time(1)
    assert core.given(CloseContactor) != []


def test_journal_that_answers_long_after_resumes_nothing():
    core = booted(left())
    core.pass_time(25)
    core.journal_holds = True
    core.pass_time(300)
    core.release()
    core.pass_time(120)
    assert core.given(CloseContactor) == []
    end = core.given(StoreSession)[-1]
    assert (end.record, end.session.reason) == (Record.ENDED, EndReason.POWER_LOSS)
    assert end.session.ended_at == EPOCH + LIFE
    assert core.stored[end.session.uuid][-1] is Record.ENDED


ENDS_INSTEAD = {
    "a socket is never energised again": ({"load": Load.SOCKET}, {}, EndReason.POWER_LOSS),
    "away too long": ({"resume_within_s": 49}, {}, EndReason.POWER_LOSS),
    "restart after more than a minute": (
        {},
        {"same_boot": True, "life_at": EPOCH + timedelta(seconds=930)},
        EndReason.RESTART,
    ),
    "three resumes": ({}, {"resumes": 3}, EndReason.POWER_LOSS),
    "life sign not synced": ({}, {"life_quality": TimeQuality.ESTIMATED}, EndReason.POWER_LOSS),
    "life sign from the future": (
        {},
        {"life_at": EPOCH + timedelta(seconds=1010)},
        EndReason.POWER_LOSS,
    ),
    "life sign of next year": ({}, {"life_at": EPOCH + timedelta(days=400)}, EndReason.POWER_LOSS),
    "no life sign": ({}, {"life_at": None, "life_closed_s": 0.0}, EndReason.POWER_LOSS),
    "tag not valid": ({}, {"tag": "DEADBEEF"}, EndReason.POWER_LOSS),
}


@pytest.mark.parametrize("name", ENDS_INSTEAD)
def test_each_condition_alone_ends_the_session_instead(name):
    settings, changes, reason = ENDS_INSTEAD[name]
    core = booted(left(**changes), settings=replace(SETTINGS, **settings))
    core.pass_time(200)
    assert core.given(CloseContactor) == []
    end = core.given(StoreSession)[-1]
    assert (end.record, end.session.reason) == (Record.ENDED, reason)
    assert end.session.end_time_quality is TimeQuality.ESTIMATED
    assert end.session.end is not None
    assert end.session.end.import_wh == 1_234_567


@pytest.mark.parametrize("ahead_s", [0, 3])
def test_clocks_that_differ_by_a_few_seconds_are_no_lie(ahead_s):
    core = booted(left(life_at=EPOCH + timedelta(seconds=1000 + ahead_s)))
    core.until(Phase.CHARGING, 120)


def test_clock_that_is_not_synced_now_ends_the_session_instead():
    core = booted(left(), synced=False)
    core.pass_time(200)
    assert core.given(CloseContactor) == []


def test_restart_within_a_minute_resumes():
    core = booted(left(same_boot=True))
    core.until(Phase.CHARGING, 120)
    assert core.given(StoreSession)[0].session.interruptions[0].reason is EndReason.RESTART


def test_cut_within_a_minute_of_closing_latches_power_unstable():
    core = booted(left(life_closed_s=30.0))
    core.pass_time(60)
    assert core.phase is Phase.FAULTED
    assert [fault.name for fault in core.state.faults] == ["power_unstable"]
    assert core.given(StoreSession)[-1].session.reason is EndReason.POWER_LOSS


def test_kill_within_a_minute_of_closing_ends_but_latches_nothing():
    core = booted(left(same_boot=True, life_closed_s=30.0))
    core.pass_time(60)
    assert core.phase is Phase.AVAILABLE
    assert core.given(StoreSession)[-1].session.reason is EndReason.RESTART


def test_latched_fault_forbids_to_resume():
    core = Core(car_w=7000)
    core.boot(left(), last_seq=3, tags=TAGS, faults=(Fault("contactor_fault", EPOCH),))
    core.pass_time(200)
    assert core.given(CloseContactor) == []
    assert core.state.session is None


def test_supply_that_comes_and_goes_starts_the_thirty_seconds_anew():
    core = booted(left())
    core.pass_time(25)
    core.voltage = (190.0, 230.0, 230.0)
    core.pass_time(5)
    core.voltage = (230.0, 230.0, 230.0)
    core.pass_time(28)
    assert core.given(CloseContactor) == []
    core.until(Phase.CHARGING, 30)


def test_vehicle_that_is_gone_is_waited_for_and_given_up():
    core = booted(left(), settings=replace(SETTINGS, has_vehicle_input=True))
    core.pass_time(100)
    assert core.given(CloseContactor) == []
    core.feed(VehicleInputChanged(True))
    core.until(Phase.CHARGING, 30)
    gone = booted(left(), settings=replace(SETTINGS, has_vehicle_input=True))
    gone.pass_time(300)
    assert gone.given(StoreSession)[-1].session.reason is EndReason.POWER_LOSS


def test_register_above_what_the_fuse_could_deliver_is_nobodys_and_latches():
    """A line was left up while nobody looked."""
    core = booted(left(life_wh=1_230_100))
    bound = round(SETTINGS.fuse_w * 70 / 3600)
    core.pass_time(100)
    end = core.given(StoreSession)[-1].session
    assert end.end is not None
    assert end.end.import_wh == 1_230_100 + bound
    assert end.estimated
    assert [fault.name for fault in core.state.faults] == ["contactor_fault"]
    assert core.given(CloseContactor) == []


def test_owner_who_taps_while_it_waits_ends_it():
    core = booted(left())
    core.pass_time(10)
    core.tap()
    core.until(Phase.AVAILABLE)
    assert core.given(StoreSession)[-1].session.reason is EndReason.LOCAL


def test_shutdown_while_it_waits_leaves_it_as_it_was_found():
    core = booted(left())
    core.pass_time(10)
    core.feed(ShutdownRequested())
    assert core.given(StoreSession) == []
    assert core.state.left


def test_elapsed_time_and_energy_carry_over():
    core = booted(left(), settings=replace(SETTINGS, max_duration_s=1000))
    core.until(Phase.CHARGING, 120)
    core.pass_time(105)
    assert core.given(StoreSession)[-1].session.reason is EndReason.MAX_DURATION


def test_life_sign_after_a_resume_counts_the_time_before():
    core = booted(left())
    core.until(Phase.CHARGING, 120)
    core.pass_time(60)
    sign = core.given(StoreLifeSign)[-1]
    assert sign.charged_s == pytest.approx(900 + sign.closed_s)
    assert sign.closed_s < 65


def test_boxes_of_a_house_spread_over_a_minute():
    spread = [
        resume.spread_s(replace(left().session, uuid=f"{i:08x}-0000-4000-8000-000000000000"))
        for i in range(0, 2**32, 2**28)
    ]
    assert min(spread) == 0
    assert 55 < max(spread) < 60


@pytest.mark.parametrize("lost_after_s", [5.0, 30.0, 120.0])
@pytest.mark.parametrize("above_wh", [0, 1])
def test_ceiling_reckons_with_the_time_that_the_meter_may_be_silent(lost_after_s, above_wh):
    """A sign of life wants a reading: up to 30 s to the next one, and then as long without any."""
    box = replace(SETTINGS, lost_after_s=lost_after_s)
    bound_wh = round(box.fuse_w * (30 + lost_after_s + 10) / 3600)
    stored = left(life_wh=1_234_567 - bound_wh - above_wh)
    core = booted(stored, settings=replace(box, resume_within_s=0))
    core.pass_time(60)
    end = core.given(StoreSession)[-1]
    assert end.record is Record.ENDED
    assert end.session.end is not None
    assert end.session.end.import_wh == 1_234_567 - above_wh
    assert end.session.estimated is bool(above_wh)
    assert [fault.name for fault in core.state.faults] == ["contactor_fault"] * above_wh


def test_what_a_silent_meter_did_not_tell_before_a_cut_is_booked():
    """The last sign of life was due when the meter fell silent: the longest time that counts."""
    before = Core(car_w=SETTINGS.fuse_w).ready()
    before.tap()
    before.until(Phase.CHARGING)
    while not before.given(StoreLifeSign):
        before.pass_time(0.5)
    sign = before.given(StoreLifeSign)[-1]
    before.pass_time(28)
    before.meter_works = False
    before.pass_time(SETTINGS.lost_after_s - 1)
    assert before.closed
    stored = left(
        start=MeterFacts("11223344", 1_234_567), life_wh=sign.import_wh, life_closed_s=900.0
    )
    core = Core(settings=replace(SETTINGS, resume_within_s=0), start_wh=before.register_wh)
    core.boot(stored, last_seq=3, tags=TAGS)
    core.pass_time(60)
    end = core.given(StoreSession)[-1].session
    assert end.end is not None
    assert end.end.import_wh == round(before.register_wh)
    assert not end.estimated
    assert not core.state.faults
