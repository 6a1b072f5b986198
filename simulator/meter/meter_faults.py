"""The faults of the simulated meter and its line, by name. Any thread may set, clear and ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum


class MeterFault(StrEnum):
    """What can be wrong with the meter or its line; the names of ``evcs-simbox fault``."""

    SILENT = "meter-silent"
    GARBAGE = "meter-garbage"
    LATE_ANSWER = "meter-late-answer"
    NAN = "meter-nan"
    TWO_TO_32 = "meter-2to32"
    X1000 = "meter-x1000"
    FROZEN = "meter-frozen"
    RESTART = "meter-restart"
    EXCHANGED = "meter-exchanged"
    REVERSED = "meter-reversed"
    ECHO = "meter-echo"
    UNPLUGGED = "meter-unplugged"


class MeterFaults:
    """The set of active faults. The meter and the line look at it; the box sets and clears."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._since: dict[MeterFault, float] = {}
        self._listeners: list[Callable[[], None]] = []

    def set(self, name: str) -> None:
        """Switch a fault on; one that is on begins anew. ValueError lists the names there are."""
        fault = _known(name)
        with self._lock:
            self._since[fault] = self._monotonic()
        self._tell()

    def clear(self, name: str) -> None:
        """Switch a fault off, if it is on. ValueError lists the names there are."""
        fault = _known(name)
        with self._lock:
            self._since.pop(fault, None)
        self._tell()

    def clear_all(self) -> None:
        """Switch every fault off."""
        with self._lock:
            self._since.clear()
        self._tell()

    @property
    def active(self) -> frozenset[str]:
        """The names of the faults that are on."""
        with self._lock:
            return frozenset(self._since)

    def since(self, name: str) -> float | None:
        """Monotonic time in s at which a fault was switched on, None while it is off."""
        fault = _known(name)
        with self._lock:
            return self._since.get(fault)

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every change, in the thread that made it. It must not block."""
        with self._lock:
            self._listeners.append(listener)

    def _tell(self) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener()


def _known(name: str) -> MeterFault:
    try:
        return MeterFault(name)
    except ValueError:
        names = ", ".join(MeterFault)
        raise ValueError(f"no such meter fault: {name}; there are {names}") from None
