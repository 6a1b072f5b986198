"""A GPIO library that keeps the history of its pins, for tests of what the pins went through.

It stands where RPi.GPIO stands, has the same names, and knows nothing of who uses it.
"""

from __future__ import annotations

import threading
from types import ModuleType


class GpioRecorder(ModuleType):
    """``history``: (pin, what happened, level or pull), oldest first. ``levels``: pin to level."""

    BOARD, BCM = 10, 11
    OUT, IN = 0, 1
    LOW, HIGH = 0, 1
    PUD_OFF, PUD_DOWN, PUD_UP = 20, 21, 22

    def __init__(self) -> None:
        super().__init__("RPi.GPIO")
        self.history: list[tuple[int, str, int]] = []
        self.levels: dict[int, int] = {}
        self.fails: Exception | None = None
        self.on_write = lambda pin, level: None
        self._mode: int | None = None
        self._lock = threading.Lock()

    def setwarnings(self, flag: bool) -> None:
        pass

    def getmode(self) -> int | None:
        return self._mode

    def setmode(self, mode: int) -> None:
        self._mode = mode

    def setup(
        self, pin: int, direction: int, pull_up_down: int = 20, initial: int | None = None
    ) -> None:
        self._fail()
        if direction == self.OUT:
            level = -1 if initial is None else initial
            self.history.append((pin, "out", level))
            self.levels[pin] = level
        else:
            self.history.append((pin, "in", pull_up_down))
            self.levels.setdefault(pin, int(pull_up_down == self.PUD_UP))

    def output(self, pin: int, level: int) -> None:
        self._fail()
        with self._lock:
            self.on_write(pin, level)
            self.history.append((pin, "write", level))
            self.levels[pin] = level

    def input(self, pin: int) -> int:
        self._fail()
        return self.levels[pin]

    def cleanup(self, *pins: int) -> None:
        self.history.append((pins[0] if pins else -1, "cleanup", 0))

    def _fail(self) -> None:
        if self.fails is not None:
            raise self.fails
