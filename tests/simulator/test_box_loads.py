"""What hangs behind the meter: a switched wallbox, one that stays supplied, a plain socket."""

from __future__ import annotations

import pytest

from simulator.errors import Refused
from simulator.world.box import Box
from simulator.world.box_faults import BoxFault
from simulator.world.build import STANDBY_W, build
from simulator.world.car import Car
from simulator.world.mains import MAINS_V
from simulator.world.wiring import Load, Pin, Wire, Wiring
from tests.simulator.box_models import CONTACTOR, ENABLE, calm_box

# Standby is drawn on L1, whose voltage is not quite 230 V.
STANDBY_SHOWN_W = pytest.approx(STANDBY_W * MAINS_V[0] / 230.0)
FULL_W = pytest.approx(11_000.0 + STANDBY_W, abs=0.1)


def power_at(box: Box, moment: float) -> float:
    box.advance(moment)
    return box.rail.power_w


def test_a_switched_wallbox_takes_its_standby_while_the_contactor_is_closed():
    box = calm_box(Load.WALLBOX, standby_w=STANDBY_W)
    assert power_at(box, 1.0) == 0.0
    box.setup_output(CONTACTOR, 1, 1.0)
    assert power_at(box, 2.0) == STANDBY_SHOWN_W
    box.write(CONTACTOR, 0, 3601.0)
    assert power_at(box, 3602.0) == 0.0
    (interval,) = [i for i in box.rail.ledger.intervals if i.cause.commanded]
    assert not interval.cause.drawing
    assert interval.wh == pytest.approx(STANDBY_W, rel=0.01)


def test_two_cars_in_one_moment_are_two_intervals_although_standby_flows_on():
    box = calm_box(Load.WALLBOX, standby_w=STANDBY_W)
    box.setup_output(CONTACTOR, 1, 0.0)
    box.plug(Car(delay_s=0.0), 1.0)
    box.unplug(10.0)
    box.plug(Car(delay_s=0.0), 10.0)
    box.advance(20.0)
    drew = [(i.start_s, i.end_s) for i in box.rail.ledger.intervals if i.cause.drawing]
    assert drew == [(1.0, 10.0), (10.0, 20.0)]


def test_a_released_wallbox_takes_its_standby_all_the_time():
    box = calm_box(Load.ENABLE, standby_w=STANDBY_W)
    assert power_at(box, 1.0) == STANDBY_SHOWN_W
    box.plug(Car(delay_s=0.0), 1.0)
    box.setup_output(CONTACTOR, 1, 1.0)
    assert power_at(box, 2.0) == STANDBY_SHOWN_W
    box.setup_output(ENABLE, 1, 2.0)
    assert power_at(box, 3.0) == FULL_W
    box.write(ENABLE, 0, 100.0)
    assert power_at(box, 103.0) == STANDBY_SHOWN_W
    box.write(CONTACTOR, 0, 103.0)
    assert power_at(box, 3703.0) == STANDBY_SHOWN_W
    idle = [i for i in box.rail.ledger.intervals if not i.cause.drawing]
    assert [i.cause.commanded for i in idle] == [False, True, True, False]
    assert idle[-1].wh == pytest.approx(STANDBY_W, rel=0.01)
    box.cut(4000.0)
    assert power_at(box, 4001.0) == 0.0


def test_with_the_release_contacts_alone_opening_them_lets_the_car_ramp_down():
    box = calm_box(Load.ENABLE, "enable=none")
    box.plug(Car(delay_s=0.0), 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    assert power_at(box, 10.0) == pytest.approx(11_000.0)
    box.write(CONTACTOR, 0, 10.0)
    assert power_at(box, 11.0) == pytest.approx(5_500.0, rel=0.1)
    assert power_at(box, 12.1) == 0.0


def test_both_contacts_of_the_release_are_needed():
    box = calm_box(Load.ENABLE)
    box.plug(Car(delay_s=0.0), 0.0)
    box.setup_output(ENABLE, 1, 0.0)
    assert power_at(box, 10.0) == 0.0
    box.setup_output(CONTACTOR, 1, 10.0)
    assert power_at(box, 11.0) == pytest.approx(11_000.0)


def test_welded_release_contacts_are_overruled_by_the_enable_line():
    box = calm_box(Load.ENABLE)
    box.plug(Car(delay_s=0.0), 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    box.setup_output(ENABLE, 1, 0.0)
    box.advance(1.0)
    box.set_fault(BoxFault.WELDED, True, 1.0)
    box.write(CONTACTOR, 0, 1.0)
    assert power_at(box, 10.0) == pytest.approx(11_000.0)
    box.write(ENABLE, 0, 10.0)
    assert power_at(box, 13.0) == 0.0


def test_a_socket_has_neither_standby_nor_release():
    box = Box(0.0, built=build(Load.SOCKET))
    box.setup_output(CONTACTOR, 1, 0.0)
    assert power_at(box, 10.0) == 0.0
    box.plug(Car(kw=0.2, phases=1, battery_kwh=0.5, delay_s=0.0), 10.0)
    assert power_at(box, 11.0) == pytest.approx(200.0, rel=0.01)
    box.write(CONTACTOR, 0, 11.0)
    assert power_at(box, 11.1) == 0.0
    with pytest.raises(Refused, match="socket has no release"):
        build(Load.SOCKET, Wiring.parse("enable=27"))


def test_each_load_has_its_usual_pins():
    for load, expected in ((Load.WALLBOX, None), (Load.ENABLE, Pin(27)), (Load.SOCKET, None)):
        wiring = build(load).wiring
        assert wiring.get(Wire.ENABLE) == expected
        assert (wiring.get(Wire.TRIP), wiring.get(Wire.HEARTBEAT)) == (None, None)
        assert wiring.contactor == Pin(17)


@pytest.mark.parametrize("watts", [-1.0, 1001.0, float("nan")])
def test_impossible_standby_is_refused(watts):
    with pytest.raises(Refused, match="standby-w"):
        build(standby_w=watts)
