"""The car's charging curve, held against plain numerical integration."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import Refused
from simulator.world.battery import TAPER_END_W
from simulator.world.car import NOMINAL_V, Car

VOLTAGE = (NOMINAL_V, NOMINAL_V, NOMINAL_V)


def awake(**options: float) -> Car:
    car = Car(**options)
    car.set_supply(True, 0.0)
    car.arrive(car.due_s)
    return car


def test_full_power_up_to_80_percent_then_down_to_the_end_power_then_nothing():
    def power(soc: float) -> float:
        return sum(awake(soc_percent=soc).phase_power_w(VOLTAGE))

    assert power(0.0) == power(79.9) == pytest.approx(11_000.0)
    assert power(90.0) == pytest.approx((11_000.0 + TAPER_END_W) / 2)
    assert power(99.9999) == pytest.approx(TAPER_END_W, rel=1e-3)
    assert power(100.0) == 0.0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"kw": 3.7, "phases": 1},
        {"kw": 0.3},
        {"soc_percent": 95},
        {"battery_kwh": 20, "taper_w": 150},
        {"battery_kwh": 2, "taper_w": 150},
        {"kw": 0.2, "phases": 1, "battery_kwh": 0.5, "taper_w": 200},
    ],
)
def test_closed_form_agrees_with_small_steps(options):
    exact, stepped = awake(**options), awake(**options)
    hours, steps = 6.0, 60_000
    for _ in range(steps):
        stepped.battery.charge_wh += sum(stepped.phase_power_w(VOLTAGE)) * hours / steps
    energy_wh, _ = exact.take(hours, VOLTAGE)
    battery = exact.battery
    assert battery.charge_wh == pytest.approx(stepped.battery.charge_wh, abs=2.0)
    start_wh = battery.capacity_wh * options.get("soc_percent", 20.0) / 100.0
    assert sum(energy_wh) == pytest.approx(battery.charge_wh - start_wh)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    kw=st.floats(0.1, 50.0),
    battery_kwh=st.floats(0.1, 200.0),
    soc=st.floats(0.0, 100.0),
    hours=st.lists(st.floats(0.0, 40.0), max_size=8),
    tail=st.none() | st.floats(0.01, 1.0),
)
def test_never_more_than_the_battery_holds_and_nothing_lost(kw, battery_kwh, soc, hours, tail):
    taper_w = None if tail is None else max(1.0, kw * 1000.0 * tail)
    car = awake(kw=kw, battery_kwh=battery_kwh, soc_percent=soc, taper_w=taper_w)
    start_wh, taken_wh = car.battery.charge_wh, 0.0
    for span in hours:
        energy_wh, used = car.take(span, VOLTAGE)
        assert 0.0 <= used <= span
        assert sum(energy_wh) <= kw * 1000.0 * used * (1 + 1e-9) + 1e-9
        taken_wh += sum(energy_wh)
    assert car.battery.charge_wh <= car.battery.capacity_wh
    assert taken_wh == pytest.approx(car.battery.charge_wh - start_wh, abs=1e-6)


def test_time_until_full_is_told():
    car = awake(soc_percent=50.0, battery_kwh=10.0)
    _, used = car.take(100.0, VOLTAGE)
    assert car.battery.full
    again = awake(soc_percent=50.0, battery_kwh=10.0)
    again.take(used * 0.999, VOLTAGE)
    assert not again.battery.full
    assert car.take(1.0, VOLTAGE) == ((0.0, 0.0, 0.0), 0.0)


@pytest.mark.parametrize(
    "options",
    [
        {"kw": 0},
        {"kw": float("nan")},
        {"phases": 2},
        {"battery_kwh": 0},
        {"soc_percent": 101},
        {"after_s": -1},
        {"taper_w": 0},
        {"kw": 0.1, "taper_w": 101},
    ],
)
def test_impossible_cars_are_refused(options):
    with pytest.raises(Refused, match="car: "):
        Car(**options)
