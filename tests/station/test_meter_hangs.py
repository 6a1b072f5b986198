"""A meter thread that hangs tells nothing, not even a miss: the clock alone has to notice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.rules.messages import StoreSession
from station.rules.metering import LOST_MIN_MISSES, TRY_S
from station.rules.values import EndReason, Load, Phase, Record, Stage
from tests.station.core_rig import SETTINGS, Core


def bound_s(core: Core) -> float:
    settings = core.settings
    return settings.lost_after_s + LOST_MIN_MISSES * (settings.sample_s + TRY_S)


def hang(core: Core) -> None:
    core.sample = lambda: None  # type: ignore[method-assign]


def go_on(core: Core) -> None:
    del core.sample


@pytest.mark.parametrize(
    "changes",
    [{}, {"lost_after_s": 1.0}, {"sample_s": 5.0}, {"load": Load.ENABLE, "has_enable": True}],
    ids=str,
)
def test_a_charge_without_any_word_of_the_meter_ends_as_lost(changes):
    core = Core(settings=replace(SETTINGS, **changes)).charging()
    core.pass_time(30)
    hang(core)
    core.pass_time(bound_s(core) - 10)
    assert core.closed
    core.pass_time(20)
    assert not core.closed
    session = core.state.session
    assert session is not None
    assert session.reason is EndReason.METER_LOST
    assert "neither" in (core.state.meter_problem or "")


def test_what_flowed_meanwhile_is_booked_when_the_meter_is_back():
    core = Core().charging()
    core.pass_time(30)
    hang(core)
    core.pass_time(150)
    truth = round(core.register_wh)
    go_on(core)
    core.pass_time(30)
    end = core.given(StoreSession)[-1]
    assert end.record is Record.ENDED
    assert end.session.end is not None
    assert end.session.end.import_wh == truth
    assert core.phase is Phase.AVAILABLE


def test_a_ramp_ends_by_its_own_time_and_keeps_its_reason():
    core = Core(settings=replace(SETTINGS, load=Load.ENABLE, has_enable=True)).charging()
    core.pass_time(30)
    hang(core)
    core.pass_time(bound_s(core) - 10)
    core.tap()
    core.pass_time(20)
    assert not core.closed
    session = core.state.session
    assert session is not None
    assert session.stage is Stage.FINAL_READING
    assert session.reason is EndReason.LOCAL


def test_at_rest_the_box_is_unavailable_until_two_readings_agree():
    core = Core().ready()
    core.pass_time(60)
    hang(core)
    core.pass_time(bound_s(core) - 10)
    assert core.phase is Phase.AVAILABLE
    core.pass_time(20)
    assert core.phase is Phase.UNAVAILABLE
    assert core.state.resting == ()
    go_on(core)
    core.pass_time(5)
    assert core.phase is Phase.AVAILABLE


def test_a_meter_that_is_asked_every_minute_is_not_lost_by_one_miss():
    core = Core().charging()
    core.pass_time(30)
    core.state = replace(core.state, settings=replace(SETTINGS, sample_s=60.0))
    core.pass_time(1)
    core.sample_due_s = core.mono_s + 130
    core.pass_time(140)
    assert core.closed
