"""The optional inputs: stop, vehicle, and the contactor's mirror contact."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from drivers.gpio_lines import Pull
from drivers.inputs import Input
from station.checks.probe import Result, Surroundings, device
from station.config import Config

# Two equal reads count, as far apart as the daemon's.
READ_PAUSE_S = 0.05


class Inputs:
    """Those that are fitted; None for the others. One thread, the one that called ``setup``.

    A broken wire reads as: stop pressed, contacts closed, no vehicle.
    """

    def __init__(self, config: Config) -> None:
        wired = config.inputs
        self.stop = _optional(wired.stop_pin, wired.stop_active_high, Pull.ACTIVE)
        self.vehicle = _optional(wired.vehicle_pin, wired.vehicle_active_high, Pull.INACTIVE)
        self.feedback = _optional(config.contactor.feedback_pin, True, Pull.ACTIVE)

    def setup(self) -> None:
        """Raises GpioError, LibraryMissing."""
        for one in (self.stop, self.vehicle, self.feedback):
            if one is not None:
                one.setup()

    def read(self) -> dict[str, bool]:
        """The levels now, by name, of those that are fitted and hold still. Raises GpioError."""
        found = {}
        for name in ("stop", "vehicle", "feedback"):
            one: Input | None = getattr(self, name)
            if one is None:
                continue
            one.poll()
            time.sleep(READ_PAUSE_S)
            if (level := one.poll()) is not None:
                found[name] = level
        return found

    def against_closing(self) -> list[str]:
        """Why the contactor may not close, by its inputs. Raises GpioError."""
        seen = self.read()
        against = []
        if self.stop is not None and seen.get("stop") is not False:
            against.append("the stop input is open: release the button, or mend its wire")
        if self.feedback is not None and seen.get("feedback") is not False:
            against.append("the mirror contact does not say open: welded, or its wire is broken")
        return against


def _optional(pin: int | None, active_high: bool, pull: Pull) -> Input | None:
    return None if pin is None else Input(pin, active_high=active_high, pull=pull)


def look(around: Surroundings) -> Result:
    """Read them once. The contactor is open meanwhile. Raises DriverError."""
    inputs = Inputs(around.config)
    inputs.setup()
    return judge(inputs.read(), inputs.against_closing())


def judge(seen: Mapping[str, bool], against: list[str]) -> Result:
    """Pure. ``seen``: levels by name; ``against``: what keeps the contactor open."""
    if against:
        return Result("inputs", False, "; ".join(against))
    words = {
        "stop": ("stop released", "stop pressed"),
        "vehicle": ("no vehicle", "vehicle present"),
        "feedback": ("mirror contact says open", "mirror contact says closed"),
    }
    shown = [words[name][level] for name, level in seen.items()]
    return Result("inputs", True, ", ".join(shown) or "none fitted")


def beside(_: Config, status: Mapping[str, Any]) -> Result:
    """A stop or a mirror contact in the wrong state is a fault of the daemon's."""
    wrong = [
        fault["detail"]
        for fault in status["faults"]
        if fault["name"] == "emergency_stop" or "feedback" in fault["detail"]
    ]
    if wrong:
        return Result("inputs", False, "; ".join(wrong))
    return Result("inputs", True, "the daemon watches those that are fitted")


PROBES = (device("inputs", 1.0, look, beside),)
