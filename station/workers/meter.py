"""The meter thread: samples at the pace the core wants, posts readings and misses.

It owns the serial port. After a lost port it opens it anew, with a growing pause, and the serial
number is read again before any value counts (drivers.meter does that in ``open``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from drivers.errors import MeterError, MeterPortLost
from drivers.meter import Meter, Sample
from station.clock import monotonic
from station.rules.messages import MeterMissed, MeterRead
from station.rules.values import MeterFacts, Reading
from station.workers.thread import Post, Worker

MISSES_BEFORE_REOPEN = 3
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0


class MeterWorker(Worker):
    """Posts MeterRead and MeterMissed."""

    def __init__(self, meter: Meter, post: Post, on_crash: Callable[[str], None]) -> None:
        super().__init__("meter", on_crash)
        self._meter = meter
        self._post = post
        self._every_s = 1.0
        self._wake = threading.Event()
        self._open = False
        self._misses = 0
        self._pause_s = FIRST_PAUSE_S
        self._problem: str | None = None

    def sample_every(self, seconds: float) -> None:
        """Any thread: a new pace; the next sample is taken at once."""
        self._every_s = seconds
        self._wake.set()

    def stop(self) -> None:
        super().stop()
        self._wake.set()

    def work(self) -> None:
        due_s = monotonic()
        while not self.stopping.is_set():
            pause_s = self._sample()
            due_s = max(due_s + self._every_s, monotonic() + pause_s)
            if self._wake.wait(max(0.0, due_s - monotonic())):
                self._wake.clear()
                due_s = monotonic()
        self._meter.close()

    def _sample(self) -> float:
        """One sample, opened and posted. Returns the pause that the port needs before the next."""
        asked_s = monotonic()
        try:
            if not self._open:
                self._meter.open()
                self._open = True
            sample = self._meter.read_all()
        except MeterError as error:
            self._missed(error, asked_s)
            if self._open:
                return 0.0
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return self._pause_s
        self._misses, self._pause_s = 0, FIRST_PAUSE_S
        if self._problem is not None:
            self._problem = None
            self.log.info("meter answers")
        self._post(MeterRead(reading_of(sample)))
        return 0.0

    def _missed(self, error: MeterError, asked_s: float) -> None:
        self._misses += 1
        if isinstance(error, MeterPortLost) or self._misses >= MISSES_BEFORE_REOPEN:
            self._meter.close()
            self._open = False
            self._misses = 0
        problem = str(error)
        if problem != self._problem:
            self._problem = problem
            self.log.warning("%s", problem)
        self._post(MeterMissed(problem, asked_s))


def reading_of(sample: Sample) -> Reading:
    """The driver's sample in the words of the rules."""
    return Reading(
        requested_at_s=sample.requested_at,
        received_at_s=sample.received_at,
        facts=MeterFacts(sample.serial, sample.import_wh, sample.phase_wh),
        grid_wh=sample.grid_wh,
        voltage_v=sample.voltage_v,
        current_a=sample.current_a,
        power_w=sample.power_w,
    )
