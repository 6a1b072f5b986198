"""What stands behind the contactor's line: mirror contact, time relay, shunt trip, welds."""

from __future__ import annotations

import pytest

from simulator.errors import Refused
from simulator.world.box import Attached, Box
from simulator.world.box_faults import BoxFault
from simulator.world.car import Car
from simulator.world.header import Pull
from simulator.world.relays import HEARTBEAT_HOLD_S, TRIP_PULSE_S
from simulator.world.wiring import Load
from tests.simulator.box_models import CONTACTOR, calm_box

FEEDBACK = 24
EXTRA = 26
FULL_W = pytest.approx(11_000.0)


def charging(wiring: str = "", attached: Attached | None = None, **car) -> Box:
    box = calm_box(wiring=wiring, attached=attached)
    box.plug(Car(**{"delay_s": 0.0, "battery_kwh": 500.0, **car}), 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    box.advance(1.0)
    return box


def power_at(box: Box, moment: float) -> float:
    box.advance(moment)
    return box.rail.power_w


# --- the mirror contact


def feedback_box() -> Box:
    """The mirror contact on its line: 0 while the contacts are open, 1 by the Pi's pull if not."""
    box = calm_box()
    box.setup_input(FEEDBACK, Pull.UP, 0.0)
    box.setup_output(CONTACTOR, 0, 0.0)
    assert box.read(FEEDBACK, 1.0) == 0
    return box


def test_feedback_follows_welded_contacts_and_not_the_line():
    box = feedback_box()
    box.write(CONTACTOR, 1, 1.0)
    assert box.read(FEEDBACK, 2.0) == 1
    box.set_fault(BoxFault.WELDED, True, 2.0)
    box.write(CONTACTOR, 0, 3.0)
    assert box.read(FEEDBACK, 4.0) == 1
    box.set_fault(BoxFault.WELDED, False, 5.0)
    assert box.read(FEEDBACK, 6.0) == 0


def test_feedback_follows_contacts_that_are_stuck_open():
    box = feedback_box()
    box.set_fault(BoxFault.STUCK_OPEN, True, 1.0)
    box.write(CONTACTOR, 1, 2.0)
    assert box.read(FEEDBACK, 3.0) == 0
    box.set_fault(BoxFault.STUCK_OPEN, False, 3.0)
    assert box.read(FEEDBACK, 4.0) == 1


def test_a_broken_feedback_wire_leaves_the_pull_alone():
    box = feedback_box()
    box.set_fault(BoxFault.FEEDBACK_BROKEN, True, 1.0)
    assert box.read(FEEDBACK, 2.0) == 1
    box.setup_input(FEEDBACK, Pull.DOWN, 3.0)
    box.write(CONTACTOR, 1, 3.0)
    assert box.read(FEEDBACK, 4.0) == 0
    box.write(CONTACTOR, 0, 5.0)
    box.setup_input(FEEDBACK, Pull.UP, 5.0)
    box.set_fault(BoxFault.FEEDBACK_BROKEN, False, 6.0)
    assert box.read(FEEDBACK, 7.0) == 0


# --- welds


def test_a_weld_feeds_until_the_car_is_full():
    box = charging(battery_kwh=40.0, soc_percent=99.0)
    box.set_fault(BoxFault.WELDED, True, 2.0)
    box.write(CONTACTOR, 0, 10.0)
    box.advance(10_000.0)
    assert box.rail.power_w == 0.0
    first, second = box.rail.ledger.intervals
    assert (first.cause.commanded, second.cause.commanded) == (True, False)
    assert (first.end_s, second.start_s) == (10.0, 10.0)
    assert first.wh + second.wh == pytest.approx(400.0)
    assert second.wh > 390.0
    register_wh = box.rail.register_wh
    box.advance(20_000.0)
    assert box.rail.register_wh == register_wh


def test_a_weld_feeds_until_the_car_is_unplugged_and_the_next_one_too():
    box = charging()
    box.set_fault(BoxFault.WELDED, True, 2.0)
    box.write(CONTACTOR, 0, 10.0)
    assert power_at(box, 20.0) == FULL_W
    box.unplug(20.0)
    assert power_at(box, 100.0) == 0.0
    box.plug(Car(delay_s=0.0), 100.0)
    assert power_at(box, 110.0) == FULL_W
    spans = [(i.start_s, i.end_s) for i in box.rail.ledger.intervals if not i.cause.commanded]
    assert spans == [(10.0, 20.0), (100.0, 110.0)]
    outside_wh = sum(i.wh for i in box.rail.ledger.intervals if not i.cause.commanded)
    assert outside_wh == pytest.approx(11_000.0 * 20.0 / 3600.0)


@pytest.mark.parametrize("coil", [0, 1])
def test_clearing_a_weld_opens_contacts_whose_coil_is_off(coil):
    box = charging()
    box.set_fault(BoxFault.WELDED, True, 2.0)
    box.write(CONTACTOR, coil, 10.0)
    box.set_fault(BoxFault.WELDED, False, 20.0)
    box.advance(21.0)
    assert box.rail.contactor.closed == bool(coil)
    assert (box.rail.power_w > 0.0) == bool(coil)


# --- the shunt trip


def test_a_short_pulse_trips_nothing_and_a_long_one_the_branch():
    seen = []
    listening = Attached(event=lambda t, kind, fields: seen.append((t, kind, fields)))
    box = charging("trip=26", listening)
    box.set_fault(BoxFault.WELDED, True, 1.0)
    box.write(CONTACTOR, 0, 1.0)
    box.setup_output(EXTRA, 0, 1.0)
    box.write(EXTRA, 1, 2.0)
    box.write(EXTRA, 0, 2.0 + TRIP_PULSE_S - 0.001)
    assert power_at(box, 10.0) == FULL_W
    box.write(EXTRA, 1, 10.0)
    assert power_at(box, 10.0 + TRIP_PULSE_S - 0.001) == FULL_W
    assert power_at(box, 10.0 + TRIP_PULSE_S + 0.001) == 0.0
    box.write(EXTRA, 0, 11.0)
    box.write(EXTRA, 1, 12.0)
    box.write(EXTRA, 0, 13.0)
    assert power_at(box, 3600.0) == 0.0
    assert box.rail.contactor.closed
    assert min(box.rail.voltage_v) > 200.0
    assert [(t, fields) for t, kind, fields in seen if kind == "trip"] == [
        (pytest.approx(10.0 + TRIP_PULSE_S), {"tripped": True})
    ]
    last = box.rail.ledger.intervals[-1]
    assert (last.end_s, last.cause.commanded) == (pytest.approx(10.0 + TRIP_PULSE_S), False)


def test_the_trip_stays_until_it_is_reset_by_hand():
    box = charging("trip=26:low")
    assert power_at(box, 60.0) == FULL_W
    box.setup_output(EXTRA, 0, 60.0)
    assert power_at(box, 61.0) == 0.0
    box.cut(70.0)
    box.restore(80.0)
    box.setup_output(EXTRA, 1, 81.0)
    box.setup_output(CONTACTOR, 1, 81.0)
    assert power_at(box, 90.0) == 0.0
    box.reset_trip(90.0)
    assert power_at(box, 91.0) == FULL_W
    with pytest.raises(Refused, match="nothing has tripped"):
        box.reset_trip(92.0)


def test_a_trip_that_is_held_trips_again():
    box = charging("trip=26")
    box.setup_output(EXTRA, 1, 1.0)
    assert power_at(box, 2.0) == 0.0
    box.reset_trip(10.0)
    assert power_at(box, 10.0 + TRIP_PULSE_S / 2) == FULL_W
    assert power_at(box, 11.0) == 0.0


def test_a_trip_takes_the_standby_of_a_supplied_wallbox_too():
    box = calm_box(Load.ENABLE, "trip=26", standby_w=3.0)
    assert power_at(box, 1.0) > 2.9
    box.setup_output(EXTRA, 1, 1.0)
    assert power_at(box, 2.0) == 0.0


# --- the time relay


def test_the_coil_has_power_only_while_the_heartbeat_toggles():
    box = calm_box(wiring="heartbeat=26")
    box.setup_output(EXTRA, 0, 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    box.advance(5.0)
    assert not box.rail.contactor.closed
    for beat in range(20):
        box.write(EXTRA, (beat + 1) % 2, 5.0 + 0.5 * beat)
    box.advance(14.6)
    assert box.rail.contactor.closed
    box.advance(14.5 + HEARTBEAT_HOLD_S - 0.01)
    assert box.rail.contactor.closed
    box.advance(14.5 + HEARTBEAT_HOLD_S + 0.1)
    assert not box.rail.contactor.closed
    assert box.commanded


def test_setting_up_a_heartbeat_line_at_its_level_is_no_beat():
    """GPIO5 is pulled up from power-on."""
    box = calm_box(wiring="heartbeat=5,green=none")
    box.setup_output(CONTACTOR, 1, 0.0)
    box.setup_output(5, 1, 0.0)
    box.advance(1.0)
    assert not box.rail.contactor.closed


@pytest.mark.parametrize("level", [0, 1])
def test_a_heartbeat_that_stands_still_is_none(level):
    """Written again and again at the same level, or let go and set up again."""
    box = calm_box(wiring="heartbeat=26")
    box.setup_output(EXTRA, 1 - level, 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    box.write(EXTRA, level, 1.0)
    for step in range(60):
        box.setup_input(EXTRA, Pull.UP if level else Pull.DOWN, 1.0 + 0.1 * step)
        box.setup_output(EXTRA, level, 1.0 + 0.1 * step)
        box.write(EXTRA, level, 1.0 + 0.1 * step)
    assert not box.rail.contactor.closed


def test_the_time_relay_forgets_its_beat_in_a_power_cut():
    box = calm_box(wiring="heartbeat=26")
    box.setup_output(EXTRA, 1, 0.0)
    box.cut(0.5)
    box.restore(0.6)
    box.setup_output(CONTACTOR, 1, 0.7)
    box.advance(1.0)
    assert box.commanded
    assert not box.rail.contactor.closed


def test_the_supply_of_the_pi_is_not_that_of_the_meter():
    box = calm_box()
    box.set_fault(BoxFault.PI_UNDERVOLTAGE, True, 1.0)
    assert box.pi_undervoltage
    assert min(box.rail.voltage_v) > 220.0
    box.set_fault(BoxFault.PI_UNDERVOLTAGE, False, 2.0)
    box.set_fault(BoxFault.UNDERVOLTAGE, True, 2.0)
    assert not box.pi_undervoltage
