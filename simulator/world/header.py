"""The 40-pin header of the simulated Raspberry Pi: BCM lines 0-27.

A line keeps direction and level until somebody changes it: on Raspberry Pi kernels an output stays
driven when the process that set it dies. Only loss of power brings the power-on state back. Not
thread-safe; the box's lock covers it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from simulator.errors import Refused

LINES = range(28)
_PULLED_UP_AT_POWER_ON = range(9)


class Direction(StrEnum):
    """What the Pi does with a line."""

    IN = "in"
    OUT = "out"


class Pull(StrEnum):
    """The Pi's own resistor (about 50 kOhm) on an input."""

    UP = "up"
    DOWN = "down"
    OFF = "off"


@dataclass(slots=True)
class _Line:
    pull: Pull
    direction: Direction = Direction.IN
    latch: int = 0
    outside: int | None = None

    @property
    def level(self) -> int:
        if self.direction is Direction.OUT:
            return self.latch
        if self.outside is not None:
            return self.outside
        return 1 if self.pull is Pull.UP else 0


class Header:
    """All lines. ``changed(bcm)`` is called after each change of a line's direction or level."""

    def __init__(self, changed: Callable[[int], None] = lambda bcm: None) -> None:
        self._changed = changed
        self._lines = {bcm: _Line(_power_on_pull(bcm)) for bcm in LINES}

    def set_output(self, bcm: int, level: int) -> None:
        """Make the line an output that starts at ``level``, in one step."""
        line, before = self._look(bcm)
        line.direction, line.latch, line.pull = Direction.OUT, level, Pull.OFF
        self._report(bcm, before)

    def set_input(self, bcm: int, pull: Pull) -> None:
        """Make the line an input with the Pi's own ``pull``."""
        line, before = self._look(bcm)
        line.direction, line.pull = Direction.IN, pull
        self._report(bcm, before)

    def write(self, bcm: int, level: int) -> None:
        """Drive an output. Raises Refused when the line is an input."""
        line, before = self._look(bcm)
        if line.direction is not Direction.OUT:
            raise Refused(f"GPIO{bcm} is an input; set it up as an output before writing to it")
        line.latch = level
        self._report(bcm, before)

    def level(self, bcm: int) -> int:
        """0 or 1, as the pin reads. A floating line reads 0."""
        return self._look(bcm)[0].level

    def is_output(self, bcm: int) -> bool:
        """Whether the Pi drives this line."""
        return self._look(bcm)[0].direction is Direction.OUT

    def drive(self, bcm: int, level: int | None) -> None:
        """What the circuit outside puts on the line; None = nothing. Loses against an output."""
        line, before = self._look(bcm)
        line.outside = level
        self._report(bcm, before)

    def reset(self) -> None:
        """Power-on state: inputs with pull-ups on 0-8, pull-downs on 9-27."""
        for bcm in LINES:
            line, before = self._look(bcm)
            line.direction, line.latch, line.pull = Direction.IN, 0, _power_on_pull(bcm)
            self._report(bcm, before)

    def describe(self, bcm: int) -> dict[str, Any]:
        """``{"direction", "level", "pull"}`` of one line."""
        line = self._look(bcm)[0]
        return {"direction": str(line.direction), "level": line.level, "pull": str(line.pull)}

    def _look(self, bcm: int) -> tuple[_Line, tuple[Direction, int]]:
        line = self._lines.get(bcm)
        if line is None:
            raise Refused(f"GPIO{bcm} is not on the header; BCM lines 0 to 27 are")
        return line, (line.direction, line.level)

    def _report(self, bcm: int, before: tuple[Direction, int]) -> None:
        line = self._lines[bcm]
        if (line.direction, line.level) != before:
            self._changed(bcm)


def _power_on_pull(bcm: int) -> Pull:
    # BCM2835 ARM peripherals, table of alternative functions: 0-8 pull high, the others low.
    return Pull.UP if bcm in _PULLED_UP_AT_POWER_ON else Pull.DOWN
