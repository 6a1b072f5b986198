"""given: how the box was built and set up, before it is switched on."""

from __future__ import annotations

import json

from tests.stories.language import sentence
from tests.stories.sentences.time import wall_s
from tests.stories.stage import Stage


@sentence("given", "energy runs {speed:n} times faster")
def _speed(stage: Stage, speed: str) -> None:
    stage.speed = float(speed)


@sentence("given", "[{table}] {key} = {value}")
def _config(stage: Stage, table: str, key: str, value: str) -> None:
    stage.changes.setdefault(table, {})[key] = json.loads(value)


@sentence("given", "the box has a stop button", table="inputs", key="stop_pin", pin=22)
@sentence("given", "the box has a vehicle input", table="inputs", key="vehicle_pin", pin=23)
@sentence("given", "the box has a mirror contact", table="contactor", key="feedback_pin", pin=24)
def _wired(stage: Stage, table: str, key: str, pin: int) -> None:
    """As the simulated box is wired anyway."""
    stage.changes.setdefault(table, {})[key] = pin


@sentence("given", "the box has a time relay", name="heartbeat", pin=26)
@sentence("given", "the box has a shunt trip", name="trip", pin=16)
def _fitted(stage: Stage, name: str, pin: int) -> None:
    """Only in a box that was built with it."""
    stage.changes.setdefault("contactor", {})[f"{name}_pin"] = pin
    stage.box_options += ["--wiring", f"{name}={pin}"]


@sentence("given", "a plain socket hangs on the contactor")
def _socket(stage: Stage) -> None:
    stage.changes.setdefault("contactor", {})["load"] = "socket"
    stage.box_options += ["--load", "socket"]


@sentence("given", "the contactor switches the wallbox's release")
def _enable(stage: Stage) -> None:
    stage.changes.setdefault("contactor", {}).update(load="enable", enable_pin=27)
    stage.box_options += ["--load", "enable"]


@sentence("given", "the box is on a line of text to the server")
def _line(stage: Stage) -> None:
    """MCSP over loopback TCP, the server's ``runevcs`` behind it; no network, no tag list."""
    stage.on_a_line = True


@sentence("given", "the disk takes {seconds:n} s per write")
def _slow_disk(stage: Stage, seconds: str) -> None:
    stage.commit_takes_s = float(seconds)


@sentence("given", "the clock of the box says {moment}")
def _clock(stage: Stage, moment: str) -> None:
    """``moment``: as 2026-10-25 02:59:50 summer time, or a time with offset."""
    stage.clock["clock_set"] = {"wall_s": wall_s(moment)}


@sentence("given", "the clock of the box is not synced")
def _unsynced(stage: Stage) -> None:
    stage.clock["clock_synced"] = {"synced": False}
