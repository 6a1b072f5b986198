"""Cars, loads, trips and welds through a served box, as a daemon and a test script meet them."""

from __future__ import annotations

import json

import pytest

from simulator.cli import main
from simulator.client import BoxClient, BoxRefused
from tests.simulator.box_process import BoxProcess, wait_for

CONTACTOR, ENABLE, TRIP, HEARTBEAT = 17, 27, 26, 12


def drive(box: BoxProcess, bcm: int, level: int) -> None:
    box.client.call("gpio_setup", bcm=bcm, direction="out", level=level)


def command(box: BoxProcess, text: str) -> None:
    assert main(["--socket", str(box.path), *text.split()]) == 0


def energy_outside(box: BoxProcess) -> float:
    intervals = box.client.call("ledger")["intervals"]
    return sum(i["wh"] for i in intervals if not i["commanded"])


def test_supply_is_the_pis_own():
    with BoxProcess() as box:
        client = BoxClient(str(box.path), role="pi")
        assert client.supply() is False
        box.client.call("fault", name="pi-undervoltage")
        assert client.supply() is True
        box.client.call("clear", name="pi-undervoltage")
        box.client.call("fault", name="undervoltage")
        assert client.supply() is False
        client.close()


def test_a_day_of_a_car_passes_quickly_at_speed():
    """An hour of departure timer, a slow taper, then heating, at 3600 times the speed."""
    with BoxProcess("--speed", "3600", "--standby-w", "0") as box:
        drive(box, CONTACTOR, 1)
        command(
            box,
            "plug --after 3600 --precondition --taper-w 150 --soc 98 --battery-kwh 10 --delay 0",
        )
        assert box.state()["car"]["mode"] in ("off", "waiting")
        assert box.state()["power_w"] == 0.0
        wait_for(lambda: box.state()["car"]["soc"] > 0.99)
        assert box.state()["power_w"] == pytest.approx(150.0, rel=0.01)
        wait_for(lambda: box.state()["car"]["soc"] == 1.0)
        filled_wh = box.state()["ledger_wh"]
        assert filled_wh >= 200.0 - 1e-6
        wait_for(lambda: box.state()["ledger_wh"] > filled_wh + 100.0)
        (first, *bursts) = box.client.call("ledger")["intervals"]
        assert first["wh"] == pytest.approx(200.0)
        full = [burst["wh"] for burst in bursts[:-1]]
        assert full == [pytest.approx(50.0, rel=0.01)] * len(full)


def test_a_released_wallbox_over_the_process():
    with BoxProcess("--load", "enable", "--standby-w", "5", "--seed", "4") as box:
        assert box.state()["power_w"] == pytest.approx(5.0, rel=0.01)
        assert box.state()["load"]["kind"] == "enable"
        assert box.state()["lines"]["27"]["name"] == "enable"
        box.client.call("plug", delay_s=0.0)
        drive(box, CONTACTOR, 1)
        drive(box, ENABLE, 1)
        wait_for(lambda: box.state()["power_w"] > 10_000.0)
        drive(box, ENABLE, 0)
        wait_for(lambda: not box.state()["car"]["drawing"])
        state = box.state()
        assert state["contactor"]["closed"]
        assert state["power_w"] == pytest.approx(5.0, rel=0.01)
        drive(box, CONTACTOR, 0)
        idle_wh = energy_outside(box)
        wait_for(lambda: energy_outside(box) > idle_wh)
        last = box.client.call("ledger")["intervals"][-1]
        assert (last["commanded"], last["drawing"]) == (False, False)


def test_idle_voltages_are_never_the_same_and_follow_the_seed():
    with BoxProcess("--seed", "9") as box:
        seen: list = []

        def ten_different() -> bool:
            voltages = box.state()["mains"]["voltage_v"]
            if voltages not in seen:
                seen.append(voltages)
            return len(seen) == 10

        wait_for(ten_different)
        assert all(225.0 < volts < 235.0 for voltages in seen for volts in voltages)


def test_a_weld_flows_until_mended_and_the_ledger_knows():
    with BoxProcess("--speed", "3600") as box:
        drive(box, CONTACTOR, 1)
        box.client.call("plug", delay_s=0.0, battery_kwh=1000.0)
        wait_for(lambda: box.state()["car"]["drawing"])
        box.client.call("fault", name="contactor-welded")
        drive(box, CONTACTOR, 0)
        at_off_wh = energy_outside(box)
        wait_for(lambda: energy_outside(box) > at_off_wh + 5_000.0)
        assert box.state()["contactor"] == {"closed": True, "commanded": False, "coil": False}
        box.client.call("clear", name="contactor-welded")
        wait_for(lambda: not box.state()["contactor"]["closed"])
        outside_wh = energy_outside(box)
        assert box.state()["power_w"] == 0.0
        assert energy_outside(box) == outside_wh


def test_the_trip_line_disconnects_a_weld_until_reset(capsys):
    with BoxProcess("--wiring", "trip=26") as box:
        drive(box, TRIP, 0)
        drive(box, CONTACTOR, 1)
        box.client.call("plug", delay_s=0.0)
        wait_for(lambda: box.state()["car"]["drawing"])
        box.client.call("fault", name="contactor-welded")
        drive(box, CONTACTOR, 0)
        drive(box, TRIP, 1)
        wait_for(lambda: box.state()["load"]["tripped"])
        state = box.state()
        assert (state["power_w"], state["contactor"]["closed"]) == (0.0, True)
        drive(box, TRIP, 0)
        capsys.readouterr()
        command(box, "state")
        assert "tripped" in capsys.readouterr().out
        command(box, "reset-trip --json")
        assert json.loads(capsys.readouterr().out) == {"tripped": False}
        wait_for(lambda: box.state()["car"]["drawing"])
        with pytest.raises(BoxRefused, match="nothing has tripped"):
            box.client.call("reset_trip")


def test_the_time_relay_drops_the_coil_without_any_client():
    with BoxProcess("--wiring", f"heartbeat={HEARTBEAT}") as box:
        drive(box, CONTACTOR, 1)
        assert not box.state()["contactor"]["coil"]
        drive(box, HEARTBEAT, 1)
        wait_for(lambda: box.state()["contactor"]["closed"])
        wait_for(lambda: not box.state()["contactor"]["closed"])
        assert box.state()["contactor"]["commanded"]
