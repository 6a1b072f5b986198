"""The failsafe: one line, driven inactive and left so, by a program that needs nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import pytest

from simulator.client import BoxClient
from simulator.serving.service import Service
from simulator.world.wiring import Wiring
from station import failsafe
from station.cli import main

SCRIPT = Path(failsafe.__file__)
SYSTEM_PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
PATIENCE_S = 30.0


@pytest.fixture
def folder():
    folder = Path(tempfile.mkdtemp(prefix="box"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def serve(folder):
    services = []

    def start(wiring: str = "") -> BoxClient:
        service = Service(folder / "s", wiring=Wiring.parse(wiring))
        service.start()
        services.append(service)
        return BoxClient(str(folder / "s"))

    yield start
    for service in services:
        service.stop()


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """As systemd runs it: no environment, another folder, nothing but the one file."""
    done = subprocess.run(
        [SYSTEM_PYTHON, "-I", str(SCRIPT), *arguments],
        cwd=folder, env={}, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("option", "inactive"), [([], 0), (["--active-low"], 1)])
def test_a_line_that_was_left_up_goes_down_and_stays_down(folder, serve, option, inactive):
    box = serve("contactor=17:low" if inactive else "")
    box.call("gpio_setup", bcm=17, direction="out", level=1 - inactive)
    box.call("gpio_setup", bcm=5, direction="out", level=1)
    deadline = time.monotonic() + PATIENCE_S
    while not box.call("state")["contactor"]["closed"]:
        assert time.monotonic() < deadline
    before = box.call("state")["lines"]
    status, output, errors = run(folder, "--pin", "17", *option, "--simulator", str(folder / "s"))
    assert (status, errors, output.count("\n")) == (0, "", 1)
    assert "GPIO17 is inactive" in output
    after = box.call("state")
    line = after["lines"].pop("17")
    assert (line["direction"], line["level"]) == ("out", inactive)
    while box.call("state")["contactor"]["closed"]:
        assert time.monotonic() < deadline
    del before["17"]
    # The mirror contact floats while the contacts are closed; it is theirs, not the failsafe's.
    before.pop("24"), after["lines"].pop("24")
    assert after["lines"] == before


LAMPS = ("--green", "5", "--red", "6", "--buzzer", "13")


@pytest.mark.parametrize(("option", "lit"), [([], 1), (["--lamps-active-low"], 0)])
def test_the_lamps_say_broken_and_what_is_named_goes_off(folder, serve, option, lit):
    box = serve("trip=16")
    for bcm in (5, 13, 16):
        box.call("gpio_setup", bcm=bcm, direction="out", level=lit if bcm != 16 else 1)
    others = (*LAMPS, *option, "--off", "16", "--off", "27")
    words = ["--pin", "17", *others, "--simulator", str(folder / "s")]
    status, output, errors = run(folder, *words)
    assert (status, errors, output.count("\n")) == (0, "", 1)
    lines = box.call("state")["lines"]
    assert {bcm: lines[bcm]["level"] for bcm in ("17", "5", "6", "13", "16", "27")} == {
        "17": 0, "5": 1 - lit, "6": lit, "13": 1 - lit, "16": 0, "27": 0,
    }  # fmt: skip
    assert main.main(["failsafe", *words]) == 0


def test_failures_are_one_line_and_status_1(folder, serve):
    status, output, errors = run(folder, "--pin", "17", "--simulator", str(folder / "none"))
    assert (status, output, errors.count("\n")) == (1, "", 1)
    assert "GPIO17" in errors
    box = serve()
    box.call("power_cut")
    status, output, errors = run(folder, "--pin", "17", "--simulator", str(folder / "s"))
    assert (status, output, errors.count("\n")) == (1, "", 1)
    assert "no mains" in errors


def test_wrong_usage_is_status_2(folder):
    assert run(folder)[0] == 2
    assert run(folder, "--pin", "28")[0] == 2
    assert run(folder, "--pin", "seventeen")[0] == 2


class Header(ModuleType):
    """A GPIO library that keeps what was done; ``stuck`` is a level that the pin never leaves."""

    BCM, OUT, IN = 11, 0, 1

    def __init__(self, stuck: int | None = None) -> None:
        super().__init__("RPi.GPIO")
        self.done: list[tuple] = []
        self.level: int | None = None
        self._stuck = stuck

    def setwarnings(self, flag: bool) -> None:
        pass

    def setmode(self, mode: int) -> None:
        self.done.append(("mode", mode))

    def setup(self, pin: int, direction: int, *, initial: int) -> None:
        self.done.append(("setup", pin, direction, initial))
        self.level = initial

    def input(self, pin: int) -> int:
        return self.level if self._stuck is None else self._stuck

    def __getattr__(self, name: str):
        raise AssertionError(f"the failsafe must not touch GPIO.{name}")


def on_pi(monkeypatch, header: Header) -> None:
    package = ModuleType("RPi")
    package.GPIO = header
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", header)


@pytest.mark.parametrize(("option", "inactive"), [([], 0), (["--active-low"], 1)])
def test_on_a_pi_the_line_becomes_an_inactive_output_in_one_step(
    monkeypatch, capsys, option, inactive
):
    header = Header()
    on_pi(monkeypatch, header)
    assert failsafe.main(["--pin", "17", *option]) == 0
    assert header.done == [("mode", header.BCM), ("setup", 17, header.OUT, inactive)]
    assert capsys.readouterr().out.count("\n") == 1


def test_a_pin_that_does_not_follow_is_told(monkeypatch, capsys):
    on_pi(monkeypatch, Header(stuck=1))
    assert failsafe.main(["--pin", "17"]) == 1
    assert "reads 1" in capsys.readouterr().err


def test_the_contactor_comes_first_and_a_lamp_that_fails_spoils_nothing(monkeypatch, capsys):
    class OneBadPin(Header):
        def setup(self, pin: int, direction: int, *, initial: int) -> None:
            super().setup(pin, direction, initial=initial)
            if pin == 13:
                raise RuntimeError("GPIO busy")

    header = OneBadPin()
    on_pi(monkeypatch, header)
    assert failsafe.main(["--pin", "17", *LAMPS, "--off", "23"]) == 0
    driven = [(pin, level) for kind, pin, *_, level in header.done[1:] if kind == "setup"]
    assert driven == [(17, 0), (23, 0), (13, 0), (5, 0), (6, 1)]
    assert "GPIO13 could not be driven" in capsys.readouterr().err


def test_no_library_is_told(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "RPi", None)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", None)
    assert failsafe.main(["--pin", "17"]) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "GPIO17 could not be driven" in errors
