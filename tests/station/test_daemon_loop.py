"""One turn of the daemon's loop: lease, line, inputs and leaving, on a recorded GPIO library.

The tests look at what the line did. No thread of the daemon runs here.
"""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from drivers.contactor import Contactor
from station.clock import Clock, monotonic
from station.config import load
from station.daemon import LEAVE_WITHIN_S, UNREADABLE_TIMES, Daemon
from station.lease import LEASE_S, LeaseGuard
from station.rules.messages import (
    Event,
    ShutdownRequested,
    StopInputChanged,
    TagPresented,
    Ticked,
)
from station.rules.values import EndReason, Stage
from tests.drivers.gpio_recorder import GpioRecorder
from tests.station.core_rig import ALICE, Core
from tests.station.test_daemon_inputs import Source
from tools.installation import Box, Station

PIN, STOP_PIN = 17, 16
OTHERS = "00000000-0000-4000-8000-000000000099"


class BrokenGpio(GpioRecorder):
    """``writes_fail`` times no line can be driven; those in ``unreadable`` cannot be read."""

    def __init__(self) -> None:
        super().__init__()
        self.writes_fail = 0
        self.unreadable: set[int] = set()

    def output(self, pin: int, level: int) -> None:
        if self.writes_fail:
            self.writes_fail -= 1
            raise RuntimeError("the line cannot be driven")
        super().output(pin, level)

    def input(self, pin: int) -> int:
        if pin in self.unreadable:
            raise RuntimeError("the line cannot be read")
        return super().input(pin)


@pytest.fixture
def gpio(monkeypatch: pytest.MonkeyPatch) -> BrokenGpio:
    recorder, package = BrokenGpio(), ModuleType("RPi")
    package.GPIO = recorder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", recorder)
    return recorder


