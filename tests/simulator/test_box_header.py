"""The header, the wiring, and what the circuits outside put on the lines."""

from __future__ import annotations

import pytest

from simulator.errors import Refused
from simulator.world.box import Attached, Box
from simulator.world.box_faults import BoxFault
from simulator.world.build import build
from simulator.world.car import Car
from simulator.world.header import LINES, Header, Pull
from simulator.world.wiring import Wire, Wiring


def test_power_on_state_is_inputs_with_the_pulls_of_the_chip():
    header = Header()
    for bcm in LINES:
        up = bcm <= 8
        expected = {"direction": "in", "level": int(up), "pull": "up" if up else "down"}
        assert header.describe(bcm) == expected


def test_a_line_changes_level_only_when_told():
    changed = []
    header = Header(changed.append)
    header.set_output(17, 1)
    header.set_output(17, 1)
    header.write(17, 1)
    header.write(17, 0)
    header.set_input(17, Pull.OFF)
    assert changed == [17, 17, 17]
    with pytest.raises(Refused, match="GPIO17 is an input"):
        header.write(17, 1)
    with pytest.raises(Refused, match="GPIO28 is not on the header"):
        header.level(28)


def test_what_is_outside_wins_over_the_pull_and_loses_against_an_output():
    header = Header()
    header.set_input(22, Pull.UP)
    header.drive(22, 0)
    assert header.level(22) == 0
    header.drive(22, None)
    assert header.level(22) == 1
    header.drive(22, 0)
    header.set_output(22, 1)
    assert header.level(22) == 1


def test_reset_brings_the_power_on_state_back():
    header = Header()
    header.set_output(5, 0)
    header.set_output(17, 1)
    header.reset()
    assert [header.level(5), header.level(17)] == [1, 0]
    assert not header.is_output(17)


@pytest.mark.parametrize("active", [1, 0])
def test_stop_and_feedback_open_their_contacts_when_active(active):
    suffix = "" if active else ":low"
    box = Box(0.0, built=build(wiring=Wiring.parse(f"stop=22{suffix},feedback=24{suffix}")))
    pull = Pull.UP if active else Pull.DOWN
    box.setup_input(22, pull, 0.0)
    box.setup_input(24, pull, 0.0)
    assert [box.read(22, 1.0), box.read(24, 1.0)] == [1 - active] * 2
    box.setup_output(17, 1, 2.0)
    assert [box.read(22, 3.0), box.read(24, 3.0)] == [1 - active, active]
    box.set_fault(BoxFault.STOP_PRESSED, True, 4.0)
    assert [box.read(22, 5.0), box.read(24, 5.0)] == [active, 1 - active]


def test_the_vehicle_contact_closes_when_a_car_is_there():
    box = Box(0.0)
    box.setup_input(23, Pull.DOWN, 0.0)
    assert box.read(23, 0.0) == 0
    box.plug(Car(), 1.0)
    assert box.read(23, 1.0) == 1
    box.unplug(2.0)
    assert box.read(23, 2.0) == 0


def test_an_active_low_contactor_stays_off_while_its_line_is_not_driven():
    box = Box(0.0, built=build(wiring=Wiring.parse("contactor=17:low")))
    box.setup_input(17, Pull.DOWN, 0.0)
    box.advance(1.0)
    assert not box.commanded
    box.setup_output(17, 0, 1.0)
    box.advance(2.0)
    assert box.rail.contactor.closed


def test_the_reset_line_reaches_the_reader():
    heard = []
    box = Box(0.0, attached=Attached(reader_reset=lambda low, t: heard.append((low, t))))
    heard.clear()
    box.setup_output(25, 1, 1.0)
    box.write(25, 0, 2.0)
    box.write(25, 1, 3.0)
    assert heard == [(False, 1.0), (True, 2.0), (False, 3.0)]


def test_wiring_is_parsed_and_mistakes_are_named():
    wiring = Wiring.parse("contactor=27:low, stop=none")
    assert (wiring.contactor.bcm, wiring.contactor.active_level) == (27, 0)
    assert wiring.get(Wire.STOP) is None
    assert wiring.get(Wire.GREEN).bcm == 5
    for text, message in (
        ("relay=17", "`relay` is not known"),
        ("contactor=28", "contactor=28"),
        ("contactor=17:high", "contactor=17:high"),
        ("contactor=", "contactor="),
        ("contactor=none", "contactor"),
        ("contactor=5", "both on GPIO5"),
    ):
        with pytest.raises(Refused, match=message):
            Wiring.parse(text)
