"""What cars do besides charging: wait for their time, taper for long, heat when full, ramp down."""

from __future__ import annotations

import pytest

from simulator.world.box import Box
from simulator.world.car import (
    PRECONDITION_EVERY_S,
    PRECONDITION_FOR_S,
    PRECONDITION_W,
    RAMP_STEP_S,
    RAMP_STEPS,
    Car,
    Mode,
)
from simulator.world.contactor import CLOSE_S
from tests.simulator.box_models import CONTACTOR, calm_box

ENABLE = 27
# The contacts close at CLOSE_S; these cars take load at once.
READY_S = CLOSE_S + 0.001
# Three phases at 230.0 V on the whole: full power is what is asked for.
KW_W = 1000.0


def box_with(speed: float = 1.0, **car) -> Box:
    box = calm_box(speed=speed)
    box.plug(Car(**{"delay_s": 0.0, **car}), 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    box.advance(READY_S)
    return box


def powers(box: Box, moments: list[float]) -> list[float]:
    seen = []
    for moment in moments:
        box.advance(moment)
        seen.append(box.rail.power_w)
    return seen


@pytest.mark.parametrize(("speed", "real_s"), [(1.0, 3600.0), (60.0, 60.0)])
def test_the_departure_timer_runs_by_the_cars_time(speed, real_s):
    box = box_with(speed, after_s=3600.0)
    assert box.rail.car.mode is Mode.WAITING
    early, late = powers(box, [real_s - 0.01, real_s + 0.01])
    assert early == 0.0
    assert late == pytest.approx(11 * KW_W)
    assert box.rail.ledger.intervals[0].start_s == pytest.approx(real_s)


def test_the_timer_counts_from_plugging_in_and_not_from_supply():
    box = calm_box()
    box.plug(Car(delay_s=2.0, after_s=100.0), 0.0)
    box.setup_output(CONTACTOR, 1, 150.0)
    assert powers(box, [151.9, 152.1]) == [0.0, pytest.approx(11 * KW_W)]


def test_a_timer_outlives_a_break_of_the_supply():
    box = box_with(after_s=100.0)
    box.write(CONTACTOR, 0, 50.0)
    box.write(CONTACTOR, 1, 60.0)
    assert powers(box, [99.0, 101.0]) == [0.0, pytest.approx(11 * KW_W)]


def test_the_last_percent_takes_as_long_as_its_power_says():
    box = box_with(battery_kwh=40.0, soc_percent=99.0, taper_w=150.0)
    seconds = 400.0 / 150.0 * 3600.0
    assert powers(box, [10.0, seconds - 10.0, seconds + 10.0]) == [
        pytest.approx(150.0),
        pytest.approx(150.0),
        0.0,
    ]
    assert box.rail.ledger.total_wh == pytest.approx(400.0)


def test_the_taper_leads_to_the_last_percent_without_a_jump():
    car = Car(taper_w=150.0, soc_percent=80.0)
    shares = []
    for soc in (0.5, 0.8, 0.895, 0.98999, 0.99001, 0.999):
        car.battery.charge_wh = soc * car.battery.capacity_wh
        shares.append(car.battery.share * 11 * KW_W)
    middle = (11 * KW_W + 150.0) / 2
    assert shares == [11 * KW_W, 11 * KW_W] + [
        pytest.approx(watts, rel=0.01) for watts in (middle, 150.0, 150.0, 150.0)
    ]


def test_a_bicycle_charges_tapers_and_ends():
    box = box_with(speed=60.0, kw=0.2, phases=1, battery_kwh=0.5, soc_percent=0.0)
    moments = [minute + 1.0 for minute in range(240)]
    seen = powers(box, moments)
    full_w = pytest.approx(200.0 * 230.6 / 230.0)
    constant = [watts for watts in seen if watts == full_w]
    # 400 Wh at 200 W are two hours, at 60 times the speed two minutes.
    assert 117 <= len(constant) <= 120
    taper = [watts for watts in seen if watts != full_w and watts > 0.0]
    assert taper == sorted(taper, reverse=True)
    assert 20.0 <= min(taper) < 30.0
    assert seen[-1] == 0.0
    assert box.rail.ledger.total_wh == pytest.approx(500.0)
    assert box.rail.electrical().current_a == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_a_full_car_heats_for_a_while_every_few_minutes(speed):
    box = box_with(speed, soc_percent=100.0, precondition=True)
    every_s, for_s = PRECONDITION_EVERY_S / speed, PRECONDITION_FOR_S / speed
    for burst in range(3):
        begin_s = CLOSE_S + every_s + burst * (every_s + for_s)
        before, first, last, after = powers(
            box, [begin_s - 0.01, begin_s + 0.01, begin_s + for_s - 0.01, begin_s + for_s + 0.01]
        )
        assert (before, after) == (0.0, 0.0)
        assert first == last == pytest.approx(PRECONDITION_W)
    assert box.rail.car.battery.soc == 1.0
    bursts = box.rail.ledger.intervals
    assert [burst.wh for burst in bursts] == [
        pytest.approx(PRECONDITION_W * PRECONDITION_FOR_S / 3600.0)
    ] * 3


def test_heating_begins_from_the_moment_the_battery_is_full():
    """However long the step is in which that happens."""
    cars = {"soc_percent": 99.9, "battery_kwh": 10.0, "precondition": True}
    at_once, stepped = box_with(**cars), box_with(**cars)
    at_once.advance(3000.0)
    for second in range(1, 3001):
        stepped.advance(float(second))
    spans = [
        [(i.start_s, i.end_s, i.wh) for i in box.rail.ledger.intervals]
        for box in (at_once, stepped)
    ]
    assert len(spans[0]) > 5
    for one, other in zip(*spans, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_a_small_charger_heats_with_no_more_than_it_has():
    box = box_with(kw=0.2, phases=1, soc_percent=100.0, precondition=True)
    (watts,) = powers(box, [PRECONDITION_EVERY_S + 1.0])
    assert watts == pytest.approx(200.0 * 230.6 / 230.0)


@pytest.mark.parametrize("wiring", ["enable=27", "enable=27:low"])
def test_a_dropped_release_lets_the_car_ramp_down(wiring):
    on = 0 if wiring.endswith("low") else 1
    box = calm_box(wiring=wiring)
    box.plug(Car(delay_s=0.0, battery_kwh=500.0), 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    assert powers(box, [5.0]) == [0.0]
    box.setup_output(ENABLE, on, 5.0)
    assert powers(box, [10.0]) == [pytest.approx(11 * KW_W)]
    box.write(ENABLE, 1 - on, 10.0)
    ramp_s = RAMP_STEPS * RAMP_STEP_S
    start, *down, end = powers(box, [10.05, 10.5, 11.05, 11.5, 11.95, 10.001 + ramp_s])
    assert start > max(down)
    assert down == sorted(down, reverse=True)
    assert 0.0 < down[-1] < 1000.0
    assert end == 0.0
    assert box.rail.contactor.closed
    before_wh = box.rail.ledger.total_wh
    box.write(ENABLE, on, 20.0)
    assert powers(box, [20.1]) == [pytest.approx(11 * KW_W)]
    assert box.rail.ledger.total_wh - before_wh == pytest.approx(11 * KW_W * 0.1 / 3600.0)


def test_the_ramp_takes_real_seconds_at_any_speed():
    box = calm_box(wiring="enable=27", speed=600.0)
    box.plug(Car(delay_s=0.0, battery_kwh=900.0), 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    box.setup_output(ENABLE, 1, 0.0)
    box.advance(1.0)
    box.write(ENABLE, 0, 1.0)
    assert powers(box, [2.05, 3.1]) == [pytest.approx(5500.0), 0.0]


def test_supply_that_goes_during_a_ramp_ends_it_at_once():
    box = calm_box(wiring="enable=27")
    box.plug(Car(delay_s=0.0), 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    box.setup_output(ENABLE, 1, 0.0)
    box.advance(5.0)
    box.write(ENABLE, 0, 5.0)
    box.write(CONTACTOR, 0, 5.5)
    assert powers(box, [5.51, 5.52]) == [pytest.approx(8000.0, rel=0.1), 0.0]
    box.write(CONTACTOR, 1, 5.6)
    assert powers(box, [5.7, 8.0]) == [0.0, 0.0]
