"""The contactor's line: inactive as it should be, and what a dead daemon would leave of it.

The line is driven inactive here, never active.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drivers.contactor import Contactor
from station.checks.probe import Result, Surroundings, device
from station.config import Config

_STAYS = {"Y": True, "1": True, "N": False, "0": False}


def look(around: Surroundings) -> Result:
    """Become its owner at the inactive level and read it back. Raises DriverError."""
    wired = around.config.contactor
    line = Contactor(wired.pin, active_high=wired.active_high)
    line.setup()
    stays = None if around.config.simulator is not None else persists(around.sysfs)
    return judge(wired.pin, line.read_back(), stays)


def persists(sysfs: Path) -> bool | None:
    """Whether this kernel keeps an output's level when its process dies; None: it does not say.

    From the parameter persist_gpio_outputs of Raspberry Pi's pin controllers.
    """
    for path in sorted(sysfs.glob("module/pinctrl_*/parameters/persist_gpio_outputs")):
        try:
            return _STAYS.get(path.read_text().strip())
        except OSError:
            continue
    return None


def judge(pin: int, active: bool, stays: bool | None) -> Result:
    """Pure."""
    if active:
        return Result(
            "contactor",
            False,
            f"GPIO{pin} reads active although it is driven inactive: take the supply off the "
            "contactor, then look for a short circuit or another program on the line",
        )
    crash = {
        True: "if the daemon dies it keeps its level: the failsafe in the service's unit opens it",
        False: "if the daemon dies it becomes an input: its pull-down has to open the contactor",
        None: "what it does when the daemon dies cannot be told here",
    }[stays]
    return Result("contactor", True, f"GPIO{pin} reads inactive; {crash}")


def beside(_: Config, status: Mapping[str, Any]) -> Result:
    """What the daemon commanded and what it read back."""
    seen = status["contactor"]
    commanded, line = seen["commanded_closed"], seen["line"]
    words = "closed" if commanded else "open"
    if line is not None and line != commanded:
        return Result(
            "contactor",
            False,
            f"commanded {words}, but its line reads otherwise: take the supply off the contactor, "
            "then look at the line",
        )
    return Result("contactor", True, f"commanded {words} by the daemon, its line agrees")


PROBES = (device("contactor", 1.5, look, beside),)
