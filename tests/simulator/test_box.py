"""The model of the box: what flows, when, and to whom the ledger puts it down."""

from __future__ import annotations

import pytest

from simulator.errors import NoMains, Refused
from simulator.world.box import Attached, Box
from simulator.world.box_faults import BoxFault
from simulator.world.car import Car
from simulator.world.contactor import CLOSE_S, OPEN_S
from simulator.world.mains import MAINS_V
from tests.simulator.box_models import CONTACTOR, calm_box

TAG = bytes.fromhex("04A1B2C3")
OTHER_TAG = bytes.fromhex("04112233445566")


def charging_box(speed: float = 1.0, **car: float) -> Box:
    """A box with a car that draws from 2.0 s on: line active at 0 s, car awake within 2 s."""
    box = calm_box(speed=speed)
    box.plug(Car(**{"delay_s": 1.0, **car}), 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    box.advance(2.0)
    assert box.rail.power_w > 0.0
    return box


def test_contacts_follow_the_line_after_the_mechanical_delay():
    seen = []
    box = calm_box(attached=Attached(event=lambda t, kind, fields: seen.append((t, kind, fields))))
    box.setup_output(CONTACTOR, 0, 0.0)
    box.write(CONTACTOR, 1, 1.0)
    box.advance(1.0 + CLOSE_S / 2)
    assert not box.rail.contactor.closed
    box.write(CONTACTOR, 0, 2.0)
    box.advance(3.0)
    moves = [(t, f["closed"]) for t, kind, f in seen if kind == "contactor"]
    assert moves == [(pytest.approx(1.0 + CLOSE_S), True), (pytest.approx(2.0 + OPEN_S), False)]


def test_a_pulse_shorter_than_the_delay_moves_nothing():
    box = calm_box()
    box.setup_output(CONTACTOR, 0, 0.0)
    box.write(CONTACTOR, 1, 1.0)
    box.write(CONTACTOR, 0, 1.0 + CLOSE_S / 2)
    box.advance(2.0)
    assert not box.rail.contactor.closed
    assert box.rail.contactor.due_s is None


def test_the_car_takes_up_load_some_time_after_its_supply():
    box = calm_box()
    box.plug(Car(delay_s=1.5), 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    box.advance(CLOSE_S + 1.49)
    assert box.rail.power_w == 0.0
    box.advance(CLOSE_S + 1.51)
    assert box.rail.power_w == pytest.approx(11_000.0)
    assert box.rail.ledger.as_dict()["intervals"][0]["start_us"] == round((CLOSE_S + 1.5) * 1e6)


@pytest.mark.parametrize(("phases", "watts"), [(3, 11_000.0), (1, 11_000.0 * MAINS_V[0] / 230.0)])
def test_power_and_energy_by_phase(phases, watts):
    box = charging_box(phases=phases, battery_kwh=100.0)
    before = list(box.rail.phase_wh)
    box.advance(2.0 + 3600.0)
    gained = [after - earlier for after, earlier in zip(box.rail.phase_wh, before, strict=True)]
    assert box.rail.power_w == pytest.approx(watts)
    assert sum(gained) == pytest.approx(watts)
    assert gained == pytest.approx(list(box.rail.phase_power_w))
    assert [current > 0 for current in box.rail.electrical().current_a] == [True] + [
        phases == 3
    ] * 2


def test_speed_multiplies_energy_but_neither_power_nor_time():
    slow, fast = charging_box(battery_kwh=500.0), charging_box(speed=60.0, battery_kwh=500.0)
    starts = slow.rail.register_wh, fast.rail.register_wh
    slow.advance(62.0)
    fast.advance(62.0)
    assert fast.rail.power_w == slow.rail.power_w
    gained_slow = slow.rail.register_wh - starts[0]
    assert fast.rail.register_wh - starts[1] == pytest.approx(60.0 * gained_slow)
    assert fast.clock.uptime_s(62.0) == 62.0


@pytest.mark.parametrize("steps", [7, 1000])
def test_the_way_time_is_cut_into_steps_changes_nothing(steps):
    at_once, in_steps = charging_box(), charging_box()
    at_once.advance(4 * 3600.0)
    for step in range(1, steps + 1):
        in_steps.advance(2.0 + (4 * 3600.0 - 2.0) * step / steps)
    assert in_steps.rail.register_wh == pytest.approx(at_once.rail.register_wh, abs=1e-5)
    assert in_steps.rail.car.battery.soc == pytest.approx(at_once.rail.car.battery.soc, abs=1e-9)


def test_unplugging_takes_the_load_away_at_once():
    box = charging_box()
    box.unplug(10.0)
    register = box.rail.register_wh
    assert box.rail.power_w == 0.0
    box.advance(100.0)
    assert box.rail.register_wh == register
    with pytest.raises(Refused, match="no car"):
        box.unplug(101.0)


def test_cut_keeps_the_register_and_resets_everything_that_needs_power():
    box = charging_box()
    boot_id, wall_s = box.clock.boot_id, box.clock.wall_s(100.0)
    box.cut(100.0)
    register = box.rail.register_wh
    box.advance(160.0)
    assert box.rail.register_wh == register
    assert not box.rail.contactor.closed
    assert box.rail.voltage_v == (0.0, 0.0, 0.0)
    assert box.header.describe(CONTACTOR) == {"direction": "in", "level": 0, "pull": "down"}
    for ask in (box.cut, lambda now: box.write(CONTACTOR, 1, now), lambda now: box.read(5, now)):
        with pytest.raises(NoMains):
            ask(161.0)
    box.restore(200.0, after_s=300.0)
    box.advance(230.0)
    assert box.rail.register_wh == register
    assert box.clock.boot_id != boot_id
    assert box.clock.uptime_s(230.0) == 30.0
    assert box.clock.wall_s(230.0) == pytest.approx(wall_s + 130.0 + 300.0)
    with pytest.raises(Refused, match="mains is on"):
        box.restore(231.0)


def test_welded_contacts_stay_closed_and_feed_without_command():
    box = charging_box()
    box.set_fault(BoxFault.WELDED, True, 10.0)
    box.write(CONTACTOR, 0, 20.0)
    box.advance(30.0)
    assert box.rail.contactor.closed
    assert box.rail.power_w > 0.0
    intervals = box.rail.ledger.as_dict()["intervals"]
    assert [interval["commanded"] for interval in intervals] == [True, False]
    assert intervals[1]["wh"] == pytest.approx(11_000.0 * 10.0 / 3600.0)
    box.set_fault(BoxFault.WELDED, False, 40.0)
    box.advance(41.0)
    assert not box.rail.contactor.closed


def test_after_a_cut_even_welded_contacts_leave_the_car_its_time_to_wake():
    box = charging_box()
    box.set_fault(BoxFault.WELDED, True, 10.0)
    box.cut(20.0)
    box.restore(30.0)
    box.advance(30.9)
    assert box.rail.contactor.closed
    assert box.rail.power_w == 0.0
    box.advance(31.1)
    assert box.rail.power_w > 0.0


def test_two_charges_are_two_intervals():
    box = charging_box()
    box.unplug(10.0)
    box.plug(Car(delay_s=0.0), 20.0)
    box.advance(30.0)
    spans = [(i.start_s, i.end_s) for i in box.rail.ledger.intervals]
    assert spans == [(pytest.approx(1.0 + CLOSE_S), 10.0), (20.0, 30.0)]


def test_a_weld_does_not_close_contacts_that_are_open():
    box = calm_box()
    box.set_fault(BoxFault.WELDED, True, 0.0)
    box.advance(10.0)
    assert not box.rail.contactor.closed


def test_stuck_open_contacts_do_not_close():
    box = calm_box()
    box.set_fault(BoxFault.STUCK_OPEN, True, 0.0)
    box.setup_output(CONTACTOR, 1, 1.0)
    box.advance(5.0)
    assert box.commanded
    assert not box.rail.contactor.closed


def test_the_stop_breaks_the_coil_whatever_the_line_says():
    box = charging_box()
    box.set_fault(BoxFault.STOP_PRESSED, True, 10.0)
    box.advance(11.0)
    assert box.header.level(CONTACTOR) == 1
    assert not box.rail.contactor.closed


def test_undervoltage_is_seen_at_the_meter():
    box = calm_box()
    box.set_fault(BoxFault.UNDERVOLTAGE, True, 1.0)
    assert max(box.rail.electrical().voltage_v) < 200.0
    box.set_fault(BoxFault.UNDERVOLTAGE, False, 2.0)
    assert min(box.rail.electrical().voltage_v) > 220.0


def test_the_ledger_names_the_tag_that_asked_last():
    box = calm_box()
    box.plug(Car(delay_s=0.0), 0.0)
    box.present((TAG,), 0.0, hold_s=0.5)
    box.setup_output(CONTACTOR, 1, 1.0)
    box.present((OTHER_TAG,), 3601.0, hold_s=0.5)
    box.present((TAG, OTHER_TAG), 3700.0)
    box.write(CONTACTOR, 0, 5401.0 - OPEN_S)
    box.advance(9000.0)
    ledger = box.rail.ledger.as_dict()
    found = [(interval["tag"], interval["commanded"]) for interval in ledger["intervals"]]
    other = OTHER_TAG.hex().upper()
    # The last one is what flows while the contacts still travel.
    assert found == [("04A1B2C3", True), (other, True), (other, False)]
    assert {interval["tag_at_close"] for interval in ledger["intervals"]} == {"04A1B2C3"}
    assert sum(ledger["by_tag"].values()) == pytest.approx(ledger["total_wh"])
    assert ledger["by_tag"]["04112233445566"] == pytest.approx(11_000.0 * 0.5, rel=1e-4)


def test_a_tap_ends_by_itself_at_its_own_moment():
    shown = []
    seen = []
    box = Box(
        0.0,
        attached=Attached(
            event=lambda t, kind, fields: seen.append((t, fields)) if kind == "tag" else None,
            cards=shown.append,
        ),
    )
    box.present((TAG,), 1.0, hold_s=0.6)
    box.advance(100.0)
    assert shown == [(TAG,), ()]
    assert seen == [(1.0, {"tags": ["04A1B2C3"]}), (1.6, {"tags": []})]


def test_setting_the_register_leaves_the_ledger_alone():
    box = charging_box()
    box.set_register(5_000_000.0, 10.0)
    total = box.rail.ledger.total_wh
    assert box.rail.register_wh == pytest.approx(5_000_000.0)
    assert total > 0.0
    box.advance(20.0)
    gained = box.rail.ledger.total_wh - total
    assert box.rail.register_wh - 5_000_000.0 == pytest.approx(gained, abs=1e-6)
