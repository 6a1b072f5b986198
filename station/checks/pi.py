"""The board, and the libraries that suit it: which RPi.GPIO would be imported, and from where.

Nothing is imported here: the wrong library may not even load, or take hold of the pins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

from station.checks import board
from station.checks.probe import Result, Surroundings, pi_only

LGPIO, CLASSIC = "rpi-lgpio", "RPi.GPIO"
# What else the drivers import, and how it is installed.
OTHERS = {
    "spidev": "apt install python3-spidev",
    "mfrc522": "pip install --no-deps mfrc522==0.0.7",
    "serial": "apt install python3-serial",
    "minimalmodbus": "pip install minimalmodbus",
}
_MEANT = ("Raspberry Pi 3", "Raspberry Pi 4", "Raspberry Pi 5", "Zero 2", "Compute Module")
_REPAIR = (
    "pip uninstall -y RPi.GPIO rpi-lgpio (both, and first), then apt install python3-rpi-lgpio"
)


def look_at_board(around: Surroundings) -> Result:
    """Which Raspberry Pi this is."""
    return judge_board(board.model(around.root))


def judge_board(model: str | None) -> Result:
    """Pure."""
    if model is None:
        text = (
            "this is no Raspberry Pi (/proc/device-tree/model does not say so): nothing can be "
            "switched here; with a simulated box set [station] simulator"
        )
        return Result("board", False, text)
    if any(words in model for words in _MEANT):
        return Result("board", True, model)
    return Result("board", True, f"{model}; made for a Pi 3, 4, 5 or Zero 2, not tried on this one")


@dataclass(frozen=True, slots=True)
class Provider:
    """Whose ``RPi.GPIO`` would be imported, and the folder that it lies in."""

    name: str
    folder: str


def look_at_libraries(around: Surroundings) -> Result:
    """What is installed, by its files."""
    paths = around.packages
    missing = [name for name in OTHERS if PathFinder.find_spec(name, list(paths)) is None]
    return judge_libraries(
        board.model(around.root), provider(paths), installed(paths), missing, _lgpio_missing(paths)
    )


def provider(paths: Iterable[str]) -> Provider | None:
    """The first ``RPi/GPIO`` on the path."""
    for folder in paths:
        text = board.text_of(Path(folder) / "RPi/GPIO/__init__.py")
        if text is not None:
            return Provider(LGPIO if "lgpio" in text else CLASSIC, folder)
    return None


def installed(paths: Iterable[str]) -> list[str]:
    """Which of the two packages pip or apt have put there."""
    names = {
        (one.metadata["Name"] or "").lower().replace("_", "-").replace(".", "-")
        for one in metadata.distributions(path=list(paths))
    }
    return [name for name in (CLASSIC, LGPIO) if name.lower().replace(".", "-") in names]


def _lgpio_missing(paths: Iterable[str]) -> bool:
    return PathFinder.find_spec("lgpio", list(paths)) is None


def judge_libraries(
    model: str | None,
    found: Provider | None,
    packages: list[str],
    missing: list[str],
    lgpio_missing: bool,
) -> Result:
    """Pure. ``packages``: of those that provide RPi.GPIO."""
    problems = []
    if found is None:
        problems.append("there is no RPi.GPIO: apt install python3-rpi-lgpio")
    elif found.name == CLASSIC and model is not None and "5" in model.partition("Rev")[0]:
        problems.append(
            f"{model} with the old RPi.GPIO in {found.folder}, which does not run on it: {_REPAIR}"
        )
    elif len(packages) > 1:
        problems.append(
            f"RPi.GPIO and rpi-lgpio are both installed, {found.folder} has that of {found.name}; "
            f"the next installation may turn it round: {_REPAIR}"
        )
    elif found.name == LGPIO and lgpio_missing:
        problems.append("rpi-lgpio is there without lgpio: apt install python3-lgpio")
    problems += [f"{name} is missing: {OTHERS[name]}" for name in missing]
    if problems:
        return Result("libraries", False, "; ".join(problems))
    name, folder = (found.name, found.folder) if found is not None else ("", "")
    return Result("libraries", True, f"RPi.GPIO is that of {name} in {folder}")


PROBES = (pi_only("board", look_at_board), pi_only("libraries", look_at_libraries))
