"""Closing the contactor for CLOSED_S and opening it, whatever happens meanwhile. Main thread.

What stands behind a charge in the daemon stands behind this too: the lease and the guard thread,
the inputs, the line's read-back, and for the unit's failsafe the watchman. The wallbox's release
and the shunt trip are left alone.
"""

from __future__ import annotations

import math
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from drivers.contactor import Contactor
from drivers.gpio_lines import OutputLine
from station import failsafe
from station.checks.inputs import Inputs
from station.cli.common import Problem, note
from station.cli.watchman import Watchman
from station.clock import monotonic
from station.config import Config
from station.lease import LEASE_S, LeaseGuard
from station.rules.closing import supply_problems
from station.rules.messages import Event
from station.rules.state import State
from station.rules.values import Reading

CLOSED_S = 3.0
RENEW_EVERY_S = 0.25
LISTEN_S = 0.05
POLL_S = 0.002
FEEDBACK_WITHIN_S = 0.5
# A time relay behind the heartbeat pin has to have pulled in before the coil can get its power.
HEARTBEAT_BEFORE_S = 1.5
# From the start of the heartbeat to the opening, and what a slow machine may need on top.
WATCH_S = HEARTBEAT_BEFORE_S + CLOSED_S + 3.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)


@dataclass(frozen=True, slots=True)
class Closing:
    """How one closing went. Times in ms, None where no feedback is fitted or it did not follow."""

    closed_s: float
    feedback_closed_ms: float | None
    feedback_open_ms: float | None
    problems: tuple[str, ...]


class Rig:
    """The lines of one test, all inactive after ``setup``. Main thread."""

    def __init__(self, config: Config) -> None:
        wired = config.contactor
        self._config = config
        self._contactor = Contactor(wired.pin, active_high=wired.active_high, lease_s=LEASE_S)
        self._inputs = Inputs(config)
        self._heartbeat = (
            None
            if wired.heartbeat_pin is None
            else OutputLine("heartbeat", wired.heartbeat_pin, active_high=True)
        )
        self._heartbeat_on = False
        self._renew_due_s = 0.0
        self._followed = False
        # Filled by signal handlers too, which may interrupt anything: a SimpleQueue allows that.
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()

    def setup(self) -> None:
        """Raises GpioError, LibraryMissing."""
        self._contactor.setup()
        self._inputs.setup()
        if self._heartbeat is not None:
            self._heartbeat.setup()

    def refuse_if_unsafe(self, rest: Reading) -> None:
        """What speaks against closing now, by inputs and meter. Raises Problem."""
        against = self._inputs.against_closing()
        if self._contactor.read_back():
            against.append("the contactor line reads active although it is driven inactive")
        against += supply_problems(rest, State(settings=self._config.rules))
        if against:
            raise Problem(f"the contactor stays open: {'; '.join(against)}")

    def rest_until(self, due_s: float) -> None:
        """Let the contacts rest as after every opening."""
        if due_s > monotonic():
            note(f"waiting {math.ceil(due_s - monotonic())} s ([contactor] min_off_s)")
        while monotonic() < due_s:
            self._wait(min(RENEW_EVERY_S, due_s - monotonic()))

    def close_and_open(self) -> Closing:
        """Close for CLOSED_S and open, whatever happens meanwhile. Raises DriverError."""
        guard = LeaseGuard(self._contactor, self._lapsed, self._events.put)
        watchman = Watchman(self._failsafe(), WATCH_S)
        problems: list[str] = []
        closed_s = followed_ms = None
        try:
            with _signals_to(self._events.put):
                try:
                    self._contactor.rearm()
                    guard.start()
                    self._wait(HEARTBEAT_BEFORE_S if self._heartbeat is not None else 0.0)
                    closed_s = monotonic()
                    self._contactor.close()
                    followed_ms = self._await_feedback(closed_s, closed=True)
                    if self._inputs.feedback is not None and followed_ms is None:
                        raise _Stopped("feedback did not follow within 500 ms of closing")
                    self._followed = True
                    self._wait(CLOSED_S - (monotonic() - closed_s), watched=True)
                except _Stopped as stopped:
                    problems.append(f"opened early: {stopped}")
                finally:
                    self._contactor.open()
                    opened_s = monotonic()
            opened_ms = self._await_feedback(opened_s, closed=False)
        finally:
            guard.stop()
            if self._contactor.commanded:
                watchman.alarm()
            else:
                watchman.all_is_well()
        if self._inputs.feedback is not None and opened_ms is None:
            problems.append(
                "feedback still says closed 500 ms after opening: the contacts may be welded; "
                "take the supply off and look at them"
            )
        if self._contactor.read_back():
            problems.append("the contactor line reads active after opening; take the supply off")
        lasted_s = 0.0 if closed_s is None else opened_s - closed_s
        if lasted_s >= CLOSED_S + LEASE_S:
            problems.append(
                f"it took {lasted_s:.1f} s instead of {CLOSED_S:g} s: this command was stopped, or "
                "the machine is too busy; try again"
            )
        return Closing(lasted_s, followed_ms, opened_ms, tuple(problems))

    def _await_feedback(self, since_s: float, *, closed: bool) -> float | None:
        """Milliseconds until the mirror contact said so; None when it did not, or is not there."""
        feedback = self._inputs.feedback
        while feedback is not None and monotonic() - since_s <= FEEDBACK_WITHIN_S:
            if feedback.poll() == closed:
                return (monotonic() - since_s) * 1000
            if closed:
                self._wait(POLL_S, watched=True)
            else:
                time.sleep(POLL_S)
        return None

    def _wait(self, seconds: float, *, watched: bool = False) -> None:
        """Live on for so long, with the life signs that keep the contactor closed.

        Raises _Stopped on a signal or a lapse, and when ``watched`` on what inputs and line say.
        """
        until_s = monotonic() + seconds
        while True:
            if monotonic() >= self._renew_due_s:
                self._renew_due_s = monotonic() + RENEW_EVERY_S
                self._contactor.renew()
                self._beat()
            # Before the look: a look that was kept waiting is taken again.
            left_s = until_s - monotonic()
            if watched:
                self._watch()
            if left_s <= 0:
                return
            try:
                why = self._events.get(timeout=min(left_s, LISTEN_S))
            except queue.Empty:
                continue
            raise _Stopped(why)

    def _watch(self) -> None:
        if not self._contactor.read_back():
            raise _Stopped("the contactor line reads inactive although it was driven")
        if self._inputs.stop is not None and self._inputs.stop.poll():
            raise _Stopped("the stop input is open")
        feedback = self._inputs.feedback
        if self._followed and feedback is not None and feedback.poll() is False:
            raise _Stopped("the mirror contact says open although the coil has its power")

    def _beat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat_on = not self._heartbeat_on
            self._heartbeat.write(self._heartbeat_on)

    def _lapsed(self, _: Event) -> None:
        self._events.put("the command was too slow and its lease lapsed")

    def _failsafe(self) -> list[str]:
        wired, simulator = self._config.contactor, self._config.simulator
        command = [sys.executable, "-I", failsafe.__file__, "--pin", str(wired.pin)]
        command += [] if wired.active_high else ["--active-low"]
        return command if simulator is None else [*command, "--simulator", simulator]


class _Stopped(Exception):
    """The contactor has to open now; the text says why."""


@contextmanager
def _signals_to(put: Callable[[str], None]) -> Iterator[None]:
    """Signals that would end or suspend this process only tell that it has to open."""
    before = {
        number: signal.signal(number, lambda got, _: put(f"signal {signal.Signals(got).name}"))
        for number in _SIGNALS
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
