"""Two readings alike to the last bit under voltage are one: a meter that repeats itself.

Long before that counts as frozen, such a pair confirms nothing: no start, no end, no meter that is
back.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.rules.liveness import repeats
from station.rules.messages import CloseContactor, StoreSession
from station.rules.plausibility import agree
from station.rules.values import MeterFacts, Phase, Reading, Record
from tests.station.core_rig import SETTINGS, Core

FIRST = Reading(
    requested_at_s=0.8,
    received_at_s=1.0,
    facts=MeterFacts("11223344", 1_000_000),
    grid_wh=0.12,
    voltage_v=(230.0, 231.0, 229.0),
    current_a=(0.0, 0.0, 0.0),
    power_w=0.0,
)
DARK = (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("both", "second", "two"),
    [
        ({}, {}, False),
        ({}, {"facts": MeterFacts("11223344", 1_000_001)}, False),
        ({}, {"voltage_v": (230.0, 231.0, 229.01)}, True),
        ({}, {"current_a": (0.0, 0.01, 0.0)}, True),
        ({}, {"power_w": 0.1}, True),
        ({"voltage_v": (50.0, 0.0, 0.0)}, {}, False),
        ({"voltage_v": (49.9, 0.0, 0.0)}, {}, True),  # no mains: nothing that could move
        ({"voltage_v": DARK}, {}, True),
        ({"voltage_v": None}, {}, True),  # a meter that does not measure it
        ({"current_a": None, "power_w": None}, {}, False),
    ],
)
def test_only_readings_that_can_be_told_apart_agree(both, second, two) -> None:
    one = replace(FIRST, **both)
    other = replace(one, requested_at_s=2.8, received_at_s=3.0, **second)
    assert repeats(one, other) is not two
    assert agree(one, other, SETTINGS) is two


def repeat(core: Core) -> None:
    """From now on the meter says what it said last."""
    stale = core.reading()
    core.reading = lambda: replace(  # type: ignore[method-assign]
        stale, requested_at_s=core.mono_s - 0.2, received_at_s=core.mono_s
    )


def mend(core: Core) -> None:
    del core.reading


def test_a_meter_that_repeats_itself_starts_nothing() -> None:
    core = Core(car_w=7000).ready()
    repeat(core)
    core.pass_time(11)
    core.tap()
    core.pass_time(12)
    assert core.given(StoreSession) == []
    mend(core)
    core.until(Phase.CHARGING, 30)


def test_a_meter_that_begins_to_repeat_itself_after_the_question_closes_nothing() -> None:
    core = Core(car_w=7000, verdict=None).ready()
    core.tap()
    core.pass_time(2)
    repeat(core)
    core.pass_time(8)
    assert core.stored, "the start was read before"
    assert core.given(CloseContactor) == []


def ending_on_a_repeat() -> tuple[Core, float]:
    """A charge that was ended, and a meter that repeats a register it had not yet brought up."""
    core = Core().charging()
    core.pass_time(30)
    core.tap()
    core.pass_time(2)
    repeat(core)
    core.register_wh += 8
    return core, core.register_wh


def test_a_reading_after_the_opening_is_not_confirmed_by_its_own_copy() -> None:
    core, truth_wh = ending_on_a_repeat()
    core.pass_time(4)
    assert core.phase is Phase.FINISHING
    mend(core)
    core.until(Phase.AVAILABLE)
    end = core.given(StoreSession)[-1].session
    assert end.end is not None
    assert end.end.import_wh == pytest.approx(truth_wh, abs=1)
    assert not end.estimated


def test_a_meter_that_goes_on_repeating_itself_ends_nothing() -> None:
    core, truth_wh = ending_on_a_repeat()
    core.pass_time(60)
    assert core.phase is Phase.FINISHING
    assert Record.ENDED not in {one.record for one in core.given(StoreSession)}
    mend(core)
    core.until(Phase.AVAILABLE)
    end = core.given(StoreSession)[-1].session
    assert end.end is not None
    assert end.end.import_wh == pytest.approx(truth_wh, abs=1)


def test_a_meter_that_was_lost_and_repeats_itself_is_not_back() -> None:
    core = Core().ready()
    core.meter_works = False
    core.pass_time(60)
    assert core.phase is Phase.UNAVAILABLE
    core.meter_works = True
    repeat(core)
    core.pass_time(25)
    assert core.phase is Phase.UNAVAILABLE
    mend(core)
    core.until(Phase.AVAILABLE, 10)
