"""Inputs: pulls that make a broken wire safe, and debouncing."""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contactor import Contactor
from drivers.errors import GpioError
from drivers.inputs import Input
from simulator import standins
from simulator.client import BoxClient
from simulator.serving.service import Service
from simulator.world.wiring import Wiring
from tests.drivers.gpio_recorder import GpioRecorder

PIN = 22


def put_in_place(monkeypatch) -> GpioRecorder:
    recorder, package = GpioRecorder(), ModuleType("RPi")
    package.GPIO = recorder
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", recorder)
    return recorder


@pytest.fixture
def serve(monkeypatch):
    """``serve("stop=none")``: a box with that wiring, this process on its Raspberry Pi."""
    folder, services = Path(tempfile.mkdtemp(prefix="box")), []
    for name in ("RPi", "RPi.GPIO", "spidev"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))

    def start(wiring: str) -> BoxClient:
        service = Service(folder / "s", wiring=Wiring.parse(wiring))
        service.start()
        services.append(service)
        standins.install(str(folder / "s"))
        return BoxClient(str(folder / "s"))

    yield start
    for service in services:
        service.stop()
    shutil.rmtree(folder)


def settled(line: Input) -> bool | None:
    line.poll()
    return line.poll()


@pytest.mark.parametrize("active_high", [True, False])
def test_stop_reads_pressed_when_pressed_and_when_its_wire_is_broken(serve, active_high):
    box = serve("stop=22" if active_high else "stop=22:low")
    stop = Input(22, active_high=active_high)
    unwired = Input(27, active_high=active_high)
    stop.setup()
    unwired.setup()
    assert settled(stop) is False
    box.call("fault", name="stop-pressed")
    assert settled(stop) is True
    box.call("clear", name="stop-pressed")
    assert settled(stop) is False
    assert settled(unwired) is True


def test_a_vehicle_contact_with_a_broken_wire_reads_as_no_vehicle(serve):
    box = serve("vehicle=23")
    vehicle, unwired = Input(23, pull="inactive"), Input(27, pull="inactive")
    vehicle.setup()
    unwired.setup()
    assert settled(vehicle) is False
    box.call("plug")
    assert settled(vehicle) is True
    assert settled(unwired) is False


def test_the_mirror_contact_follows_the_contacts(serve):
    box = serve("")
    feedback, contactor = Input(24), Contactor(17)
    feedback.setup()
    contactor.setup()
    assert settled(feedback) is False
    box.call("fault", name="contactor-welded")
    contactor.renew()
    contactor.close()
    while feedback.poll() is not True:
        contactor.renew()
    contactor.open()
    assert not contactor.read_back()
    assert box.call("state")["contactor"] == {"closed": True, "commanded": False, "coil": False}
    assert settled(feedback) is True


@pytest.mark.parametrize(
    ("pull", "active_high", "rail"),
    [
        ("active", True, "PUD_UP"),
        ("active", False, "PUD_DOWN"),
        ("inactive", True, "PUD_DOWN"),
        ("inactive", False, "PUD_UP"),
        ("up", False, "PUD_UP"),
        ("down", True, "PUD_DOWN"),
        ("off", True, "PUD_OFF"),
    ],
)
def test_pulls(monkeypatch, pull, active_high, rail):
    gpio = put_in_place(monkeypatch)
    line = Input(PIN, active_high=active_high, pull=pull)
    line.setup()
    line.setup()
    assert gpio.history == [(PIN, "in", getattr(gpio, rail))]
    with pytest.raises(ValueError):
        Input(PIN, pull="sideways")


def test_a_failing_read_is_a_gpio_error_and_forgets_nothing(monkeypatch):
    gpio = put_in_place(monkeypatch)
    line = Input(PIN)
    with pytest.raises(GpioError, match="call setup"):
        line.poll()
    line.setup()
    assert settled(line) is True
    gpio.fails = OSError(19, "No such device")
    with pytest.raises(GpioError, match="GPIO22"):
        line.poll()
    gpio.fails = None
    assert line.poll() is True


@settings(max_examples=200, derandomize=True, deadline=None)
@given(levels=st.lists(st.booleans(), max_size=30), active_high=st.booleans())
def test_a_level_counts_after_two_equal_reads(levels, active_high):
    with pytest.MonkeyPatch.context() as monkeypatch:
        gpio = put_in_place(monkeypatch)
        line = Input(PIN, active_high=active_high)
        line.setup()
        for count, level in enumerate(levels, start=1):
            gpio.levels[PIN] = int(level == active_high)
            equal = [a for a, b in itertools.pairwise(levels[:count]) if a == b]
            assert line.poll() is (equal[-1] if equal else None)
