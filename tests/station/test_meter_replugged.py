"""A daemon whose meter's adapter is pulled out and plugged in again, on a real pseudo-terminal."""

from __future__ import annotations

import pytest

from station.workers.meter import LONGEST_PAUSE_S
from tests.descriptors import terminals
from tests.station.cli_rig import CliRig
from tools.installation import Station, until

# Until it looks at the port again: the pause grows while it is out.
AGAIN_WITHIN_S = LONGEST_PAUSE_S + 30.0


def said_of_the_meter(station: Station) -> str:
    status = station.status or {}
    return "; ".join(why for why in status.get("unavailable", ()) if why.startswith("meter"))


def age_s(station: Station) -> float:
    status = station.status
    return 1e9 if status is None or status["meter"]["age_s"] is None else status["meter"]["age_s"]


@pytest.mark.takes(25)
def test_the_daemon_finds_its_meter_again(rig: CliRig) -> None:
    station = rig.start(rig.station(meter={"lost_after_s": 2}))
    assert station.process is not None
    pid = station.process.popen.pid
    until(lambda: age_s(station) < 1.0, "a fresh reading")
    assert terminals(pid) == 1
    rig.box.client.call("fault", name="meter-unplugged")
    until(lambda: "there is no such port" in said_of_the_meter(station), "a box without its meter")
    rig.box.client.call("clear", name="meter-unplugged")
    until(lambda: age_s(station) < 1.0, "a fresh reading", AGAIN_WITHIN_S)
    until(lambda: not said_of_the_meter(station), "a box that has its meter", AGAIN_WITHIN_S)
    assert station.process.running
    assert station.process.popen.pid == pid
    assert terminals(pid) == 1
    assert "meter answers" in station.process.log.read_text()
