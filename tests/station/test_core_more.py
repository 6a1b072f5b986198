"""Requests, ramps, stamps, exchanged meters: the rest of the core's table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from station.rules.messages import (
    AnswerRequest,
    CloseContactor,
    ForgetFault,
    LeaseLapsed,
    MeterMissed,
    OpenContactor,
    Release,
    RepairStamps,
    Request,
    RequestMade,
    StopInputChanged,
    StoreDisabled,
    StoreSession,
    SupplyChanged,
)
from station.rules.values import EndReason, Fault, MeterFacts, Phase, Record, TimeQuality
from tests.station.core_rig import EPOCH, SETTINGS, Core

ENABLE = replace(SETTINGS, has_enable=True)


def ask(core: Core, request: Request, **changes: object) -> AnswerRequest:
    commands = core.feed(RequestMade("1", request, **({"remote": False} | changes)))
    [answer] = [command for command in commands if isinstance(command, AnswerRequest)]
    return answer


# --- requests ---------------------------------------------------------------------------------


def test_reset_without_a_fault_says_so():
    assert ask(Core().ready(), Request.RESET).result == "refused"


def test_reset_of_a_lapse_at_the_box_forgets_it_on_disk():
    core = Core().boot(faults=(Fault("lease_lapse", EPOCH),))
    core.pass_time(10)
    commands = core.feed(RequestMade("1", Request.RESET, remote=False))
    assert ForgetFault("lease_lapse") in commands
    assert core.phase is Phase.AVAILABLE


@pytest.mark.parametrize(
    ("fault", "since", "result"),
    [
        ("power_unstable", EPOCH, "ok"),
        ("power_unstable", EPOCH + timedelta(seconds=1), "refused"),
        ("power_unstable", None, "refused"),
        ("contactor_fault", EPOCH, "refused"),
        (None, EPOCH, "refused"),
    ],
)
def test_remote_reset_names_the_fault_and_its_since(fault, since, result):
    core = Core().boot(faults=(Fault("power_unstable", EPOCH),))
    assert ask(core, Request.RESET, remote=True, fault=fault, since=since).result == result


def test_emergency_stop_is_cleared_after_five_seconds_and_only_at_the_box():
    core = Core().ready()
    core.feed(StopInputChanged(True))
    assert "open" in ask(core, Request.RESET).text
    core.feed(StopInputChanged(False))
    core.pass_time(4)
    assert "5 s" in ask(core, Request.RESET).text
    core.pass_time(1.5)
    since = core.state.faults[0].since
    remote = ask(core, Request.RESET, remote=True, fault="emergency_stop", since=since)
    assert remote.result == "refused"
    assert ask(core, Request.RESET).result == "ok"
    assert core.phase is Phase.AVAILABLE


def test_tag_never_clears_an_emergency_stop():
    core = Core().ready()
    core.feed(StopInputChanged(True))
    core.feed(StopInputChanged(False))
    core.pass_time(60)
    core.tap()
    assert core.phase is Phase.FAULTED


def test_remote_stop_names_its_session():
    core = Core().charging()
    uuid = core.given(CloseContactor)[0].uuid
    assert ask(core, Request.STOP, remote=True, uuid="other").result == "not_running"
    assert core.closed
    assert ask(core, Request.STOP, remote=True, uuid=uuid).result == "ok"
    assert core.given(StoreSession)[-1].session.reason is EndReason.REMOTE


def test_disabled_station_starts_nothing_and_lets_a_charge_finish():
    core = Core().charging()
    commands = core.feed(RequestMade("1", Request.DISABLE, remote=True))
    assert StoreDisabled(True) in commands
    core.pass_time(30)
    assert core.phase is Phase.CHARGING
    core.tap()
    core.until(Phase.UNAVAILABLE)
    core.feed(RequestMade("2", Request.ENABLE, remote=True))
    assert core.phase is Phase.AVAILABLE


# --- the release input ------------------------------------------------------------------------


def test_normal_end_drops_the_release_first_and_opens_below_one_ampere():
    core = Core(settings=ENABLE).charging()
    core.pass_time(30)
    commands = core.tap()
    assert Release(False) in commands
    assert OpenContactor() not in commands
    assert core.closed
    core.car_w = 300.0
    core.pass_time(2.5)
    assert not core.closed


def test_car_that_does_not_ramp_down_is_opened_after_six_seconds():
    core = Core(settings=ENABLE).charging()
    core.pass_time(30)
    core.tap()
    core.pass_time(5.5)
    assert core.closed
    core.pass_time(1.5)
    assert not core.closed
    core.until(Phase.AVAILABLE)
    assert core.given(StoreSession)[-1].session.reason is EndReason.LOCAL


@pytest.mark.parametrize("event", [StopInputChanged(True), LeaseLapsed()])
def test_urgent_end_opens_at_once_even_while_ramping(event):
    core = Core(settings=ENABLE).charging()
    core.pass_time(30)
    assert OpenContactor() in core.feed(event)
    ramping = Core(settings=ENABLE).charging()
    ramping.pass_time(30)
    ramping.tap()
    assert OpenContactor() in ramping.feed(event)


# --- stamps -----------------------------------------------------------------------------------


def test_stamps_before_the_first_sync_are_repaired_and_synced_ones_are_not_touched():
    core = Core(synced=False).charging()
    core.pass_time(20)
    before = core.state.session
    assert before is not None
    assert before.time_quality is TimeQuality.ESTIMATED
    true_offset = timedelta(days=365)
    started_s = before.started_s
    assert started_s is not None
    core.synced = True
    import tests.station.core_rig as rig

    original = rig.EPOCH
    try:
        rig.EPOCH = original + true_offset
        core.pass_time(1)
        after = core.state.session
        assert after is not None
        assert after.time_quality is TimeQuality.SYNCED
        assert after.started_at == before.started_at + true_offset
        assert len(core.given(RepairStamps)) == 1
        rig.EPOCH = original
        core.pass_time(5)
        assert core.state.session is not None
        assert core.state.session.started_at == after.started_at
        assert len(core.given(RepairStamps)) == 1
    finally:
        rig.EPOCH = original


# --- supply and meter -------------------------------------------------------------------------


def test_undervoltage_of_the_pi_waits_with_closing():
    core = Core(car_w=5000).ready()
    core.feed(SupplyChanged(True))
    core.tap()
    core.pass_time(10)
    assert core.given(CloseContactor) == []
    core.feed(SupplyChanged(False))
    core.until(Phase.CHARGING)


def test_meter_exchanged_while_charging_ends_at_the_old_ones_last_word():
    core = Core().charging()
    core.pass_time(30)
    last = round(core.register_wh)
    core.meter_serial, core.register_wh = "99999999", 42.0
    core.pass_time(10)
    assert not core.closed
    core.pass_time(30)
    end = core.given(StoreSession)[-1]
    assert end.record is Record.ENDED
    assert end.session.estimated
    assert end.session.end is not None
    assert end.session.end.serial == "11223344"
    assert abs(end.session.end.import_wh - last) <= 4
    core.pass_time(60)
    assert core.phase is Phase.AVAILABLE, "the new meter becomes the baseline"
    assert core.given(StoreSession)[-1] == end


def test_meter_exchanged_at_rest_is_taken_over():
    core = Core().ready()
    core.meter_serial, core.register_wh = "99999999", 42.0
    core.pass_time(60)
    assert core.phase is Phase.AVAILABLE
    core.tap()
    assert core.given(StoreSession)[0].session.start == MeterFacts("99999999", 42)


def test_samples_around_a_switching_are_nothing_at_all():
    core = Core(car_w=5000).ready()
    core.tap()
    core.until(Phase.SUSPENDED_EV)
    before = core.state.track
    core.feed(MeterMissed("disturbed", core.mono_s - 0.1))
    core.sample(requested_at_s=core.mono_s + 0.3, facts=MeterFacts("11223344", 9_999_999))
    assert core.state.track == before
    assert core.state.meter_misses == 0
    core.pass_time(1)
    core.feed(MeterMissed("disturbed", core.mono_s))
    assert core.state.meter_misses == 1


def test_estimated_end_whose_stamp_was_repaired_stays_repaired_when_it_becomes_exact():
    import tests.station.core_rig as rig

    core = Core(settings=replace(SETTINGS, final_reading_timeout_s=30), synced=False).charging()
    core.pass_time(20)
    core.meter_works = False
    core.tap()
    core.pass_time(40)
    estimate = core.given(StoreSession)[-1].session
    assert estimate.estimated
    original = rig.EPOCH
    try:
        core.synced, rig.EPOCH = True, original + timedelta(days=365)
        core.pass_time(1)
        core.meter_works = True
        core.pass_time(30)
    finally:
        rig.EPOCH = original
    exact = core.given(StoreSession)[-1].session
    assert not exact.estimated
    assert estimate.ended_at is not None
    assert exact.ended_at == estimate.ended_at + timedelta(days=365)
    assert exact.end_time_quality is TimeQuality.SYNCED


@pytest.mark.parametrize(
    ("closings_ago", "resting"),
    [
        ([], False),
        ([100, 80, 60, 40, 20], False),
        ([599, 500, 400, 300, 200, 100], True),
        ([650, 500, 400, 300, 200, 100], True),  # the sixth rests the box for ten minutes
        ([1150, 1000, 900, 800, 700, 601], False),
        ([3599, *range(3500, 650, -150)], True),  # twenty within the hour
        ([*range(2000, 100, -100), 99], True),
        ([*range(3500, 0, -200)], False),
    ],
)
def test_contactor_rests_after_too_many_closings(closings_ago, resting):
    core = Core().ready()
    core.state = replace(core.state, closings_s=tuple(core.mono_s - ago for ago in closings_ago))
    assert (core.phase is Phase.UNAVAILABLE) is resting
