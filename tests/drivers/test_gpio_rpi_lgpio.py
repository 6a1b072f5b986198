"""The drivers over the real rpi-lgpio, in a process of its own, on a stand-in for its lgpio.

Each test is a few lines that run there and print what they found; ``history`` is what the pins went
through. The library is no part of the environment, where its RPi.GPIO would be in everybody's way:
it lies in a folder beside.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STANDIN = Path(__file__).with_name("lgpio_standin")
LIBRARY = Path(sys.prefix) / "rpi-lgpio"
PI_4, PI_5 = "c03114", "d04170"

pytestmark = pytest.mark.skipif(
    not (LIBRARY / "RPi/GPIO/__init__.py").exists() and "CI" not in os.environ,
    reason=f"needs: pip install --no-deps --target {LIBRARY} rpi-lgpio==0.6",
)

BEFORE = """
import json, sys
import lgpio
history = lgpio.history

def done(**found):
    print(json.dumps({"history": history, "levels": lgpio.levels, **found}))
"""


def on_pi(script: str, revision: str = PI_4, **environment: str) -> dict[str, Any]:
    """What a script printed, with the real library and the drivers importable."""
    path = os.pathsep.join([str(STANDIN), str(LIBRARY), str(ROOT), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BEFORE + textwrap.dedent(script)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": path,
            "RPI_LGPIO_REVISION": revision,
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_is_the_real_library() -> None:
    found = on_pi("""
        from drivers import libraries
        gpio = libraries.gpio()
        gpio = libraries.gpio()
        done(file=gpio.__file__, mode=gpio.getmode(), board=gpio.RPI_INFO["TYPE"])
    """)
    assert found["file"] == str(LIBRARY / "RPi/GPIO/__init__.py")
    assert found["mode"] == 11
    assert found["board"] == "Pi 4 Model B"
    assert found["history"] == []


CONTACTOR = """
from drivers.contactor import Contactor
contactor = Contactor(17, active_high={active_high})
contactor.setup()
contactor.setup()
first = contactor.read_back()
contactor.renew()
contactor.close()
closed = contactor.read_back()
contactor.open()
done(first=first, closed=closed, last=contactor.read_back())
"""


@pytest.mark.parametrize("revision", [PI_4, PI_5])
@pytest.mark.parametrize("active_high", [True, False])
@pytest.mark.parametrize("left_at", [0, 1])
def test_the_contactors_line_has_no_moment_that_nobody_wanted(
    revision: str, active_high: bool, left_at: int
) -> None:
    """Whatever level a crash has left: one claim at the inactive level, then what was asked."""
    off, on = (0, 1) if active_high else (1, 0)
    script = f"lgpio.levels[17] = {left_at}\n" + CONTACTOR.format(active_high=active_high)
    found = on_pi(script, revision)
    assert found["history"] == [[17, "out", off], [17, "write", on], [17, "write", off]]
    assert (found["first"], found["closed"], found["last"]) == (False, True, False)


def test_what_would_happen_without_an_initial_level() -> None:
    """Why the driver always names one: this library makes the line an input to read it."""
    found = on_pi("""
        from drivers import libraries
        gpio = libraries.gpio()
        lgpio.levels[17] = 1
        gpio.setup(17, gpio.OUT)
        done()
    """)
    assert [17, "in", "by a read"] in found["history"]


def test_a_pin_that_is_short_circuited_reads_what_it_is() -> None:
    found = on_pi("""
        from drivers.contactor import Contactor
        contactor = Contactor(17)
        contactor.setup()
        lgpio.levels[17] = 1
        done(active=contactor.read_back())
    """)
    assert found["active"] is True


def test_inputs_have_their_pulls_and_outputs_have_none() -> None:
    found = on_pi("""
        from drivers.gpio_lines import Pull
        from drivers.inputs import Input
        stop = Input(22, active_high=True, pull=Pull.ACTIVE)
        vehicle = Input(23, active_high=True, pull=Pull.INACTIVE)
        reed = Input(24, active_high=False, pull=Pull.ACTIVE)
        for one in (stop, vehicle, reed):
            one.setup()
            one.setup()
        done(seen=[[one.poll(), one.poll()] for one in (stop, vehicle, reed)])
    """)
    assert found["history"] == [[22, "in", "up"], [23, "in", "down"], [24, "in", "down"]]
    assert found["seen"] == [[None, True], [None, False], [None, True]]


def test_lamps_begin_dark_and_are_written_when_they_change_only() -> None:
    found = on_pi("""
        from drivers.indicator import Indicator
        lamps = Indicator(5, 6, 13, active_high=False)
        lamps.setup()
        lamps.show(True, False, False)
        lamps.show(True, False, False)
        lamps.show(False, True, False)
        done()
    """)
    assert found["history"] == [
        *([pin, "out", 1] for pin in (5, 6, 13)),
        *([5, "write", 0], [5, "write", 1], [6, "write", 0]),
    ]


def test_the_readers_reset_is_claimed_once_and_pulsed_at_every_opening() -> None:
    found = on_pi("""
        import types
        class SpiDev:
            def open(self, *_): raise FileNotFoundError("no SPI here")
            def close(self): pass
        sys.modules["spidev"] = types.SimpleNamespace(SpiDev=SpiDev)
        from drivers.errors import ReaderSilent
        from drivers.reader import Reader
        for _ in range(2):
            reader = Reader()
            try:
                reader.open()
            except ReaderSilent:
                pass
        done()
    """)
    assert found["history"] == [
        *([25, "out", 0], [25, "write", 1]),
        *([25, "write", 0], [25, "write", 1]),
    ]


def test_the_mfrc522_package_claims_no_line_and_leaves_the_numbering() -> None:
    """Its own constructor would take GPIO15, the serial port's RXD, as an output."""
    found = on_pi("""
        from drivers import libraries
        from drivers.mfrc522 import registers
        registers(object())
        done(mode=libraries.gpio().getmode())
    """)
    assert found["mode"] == 11
    assert found["history"] == []


