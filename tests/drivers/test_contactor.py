"""The contactor's line under the lease: what the pin went through."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contactor import Contactor
from drivers.errors import GpioError, LeaseLapsed, LibraryMissing
from tests.drivers.gpio_recorder import GpioRecorder

PIN = 17
LEASE_S = 2.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def gpio(monkeypatch):
    return put_in_place(monkeypatch)


def put_in_place(monkeypatch) -> GpioRecorder:
    recorder, package = GpioRecorder(), ModuleType("RPi")
    package.GPIO = recorder
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", recorder)
    return recorder


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def contactor(gpio, clock):
    contactor = Contactor(PIN, lease_s=LEASE_S, monotonic=clock)
    contactor.setup()
    return contactor


@pytest.mark.parametrize(("active_high", "inactive"), [(True, 0), (False, 1)])
def test_the_line_is_an_output_at_its_inactive_level_in_one_step(gpio, active_high, inactive):
    contactor = Contactor(PIN, active_high=active_high)
    assert gpio.history == []
    contactor.setup()
    contactor.setup()
    assert gpio.history == [(PIN, "out", inactive)]
    assert not contactor.commanded
    assert not contactor.read_back()
    contactor.renew()
    contactor.close()
    assert gpio.history[1:] == [(PIN, "write", 1 - inactive)]
    assert contactor.commanded
    assert contactor.read_back()
    contactor.open()
    contactor.open()
    assert gpio.history[2:] == [(PIN, "write", inactive)] * 2
    assert not contactor.commanded


def test_nothing_closes_before_the_first_life_sign(gpio, contactor):
    with pytest.raises(LeaseLapsed, match="no lease yet"):
        contactor.close()
    assert gpio.levels[PIN] == 0
    assert contactor.check() is False


def test_a_lapse_opens_is_told_once_and_blocks_until_rearmed(gpio, clock, contactor):
    contactor.renew()
    contactor.close()
    clock.now += LEASE_S - 0.01
    assert contactor.check() is False
    assert gpio.levels[PIN] == 1
    clock.now += 0.02
    assert contactor.check() is True
    assert gpio.levels[PIN] == 0
    assert not contactor.commanded
    clock.now += 100.0
    assert contactor.check() is False
    contactor.renew()
    assert contactor.check() is False
    with pytest.raises(LeaseLapsed, match="life sign"):
        contactor.close()
    assert gpio.levels[PIN] == 0
    contactor.rearm()
    assert contactor.check() is False
    contactor.close()
    assert gpio.levels[PIN] == 1
    clock.now += LEASE_S
    assert contactor.check() is True


def test_a_late_life_sign_revives_nothing(gpio, clock, contactor):
    contactor.renew()
    contactor.close()
    clock.now += LEASE_S
    contactor.renew()
    assert gpio.levels[PIN] == 0
    with pytest.raises(LeaseLapsed):
        contactor.close()
    assert contactor.check() is True
    assert contactor.check() is False


def test_closing_finds_a_lapse_that_no_guard_has_seen(gpio, clock, contactor):
    contactor.renew()
    clock.now += LEASE_S
    with pytest.raises(LeaseLapsed):
        contactor.close()
    assert gpio.levels[PIN] == 0
    assert contactor.check() is True


def test_opening_needs_no_lease(gpio, clock, contactor):
    contactor.open()
    contactor.renew()
    contactor.close()
    clock.now += 50.0
    contactor.open()
    assert gpio.levels[PIN] == 0


def test_read_back_shows_the_pin_not_the_command(gpio, contactor):
    gpio.levels[PIN] = 1
    assert contactor.read_back()
    assert not contactor.commanded


def test_a_line_that_will_not_open_is_tried_again_by_every_look(gpio, clock, contactor):
    contactor.renew()
    contactor.close()
    clock.now += LEASE_S
    gpio.fails = OSError(5, "Input/output error")
    for _ in range(3):
        with pytest.raises(GpioError, match="contactor: GPIO17"):
            contactor.check()
    assert contactor.commanded
    gpio.fails = None
    assert contactor.check() is True
    assert gpio.levels[PIN] == 0


def test_a_closing_that_fails_half_way_is_taken_back(gpio, contactor):
    def fail_after_writing(pin: int, level: int) -> None:
        gpio.levels[pin] = level
        if level == 1:
            raise RuntimeError("lost the chip")

    contactor.renew()
    gpio.on_write = fail_after_writing
    with pytest.raises(GpioError, match="lost the chip"):
        contactor.close()
    assert gpio.levels[PIN] == 0
    assert not contactor.commanded


def test_before_setup_everything_says_so(gpio):
    contactor = Contactor(PIN)
    contactor.renew()
    for use in (contactor.close, contactor.open, contactor.read_back):
        with pytest.raises(GpioError, match="call setup"):
            use()


class LgpioError(Exception):
    """As lgpio.error: derived from nothing better than Exception."""


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (LgpioError("'GPIO busy'"), "gpioinfo"),
        (PermissionError(13, "Permission denied"), "group gpio"),
        (RuntimeError("No access to /dev/mem. Try running as root!"), "group gpio"),
        (RuntimeError("Cannot determine SOC peripheral base address"), "Pi 5"),
        (LgpioError("'can not open gpiochip'"), "simulator"),
        (ValueError("The channel sent is invalid"), "pin number"),
    ],
)
def test_what_the_library_says_comes_out_with_advice(gpio, monkeypatch, error, advice):
    lgpio = ModuleType("lgpio")
    lgpio.error = LgpioError
    monkeypatch.setitem(sys.modules, "lgpio", lgpio)
    gpio.fails = error
    with pytest.raises(GpioError, match=advice) as failure:
        Contactor(PIN).setup()
    assert "contactor: GPIO17" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_without_a_library_setup_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "RPi", None)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", None)
    with pytest.raises(LibraryMissing, match="apt install"):
        Contactor(PIN).setup()


MOVES = st.lists(
    st.tuples(st.sampled_from(["renew", "close", "open", "rearm", "stall"]), st.floats(0.0, 2.5)),
    max_size=40,
)


class Model:
    """What the lease should be like, in the plainest words; fed with the same moves."""

    def __init__(self) -> None:
        self.sign_at: float | None = None
        self.lapsed = False
        self.untold = False

    def look(self, now: float) -> None:
        if not self.lapsed and self.sign_at is not None and now - self.sign_at >= LEASE_S:
            self.lapsed = self.untold = True

    @property
    def may_close(self) -> bool:
        return self.sign_at is not None and not self.lapsed


@settings(max_examples=300, derandomize=True, deadline=None)
@given(moves=MOVES)
def test_never_active_without_a_life_sign_for_longer_than_the_lease(moves):
    """Whatever the main loop does, with a guard that looks every 0.25 s."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        gpio, clock, model = put_in_place(monkeypatch), Clock(), Model()
        contactor = Contactor(PIN, lease_s=LEASE_S, monotonic=clock)
        contactor.setup()
        next_look = clock.now
        for move, pause_s in moves:
            until = clock.now + pause_s
            while next_look <= until:
                clock.now = next_look
                model.look(clock.now)
                assert contactor.check() is model.untold
                model.untold = False
                signed = model.sign_at is not None and clock.now - model.sign_at < LEASE_S
                assert signed or gpio.levels[PIN] == 0
                next_look += 0.25
            clock.now = until
            if move != "stall":
                model.look(clock.now)
            make(move, contactor, model, clock.now)
            if move == "close":
                assert gpio.levels[PIN] == int(model.may_close)
            elif move == "open":
                assert gpio.levels[PIN] == 0
            if move != "stall" and model.lapsed:
                assert gpio.levels[PIN] == 0


