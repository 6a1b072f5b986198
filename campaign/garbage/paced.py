"""The same life in real time, on a line that takes its time for every byte."""

from __future__ import annotations

import time
from dataclasses import replace

from campaign.garbage.judge import Judge
from campaign.garbage.life import SETTINGS, Life
from campaign.garbage.line import Clock
from simulator.meter.line import RtuLine
from simulator.meter.meter_faults import MeterFault

FAULTS = (
    MeterFault.SILENT,
    MeterFault.GARBAGE,
    MeterFault.GARBAGE,
    MeterFault.LATE_ANSWER,
    MeterFault.LATE_ANSWER,
    MeterFault.ECHO,
    MeterFault.NAN,
    MeterFault.TWO_TO_32,
    MeterFault.X1000,
    MeterFault.FROZEN,
    MeterFault.RESTART,
)
_SAMPLE_S = 0.05


class RealClock(Clock):
    """The machine's own."""

    @property
    def now_s(self) -> float:
        return time.monotonic()

    @now_s.setter
    def now_s(self, _: float) -> None:
        pass

    def advance(self, to_s: float) -> None:
        while (pause_s := min(to_s, self.alarm_s) - self.now_s) > 0 or self.alarm_s <= to_s:
            time.sleep(max(0.0, pause_s))
            if self.alarm_s <= self.now_s:
                self.ring()


class PacedLife(Life):
    """A life at the pace of its line; people are in a hurry."""

    settings = replace(SETTINGS, min_off_s=1, sample_s=_SAMPLE_S, update_s=1.0)
    baudrates = (19200, 38400)
    # A fault that was cleared is over with the next request.
    updates_s = (0.0,)
    hurry = 8.0
    # The worker would wait up to 30 s for a port that is gone; nobody has that time here.
    longest_pause_s = 2.0

    def __init__(self, seed: int) -> None:
        super().__init__(seed, RealClock())
        self._seed = seed
        self._episode_s = float("inf")

    def run(self, answers: int) -> Judge:
        """Here ``answers`` are samples, good or bad; the faults change between them."""
        line = RtuLine(self._simulated.answer, self._baudrate, faults=self._faults, seed=self._seed)
        line.start()
        try:
            worker = self.boot(line.port)
            for _ in range(answers):
                if self._chance.random() < 0.3:
                    self._faults.clear_all()
                    if self._chance.random() < 0.5:
                        self._faults.set(self._chance.choice(FAULTS))
                self._line.hits |= self._faults.active
                self._every_s = _SAMPLE_S
                self.take_sample(worker)
        finally:
            line.stop()
        self.judge.answers = answers
        return self.judge
