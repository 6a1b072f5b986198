"""The daemon with a finger in its own process that stops the charge again and again.

``python -m campaign.claims.latency_finger CONFIG PLAN OUT`` runs the daemon on the simulated box
that the config names. PLAN is a latency_daemon.Plan as JSON, OUT becomes a JSON list of Pressed.
When the line went inactive is not told here: the box has seen that.

The main thread runs the daemon, the finger is a thread beside the workers. It puts events into the
daemon's queue, as any worker does, presses the button of the simulated box, and looks at the core's
state, which is immutable.
"""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from campaign.claims.latency_daemon import Measured, Plan, Pressed, TakeUp
from simulator.client import BoxClient
from station import log
from station.config import load
from station.daemon import make_clock, only_one
from station.rules.charging import DOUBLE_TAP_S
from station.rules.messages import (
    Event,
    Request,
    RequestMade,
    ShutdownRequested,
    StopRequested,
    TagPresented,
    Ticked,
)
from station.rules.state import State
from station.rules.values import EndReason, Stage
from tests.stories.slow_disk import slow_connection

STRANGER = "04B17A5C3D6E80"

# A thread that is inside this (thread, file, function) waits for what could hold an opening up.
_HELD_UP = {
    ("uplink", "rest.py", "_call"): "server",
    ("meter", "modbus.py", "_ask"): "serial line",
    ("journal", "store.py", "_transaction"): "disk",
    ("reader", "reader.py", "scan"): "reader",
}


@dataclass
class Finger:
    """Plays a plan against a daemon that runs."""

    daemon: Measured
    box: BoxClient
    plan: Plan
    pressed: list[Pressed] = field(default_factory=list)

    def play(self) -> None:
        self._rng = random.Random(self.plan.seed)
        daemon = self.daemon
        daemon.wait(lambda: self._free(daemon.state), "the box is free")
        self.box.call("tap", uids=[self.plan.tag])
        daemon.wait(lambda: self._runs(daemon.state), "the charge runs")
        for fault in self.plan.broken:
            self.box.call("fault", name=fault)
        if self.plan.hold_card:
            self.box.call("present", uids=[STRANGER])
        daemon.wait(lambda: time.monotonic() > self._closed_at_s() + DOUBLE_TAP_S, "no double tap")
        for number in range(self.plan.stops):
            # A reader that fails again and again rests; so the other half has it busy all the time.
            if self.plan.noise and number == self.plan.stops // 2:
                self.box.call("fault", name="reader-noise")
            self._stop(number)
        for _ in range(self.plan.presses):
            self._press()

    def _stop(self, number: int) -> None:
        """One stop event, of one kind after the other, at any moment of the loop's half second."""
        before, event = self._aim(number)
        one = Pressed(type(event).__name__, probe_ns=self._probe(), waiting=_held_up())
        self.daemon.aimed = event
        one.put_ns = time.monotonic_ns()
        self.daemon.queue.put(event)
        self._take_up(one, before)

    def _press(self) -> None:
        before, _ = self._aim(0)
        one = Pressed("button", probe_ns=self._probe(), waiting=_held_up())
        one.put_ns = time.monotonic_ns()
        self.box.call("fault", name="stop-pressed")
        self.daemon.wait(lambda: not self.daemon.contactor.commanded, "opened by the button")
        self.box.call("clear", name="stop-pressed")
        self.daemon.wait(lambda: self.daemon.inputs.seen("stop") is False, "the button's release")
        self._take_up(one, before)

    def _aim(self, number: int) -> tuple[State, Event]:
        """Wait a while; then the state to come back to, and the event that ends it."""
        session = self.daemon.state.session
        assert session is not None, self.daemon.state
        # Both would rest after their first tries, and nothing would hang at server and serial line.
        self.daemon.uplink.ask(session)
        self.daemon.meter.sample_every(self.daemon.config.rules.sample_s)
        time.sleep(self._rng.uniform(0.05, 0.65))
        self.daemon.driver_ns = 0
        before = self.daemon.state
        events: tuple[Event, ...] = (
            StopRequested(EndReason.DEAUTHORIZED, session.uuid),
            RequestMade(f"latency:{number}", Request.STOP, remote=False, uuid=session.uuid),
            TagPresented(session.tag, f"00000000-0000-4000-8000-{number:012d}"),
        )
        return before, events[number % len(events)]

    def _take_up(self, one: Pressed, before: State) -> None:
        """Wait until it is open and was seen open, then have it closed and seen closed again."""
        daemon = self.daemon
        daemon.wait(lambda: not daemon.contactor.commanded, f"opened by {one.what}")
        one.taken_ns, one.clock_ns = daemon.taken_ns, daemon.clock_ns
        one.driver_ns = daemon.driver_ns
        self.pressed.append(one)
        self._look(active=False)
        daemon.queue.put(TakeUp(before))  # type: ignore[arg-type]
        daemon.wait(lambda: daemon.contactor.commanded, "closed again")
        self._look(active=True)
        daemon.wait(lambda: self._runs(daemon.state), "the charge runs again")

    def _look(self, *, active: bool) -> None:
        """Have the line read back now and not at the next renewal."""
        self.daemon.renew_due_s = 0.0
        self.daemon.queue.put(Ticked())
        self.daemon.wait(lambda: self.daemon.state.line_active is active, "read back")

    def _probe(self) -> int:
        began_ns = time.monotonic_ns()
        self.box.call("clock")
        return time.monotonic_ns() - began_ns

    def _closed_at_s(self) -> float:
        session = self.daemon.state.session
        return (session.closed_at_s or 0.0) if session is not None else 0.0

    @staticmethod
    def _free(state: State) -> bool:
        known = state.booted and state.last_seq is not None and bool(state.tags.entries)
        ready = not (state.meter_problem or state.reader_problem or state.journal_problem)
        return known and ready and len(state.resting) == 2

    @staticmethod
    def _runs(state: State) -> bool:
        session = state.session
        running = session is not None and session.stage is Stage.RUNNING
        return running and state.closed and state.line_active is True


def _held_up() -> list[str]:
    """What the daemon's threads wait for just now, by the functions that they are in."""
    frames, found = sys._current_frames(), []
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        while frame is not None:
            code = frame.f_code
            held = _HELD_UP.get((thread.name, Path(code.co_filename).name, code.co_name))
            if held is not None:
                found.append(held)
                break
            frame = frame.f_back
    return found


def run(config_file: Path, plan: Plan, out: Path) -> int:
    """The exit status: 0 when the whole plan was played."""
    log.setup("info")
    if plan.commit_s:
        slow = partial(sqlite3.connect, factory=slow_connection(plan.commit_s))
        sqlite3.connect = slow  # type: ignore[assignment]
    config = load(config_file)
    assert config.simulator is not None
    daemon = Measured(config, make_clock(config))
    daemon.changed = threading.Condition()
    finger = Finger(daemon, BoxClient(config.simulator), plan)

    def play() -> None:
        try:
            finger.play()
            out.write_text(json.dumps([asdict(one) for one in finger.pressed]))
        except Exception:  # noqa: BLE001 - told in full, and the missing file tells the parent
            traceback.print_exc()
        finally:
            daemon.queue.put(ShutdownRequested())

    threading.Thread(target=play, name="finger", daemon=True).start()
    with only_one(config.run_dir):
        daemon.run()
    return 0 if out.exists() else 1


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[2]).read_text())
    sys.exit(run(Path(sys.argv[1]), Plan(**told), Path(sys.argv[3])))
