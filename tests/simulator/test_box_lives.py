"""Random lives of every kind of box: the ledger is the register, and nothing flows from nothing."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import Refused
from simulator.world.box import Box
from simulator.world.box_faults import BoxFault
from simulator.world.car import Car, Mode
from simulator.world.mains import LOAD_UNREST, VOLTAGE_UNREST
from simulator.world.wiring import Load
from tests.simulator.box_models import CONTACTOR, ENABLE, built

TAG = bytes.fromhex("04A1B2C3")
TRIP = 26
HEARTBEAT = 12
MOST = (1.0 + VOLTAGE_UNREST) * (1.0 + LOAD_UNREST) * 231.0 / 230.0
LEAST = (1.0 - VOLTAGE_UNREST) * (1.0 - LOAD_UNREST) * 0.78

LINES = {
    f"{name} {level}": (bcm, level)
    for name, bcm in (("line", CONTACTOR), ("enable", ENABLE), ("trip", TRIP), ("beat", HEARTBEAT))
    for level in (0, 1)
}
ACTIONS = st.sampled_from(
    ["plug", "unplug", "cut", "restore", "tap", "float", "reset-trip", *LINES]
    + ["line 1", "enable 1", "plug"]
    + [f"{verb} {fault}" for verb in ("break", "mend") for fault in BoxFault]
)
PAUSES = st.sampled_from([0.0, 0.001, 0.02, 0.21, 0.5, 2.5, 30.0])


def act(box: Box, action: str, now_s: float, car: Car) -> None:
    verb, _, rest = action.partition(" ")
    if action in LINES:
        bcm, level = LINES[action]
        return box.setup_output(bcm, level, now_s)
    if rest:
        return box.set_fault(BoxFault(rest), verb == "break", now_s)
    if verb == "plug":
        return box.plug(car, now_s)
    if verb == "tap":
        return box.present((TAG,), now_s, hold_s=0.6)
    if verb == "float":
        return box.setup_input(CONTACTOR, "off", now_s)
    things = {
        "unplug": box.unplug,
        "cut": box.cut,
        "restore": box.restore,
        "reset-trip": box.reset_trip,
    }
    return things[verb](now_s)


def may_draw(box: Box, load: Load) -> bool:
    """Whether the car may have load, by what can be seen from outside the power path."""
    rail = box.rail
    if rail.car is None or not rail.mains.on or rail.tripped:
        return False
    released = load is not Load.ENABLE or box.header.level(ENABLE) == 1
    ramping = load is Load.ENABLE and rail.car.mode is Mode.RAMPING
    return (rail.contactor.closed and released) or ramping


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    steps=st.lists(st.tuples(ACTIONS, PAUSES), max_size=40),
    load=st.sampled_from(Load),
    wiring=st.sampled_from(["trip=26", "heartbeat=12,trip=26"]),
    standby_w=st.sampled_from([0.0, 3.0]),
    restless=st.booleans(),
    car=st.builds(
        dict,
        soc_percent=st.sampled_from([0.0, 50.0, 79.9, 95.0, 100.0]),
        after_s=st.sampled_from([0.0, 0.0, 20.0]),
        precondition=st.booleans(),
        taper_w=st.sampled_from([None, 150.0]),
    ),
    speed=st.sampled_from([1.0, 60.0, 3600.0]),
)
def test_ledger_and_register_agree_and_energy_needs_everything(
    steps, load, wiring, standby_w, restless, car, speed
):
    box = Box(0.0, built=built(load, wiring, standby_w, restless), speed=speed, seed=5)
    rail, start_wh, now_s = box.rail, box.rail.register_wh, 0.0
    box.setup_output(ENABLE, 1, 0.0)
    for action, pause_s in steps:
        with contextlib.suppress(Refused):
            act(box, action, now_s, Car(delay_s=0.3, **car))
        drawable = may_draw(box, load)
        assert drawable or not rail.drawing
        moving = rail.contactor.due_s is not None
        supplied = rail.supplied
        before_wh, now_s = rail.register_wh, now_s + pause_s
        box.advance(now_s)
        gained_wh, hours = rail.register_wh - before_wh, pause_s * speed / 3600.0
        assert 0.0 <= gained_wh <= (11_000.0 + standby_w) * hours * MOST + 1e-6
        steady = not moving and rail.supplied == supplied
        if steady and not drawable and not may_draw(box, load):
            expected_wh = standby_w * hours if supplied else 0.0
            assert LEAST * expected_wh - 1e-6 <= gained_wh <= MOST * expected_wh + 1e-6
    assert rail.ledger.total_wh == pytest.approx(rail.register_wh - start_wh, abs=1e-6)
    spans = [(i.start_s, i.end_s) for i in rail.ledger.intervals]
    assert all(start < end for start, end in spans)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))


@pytest.mark.parametrize("step_s", [0.02, 0.0831])
def test_hours_of_small_steps_lose_nothing(step_s):
    box = Box(0.0, built=built(standby_w=3.0, restless=True), speed=60.0, seed=8)
    box.set_register(88_888_888.0, 0.0)
    box.plug(Car(battery_kwh=900.0), 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    steps = int(900.0 / step_s)
    for step in range(1, steps + 1):
        box.advance(step * step_s)
    gained_wh = box.rail.register_wh - 88_888_888.0
    assert gained_wh > 150_000.0
    assert box.rail.ledger.total_wh == pytest.approx(gained_wh, abs=1e-6)
    at_once = Box(0.0, built=built(standby_w=3.0, restless=True), speed=60.0, seed=8)
    at_once.plug(Car(battery_kwh=900.0), 0.0)
    at_once.setup_output(CONTACTOR, 1, 0.0)
    at_once.advance(steps * step_s)
    assert box.rail.ledger.total_wh == pytest.approx(at_once.rail.ledger.total_wh, abs=1e-6)
