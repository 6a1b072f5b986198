"""Readings that pass every single check and are not true: what the core makes of them."""

from __future__ import annotations

from dataclasses import replace

from station.rules.messages import MeterRead, StoreSession
from station.rules.values import MeterFacts, Phase, Reading, Record, Session
from tests.station.core_rig import Core


def ended(core: Core) -> list[Session]:
    return [
        one.session
        for one in core.given(StoreSession)
        if isinstance(one, StoreSession) and one.record is Record.ENDED
    ]


def off_by(core: Core, wh: int) -> Reading:
    reading = core.reading()
    return replace(reading, facts=MeterFacts(core.meter_serial, reading.facts.import_wh + wh))


def test_a_wrong_first_reading_after_opening_is_not_booked() -> None:
    core = Core().charging()
    core.pass_time(30)
    core.tap()
    core.pass_time(2.9)
    assert core.phase is Phase.FINISHING
    wrong = off_by(core, 8)
    core.sample(facts=wrong.facts, requested_at_s=core.mono_s + 0.2, received_at_s=core.mono_s + 1)
    core.until(Phase.AVAILABLE)
    (session,) = ended(core)
    assert not session.estimated
    assert session.end is not None
    assert abs(session.end.import_wh - core.register_wh) <= 1


def test_a_register_of_before_the_opening_is_not_booked_while_it_shows_a_flow() -> None:
    core = Core().charging()
    core.pass_time(30)
    stale = core.reading()
    core.reading = lambda: replace(  # type: ignore[method-assign]
        stale, requested_at_s=core.mono_s - 0.2, received_at_s=core.mono_s
    )
    core.pass_time(10)
    core.tap()
    core.pass_time(15)
    assert not ended(core)
    assert not core.state.faults
    del core.reading
    core.until(Phase.AVAILABLE)
    (session,) = ended(core)
    assert session.end is not None
    assert abs(session.end.import_wh - core.register_wh) <= 1


def test_one_wrong_reading_does_not_cost_an_idle_charge() -> None:
    core = Core().charging()
    core.pass_time(30)
    core.car_w = 0.0
    core.pass_time(10)
    core.feed(MeterRead(off_by(core, 9)))
    core.pass_time(60)
    assert core.phase is Phase.SUSPENDED_EV
    assert core.state.session_facts is not None
    assert abs(core.state.session_facts.import_wh - core.register_wh) <= 1


def test_a_register_that_changes_its_scale_at_rest_is_no_weld() -> None:
    core = Core().ready()
    core.pass_time(60)
    core.register_wh *= 1000
    core.pass_time(120)
    core.register_wh /= 1000
    core.pass_time(120)
    assert core.phase is Phase.AVAILABLE
    assert not core.state.faults


def test_an_idle_meter_that_froze_before_the_opening_is_not_believed() -> None:
    core = Core().charging()
    core.pass_time(30)
    core.car_w = 0.0
    core.pass_time(5)
    stale = core.reading()
    core.reading = lambda: replace(  # type: ignore[method-assign]
        stale, requested_at_s=core.mono_s - 0.2, received_at_s=core.mono_s
    )
    core.pass_time(3)
    core.car_w = 11_000.0
    core.pass_time(10)
    core.tap()
    core.pass_time(10)
    assert not ended(core)
    del core.reading
    core.until(Phase.AVAILABLE)
    (session,) = ended(core)
    assert session.end is not None
    assert abs(session.end.import_wh - core.register_wh) <= 1


def test_what_flowed_in_a_charge_that_the_meter_did_not_see_is_no_weld() -> None:
    core = Core(car_w=11_000.0).ready()
    core.pass_time(60)
    core.tap()
    while not core.closed:
        core.pass_time(0.5)
    core.meter_works = False
    core.pass_time(28)
    core.tap()
    core.pass_time(10)
    core.meter_works = True
    core.until(Phase.AVAILABLE)
    assert not core.state.faults