def test_a_cleanup_of_one_line_leaves_the_others_and_the_numbering() -> None:
    """That of a lamp, by another part of a program; a bare one would open the chip's every line."""
    found = on_pi("""
        from drivers import libraries
        from drivers.contactor import Contactor
        from drivers.indicator import Indicator
        contactor = Contactor(17)
        contactor.setup()
        contactor.renew()
        contactor.close()
        Indicator(5, 6).setup()
        libraries.gpio().cleanup(5)
        before = len(history)
        contactor.renew()
        done(active=contactor.read_back(), after=history[before:])
    """)
    assert found["active"] is True
    assert [step for step in found["history"] if step[0] == 17] == [
        [17, "out", 0],
        [17, "write", 1],
    ]
    assert found["history"][-2:] == [[5, "in", "off"], [5, "free"]]
    assert found["after"] == []


def test_nothing_is_released_when_the_process_ends() -> None:
    """The levels have to outlast it; opening at the end is the daemon's and the failsafes' work."""
    found = on_pi("""
        import atexit
        from drivers.contactor import Contactor
        contactor = Contactor(17)
        contactor.setup()
        atexit.register(done)
        del contactor
    """)
    assert found["history"] == [[17, "out", 0]]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "lgpio.busy.add(17)\nfrom drivers.contactor import Contactor\ndevice = Contactor(17)",
            ["contactor: GPIO17", "GPIO busy", "gpioinfo shows which"],
        ),
        (
            "lgpio.busy.add(22)\nfrom drivers.inputs import Input\ndevice = Input(22)",
            ["input: GPIO22", "GPIO busy"],
        ),
        (
            "lgpio.no_chip = True\nfrom drivers.inputs import Input\ndevice = Input(22)",
            ["can not open gpiochip", "usermod -aG gpio"],
        ),
        (
            "from drivers.inputs import Input\ndevice = Input(99)",
            ["GPIO99", "invalid on a Raspberry Pi", "check the BCM pin number"],
        ),
    ],
    ids=["output busy", "input busy", "no chip", "no such pin"],
)
def test_what_the_library_raises_becomes_a_line_with_advice(script: str, words: list[str]) -> None:
    found = on_pi(
        script
        + """
from drivers.errors import DriverError
try:
    device.setup()
    done(text="")
except DriverError as error:
    done(text=str(error))
"""
    )
    assert all(word in found["text"] for word in words), found["text"]


def test_a_line_that_was_taken_away_is_told_at_the_write() -> None:
    found = on_pi("""
        from drivers.contactor import Contactor
        from drivers.errors import GpioError
        contactor = Contactor(17)
        contactor.setup()
        contactor.renew()
        lgpio.gpio_free(1, 17)
        try:
            contactor.close()
        except GpioError as error:
            done(text=str(error), commanded=contactor.commanded)
    """)
    assert found["text"].startswith("contactor: GPIO17 cannot be used")


@pytest.mark.parametrize(
    ("revision", "word"),
    [(None, "only be run on a Raspberry Pi"), ("000e", "old-style revision")],
)
def test_a_machine_that_the_library_does_not_know(revision: str | None, word: str) -> None:
    script = """
        import os
        if os.environ["RPI_LGPIO_REVISION"] == "none":
            del os.environ["RPI_LGPIO_REVISION"]
        from drivers import libraries
        from drivers.errors import LibraryMissing
        try:
            libraries.gpio()
        except LibraryMissing as error:
            done(text=str(error))
    """
    if revision is None and Path("/proc/device-tree/system/linux,revision").exists():
        pytest.skip("this is a Raspberry Pi")
    found = on_pi(script, revision or "none")
    assert word in found["text"]
    assert "apt install python3-rpi-lgpio" in found["text"]


@pytest.mark.parametrize("left_at", [0, 1])
def test_the_failsafe_after_any_death(left_at: int) -> None:
    """Isolated as systemd runs it: -I ignores the environment's path, so it is put in by hand."""
    found = on_pi(f"""
        import runpy
        lgpio.levels[17] = {left_at}
        arguments = ["--pin", "17", "--green", "5", "--red", "6", "--off", "22"]
        from station import failsafe
        import io, contextlib
        with contextlib.redirect_stdout(io.StringIO()) as said:
            status = failsafe.main(arguments)
        done(status=status, said=said.getvalue())
    """)
    assert found["status"] == 0
    assert found["said"] == "failsafe: GPIO17 is inactive (level 0)\n"
    assert found["history"] == [
        *([17, "out", 0], [22, "out", 0]),
        *([5, "out", 0], [6, "out", 1]),
    ]


def test_the_failsafe_says_when_a_dying_process_still_holds_the_line() -> None:
    found = on_pi("""
        import io, contextlib
        from station import failsafe
        lgpio.busy.add(17)
        with contextlib.redirect_stderr(io.StringIO()) as said:
            status = failsafe.main(["--pin", "17"])
        done(status=status, said=said.getvalue())
    """)
    assert found["status"] == 1
    assert "GPIO busy" in found["said"]
