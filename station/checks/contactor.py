"""The contactor's line: inactive as it should be, and what a dead daemon would leave of it.

The line is driven inactive here, never active.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drivers.contactor import Contactor
from station.checks import board
from station.checks.probe import Result, Surroundings, device
from station.config import Config

_STAYS = {"Y": True, "1": True, "N": False, "0": False}


def look(around: Surroundings) -> Result:
    """Become its owner at the inactive level and read it back. Raises DriverError."""
    wired = around.config.contactor
    line = Contactor(wired.pin, active_high=wired.active_high)
    line.setup()
    if around.config.simulator is not None:
        return judge(wired.pin, line.read_back(), None)
    stays = persists(around.root)
    waits = waits_for_reboot(around.root, stays)
    return judge(wired.pin, line.read_back(), stays, waits=waits)


def persists(root: Path) -> bool | None:
    """Whether this kernel keeps an output's level when its process dies; None: it does not say.

    Raspberry Pi's pin controllers have a parameter for it; the dtparam strict_gpiod and the
    kernel's command line set it at boot. Another kernel has no such parameter and never keeps it.
    """
    for path in sorted(root.glob("sys/module/pinctrl_*/parameters/persist_gpio_outputs")):
        if (value := board.text_of(path)) in _STAYS:
            return _STAYS[value]
    return None


def waits_for_reboot(root: Path, stays: bool | None) -> bool:
    """Whether config.txt asks for strict_gpiod, and the kernel does not know of it yet."""
    boot = board.boot_config(root, board.model(root))
    asked = boot is not None and boot.parameters("strict_gpiod")[-1:] == ("on",)
    return asked and stays is True


def judge(pin: int, active: bool, stays: bool | None, *, waits: bool = False) -> Result:
    """Pure. ``stays``: as ``persists`` says; ``waits``: it is to change at the next boot."""
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
        None: "what it does when the daemon dies this kernel does not say: both are provided for",
    }[stays]
    if waits:
        crash += "; strict_gpiod in config.txt changes that after a reboot"
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