def make(move: str, contactor: Contactor, model: Model, now: float) -> None:
    if move == "close" and not model.may_close:
        with pytest.raises(LeaseLapsed):
            contactor.close()
    elif move != "stall":
        getattr(contactor, move)()
    if move in ("renew", "rearm"):
        model.sign_at = now
    if move == "rearm":
        model.lapsed = False


@pytest.fixture
def eager_threads():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize("seed", range(4))
def test_two_threads_racing_never_close_on_a_lapsed_lease(monkeypatch, seed):
    """The clock jumps at every look at it, so leases lapse in the middle of everything.

    One jump in ten is longer than a lease: leases lapse even if the guard never gets a turn.
    """
    gpio, dice = put_in_place(monkeypatch), random.Random(seed)
    clock_lock, now = threading.Lock(), 0.0

    def jumping_clock() -> float:
        nonlocal now
        with clock_lock:
            now += dice.choice((0.01, 0.1, 0.9) * 3 + (LEASE_S + 0.1,))
            return now

    contactor = Contactor(PIN, lease_s=LEASE_S, monotonic=jumping_clock)
    contactor.setup()
    told = dealt_with = closings = 0
    wrong: list[tuple[int, int]] = []
    done = threading.Event()

    def lapse_pending() -> bool:
        return told > dealt_with

    def on_write(pin: int, level: int) -> None:
        if level == 1 and lapse_pending():
            wrong.append((told, dealt_with))

    def guard() -> None:
        nonlocal told
        while not done.is_set():
            told += contactor.check()

    gpio.on_write = on_write
    watcher = threading.Thread(target=guard)
    watcher.start()
    try:
        for _ in range(2000):
            contactor.renew()
            try:
                contactor.close()
                closings += 1
            except LeaseLapsed:
                with pytest.raises(LeaseLapsed):
                    contactor.close()
                assert wait_until(lapse_pending), "a lapse that the guard never told"
                dealt_with += 1
                contactor.rearm()
    finally:
        done.set()
        watcher.join()
    assert wrong == [], f"seed {seed}: closed after the guard had told a lapse"
    assert closings > 0
    assert dealt_with > 0
    assert told - dealt_with in (0, 1)


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30.0
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0)
    return True