class Lease:
    """The clock of the contactor's lease."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def lease() -> Lease:
    return Lease()


@pytest.fixture
def daemon(tmp_path: Path, gpio: BrokenGpio, lease: Lease) -> Daemon:
    """In the middle of a charge by ALICE."""
    (tmp_path / "token").write_text("a-token\n")
    box = Box(tmp_path)
    with socket.socket(socket.AF_UNIX) as place:
        place.bind(str(box.socket))  # nobody answers there, and nobody is asked
    changes = {"inputs": {"stop_pin": STOP_PIN}}
    station = Station("box-1", tmp_path, box, "http://127.0.0.1:9", tmp_path / "token", changes)
    station.write_config()
    built = Daemon(load(station.config_file), Clock(Source()))
    built.contactor = Contactor(PIN, lease_s=LEASE_S, monotonic=lease)
    built.contactor.setup()
    built.inputs.setup()
    gpio.levels[STOP_PIN] = 0
    built.contactor.renew()
    built.contactor.close()
    core = Core(mono_s=monotonic() - 100).charging()
    core.pass_time(monotonic() - core.mono_s)
    built.state = core.state
    assert built.state.closed
    turn(built)
    return built


def turn(daemon: Daemon, *events: Event, renew: bool = True) -> None:
    """One turn of the loop, with these events in the queue and, if wanted, a renewal at its end."""
    stand_in: Any = daemon
    stand_in._show = lambda: setattr(daemon, "leave", True)
    for event in events or (Ticked(),):
        daemon.queue.put(event)
        daemon.leave = False
        daemon.renew_due_s = daemon.show_due_s = 0.0 if renew else monotonic() + 60
        daemon._loop()


def test_what_a_turn_does_to_a_charge_that_nothing_ends(daemon: Daemon, gpio: BrokenGpio) -> None:
    for _ in range(3):
        turn(daemon)
    assert gpio.levels[PIN] == 1
    assert daemon.state.closed
    assert not daemon.state.faults


# --- a lapse


def test_a_lapse_that_the_loop_finds_itself_is_a_lapse_and_no_contactor_fault(
    daemon: Daemon, gpio: BrokenGpio, lease: Lease
) -> None:
    lease.now_s += LEASE_S + 0.1
    turn(daemon)
    assert gpio.levels[PIN] == 0
    turn(daemon)
    assert len(daemon.state.lapses_s) == 1
    assert not daemon.state.faults
    assert daemon.state.session is not None
    assert daemon.state.session.reason is EndReason.OTHER
    turn(daemon)
    turn(daemon)
    assert len(daemon.state.lapses_s) == 1, "one lapse is told once"
    assert not daemon.state.faults
    daemon.contactor.close()


def test_a_lapse_that_the_guard_found_is_told_once_too(
    daemon: Daemon, gpio: BrokenGpio, lease: Lease
) -> None:
    lease.now_s += LEASE_S + 0.1
    guard = LeaseGuard(daemon.contactor, daemon.queue.put, daemon.on_crash)
    stand_in: Any = guard
    stand_in.stopping = _OneLook()
    guard.work()
    assert gpio.levels[PIN] == 0
    daemon.renew_due_s = 0.0
    daemon._renew()  # sees the line before the loop has heard of the lapse
    turn(daemon)
    turn(daemon)
    turn(daemon)
    assert len(daemon.state.lapses_s) == 1
    assert not daemon.state.faults


class _OneLook:
    """An event that is not set at the first look and is at the second."""

    looked = False

    def wait(self, _timeout: float) -> bool:
        seen, self.looked = self.looked, True
        return seen


# --- a line that cannot be driven


def ended_by_a_stop(daemon: Daemon) -> None:
    turn(daemon, StopInputChanged(True), renew=False)
    assert not daemon.state.closed


def test_a_line_that_cannot_be_driven_or_read_is_tried_again_at_the_next_renewal(
    daemon: Daemon, gpio: BrokenGpio
) -> None:
    gpio.writes_fail, gpio.unreadable = 1, {PIN}
    ended_by_a_stop(daemon)
    assert gpio.levels[PIN] == 1
    turn(daemon)
    assert gpio.levels[PIN] == 0
    assert daemon.crash is None


@pytest.mark.parametrize("failures", [1, 2, 5])
def test_a_line_that_reads_active_after_it_was_told_to_open_is_driven_until_it_is_not(
    daemon: Daemon, gpio: BrokenGpio, failures: int
) -> None:
    gpio.writes_fail = failures
    ended_by_a_stop(daemon)
    for _ in range(2 * failures):
        turn(daemon)
    assert gpio.levels[PIN] == 0
    assert "contactor_fault" in {fault.name for fault in daemon.state.faults}


def faults(daemon: Daemon) -> list[str]:
    return [fault.name for fault in daemon.state.faults]


def test_a_line_that_cannot_be_read_back_is_not_left_up(
    daemon: Daemon, gpio: BrokenGpio, caplog: pytest.LogCaptureFixture
) -> None:
    gpio.unreadable = {PIN}
    for _ in range(UNREADABLE_TIMES):
        turn(daemon)
        assert daemon.state.closed
    turn(daemon)
    assert gpio.levels[PIN] == 0
    assert not daemon.state.closed
    assert faults(daemon) == ["contactor_fault"]
    assert daemon.state.session is not None
    assert daemon.state.session.reason is EndReason.CONTACTOR_FAULT
    for _ in range(10):
        turn(daemon)
    assert faults(daemon) == ["contactor_fault"]
    assert caplog.text.count("cannot be used") == 1, "told once, not twice a second"
    gpio.unreadable.clear()
    turn(daemon)
    turn(daemon)
    assert daemon.state.line_active is False


def test_a_line_that_can_be_read_again_in_time_ends_nothing(
    daemon: Daemon, gpio: BrokenGpio
) -> None:
    for _ in range(3):
        gpio.unreadable = {PIN}
        for _ in range(UNREADABLE_TIMES - 1):
            turn(daemon)
        gpio.unreadable = set()
        turn(daemon)
    turn(daemon)
    assert gpio.levels[PIN] == 1
    assert daemon.state.closed
    assert not faults(daemon)


def test_a_line_that_cannot_be_driven_is_told_once(
    daemon: Daemon, gpio: BrokenGpio, caplog: pytest.LogCaptureFixture
) -> None:
    gpio.writes_fail, gpio.unreadable = 20, {PIN}
    ended_by_a_stop(daemon)
    for _ in range(10):
        turn(daemon)
    assert caplog.text.count("cannot be driven: ") == 1
    assert caplog.text.count("cannot be read") == 1


# --- an input that cannot be read


def test_an_input_that_cannot_be_read_ends_nothing(
    daemon: Daemon, gpio: BrokenGpio, caplog: pytest.LogCaptureFixture
) -> None:
    gpio.levels[STOP_PIN], gpio.unreadable = 1, {STOP_PIN}
    for _ in range(3):
        look_at_inputs(daemon)
    assert daemon.state.closed
    assert gpio.levels[PIN] == 1
    assert daemon.crash is None
    assert caplog.text.count(f"GPIO{STOP_PIN} cannot be used") == 3
    gpio.unreadable.clear()
    look_at_inputs(daemon)
    look_at_inputs(daemon)
    assert not daemon.state.closed, "when it can be read again it is heard"
    assert gpio.levels[PIN] == 0


def look_at_inputs(daemon: Daemon) -> None:
    daemon.poll_due_s = 0.0
    turn(daemon)


# --- leaving


def test_a_second_request_to_leave_does_not_prolong_it(daemon: Daemon) -> None:
    before_s = monotonic()
    turn(daemon, ShutdownRequested(), renew=False)
    first_s = daemon.leave_by_s
    assert first_s is not None
    assert before_s + LEAVE_WITHIN_S <= first_s <= monotonic() + LEAVE_WITHIN_S
    turn(daemon, ShutdownRequested(), ShutdownRequested(), renew=False)
    assert daemon.leave_by_s == first_s


# --- first the line, then the words


ENDS: dict[str, Callable[[], Event]] = {
    "a tap": lambda: TagPresented(ALICE, OTHERS),
    "the stop": lambda: StopInputChanged(True),
    "leaving": ShutdownRequested,
}


class Listener(logging.Handler):
    """The level of the contactor's line at every line of the log."""

    def __init__(self, gpio: BrokenGpio) -> None:
        super().__init__(logging.DEBUG)
        self._gpio = gpio
        self.heard: list[tuple[str, int]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append((record.getMessage(), self._gpio.levels[PIN]))


@pytest.mark.parametrize("end", ENDS)
def test_the_line_is_driven_before_anything_is_logged(
    daemon: Daemon, gpio: BrokenGpio, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """A log that nobody reads fast enough must not keep the contactor closed."""
    listener, station = Listener(gpio), logging.getLogger("station")
    monkeypatch.setattr(station, "handlers", [listener])
    monkeypatch.setattr(station, "level", logging.DEBUG)
    logging.getLogger("station").manager._clear_cache()  # type: ignore[attr-defined]
    turn(daemon, ENDS[end](), renew=False)
    assert daemon.state.session is not None
    assert daemon.state.session.stage is Stage.FINAL_READING
    assert listener.heard
    assert [level for _, level in listener.heard] == [0] * len(listener.heard), listener.heard
