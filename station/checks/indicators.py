"""The lamp test: green, red and buzzer in turn; whether they did it only a person can tell."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from drivers.indicator import Indicator
from station.checks.probe import Result, Surroundings, device
from station.config import Config

LAMP_S = 0.4
BUZZER_S = 0.06


def look(around: Surroundings) -> Result:
    """Drive each for a moment, and leave the sign of a software that does not run: red, steady.

    Raises DriverError.
    """
    lights = around.config.indicator
    indicator = Indicator(
        lights.green_pin, lights.red_pin, lights.buzzer_pin, active_high=lights.active_high
    )
    indicator.setup()
    try:
        for shown, for_s in (
            ((True, False, False), LAMP_S),
            ((False, True, False), LAMP_S),
            ((False, False, True), BUZZER_S),
        ):
            indicator.show(*shown)
            time.sleep(for_s)
    finally:
        indicator.show(False, True, False)
    driven = ["green", "red"] + (["buzzer"] if lights.buzzer_pin is not None else [])
    return Result("indicators", True, f"{', '.join(driven)} in turn: did you see and hear them?")


def beside(_: Config, __: Mapping[str, Any]) -> Result:
    return Result("indicators", True, "the daemon drives them; it shows all of them at its start")


PROBES = (device("indicators", 2.0, look, beside),)
