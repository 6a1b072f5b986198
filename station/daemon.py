"""The shell around the core: devices, threads, the queue, the loop.

The main thread owns the core's state, the contactor and the indicators, and waits on one queue
only. Every other thread posts events into it. Nothing in the loop blocks: what can block (SPI,
serial, fsync, HTTP) lives in a thread of its own (workers/), so opening the contactor never waits
for any of it. docs/architecture.md lists the threads and what each may touch.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import queue
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import IO

from drivers import libraries
from drivers.contactor import Contactor
from drivers.errors import DriverError
from drivers.gpio_lines import OutputLine
from drivers.indicator import Indicator
from drivers.inputs import Input
from drivers.meter import Meter
from drivers.reader import Reader
from station import __version__
from station.clock import BoxClock, Clock, SystemClock, monotonic
from station.config import Config, InputsConfig
from station.control import ControlServer
from station.lease import LEASE_S, RENEW_EVERY_S, LeaseGuard
from station.log import masked
from station.notify import Notifier, in_words
from station.requests import Requests, TapWindow, meter_shown, resend, retry
from station.rules.charging import step
from station.rules.messages import (
    AnswerRequest,
    AskServer,
    CloseContactor,
    CloseRefused,
    Command,
    ContactorObserved,
    Event,
    ForgetFault,
    LeaseLapsed,
    Leave,
    LineUnreadable,
    OpenContactor,
    PulseTrip,
    Release,
    RepairStamps,
    SampleMeter,
    ShutdownRequested,
    StopInputChanged,
    StoreDisabled,
    StoreFault,
    StoreLifeSign,
    StoreRegister,
    StoreSession,
    SupplyChanged,
    TagPresented,
    Ticked,
    VehicleInputChanged,
)
from station.rules.signals import lamps
from station.rules.state import State, background, phase
from station.rules.values import Now
from station.status import Snapshot, shown, snapshot
from station.transport.choice import LateTransport, transport_of
from station.uplink.commands import REMOTE
from station.workers.journal import JournalWorker
from station.workers.meter import MeterWorker
from station.workers.reader import ReaderWorker
from station.workers.thread import Worker
from station.workers.uplink import UplinkWorker

INPUT_POLL_S = 0.04
# Together less than TimeoutStopSec of the unit.
LEAVE_WITHIN_S, LAST_WRITES_S = 2.5, 1.5
TRIP_PULSE_S = 0.5
SUPPLY_EVERY_S = 5.0
# A line that cannot be read back for so many renewals in a row is supervised by nobody.
UNREADABLE_TIMES = 3
JOURNAL_FILE = "journal.sqlite3"

log = logging.getLogger("station")


class StartError(Exception):
    """The daemon cannot start here; the message says why and what to do."""


@contextlib.contextmanager
def only_one(run_dir: Path) -> Iterator[None]:
    """One daemon at a time: an flock that dies with the process. Raises StartError."""
    path = run_dir / "lock"
    try:
        run_dir.mkdir(0o750, parents=True, exist_ok=True)
        lock: IO[str] = path.open("a+")
    except OSError as error:
        raise StartError(f"[station] run_dir {run_dir} cannot be used: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise StartError(
                f"another evcs-station (process {owner}) holds {path}; stop it first"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def make_clock(config: Config) -> Clock:
    """The Pi's clock, or the simulated box's. Raises StartError when the box is not there."""
    if config.simulator is None:
        return Clock(SystemClock())
    from simulator.client import BoxClient, BoxUnreachable

    try:
        libraries.use_simulator(config.simulator)
        return Clock(BoxClock(BoxClient(config.simulator)))
    except (BoxUnreachable, DriverError) as error:
        raise StartError(
            f"[station] simulator = {config.simulator!r}: no simulated box answers there "
            f"({error}); start one with evcs-simbox serve"
        ) from error


class _Inputs:
    """The optional inputs, polled together, posting what changed."""

    def __init__(self, config: InputsConfig, feedback_pin: int | None) -> None:
        def optional(pin: int | None, active_high: bool, pull: str) -> Input | None:
            return None if pin is None else Input(pin, active_high=active_high, pull=pull)

        # A broken wire reads as: stop pressed, contacts closed, no vehicle.
        self.stop = optional(config.stop_pin, config.stop_active_high, "active")
        self.vehicle = optional(config.vehicle_pin, config.vehicle_active_high, "inactive")
        self.feedback = optional(feedback_pin, True, "active")
        self._seen: dict[str, bool] = {}

    @property
    def fitted(self) -> bool:
        return any((self.stop, self.vehicle, self.feedback))

    def setup(self) -> None:
        for one in (self.stop, self.vehicle, self.feedback):
            if one is not None:
                one.setup()

    def poll(self) -> list[Event]:
        events: list[Event] = []
        if self.stop is not None and self._changed("stop", self.stop.poll()):
            events.append(StopInputChanged(self._seen["stop"]))
        if self.vehicle is not None and self._changed("vehicle", self.vehicle.poll()):
            events.append(VehicleInputChanged(self._seen["vehicle"]))
        if self.feedback is not None:
            self._changed("feedback", self.feedback.poll())
        return events

    def seen(self, name: str) -> bool | None:
        """The debounced level of an input; None when it is not fitted or not known yet."""
        return self._seen.get(name)

    def _changed(self, name: str, level: bool | None) -> bool:
        if level is None or self._seen.get(name) == level:
            return False
        self._seen[name] = level
        return True


def _optional_line(device: str, pin: int | None) -> OutputLine | None:
    return None if pin is None else OutputLine(device, pin, active_high=True)


class Daemon:
    """One run of the station: build, ``run``, gone."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.observed: list[Event] = []
        self.crash: str | None = None
        self.state = State(settings=replace(config.rules, energy_speed=clock.energy_speed))
        self.leave = False
        self.later: list[Worker] = []
        self.leave_by_s: float | None = None
        self.renew_due_s = 0.0
        self.poll_due_s = self.polled_s = self.looked_s = 0.0
        self.supply_due_s = 0.0
        box = config.contactor
        self.contactor = Contactor(box.pin, active_high=box.active_high, lease_s=LEASE_S)
        lights = config.indicator
        self.indicator = Indicator(
            lights.green_pin, lights.red_pin, lights.buzzer_pin, active_high=lights.active_high
        )
        self.inputs = _Inputs(config.inputs, box.feedback_pin)
        self.release = _optional_line("release", box.enable_pin)
        self.trip = _optional_line("shunt trip", box.trip_pin)
        self.heartbeat = _optional_line("heartbeat", box.heartbeat_pin)
        self.trip_until_s: float | None = None
        self.heartbeat_on = False
        self.unreadable = 0
        # What was told of the line already: it is tried twice a second, and not told so often.
        self.read_problem: str | None = None
        self.drive_problem: str | None = None
        self.requests = Requests(self.queue.put)
        self.taps = TapWindow()
        self.snapshot: Snapshot = snapshot(self.state, self.now())
        self.notifier = Notifier(os.environ, os.getpid(), RENEW_EVERY_S)
        self._make_workers()

    def _make_workers(self) -> None:
        config, post = self.config, self.queue.put
        on_crash = self.on_crash
        self.journal = JournalWorker(
            config.data_dir / JOURNAL_FILE, self.clock, post, lambda: self.uplink.poke(), on_crash
        )
        self.uplink = UplinkWorker(
            LateTransport(lambda: transport_of(self.config)),
            self.journal,
            self.clock,
            lambda: self.snapshot,
            f"evcs-station {__version__}",
            post,
            on_crash,
        )
        port = config.meter
        self.meter = MeterWorker(
            Meter(
                port.port,
                model=port.model,
                address=port.address,
                baudrate=port.baudrate,
                parity=port.parity,
                stopbits=port.stopbits,
            ),
            post,
            on_crash,
        )
        self.reader = ReaderWorker(
            Reader(config.reader.spi_bus, config.reader.spi_device, config.reader.reset_pin),
            config.reader.poll_s,
            post,
            on_crash,
        )
        self.guard = LeaseGuard(self.contactor, post, on_crash)

    def _metrics(self) -> list[Worker]:
        config = self.config
        if config.textfile is None:
            return []
        from station.workers.metrics import MetricsWorker

        return [
            MetricsWorker(
                config.textfile, config.name, lambda: self.snapshot, self.journal, self.on_crash
            )
        ]

    def on_crash(self, reason: str) -> None:
        """Any thread: the daemon has to leave, contactor open."""
        self.crash = reason
        self.queue.put(ShutdownRequested())

    def now(self) -> Now:
        return self.clock.now()

    # -- the run

    def run(self) -> int:
        """Returns the exit status: 0 after a requested shutdown, 1 when a thread failed."""
        try:
            self.contactor.setup()
            self.indicator.setup()
            self.inputs.setup()
            for line in (self.release, self.trip, self.heartbeat):
                if line is not None:
                    line.setup()
        except DriverError as error:
            raise StartError(str(error)) from error
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.queue.put(ShutdownRequested()))
        control = ControlServer(
            self.config.run_dir,
            {
                "status": lambda _: shown(self.snapshot, monotonic()),
                "reset": self.requests.reset,
                "meter": lambda _: meter_shown(self.snapshot, monotonic()),
                "tag": self.taps.ask,
                "retry": lambda request: retry(request, self.journal, self.uplink.poke),
                "resend": lambda request: resend(request, self.journal, self.uplink.poke),
            },
            self.on_crash,
        )
        first = [self.guard, self.journal, control]
        self.later = [self.meter, self.reader, self.uplink, *self._metrics()]
        threads: list[Worker] = [*first, *self.later]
        try:
            for thread in first:
                thread.start()
            self._loop()
        finally:
            self._open_contactor()
            self._drive(self.release, False)
            self._drive(self.trip, False)
            self._show_dead()
            for thread in reversed(threads):
                thread.stop()
            self.journal.join(timeout=LAST_WRITES_S)
        if self.crash is not None:
            log.critical("leaving: %s", self.crash)
            return 1
        log.info("left with the contactor open")
        return 0

    def _loop(self) -> None:
        while not self.leave:
            for event in self._next_events():
                now = self.now()
                before = self.state
                self.state, commands = step(before, event, now)
                for command in commands:
                    self._carry_out(command)
                self._note(event)
                self._tell_changes(before, now)
                self.snapshot = snapshot(self.state, now)
                self._tell_systemd()
            self._renew()
            self._show()
            if self.trip_until_s is not None and monotonic() >= self.trip_until_s:
                self.trip_until_s = None
                self._drive(self.trip, False)
            if self.leave_by_s is not None and monotonic() > self.leave_by_s:
                log.warning("leaving although not everything could be stored")
                self.leave = True
            elif self.crash is not None:
                self.leave = True

    def _tell_changes(self, before: State, now: Now) -> None:
        old, new = phase(before, now.mono_s), phase(self.state, now.mono_s)
        if new is not old:
            log.info("%s -> %s", old.value, new.value)
        doubt = self.state.meter_doubt
        if doubt is not None and before.meter_doubt is None:
            log.warning("meter: sample not counted: %s", doubt)

    def _tell_systemd(self) -> None:
        self.notifier.status(in_words(self.snapshot))
        if self.state.booted or self.state.journal_problem is not None:
            self.notifier.ready()
            # From now on: each loads a library, and what the journal held comes before all news.
            later, self.later = self.later, []
            for thread in later:
                thread.start()

    def _next_events(self) -> list[Event]:
        """Wait for an event, the next renewal, input poll or lamp change."""
        due_s = self.renew_due_s
        if self.inputs.fitted:
            due_s = min(due_s, self.poll_due_s)
        due_s = min(due_s, self.show_due_s)
        if self.trip_until_s is not None:
            due_s = min(due_s, self.trip_until_s)
        if self.observed:
            # Before anything that waits in the queue: it may switch, and make this an old story.
            events, self.observed = self.observed, []
            return events
        events = []
        with contextlib.suppress(queue.Empty):
            events.append(self.queue.get(timeout=max(0.0, due_s - monotonic())))
        if self.inputs.fitted and monotonic() >= self.poll_due_s:
            self.poll_due_s = monotonic() + INPUT_POLL_S
            # First: what waits in the queue is judged by what the inputs say now.
            events = [*self._poll_inputs(), *events]
        return events or ([Ticked()] if monotonic() >= self.renew_due_s else [])

    def _poll_inputs(self) -> list[Event]:
        """A mirror contact that moves, or contradicts, is told now: a renewal would be too late."""
        before = self.inputs.seen("feedback")
        # What two reads agree on has been so since the first of them.
        self.looked_s, self.polled_s = self.polled_s, monotonic()
        try:
            events = self.inputs.poll()
        except DriverError as error:
            # The stop itself breaks the coil's circuit: an input that cannot be read ends nothing.
            log.error("%s", error)
            return []
        feedback = self.inputs.seen("feedback")
        contradicts = feedback not in (None, self.state.closed) and not self.state.faults
        if feedback != before or contradicts:
            with contextlib.suppress(DriverError):
                active = self.contactor.read_back()
                events.append(ContactorObserved(active, feedback, self.looked_s))
        return events

    show_due_s = 0.0

    def _renew(self) -> None:
        """The life sign of this loop, and the look at the line that goes with it."""
        if monotonic() < self.renew_due_s:
            return
        self.renew_due_s = monotonic() + RENEW_EVERY_S
        # The external time relay wants edges: a level that stands still is a dead daemon.
        self.heartbeat_on = not self.heartbeat_on
        self.notifier.alive()
        self._drive(self.heartbeat, self.heartbeat_on)
        try:
            self.contactor.renew()
            if self.contactor.check():
                self.observed.append(LeaseLapsed())
            active = self.contactor.read_back()
        except DriverError as error:
            self._line_failed(str(error))
            return
        self.unreadable, self.read_problem = 0, None
        self._watch_supply()
        if self.state.closed and not self.contactor.commanded:
            return  # the driver opened by itself, and the event that tells it is under way
        feedback = self.inputs.seen("feedback")
        seen = (self.state.line_active, self.state.feedback_closed)
        if (active, feedback) != seen or active != self.state.closed:
            self.observed.append(ContactorObserved(active, feedback, self.looked_s))

    def _line_failed(self, problem: str) -> None:
        """It may pass: what was told to open is opened again, what is closed gets a few turns."""
        if problem != self.read_problem:
            log.error("%s", problem)
        self.unreadable, self.read_problem = self.unreadable + 1, problem
        state = self.state
        if not state.closed:
            self._open_contactor()
        if self.unreadable >= UNREADABLE_TIMES and (state.closed or state.line_active is not None):
            self.observed.append(LineUnreadable(problem))

    def _watch_supply(self) -> None:
        if self.supply_due_s > monotonic():
            return
        self.supply_due_s = monotonic() + SUPPLY_EVERY_S
        low = self.clock.undervoltage()
        if low != self.state.undervoltage:
            self.queue.put(SupplyChanged(low))

    def _note(self, event: Event) -> None:
        match event:
            case TagPresented(tag):
                log.info("tag %s", masked(tag))
                self.taps.tapped(tag)
            case ShutdownRequested():
                if self.leave_by_s is None:
                    self.leave_by_s = monotonic() + LEAVE_WITHIN_S
                self.notifier.stopping()
            case LeaseLapsed():
                with contextlib.suppress(DriverError):
                    self.contactor.rearm()

    # -- commands

    def _carry_out(self, command: Command) -> None:
        match command:
            case OpenContactor():
                self._open_contactor()
            case CloseContactor(uuid):
                try:
                    self.contactor.renew()
                    self.contactor.close()
                    self.reader.contactor_switched()
                except DriverError as error:
                    log.error("contactor not closed: %s", error)
                    self.queue.put(CloseRefused(uuid, str(error)))
            case (
                StoreSession()
                | StoreLifeSign()
                | StoreRegister()
                | StoreFault()
                | ForgetFault()
                | StoreDisabled()
                | RepairStamps()
            ):
                self.journal.submit(command)
            case Release(on):
                self._drive(self.release, on)
            case PulseTrip():
                self.trip_until_s = monotonic() + TRIP_PULSE_S
                self._drive(self.trip, True)
            case AnswerRequest(key, result, text):
                log.info("request %s: %s (%s)", key, result, text)
                if key.startswith(REMOTE):
                    self.uplink.answered(key.removeprefix(REMOTE), result)
                else:
                    self.requests.answer(key, result, text)
            case AskServer(session):
                self.uplink.ask(session)
            case SampleMeter(every_s):
                self.meter.sample_every(every_s)
            case Leave():
                self.leave = True

    def _drive(self, line: OutputLine | None, on: bool) -> None:
        """An optional line beside the contactor's."""
        if line is None:
            return
        try:
            line.write(on)
        except DriverError as error:
            log.error("%s", error)

    def _open_contactor(self) -> None:
        if self.contactor.commanded:
            self.reader.contactor_switched()
        try:
            self.contactor.open()
            self.drive_problem = None
        except DriverError as error:
            # The read-back at the next renewal finds the line still active and latches a fault.
            if str(error) != self.drive_problem:
                log.critical("contactor line cannot be driven: %s", error)
            self.drive_problem = str(error)

    # -- what people see

    def _show(self) -> None:
        now_s = monotonic()
        if now_s < self.show_due_s and not self._signal_changed():
            return
        state = self.state
        shown_lamps, next_s = lamps(
            background(state, now_s),
            max(0.0, now_s - state.background_since_s),
            state.outcome,
            max(0.0, now_s - state.outcome_since_s),
            quiet=self._quiet(),
        )
        self.show_due_s = now_s + max(0.005, next_s)
        self._shown_for = (state.background_since_s, state.outcome, state.outcome_since_s)
        with contextlib.suppress(DriverError):
            self.indicator.show(shown_lamps.green, shown_lamps.red, shown_lamps.buzzer)

    _shown_for: tuple[object, ...] = ()

    def _signal_changed(self) -> bool:
        state = self.state
        return self._shown_for != (
            state.background_since_s,
            state.outcome,
            state.outcome_since_s,
        )

    def _quiet(self) -> bool:
        quiet = self.config.indicator.quiet
        if quiet is None:
            return False
        now = self.now()
        return now.synced and within(now.utc.astimezone().time(), *quiet)

    def _show_dead(self) -> None:
        """Red steady: the software does not run. The line keeps it after the process is gone."""
        with contextlib.suppress(DriverError):
            self.indicator.show(False, True, False)


def within(at: time, start: time, end: time) -> bool:
    """Whether a local time of day lies in [start, end), which may span midnight."""
    return start <= at < end if start <= end else at >= start or at < end
