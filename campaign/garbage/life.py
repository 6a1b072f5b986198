"""One life of a box whose meter talks nonsense: the real worker, driver and rules, and the truth.

The meter worker takes its samples as in the daemon, and what it posts goes through the core's step.
Virtual time passes while the driver waits, so taps, ticks and the contactor fall into the middle of
a sample, as they do where the meter has a thread of its own. Journal and server answer at once.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from campaign.garbage.damage import EPISODES, BadLine
from campaign.garbage.judge import Judge
from campaign.garbage.line import Clock, virtual_line
from campaign.garbage.people import Household
from drivers.meter import Meter
from simulator.meter.meter_faults import MeterFault, MeterFaults
from simulator.meter.sdm630 import Sdm630
from station.rules.charging import step
from station.rules.messages import (
    AskServer,
    Booted,
    CloseContactor,
    ContactorObserved,
    Event,
    MeterMissed,
    MeterRead,
    OpenContactor,
    SampleMeter,
    ServerAnswered,
    SessionStored,
    StoreFault,
    StoreSession,
    TagPresented,
    Ticked,
    Verdict,
)
from station.rules.settings import Settings
from station.rules.state import State
from station.rules.values import Load, Now, Record, Stage, TagList
from station.workers.meter import MeterWorker

EPOCH = datetime(2026, 11, 25, tzinfo=UTC)
TAG = "04A3C6CAE26180"
SETTINGS = Settings(
    load=Load.WALLBOX, phases=3, max_current_a=16, min_off_s=10, final_reading_timeout_s=600
)
TICK_S = 0.5
BAUDRATES: tuple[int, ...] = (9600, 19200, 38400)


class Life:
    """Everything follows from ``seed``. ``run`` goes on until so many answers were sent."""

    settings = SETTINGS
    baudrates = BAUDRATES
    updates_s: tuple[float, ...] = (0.0, 0.5, 1.0)
    hurry = 1.0
    longest_pause_s = 30.0

    def __init__(self, seed: int, clock: Clock | None = None) -> None:
        chance = random.Random(seed)
        self._chance = chance
        self._clock = clock or Clock()
        self._clock.ring, self._clock.alarm_s = self._tick, self._clock.now_s + TICK_S
        self._people = Household(chance, self._clock.now_s, self.hurry)
        faults = MeterFaults(self._clock.monotonic)
        self._faults = faults
        self._baudrate = chance.choice(self.baudrates)
        update_s = chance.choice(self.updates_s)
        self._simulated = Sdm630(
            lambda: self._people.flowing(self._clock.now_s),
            update_s=update_s,
            baudrate=self._baudrate,
            faults=faults,
            monotonic=self._clock.monotonic,
        )
        self._line = BadLine(self._simulated.answer, faults, chance, self._clock.monotonic)
        self._episode_s = self._clock.now_s + chance.uniform(30, 300)
        self._exchanged = False
        self._every_s = self._due_s = 0.0
        self._taps = 0
        self._state = State(settings=self.settings)
        self.judge = Judge(self._people.register, str(21_487_365), update_s)

    def run(self, answers: int) -> Judge:
        """Live until the meter has sent so many answers; returns what was counted."""
        with virtual_line(self._clock, self._line.slave):
            worker = self.boot("/dev/virtual")
            while self._line.answers < answers:
                self.take_sample(worker)
        self.judge.answers = self._line.answers
        self.judge.damaged = self._line.damaged
        return self.judge

    def boot(self, port: str) -> MeterWorker:
        """The box starts; its worker is asked for the samples, one by one."""
        meter = Meter(
            port,
            baudrate=self._baudrate,
            monotonic=self._clock.monotonic,
            sleep=self._clock.sleep,
        )
        worker = MeterWorker(meter, self._feed, lambda _: None)
        worker.log.disabled = True
        self._feed(Booted(None, 0, TagList()))
        return worker

    def take_sample(self, worker: MeterWorker) -> None:
        """The worker's loop without its thread: one sample, then the pause."""
        began_s = self._clock.now_s
        pause_s = worker._sample()
        ended_s = self._clock.now_s
        pause_s = max(min(pause_s, self.longest_pause_s), 0.01)
        self._due_s = max(began_s + self._every_s, ended_s + pause_s)
        while self._clock.now_s < self._due_s:
            self._clock.advance(min(self._due_s, self._clock.alarm_s))

    def _now(self) -> Now:
        return Now(self._clock.now_s, EPOCH + timedelta(seconds=self._clock.now_s), True)

    def _tick(self) -> None:
        now_s = self._clock.now_s
        self._clock.alarm_s = now_s + TICK_S
        state = self._state
        self._people.draw(now_s, state.closed)
        self._feed(Ticked())
        if state.line_active is not state.closed:
            self._feed(ContactorObserved(state.closed))
        charging = state.session is not None and state.session.stage is Stage.RUNNING
        if self._people.wants(now_s, charging):
            self._taps += 1
            self._feed(TagPresented(TAG, f"session-{self._taps}"))
        if now_s >= self._episode_s:
            self._turn_episode(now_s)

    def _turn_episode(self, now_s: float) -> None:
        """A fault of the meter itself begins or ends. It is exchanged for good, once at most."""
        chance = self._chance
        if self._faults.active - {MeterFault.EXCHANGED}:
            for fault in self._faults.active - {MeterFault.EXCHANGED}:
                self._faults.clear(fault)
            self._episode_s = now_s + chance.uniform(60, 600)
            return
        if not self._exchanged and chance.random() < 0.02:
            self._exchanged = True
            self._faults.set(MeterFault.EXCHANGED)
            self._episode_s = now_s + 60
            return
        self._faults.set(chance.choice(EPISODES))
        self._episode_s = now_s + chance.choice((3, 10, 25, 60))

    def _feed(self, event: Event) -> None:
        before = self._state
        self._state, commands = step(before, event, self._now())
        now_s = self._clock.now_s
        if isinstance(event, MeterRead):
            self.judge.sample(event.reading, before, self._state, self._line.hits)
            self._line.hits.clear()
        elif isinstance(event, MeterMissed):
            self.judge.missed(self._line.hits)
            self._line.hits.clear()
        answers: list[Event] = []
        for command in commands:
            match command:
                case CloseContactor():
                    self.judge.closed(now_s)
                    self._people.draw(now_s, closed=True)
                case OpenContactor():
                    self._people.draw(now_s, closed=False)
                    self.judge.opened(now_s)
                case StoreSession(session, record):
                    if record is Record.ENDING:
                        self.judge.ending(session)
                    elif record is Record.ENDED:
                        self.judge.booked(session)
                    answers.append(SessionStored(session.uuid, record))
                case AskServer(session):
                    answers.append(ServerAnswered(session.uuid, Verdict.ACCEPTED))
                case SampleMeter(every_s):
                    self._every_s, self._due_s = every_s, now_s
                case StoreFault(fault):
                    self.judge.faulted(fault)
        for answer in answers:
            self._feed(answer)
