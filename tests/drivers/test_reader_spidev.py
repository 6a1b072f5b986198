"""The reader over the real spidev extension and the kernel's interface, mocked by umockdev."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.drivers import test_gpio_rpi_lgpio as rpi_lgpio

ROOT = Path(__file__).parents[2]
HANDLER = Path(__file__).with_name("rfid_umockdev.py")
SYSTEM_PYTHON = "/usr/bin/python3"
HAS_UMOCKDEV = shutil.which("umockdev-run") is not None
HAS_SPIDEV = importlib.util.find_spec("spidev") is not None

# With umockdev in place a CI run does not let a missing part pass for a success.
pytestmark = pytest.mark.skipif(
    not (HAS_UMOCKDEV and (HAS_SPIDEV or "CI" in os.environ)),
    reason="needs: apt install umockdev gir1.2-umockdev-1.0 python3-gi, and pip install spidev",
)

CHILD = """
import json, sys, types

if "lgpio_standin" not in sys.path[1]:
    gpio = types.ModuleType("RPi.GPIO")
    gpio.BCM, gpio.OUT, gpio.LOW, gpio.HIGH = 11, 0, 0, 1
    gpio.setwarnings = gpio.setmode = lambda value: None
    gpio.getmode = lambda: gpio.BCM
    gpio.setup = gpio.output = lambda *args, **kwargs: None
    package = types.ModuleType("RPi")
    package.__path__ = []
    package.GPIO = gpio
    sys.modules.update({"RPi": package, "RPi.GPIO": gpio})

import spidev
from drivers.errors import ReaderError
from drivers.reader import Card, Reader

assert spidev.__file__.endswith(".so"), spidev.__file__
reader = Reader()
try:
    reader.open()
    scans = [reader.scan() for _ in range(5)]
    reader.verify()
    reader.close()
    print(json.dumps([scan.tag if isinstance(scan, Card) else None for scan in scans]))
except ReaderError as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""


def child_result(*wrapper: str, first: Sequence[Path] = (), **more: str) -> list[str | None]:
    """What CHILD prints, run by this Python under ``wrapper``, with folders ``first`` on its path.

    The wrapper may be another Python, which must not see the packages of this one.
    """
    path = os.pathsep.join([*map(str, first), str(ROOT), *filter(None, sys.path)])
    done = subprocess.run(
        [*wrapper, "env", f"PYTHONPATH={path}", sys.executable, "-c", CHILD],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    result: list[str | None] = json.loads(done.stdout)
    return result


def under_mock(uid: str, errno: int = 0) -> list[str | None]:
    return child_result(SYSTEM_PYTHON, str(HANDLER), uid, str(errno))


@pytest.mark.parametrize("uid", ["DEADBEEF", "04A3C6CAE26180", "04112233445566778899"])
def test_a_card_through_the_kernel_interface(uid: str) -> None:
    tags = under_mock(uid)
    # The chip runs in real time here: a busy machine may cost a reading, never make one up.
    assert set(tags) <= {uid, None}
    assert uid in tags


def test_what_the_kernel_is_told_and_how_often_it_is_asked(tmp_path: Path) -> None:
    """The device keeps what its last user has set: mode, word and speed are set anew."""
    left = tmp_path / "settings"
    child_result(SYSTEM_PYTHON, str(HANDLER), "", "0", SPI_SETTINGS=str(left))
    told = json.loads(left.read_text())
    messages = told.pop("messages")
    assert told == {"mode": 0, "bits": 8, "speed_hz": 1_000_000}
    # The package's own waiting loop would take 2000 for each of the five polls.
    assert messages < 500


@pytest.mark.skipif(
    not rpi_lgpio.LIBRARY.is_dir() and "CI" not in os.environ, reason="needs rpi-lgpio beside"
)
def test_a_card_with_every_library_of_a_pi() -> None:
    """spidev, mfrc522 and rpi-lgpio as installed on a box; nothing of ours below the driver."""
    tags = child_result(
        *(SYSTEM_PYTHON, str(HANDLER), "04A3C6CAE26180", "0"),
        first=[rpi_lgpio.STANDIN, rpi_lgpio.LIBRARY],
        RPI_LGPIO_REVISION=rpi_lgpio.PI_5,
    )
    assert set(tags) <= {"04A3C6CAE26180", None}
    assert "04A3C6CAE26180" in tags


def test_no_card_through_the_kernel_interface() -> None:
    assert under_mock("") == [None] * 5


def test_an_error_of_the_bus_is_named() -> None:
    name, text = under_mock("DEADBEEF", errno=5)
    assert name == "ReaderSilent"
    assert text is not None
    assert "/dev/spidev0.0 fails" in text
    assert "Input/output error" in text


@pytest.mark.skipif(Path("/dev/spidev0.0").exists(), reason="this machine has SPI")
def test_without_the_device_node_the_advice_is_to_switch_spi_on() -> None:
    name, text = child_result()
    assert name == "ReaderSilent"
    assert text is not None
    assert "dtparam=spi=on" in text
