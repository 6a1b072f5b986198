"""Welded contacts by the meter: found in time, never found where nothing is wrong, latched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.rules.closing import why_not_close
from station.rules.messages import (
    LineUnreadable,
    OpenContactor,
    PulseTrip,
    Request,
    RequestMade,
    StoreFault,
    StoreSession,
)
from station.rules.values import EndReason, Fault, Load, MeterFacts, Phase, Record
from station.rules.weld import SETTLED_S
from tests.station.core_rig import EPOCH, SETTINGS, Core


def faults(core: Core) -> list[str]:
    return [fault.name for fault in core.state.faults]


def test_weld_after_a_charge_is_found_within_fifteen_seconds_of_flow():
    core = Core().charging(car_w=7000)
    core.pass_time(30)
    core.welded = True
    core.tap()
    core.pass_time(15)
    assert faults(core) == ["contactor_fault"]
    assert core.state.faults[0].welded
    assert core.given(StoreFault)


def test_with_a_weld_the_first_reading_counts_and_the_rest_is_nobodys():
    core = Core().charging(car_w=7000)
    core.pass_time(30)
    core.welded = True
    at_tap = core.register_wh
    core.tap()
    core.pass_time(20)
    end = core.given(StoreSession)[-1]
    assert end.record is Record.ENDED
    assert end.session.end is not None
    assert 0 <= end.session.end.import_wh - at_tap <= 7000 * 5 / 3600 + 1
    assert core.register_wh > end.session.end.import_wh + 10
    assert core.phase is Phase.FAULTED


@pytest.mark.parametrize("idle_s", range(300, 306))
def test_weld_that_shows_at_rest_is_found_within_fifteen_seconds_of_flow(idle_s):
    core = Core(car_w=200 + SETTINGS.standby_w + 5).ready()
    core.pass_time(idle_s)
    core.welded = True
    core.pass_time(15)
    assert faults(core) == ["contactor_fault"]


@pytest.mark.parametrize("sample_s", [0.5, 3.0, 5.0, 20.0, 60.0])
@pytest.mark.parametrize("began", ["at rest", "after a charge"])
def test_however_seldom_the_meter_is_read_a_weld_is_found_within_fifteen_seconds(sample_s, began):
    core = Core(settings=replace(SETTINGS, sample_s=sample_s))
    if began == "at rest":
        core.ready()
        core.car_w = 3000
        core.pass_time(300)
        core.welded = True
        core.pass_time(15)
    else:
        core.charging(car_w=3000)
        core.pass_time(90)
        core.welded = True
        core.tap()
        core.pass_time(SETTLED_S + 15)
    assert faults(core) == ["contactor_fault"]


def test_a_meter_that_is_read_every_minute_is_so_while_charging_only():
    core = Core(settings=replace(SETTINGS, sample_s=60.0)).charging()
    assert core.every_s == 60
    core.tap()
    assert core.every_s == 5
    core.until(Phase.AVAILABLE)


def test_small_flow_is_found_within_ten_minutes():
    core = Core(car_w=60).ready()
    core.welded = True
    core.pass_time(560)
    assert faults(core) == []
    core.pass_time(30)
    assert faults(core) == ["contactor_fault"]


def test_creeping_energy_is_found_within_the_hour():
    """Bursts that are too short for the other two rules: 65 Wh in an hour."""
    core = Core().ready()
    core.welded = True
    for minute in range(60):
        core.car_w = 130.0 * (minute % 2)
        core.pass_time(60)
        if minute < 40:
            assert faults(core) == []
    assert faults(core) == ["contactor_fault"]


@pytest.mark.parametrize("standby_w", [5.0, 40.0])
def test_standby_is_no_weld(standby_w):
    core = Core(settings=replace(SETTINGS, standby_w=standby_w), car_w=standby_w + 10).ready()
    core.welded = True
    core.pass_time(4 * 3600)
    assert faults(core) == []


def test_power_without_energy_or_current_is_no_weld():
    """A stale or lying power register alone latches nothing."""
    core = Core().ready()
    for _ in range(60):
        core.pass_time(1)
        core.sample(power_w=4000.0, current_a=(0.0, 0.0, 0.0))
    assert faults(core) == []


def test_flow_that_ends_within_the_settling_time_is_no_weld():
    core = Core(settings=replace(SETTINGS, load=Load.ENABLE)).charging(car_w=7000)
    core.pass_time(30)
    core.welded = True
    core.tap()
    core.pass_time(14)
    core.welded = False
    core.pass_time(60)
    assert faults(core) == []


def test_weld_trips_where_a_shunt_trip_is_fitted_and_only_once():
    core = Core(settings=replace(SETTINGS, has_trip=True), car_w=3000).ready()
    core.welded = True
    core.pass_time(300)
    assert core.given(PulseTrip) == [PulseTrip()]


def test_mirror_contact_tells_a_weld_without_current():
    core = Core(settings=replace(SETTINGS, has_feedback=True), feedback=False).ready()
    core.tap()
    core.pass_time(1)
    core.feedback = True
    core.pass_time(8)
    core.tap()
    assert not core.closed
    core.pass_time(2)
    assert faults(core) == ["contactor_fault"]
    assert core.state.faults[0].welded


def test_feedback_that_does_not_follow_the_closing_opens_and_latches():
    core = Core(settings=replace(SETTINGS, has_feedback=True), feedback=False).ready()
    core.tap()
    core.pass_time(3)
    assert not core.closed
    assert faults(core) == ["contactor_fault"]
    assert not core.state.faults[0].welded
    core.pass_time(20)
    assert core.given(StoreSession)[-1].session.reason is EndReason.CONTACTOR_FAULT


def reset(core: Core, **changes: object) -> str:
    wanted = {"id": "box:1", "request": Request.RESET, "remote": False} | changes
    [answer] = [c for c in core.feed(RequestMade(**wanted)) if type(c).__name__ == "AnswerRequest"]
    return answer.text


def test_weld_is_cleared_at_the_box_only_and_after_a_minute_without_flow():
    core = Core(car_w=3000).ready()
    core.welded = True
    core.pass_time(30)
    since = core.state.faults[0].since
    assert "box only" in reset(core, remote=True, fault="contactor_fault", since=since)
    core.welded = False
    core.pass_time(50)
    assert "last minute" in reset(core)
    core.pass_time(15)
    assert "cleared" in reset(core)
    assert core.phase is Phase.AVAILABLE


def after_a_boot() -> Core:
    return Core().boot(faults=(Fault("contactor_fault", EPOCH, "welded", welded=True),))


def by_the_mirror_contact() -> Core:
    core = Core(settings=replace(SETTINGS, has_feedback=True), feedback=False).ready()
    core.pass_time(300)
    core.feedback = True
    core.pass_time(2)
    core.feedback = False
    core.pass_time(0.5)
    return core


def by_a_meter_that_became_another() -> Core:
    core = Core(car_w=3000).ready()
    core.welded = True
    core.pass_time(30)
    core.welded = False
    core.meter_serial, core.register_wh = "99999999", 42.0
    core.pass_time(25)
    return core


@pytest.mark.parametrize(
    ("welded", "at_least_s"),
    [(after_a_boot, 60), (by_the_mirror_contact, 59), (by_a_meter_that_became_another, 30)],
)
def test_the_minute_without_flow_is_seen_and_not_assumed(welded, at_least_s):
    """Who has not looked for a minute cannot say that nothing flowed."""
    core = welded()
    assert core.state.faults[0].welded
    began_s = core.mono_s
    while "cleared" not in (said := reset(core)):
        assert "wait" in said or "meter" in said or "last minute" in said
        assert core.mono_s < began_s + 100
        core.pass_time(0.5)
    assert at_least_s <= core.mono_s - began_s <= at_least_s + 10


def test_a_meter_without_a_word_clears_no_weld():
    core = after_a_boot()
    core.pass_time(30)
    core.sample_due_s = float("inf")
    core.state = replace(core.state, resting=())
    core.pass_time(40)
    assert "no reading" in reset(core)


def test_commanded_open_and_line_active_is_driven_open_again_and_latched():
    core = Core().ready()
    from station.rules.messages import ContactorObserved

    commands = core.feed(ContactorObserved(line_active=True))
    assert OpenContactor() in commands
    assert faults(core) == ["contactor_fault"]


def test_a_line_that_cannot_be_read_opens_what_is_closed_and_latches():
    core = Core().charging()
    assert core.feed(LineUnreadable("busy"))[0] == OpenContactor()
    assert faults(core) == ["contactor_fault"]
    assert not core.state.faults[0].welded


def test_nothing_closes_while_the_line_cannot_be_read():
    core = Core(car_w=5000).ready()
    core.feed(LineUnreadable("busy"))
    assert faults(core) == []
    assert "not read back" in str(why_not_close(core.state, core.now))
    core.pass_time(1)
    core.tap()
    core.until(Phase.CHARGING)


def test_reading_of_another_meter_never_moves_the_watch():
    core = Core(car_w=3000).ready()
    core.sample(facts=MeterFacts("99999999", 5_000_000), power_w=3000.0)
    assert faults(core) == []
