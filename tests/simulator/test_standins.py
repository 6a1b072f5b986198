"""The stand-ins for RPi.GPIO and spidev: the box sees what a Raspberry Pi's pins would see."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from simulator import standins
from simulator.client import BoxClient, BoxUnreachable
from simulator.serving.service import Service

NAMES = ("RPi", "RPi.GPIO", "spidev")


@pytest.fixture
def box():
    folder = Path(tempfile.mkdtemp(prefix="box"))
    service = Service(folder / "s")
    service.start()
    before = {name: sys.modules.get(name) for name in NAMES}
    standins.install(str(folder / "s"))
    client = BoxClient(str(folder / "s"))
    yield client
    client.close()
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module
    service.stop()
    shutil.rmtree(folder)


@pytest.fixture
def gpio(box):
    import RPi.GPIO as GPIO

    return GPIO


def line(box: BoxClient, bcm: int) -> dict:
    return box.call("state")["lines"][str(bcm)]


def test_mode_is_chosen_once(gpio):
    assert gpio.getmode() is None
    with pytest.raises(RuntimeError):
        gpio.setup(17, gpio.OUT, initial=0)
    with pytest.raises(ValueError):
        gpio.setmode(12)
    gpio.setmode(gpio.BCM)
    gpio.setmode(gpio.BCM)
    assert gpio.getmode() == gpio.BCM
    with pytest.raises(ValueError, match="different mode"):
        gpio.setmode(gpio.BOARD)


def test_outputs(box, gpio):
    gpio.setmode(gpio.BCM)
    gpio.setup([5, 17], gpio.OUT, initial=gpio.HIGH)
    assert [line(box, bcm)["level"] for bcm in (5, 17)] == [1, 1]
    gpio.output([5, 17], [gpio.LOW, True])
    assert [gpio.input(5), gpio.input(17)] == [0, 1]
    gpio.output((5, 17), gpio.LOW)
    assert [line(box, bcm)["level"] for bcm in (5, 17)] == [0, 0]
    for wrong in (
        lambda: gpio.output(6, 1),
        lambda: gpio.input(6),
        lambda: gpio.output([5], [1, 0]),
    ):
        with pytest.raises(RuntimeError):
            wrong()
    for wrong in (
        lambda: gpio.setup(28, gpio.OUT),
        lambda: gpio.setup(5, gpio.OUT, pull_up_down=gpio.PUD_UP),
        lambda: gpio.setup(5, gpio.IN, initial=1),
        lambda: gpio.setup(5, 7),
        lambda: gpio.setup(5, gpio.IN, pull_up_down=3),
    ):
        with pytest.raises(ValueError):
            wrong()


def test_board_numbers_are_positions_on_the_header(box, gpio):
    gpio.setmode(gpio.BOARD)
    gpio.setup(11, gpio.OUT, initial=1)
    assert line(box, 17) == {"name": "contactor", "direction": "out", "level": 1, "pull": "off"}
    with pytest.raises(ValueError):
        gpio.setup(1, gpio.OUT, initial=1)


def test_inputs_take_a_pull(box, gpio):
    gpio.setmode(gpio.BCM)
    gpio.setup(27, gpio.IN, pull_up_down=gpio.PUD_UP)
    assert gpio.input(27) == 1
    gpio.setup(27, gpio.IN, pull_up_down=gpio.PUD_DOWN)
    assert gpio.input(27) == 0
    assert line(box, 27)["pull"] == "down"


def test_setup_without_initial_drops_a_line_that_was_left_up(box, gpio):
    box.call("gpio_setup", bcm=17, direction="out", level=1)
    gpio.setmode(gpio.BCM)
    gpio.setup(17, gpio.OUT)
    assert line(box, 17)["level"] == 0


def test_a_second_setup_does_not_write(box, gpio):
    gpio.setmode(gpio.BCM)
    gpio.setup(17, gpio.OUT, initial=1)
    gpio.setup(17, gpio.OUT, initial=0)
    assert line(box, 17)["level"] == 1


def test_cleanup_floats_what_this_program_set_up(box, gpio):
    box.call("gpio_setup", bcm=6, direction="out", level=1)
    gpio.setmode(gpio.BCM)
    gpio.setup([5, 17], gpio.OUT, initial=1)
    gpio.cleanup(5)
    assert (line(box, 5)["direction"], line(box, 5)["pull"]) == ("in", "off")
    assert line(box, 17)["direction"] == "out"
    assert gpio.getmode() == gpio.BCM
    gpio.cleanup()
    assert line(box, 17)["direction"] == "in"
    assert line(box, 6)["direction"] == "out"
    assert gpio.getmode() is None


def test_spi_moves_bytes_both_ways(box):
    import spidev

    version = 0x37 << 1 | 0x80
    spi = spidev.SpiDev()
    with pytest.raises(OSError):
        spi.xfer2([version, 0])
    with pytest.raises(FileNotFoundError):
        spi.open(1, 0)
    spi.open(0, 0)
    spi.max_speed_hz = 1_000_000
    sent = [version, 0]
    assert spi.xfer2(sent) is sent
    assert sent == [0, 0x92]
    assert list(spi.xfer((version, 0))) == [0, 0x92]
    assert list(spi.xfer2(bytes([version, 0]))) == [0, 0x92]
    for empty in ([], (), None, 5):
        with pytest.raises(TypeError):
            spi.xfer2(empty)
    treload = 0x2D << 1
    spi.writebytes([treload, 0x5A])
    assert spi.xfer2([treload | 0x80, 0])[1] == 0x5A
    assert len(spi.readbytes(3)) == 3
    spi.close()
    with pytest.raises(OSError):
        spi.xfer2([version, 0])


def test_nothing_answers_on_the_other_chip_select(box):
    import spidev

    with spidev.SpiDev(0, 1) as spi:
        assert spi.xfer2([0xEE, 0]) == [0, 0]


def test_without_mains_calls_fail(box, gpio):
    import spidev

    gpio.setmode(gpio.BCM)
    gpio.setup(17, gpio.OUT, initial=0)
    spi = spidev.SpiDev(0, 0)
    box.call("power_cut")
    with pytest.raises(RuntimeError, match="no mains"):
        gpio.output(17, 1)
    with pytest.raises(OSError, match="no mains"):
        spi.xfer2([0xEE, 0])


def test_install_needs_a_box(tmp_path):
    before = {name: sys.modules.get(name) for name in NAMES}
    with pytest.raises(BoxUnreachable):
        standins.install(str(tmp_path / "none"))
    assert {name: sys.modules.get(name) for name in NAMES} == before
