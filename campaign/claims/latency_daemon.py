"""The station's daemon with a stopwatch at two places of the way from the queue to the line.

A charge that was stopped is taken up again without a new tap: the core's state of the moment before
the stop is put back and the contactor is closed through its driver, both in the main thread and
between two events. Wear, the pause between two closings and the final reading would otherwise allow
six stops in ten minutes. The way of the stop itself, from the queue to the line, is the daemon's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from station.daemon import Daemon
from station.rules.messages import Event, Ticked
from station.rules.state import State
from station.rules.values import Now

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """``tag`` starts the charge; ``broken`` are faults of the box, set once it runs.

    ``commit_s``: so much longer takes every commit. ``hold_card``: a stranger's card stays at the
    reader. ``noise``: from the second half of the stops on the reader's wires are noisy. ``stops``
    events are put into the queue, then the stop button is pressed ``presses`` times.
    """

    tag: str
    seed: int
    stops: int
    presses: int
    commit_s: float = 0.0
    broken: tuple[str, ...] = ()
    hold_card: bool = False
    noise: bool = False


@dataclass(slots=True)
class Pressed:
    """One stop, with its moments in monotonic ns.

    ``what``: the kind of the event, or "button", where ``put_ns`` is when the box was told and
    nobody took an event out of the queue. ``taken_ns``: the main thread has the event;
    ``driver_ns``: it calls the contactor's driver; ``clock_ns``: how long it asked the box for the
    time between the two, which a real box's clock answers in microseconds.
    ``probe_ns``: an empty request to the box and its answer, just before, from this process.
    ``waiting``: what the threads were held up by at the moment of the stop (latency_finger).
    """

    what: str
    put_ns: int = 0
    taken_ns: int = 0
    clock_ns: int = 0
    driver_ns: int = 0
    probe_ns: int = 0
    waiting: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TakeUp:
    """Put this state back and close: no event of the daemon, and never given to the core."""

    state: State


class Measured(Daemon):
    """The daemon; it tells when the contactor's driver is called, and takes charges up again."""

    changed: threading.Condition
    aimed: Event | None = None
    taken_ns: int = 0
    clock_ns: int = 0
    driver_ns: int = 0

    def _next_events(self) -> list[Event]:
        events = super()._next_events()
        for event in events:
            if event is self.aimed:
                self.taken_ns = time.monotonic_ns()
            elif isinstance(event, TakeUp):
                self.state = event.state
                self.contactor.renew()
                self.contactor.close()
                self.reader.contactor_switched()
                return [Ticked(), *(other for other in events if other is not event)]
        return events

    def now(self) -> Now:
        began_ns = time.monotonic_ns()
        now = super().now()
        if not self.driver_ns:
            self.clock_ns = time.monotonic_ns() - began_ns
        return now

    def _open_contactor(self) -> None:
        if not self.driver_ns:
            self.driver_ns = time.monotonic_ns()
        super()._open_contactor()

    def _show(self) -> None:
        super()._show()
        with self.changed:
            self.changed.notify_all()

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """The finger's thread: until it is so, looked at after each turn of the loop."""
        deadline_s = time.monotonic() + PATIENCE_S
        with self.changed:
            while not condition():
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise AssertionError(f"{what}: not within {PATIENCE_S:g} s; {self.state}")
                self.changed.wait(left_s)
