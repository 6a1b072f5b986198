"""The probes of what only a Raspberry Pi has, on the files of machines that are not there."""

from __future__ import annotations

import errno
import os
import pty
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from station import unit as pins
from station.checks import (
    board,
    boot,
    contactor,
    filesystem,
    lines,
    pi,
    ports,
    spi,
    supply,
    unit,
    world,
)
from station.checks.probe import Probe, Result
from station.clock import Clock
from station.config import Config, ConfigError
from tests.station.checks_rig import PI_4, PI_5, FixedTime, Machine, around, look, made, named
from tools.install import settings as install
from tools.install.place import Place
from tools.installation import ROOT


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return made(tmp_path)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine.pi(tmp_path)


def found_on(probe: Probe, config: Config, machine: Machine, **changes: Any) -> Result:
    return look(probe, around(config, root=machine.root, **changes))


def test_a_reset_pin_on_the_serial_port_does_not_come_this_far(tmp_path: Path) -> None:
    """15 is what mfrc522 itself would take in BCM numbering."""
    for pin in (14, 15):
        with pytest.raises(ConfigError, match="UART"):
            made(tmp_path, reader={"reset_pin": pin})


# --- the machine's own files ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "spi_on"),
    [
        (PI_5, "dtparam=spi=on", True),
        (PI_5, "dtparam=i2c_arm=on,spi=on", True),
        (PI_5, "dtparam=spi", True),
        (PI_5, "#dtparam=spi=on", False),
        (PI_5, "dtparam=spi=on # for the reader", True),
        (PI_5, "dtparam=spi=on\ndtparam=spi=off", False),
        (PI_5, "[pi4]\ndtparam=spi=on", False),
        (PI_4, "[pi4]\ndtparam=spi=on", True),
        (PI_4, "[pi5]\ndtparam=spi=off\n[all]\ndtparam=spi=on", True),
        ("Raspberry Pi Zero 2 W Rev 1.0", "[pi02]\ndtparam=spi=on", True),
        (PI_5, "", False),
    ],
)
def test_config_txt_counts_as_on_this_model(
    machine: Machine, name: str, text: str, spi_on: bool
) -> None:
    machine.write("boot/firmware/config.txt", text)
    found = board.boot_config(machine.root, name)
    assert found is not None
    assert found.spi_on() is spi_on


def test_config_txt_of_an_older_system(machine: Machine) -> None:
    machine.remove("boot/firmware/config.txt")
    assert board.boot_config(machine.root, PI_4) is None
    machine.write("boot/config.txt", "dtparam=spi=on")
    found = board.boot_config(machine.root, PI_4)
    assert found is not None
    assert found.path == "/boot/config.txt"


# --- board and libraries ----------------------------------------------------------------------

BOARD = named(pi.PROBES, "board")
LIBRARIES = named(pi.PROBES, "libraries")


@pytest.mark.parametrize(
    ("name", "ok", "word"),
    [
        (PI_5, True, "Pi 5"),
        ("Raspberry Pi 2 Model B Rev 1.1", True, "not tried"),
        ("Some Other Board", False, "no Raspberry Pi"),
    ],
)
def test_board(config: Config, machine: Machine, name: str, ok: bool, word: str) -> None:
    machine.write("proc/device-tree/model", f"{name}\0")
    found = found_on(BOARD, config, machine)
    assert found.ok is ok
    assert word in found.text


def test_board_of_a_laptop(config: Config, machine: Machine) -> None:
    machine.remove("proc/device-tree/model")
    assert not found_on(BOARD, config, machine).ok


class Packages:
    """A folder of Python packages, as pip or apt leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def put(self, distribution: str, path: str, text: str = "") -> Packages:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        info = self.folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\n")
        return self

    def lgpio(self) -> Packages:
        self.put("rpi-lgpio", "RPi/GPIO/__init__.py", "import os\nimport lgpio\n")
        return self.put("lgpio", "lgpio.py")

    def classic(self) -> Packages:
        return self.put("RPi.GPIO", "RPi/GPIO/__init__.py", "from RPi._GPIO import *\n")

    def others(self) -> Packages:
        for name in pi.OTHERS:
            self.put(name, f"{name}.py")
        return self


@pytest.fixture
def system(tmp_path: Path) -> Packages:
    """apt's folder."""
    return Packages(tmp_path / "dist-packages").others()


@pytest.fixture
def venv(tmp_path: Path) -> Packages:
    """The environment's folder, before apt's on the path."""
    return Packages(tmp_path / "site-packages")


def libraries(config: Config, machine: Machine, *folders: Packages) -> Result:
    paths = tuple(str(one.folder) for one in folders)
    return found_on(LIBRARIES, config, machine, packages=paths)


def test_the_right_library_on_every_model(
    config: Config, tmp_path: Path, system: Packages, venv: Packages
) -> None:
    system.lgpio()
    for number, name in enumerate((PI_4, PI_5)):
        (tmp_path / str(number)).mkdir()
        found = libraries(config, Machine.pi(tmp_path / str(number), name), venv, system)
        assert found.ok, found.text
        assert "rpi-lgpio" in found.text


def test_the_old_library_is_wrong_on_a_pi_5_only(
    config: Config, machine: Machine, system: Packages
) -> None:
    system.classic()
    found = libraries(config, machine, system)
    assert not found.ok
    assert "does not run on it" in found.text
    assert found.text.index("pip uninstall") < found.text.index("apt install")
    machine.write("proc/device-tree/model", PI_4)
    assert libraries(config, machine, system).ok


def test_the_old_library_in_the_environment_hides_the_new_one(
    config: Config, machine: Machine, system: Packages, venv: Packages
) -> None:
    """``pip install mfrc522`` without --no-deps does that."""
    system.lgpio()
    venv.classic()
    found = libraries(config, machine, venv, system)
    assert not found.ok
    assert str(venv.folder) in found.text


def test_both_in_one_folder_are_wrong_on_every_model(
    config: Config, machine: Machine, system: Packages
) -> None:
    machine.write("proc/device-tree/model", PI_4)
    system.classic().lgpio()
    found = libraries(config, machine, system)
    assert not found.ok
    assert "both installed" in found.text


def test_no_library_at_all(config: Config, machine: Machine, system: Packages) -> None:
    found = libraries(config, machine, system)
    assert not found.ok
    assert "apt install python3-rpi-lgpio" in found.text


def test_rpi_lgpio_without_its_lgpio(config: Config, machine: Machine, system: Packages) -> None:
    system.put("rpi-lgpio", "RPi/GPIO/__init__.py", "import lgpio\n")
    found = libraries(config, machine, system)
    assert not found.ok
    assert "python3-lgpio" in found.text


def test_each_other_library_is_named(config: Config, machine: Machine, system: Packages) -> None:
    system.lgpio()
    for name in pi.OTHERS:
        (system.folder / f"{name}.py").rename(system.folder / "away")
        found = libraries(config, machine, system)
        (system.folder / "away").rename(system.folder / f"{name}.py")
        assert not found.ok
        assert found.text.startswith(f"{name} is missing")
    assert libraries(config, machine, system).ok


# --- boot -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pin", "active_high", "ok", "word"),
    [
        ("", 17, True, True, "pulled down from power-on: inactive"),
        ("gpio=17=op,dl", 17, True, True, "gpio=17=op,dl in"),
        ("gpio=17,22-24=op,dl", 23, True, True, "is inactive from power-on"),
        ("gpio=17=op,dh", 17, True, False, "write gpio=17=op,dl"),
        ("gpio=17=op,dh\ngpio=17=op,dl", 17, True, True, "is inactive"),
        ("gpio=17=op,dh\ngpio=17=ip", 17, True, True, "pulled down"),
        ("gpio=4=op,dh", 4, False, True, "is inactive"),
        ("gpio=4=op,dl", 4, False, False, "write gpio=4=op,dh"),
        ("", 17, False, False, "closes while the Pi boots"),
        ("gpio=17=op,dh", 17, False, False, "closes while the Pi boots"),
        ("dtoverlay=gpio-poweroff,gpiopin=17", 17, True, False, "dtoverlay=gpio-poweroff"),
        ("dtoverlay=w1-gpio", 17, True, True, "inactive"),
        ("[pi4]\ndtoverlay=gpio-poweroff,gpiopin=17", 17, True, True, "inactive"),
    ],
)
def test_boot(
    tmp_path: Path,
    machine: Machine,
    text: str,
    pin: int,
    active_high: bool,
    ok: bool,
    word: str,
) -> None:
    config = made(tmp_path, contactor={"pin": pin, "active_high": active_high})
    machine.write("boot/firmware/config.txt", text)
    found = found_on(boot.PROBES[0], config, machine)
    assert found.ok is ok, found.text
    assert word in found.text


def test_an_overlay_on_any_line_of_the_box(tmp_path: Path, machine: Machine) -> None:
    machine.write("boot/firmware/config.txt", "dtoverlay=w1-gpio\n")
    config = made(tmp_path, indicator={"green_pin": 4})
    found = found_on(boot.PROBES[0], config, machine)
    assert not found.ok
    assert "GPIO4 (green_pin)" in found.text


def test_boot_without_a_config_txt(config: Config, machine: Machine) -> None:
    machine.remove("boot/firmware/config.txt")
    found = found_on(boot.PROBES[0], config, machine)
    assert found.ok
    assert "no config.txt" in found.text


# --- supply -----------------------------------------------------------------------------------

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


@pytest.mark.parametrize(
    ("bits", "ok", "word"),
    [
        ("0", True, "no under-voltage since"),
        ("1", False, "below 4.63 V now"),
        ("50005", False, "below 4.63 V now"),
        ("50000", False, "was below 4.63 V"),
        ("8", False, "too hot and slows"),
        ("c0000", True, "too hot at some time"),
        ("20002", True, "no under-voltage"),
        ("nonsense", True, "cannot be told"),
    ],
)
def test_supply(config: Config, machine: Machine, bits: str, ok: bool, word: str) -> None:
    machine.write(FIRMWARE, f"{bits}\n")
    found = found_on(supply.PROBES[0], config, machine)
    assert found.ok is ok
    assert word in found.text


def test_supply_by_the_firmwares_own_command(config: Config, machine: Machine) -> None:
    program = machine.write("usr/bin/vcgencmd", '#!/bin/sh\n[ "$1" = get_throttled ] && echo $OUT')
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUT", "throttled=0x50000")
        found = found_on(supply.PROBES[0], config, machine)
        patch.setenv("OUT", "VCHI initialization failed")
        told_nothing = found_on(supply.PROBES[0], config, machine)
    assert not found.ok
    assert "was below" in found.text
    assert told_nothing.ok
    assert "cannot be told" in told_nothing.text


def test_supply_by_the_kernels_alarm(config: Config, machine: Machine) -> None:
    source = FixedTime()
    source.low = True
    found = found_on(supply.PROBES[0], config, machine, clock=Clock(source))
    assert not found.ok
    assert "the contactor does not close" in found.text


# --- who holds the lines ----------------------------------------------------------------------


class Chip:
    """What the kernel says of a GPIO chip, in its own bytes."""

    def __init__(self, label: str, **held: str) -> None:
        self.label = label
        self.held = {int(name.removeprefix("gpio")): who for name, who in held.items()}
        self.outputs: set[int] = set()

    def ask(self, _: int, request: int, raw: bytearray) -> int:
        if request == lines.CHIP_INFO:
            assert len(raw) == request >> 16 & 0x3FFF
            raw[32 : 32 + len(self.label)] = self.label.encode()
            return 0
        assert request == lines.LINE_INFO
        assert len(raw) == request >> 16 & 0x3FFF
        (pin,) = struct.unpack_from("=I", raw, 64)
        who = self.held.get(pin, "")
        raw[32 : 32 + len(who)] = who.encode()
        flags = (pin in self.held) | (0x8 if pin in self.outputs else 0x4)
        struct.pack_into("=Q", raw, 72, flags)
        return 0


PINS = {17: "contactor", 25: "reset_pin", 5: "green_pin"}


def chip_says(machine: Machine, chip: Chip) -> Result:
    path = machine.write("dev/gpiochip0")
    found = lines.header_lines([path], PINS, chip.ask)
    assert found is not None
    return lines.judge(PINS, *found)


def test_lines_that_are_free(machine: Machine) -> None:
    found = chip_says(machine, Chip("pinctrl-rp1", gpio8="spi0 CS0"))
    assert found == Result("lines", True, "3 lines of /dev/gpiochip0 are free")


def test_a_line_that_somebody_holds_is_told_with_its_holder(machine: Machine) -> None:
    found = chip_says(machine, Chip("pinctrl-bcm2711", gpio17="octoprint", gpio25=""))
    assert not found.ok
    assert "GPIO17 (contactor) is held by 'octoprint'" in found.text
    assert "GPIO25 (reset_pin) is held by 'somebody without a name'" in found.text
    assert "GPIO5" not in found.text


def test_a_line_that_a_crash_left_driven_is_told(machine: Machine) -> None:
    chip = Chip("pinctrl-bcm2835")
    chip.outputs = {17}
    found = chip_says(machine, chip)
    assert found.ok
    assert "GPIO17 are outputs" in found.text


def test_the_chip_of_the_header_is_found_by_its_label(machine: Machine) -> None:
    """On a Pi 5 the first chip may be another one."""
    paths = [machine.write("dev/gpiochip0"), machine.write("dev/gpiochip4")]
    asked: list[str] = []

    def ask(descriptor: int, request: int, raw: bytearray) -> int:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        asked.append(name)
        label = {"gpiochip0": "gpio-brcmstb@107d508500", "gpiochip4": "pinctrl-rp1"}[name]
        return Chip(label).ask(descriptor, request, raw)

    found = lines.header_lines(paths, PINS, ask)
    assert found is not None
    assert found[0] == "/dev/gpiochip4"
    assert asked.count("gpiochip0") == 1


def test_files_that_are_no_chips(config: Config, machine: Machine) -> None:
    machine.write("dev/gpiochip0")
    found = found_on(lines.PROBES[0], config, machine)
    assert not found.ok
    assert "no /dev/gpiochip* of a Raspberry Pi's header" in found.text


def test_a_chip_that_may_not_be_opened(
    config: Config, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.write("dev/gpiochip0")

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(lines, "header_lines", refuse)
    found = found_on(lines.PROBES[0], config, machine)
    assert not found.ok
    assert "group gpio" in found.text


# --- SPI --------------------------------------------------------------------------------------


def test_spi_that_is_there(config: Config, machine: Machine) -> None:
    assert found_on(spi.PROBES[0], config, machine).ok


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["dtparam=spi=on in /boot/firmware/config.txt", "reboot"]),
        ("dtparam=spi=on", ["although /boot/firmware/config.txt has", "reboot", "overlay"]),
    ],
)
def test_spi_that_is_off(config: Config, machine: Machine, text: str, words: list[str]) -> None:
    machine.remove("dev/spidev0.0")
    machine.write("boot/firmware/config.txt", text)
    found = found_on(spi.PROBES[0], config, machine)
    assert not found.ok
    assert all(word in found.text for word in words), found.text


def test_spi_at_another_number(config: Config, machine: Machine) -> None:
    machine.remove("dev/spidev0.0")
    machine.write("dev/spidev10.0")
    found = found_on(spi.PROBES[0], config, machine)
    assert not found.ok
    assert "/dev/spidev10.0: set [reader] spi_bus" in found.text


def test_spi_without_permission_names_the_group() -> None:
    found = spi.judge("/dev/spidev0.0", True, False, [], None)
    assert not found.ok
    assert "group spi" in found.text


# --- what a crash does to the line ------------------------------------------------------------


@pytest.mark.parametrize(
    ("driver", "value", "stays", "word"),
    [
        ("rp1", "Y\n", True, "keeps its level"),
        ("bcm2835", "N\n", False, "pull-down"),
        ("bcm2835", "?\n", None, "does not say"),
        (None, "", None, "does not say"),
    ],
)
def test_what_a_crash_does_to_the_line(
    machine: Machine, driver: str | None, value: str, stays: bool | None, word: str
) -> None:
    if driver is not None:
        machine.write(f"sys/module/pinctrl_{driver}/parameters/persist_gpio_outputs", value)
    assert contactor.persists(machine.root) is stays
    found = contactor.judge(17, active=False, stays=stays)
    assert found.ok
    assert word in found.text


@pytest.mark.parametrize(
    ("text", "stays", "waits"),
    [
        ("dtparam=strict_gpiod", True, True),
        ("dtparam=strict_gpiod", False, False),
        ("", True, False),
    ],
)
def test_strict_gpiod_counts_from_the_next_boot_on(
    machine: Machine, text: str, stays: bool, waits: bool
) -> None:
    machine.write("boot/firmware/config.txt", text)
    assert contactor.waits_for_reboot(machine.root, stays) is waits
    told = contactor.judge(17, active=False, stays=stays, waits=waits)
    assert ("after a reboot" in told.text) is waits


# --- the unit ---------------------------------------------------------------------------------

UNIT, GROUPS, WATCHDOG = (named(unit.PROBES, name) for name in ("unit", "groups", "watchdog"))
UNIT_FILE = f"etc/systemd/system/{unit.UNIT}"
DROP_IN = f"etc/systemd/system/{pins.DROP_IN}"


def test_the_unit_and_its_pins(config: Config, machine: Machine) -> None:
    none = found_on(UNIT, config, machine)
    machine.write(UNIT_FILE, "[Service]\n")
    bare = found_on(UNIT, config, machine)
    machine.write(DROP_IN, pins.drop_in(config))
    good = found_on(UNIT, config, machine)
    assert [one.ok for one in (none, bare, good)] == [False, False, True]
    assert "is not installed" in none.text
    assert "know no pin" in bare.text
    assert "sudo make install" in none.text
    assert "sudo make install" in bare.text


def test_a_unit_of_another_config(tmp_path: Path, machine: Machine) -> None:
    machine.write(UNIT_FILE, "[Service]\n")
    machine.write(DROP_IN, pins.drop_in(made(tmp_path)))
    for changes in ({"pin": 22}, {"pin": 4, "active_high": False}):
        found = found_on(UNIT, made(tmp_path, contactor=changes), machine)
        assert not found.ok
        assert "failsafes would drive others" in found.text


def test_a_comment_in_the_drop_in_is_no_difference(config: Config, machine: Machine) -> None:
    machine.write(UNIT_FILE, "[Service]\n")
    machine.write(DROP_IN, f"# made by the installer, pin=17\n\n{pins.drop_in(config)}\n")
    assert found_on(UNIT, config, machine).ok


def devices_of(machine: Machine, mode: int = 0o660) -> None:
    machine.write("dev/gpiochip0")
    for name in ("spidev0.0", "gpiochip0"):
        (machine.root / "dev" / name).chmod(mode)
    machine.write(
        "etc/passwd", "root:x:0:0::/:/bin/sh\nevcs-station:x:991:991::/:/usr/sbin/nologin\n"
    )


def node(path: str, group: str, mode: int = 0o660) -> unit.Node:
    return unit.Node(path, 0, group, mode)


NODES = [
    node("/dev/spidev0.0", "spi"),
    node("/dev/gpiochip0", "gpio"),
    node("/dev/ttyUSB0", "dialout"),
]


@pytest.mark.parametrize(
    ("groups", "ok", "words"),
    [
        ({"spi", "gpio", "dialout"}, True, ["evcs-station", "may use the devices"]),
        ({"gpio", "dialout"}, False, ["spi (owns /dev/spidev0.0)", "usermod -aG spi evcs-station"]),
        ({"spi", "gpio"}, False, ["dialout (owns /dev/ttyUSB0)"]),
        (set(), False, ["usermod -aG spi,gpio,dialout evcs-station", "restart the service"]),
    ],
)
def test_groups_judgement(groups: set[str], ok: bool, words: list[str]) -> None:
    user = unit.User("evcs-station", 991, frozenset(groups))
    found = unit.judge_groups(user, NODES)
    assert found.ok is ok
    assert all(word in found.text for word in words), found.text


def test_a_device_of_root_alone_is_no_question_of_groups() -> None:
    user = unit.User("evcs-station", 991, frozenset({"spi"}))
    found = unit.judge_groups(user, [node("/dev/spidev0.0", "root", 0o600)])
    assert not found.ok
    assert "udev rule" in found.text


def test_a_group_that_may_only_read_is_not_enough() -> None:
    user = unit.User("evcs-station", 991, frozenset({"spi"}))
    assert not unit.judge_groups(user, [node("/dev/spidev0.0", "spi", 0o640)]).ok
    assert unit.judge_groups(user, [node("/dev/spidev0.0", "spi", 0o666)]).ok
    assert unit.judge_groups(unit.User("root", 0, frozenset()), NODES).ok


@pytest.mark.parametrize(
    ("members", "of_unit", "ok"),
    [
        ("evcs-station", "", True),
        ("pi,evcs-station", "", True),
        ("pi", "", False),
        ("pi", "SupplementaryGroups=spi gpio\n", True),
        ("pi", "SupplementaryGroups=gpio\n", False),
    ],
)
def test_the_groups_of_the_units_user(
    config: Config, machine: Machine, members: str, of_unit: str, ok: bool
) -> None:
    devices_of(machine)
    owner = (machine.root / "dev/spidev0.0").stat().st_gid
    machine.write("etc/group", f"spi:x:{owner}:{members}\nevcs-station:x:991:\n")
    machine.write(UNIT_FILE, f"[Service]\nUser=nobody\n{of_unit}")
    machine.write(f"{UNIT_FILE}.d/user.conf", "[Service]\nUser=evcs-station\n")
    found = found_on(GROUPS, config, machine)
    assert found.ok is ok, found.text
    assert "evcs-station" in found.text


def test_a_service_without_its_user(config: Config, machine: Machine) -> None:
    machine.write(UNIT_FILE, "[Service]\nUser=evcs-station\n")
    found = found_on(GROUPS, config, machine)
    assert not found.ok
    assert "no such user" in found.text


def test_without_a_unit_it_is_whoever_asks(config: Config, machine: Machine) -> None:
    devices_of(machine)
    machine.write("etc/group", "")
    found = found_on(GROUPS, config, machine)
    assert "without a unit it is you" in found.text
    assert found.ok is (
        os.geteuid() == (machine.root / "dev/spidev0.0").stat().st_uid or os.geteuid() == 0
    )


@pytest.mark.parametrize(
    ("text", "there", "ok", "word"),
    [
        ("[Manager]\nRuntimeWatchdogSec=15\n", True, True, "hangs for 15"),
        ("[Manager]\n#RuntimeWatchdogSec=15\n", True, False, "never restarted"),
        ("[Manager]\nRuntimeWatchdogSec=off\n", True, False, "never restarted"),
        ("[Manager]\nRuntimeWatchdogSec=15\n", False, False, "dtparam=watchdog=on"),
    ],
)
def test_watchdog(
    config: Config, machine: Machine, text: str, there: bool, ok: bool, word: str
) -> None:
    if there:
        machine.write("dev/watchdog0")
    machine.write("etc/systemd/system.conf.d/watchdog.conf", text)
    found = found_on(WATCHDOG, config, machine)
    assert found.ok is ok
    assert word in found.text


CLOCK = named(world.PROBES, "clock")


def test_a_clock_that_the_service_cannot_see(config: Config, machine: Machine) -> None:
    """Set by chrony, say: the person who asks sees it, the daemon in its sandbox does not."""
    assert found_on(CLOCK, config, machine).ok
    machine.write(UNIT_FILE, "[Service]\nProtectClock=yes\n")
    hidden = found_on(CLOCK, config, machine)
    assert not hidden.ok
    assert "ProtectClock=no" in hidden.text
    machine.write(f"{UNIT_FILE}.d/clock.conf", "[Service]\nProtectClock=no\n")
    assert found_on(CLOCK, config, machine).ok
    machine.remove(f"{UNIT_FILE}.d/clock.conf")
    machine.write("run/systemd/timesync/synchronized")
    assert found_on(CLOCK, config, machine).ok


def test_what_the_installer_writes_is_what_the_probes_want(
    config: Config, machine: Machine
) -> None:
    place = Place(root=machine.root)
    machine.write("dev/watchdog0")
    install.write_unit(place, config)
    install.write_machine(place)
    machine.write("boot/firmware/config.txt", "\n".join(install.boot_lines(config)))
    for probe in (UNIT, WATCHDOG, *boot.PROBES, *spi.PROBES):
        found = found_on(probe, config, machine)
        assert found.ok, found
    assert "gpio=17=op,dl in /boot/firmware/config.txt" in look_at_boot(config, machine).text


def look_at_boot(config: Config, machine: Machine) -> Result:
    return found_on(boot.PROBES[0], config, machine)


def test_the_unit_that_is_installed_is_read_as_it_is(tmp_path: Path, machine: Machine) -> None:
    machine.write(UNIT_FILE, (ROOT / "systemd" / unit.UNIT).read_text())
    found = unit.service(machine.root)
    assert found is not None
    assert found.last("ProtectClock") == "yes"
    assert found.last("User") not in (None, "", "root")


# --- ports ------------------------------------------------------------------------------------


def port_probe(config: Config, machine: Machine, port: str) -> Result:
    changed = replace(config, meter=replace(config.meter, port=port))
    return found_on(ports.PROBES[0], changed, machine)


def plugged_in(machine: Machine) -> None:
    machine.write("dev/ttyUSB0")
    for folder, name in (("by-id", "usb-FTDI_A1-if00-port0"), ("by-path", "platform-usb-0:1.2")):
        link = machine.root / "dev/serial" / folder / name
        link.parent.mkdir(parents=True)
        link.symlink_to("../../ttyUSB0")


def test_a_port_name_that_may_change_is_told_with_one_that_stays(
    config: Config, machine: Machine
) -> None:
    plugged_in(machine)
    found = port_probe(config, machine, "/dev/ttyUSB0")
    assert not found.ok
    assert "use /dev/serial/by-id/usb-FTDI_A1-if00-port0" in found.text
    assert port_probe(config, machine, "/dev/serial/by-id/usb-FTDI_A1-if00-port0").ok
    assert port_probe(config, machine, "/dev/serial0").ok


def test_an_adapter_without_a_number_has_its_place_only(config: Config, machine: Machine) -> None:
    """Two of them have the same name by id, and it leads to the other one."""
    plugged_in(machine)
    name = machine.root / "dev/serial/by-id/usb-FTDI_A1-if00-port0"
    name.unlink()
    name.symlink_to("../../ttyUSB1")
    found = port_probe(config, machine, "/dev/ttyUSB0")
    assert "use /dev/serial/by-path/platform-usb-0:1.2" in found.text
    name.parent.joinpath("../by-path/platform-usb-0:1.2").unlink()
    assert "or by-path" in port_probe(config, machine, "/dev/ttyUSB0").text


def test_the_servers_line_is_looked_at_too(config: Config, machine: Machine) -> None:
    plugged_in(machine)
    line = replace(config.server, transport="mcsp", port="/dev/ttyUSB0")
    found = found_on(ports.PROBES[0], replace(config, server=line), machine)
    assert not found.ok
    assert "[server] port = /dev/ttyUSB0" in found.text


def test_a_port_that_is_the_kernels_console(config: Config, machine: Machine) -> None:
    machine.write("dev/ttyAMA0")
    (machine.root / "dev/serial0").symlink_to("ttyAMA0")
    machine.write("proc/cmdline", "console=ttyAMA0,115200 console=tty1 root=PARTUUID=1\n")
    for port in ("/dev/serial0", "/dev/ttyAMA0"):
        found = port_probe(config, machine, port)
        assert not found.ok
        assert "console=ttyAMA0,115200" in found.text
        assert "no login shell" in found.text
    machine.write("proc/cmdline", "console=tty1")
    assert port_probe(config, machine, "/dev/serial0").ok


def test_a_port_that_another_program_has_open(config: Config, machine: Machine) -> None:
    plugged_in(machine)
    machine.write("proc/812/comm", "ModemManager\n")
    held = machine.root / "proc/812/fd/7"
    held.parent.mkdir()
    held.symlink_to("/dev/ttyUSB0")
    (held.parent / "8").symlink_to("pipe:[4711]")
    machine.write("proc/813/comm", "bash\n")
    name = "/dev/serial/by-id/usb-FTDI_A1-if00-port0"
    found = port_probe(config, machine, name)
    assert not found.ok
    assert "ModemManager (process 812)" in found.text
    assert "bash" not in found.text
    beside = replace(config, meter=replace(config.meter, port=name))
    assert found_on(ports.PROBES[0], beside, machine, status={"phase": "available"}).ok
    held.unlink()
    assert port_probe(config, machine, name).ok


def test_a_port_in_the_hands_of_a_program_of_this_machine() -> None:
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    with subprocess.Popen(["sleep", "60"], stdin=theirs) as holder:
        try:
            assert ports.holders(Path("/"), name) == [f"sleep (process {holder.pid})"]
        finally:
            holder.kill()
    assert ports.holders(Path("/"), name) == [], "what this process has open is its own"
    os.close(ours)
    os.close(theirs)


# --- the file system --------------------------------------------------------------------------


def mounted(machine: Machine, config: Config, kind: str, options: str = "rw,noatime") -> None:
    machine.write(
        "proc/self/mountinfo",
        "22 1 179:2 / / rw - ext4 /dev/root rw\n"
        f"30 22 179:3 / {config.data_dir.parent} {options} shared:1 - {kind} /dev/root rw\n"
        "31 22 0:5 / /proc rw - proc proc rw\n",
    )
    real = machine.write("sys/devices/mmc/mmcblk0p3/size", "1").parent
    link = machine.root / "sys/dev/block/179:3"
    link.parent.mkdir(parents=True)
    link.symlink_to(os.path.relpath(real, link.parent))


def fs(config: Config, machine: Machine) -> Result:
    return found_on(filesystem.PROBES[0], config, machine)


def test_a_sound_file_system(config: Config, machine: Machine) -> None:
    mounted(machine, config, "ext4")
    machine.write("sys/fs/ext4/mmcblk0p3/errors_count", "0\n")
    machine.write("sys/block/mmcblk0/device/life_time", "0x02 0x01\n")
    machine.write("sys/block/mmcblk0/device/pre_eol_info", "0x01\n")
    found = fs(config, machine)
    assert found.ok, found.text
    assert "ext4 on mmcblk0p3, up to 20 % of its life used" in found.text


@pytest.mark.parametrize("kind", ["tmpfs", "overlay"])
def test_a_file_system_that_forgets(config: Config, machine: Machine, kind: str) -> None:
    mounted(machine, config, kind)
    found = fs(config, machine)
    assert not found.ok
    assert "forgets everything at a power cut" in found.text


def test_a_file_system_that_went_read_only(config: Config, machine: Machine) -> None:
    mounted(machine, config, "ext4", "ro,noatime")
    found = fs(config, machine)
    assert not found.ok
    assert "read-only" in found.text
    assert "replace the card" in found.text


@pytest.mark.parametrize(
    ("path", "text", "word"),
    [
        ("sys/fs/ext4/mmcblk0p3/errors_count", "12", "counted 12 errors"),
        ("sys/block/mmcblk0/device/life_time", "0x03 0x0a", "used up its rated life"),
        ("sys/block/mmcblk0/device/pre_eol_info", "0x02", "most of its spare blocks"),
        ("sys/block/mmcblk0/device/pre_eol_info", "0x03", "spare blocks are used up"),
    ],
)
def test_a_card_that_wears_out(
    config: Config, machine: Machine, path: str, text: str, word: str
) -> None:
    mounted(machine, config, "ext4")
    machine.write(path, text)
    found = fs(config, machine)
    assert not found.ok
    assert word in found.text


def test_a_kernel_that_does_not_tell_is_no_problem(config: Config, machine: Machine) -> None:
    assert fs(config, machine).ok


def test_blanks_in_a_mount_point(config: Config, machine: Machine) -> None:
    machine.write("proc/self/mountinfo", "30 22 179:3 / /media/my\\040card rw - ext4 /dev/sda1 rw")
    found = filesystem.mount_of(machine.root, Path("/media/my card/data"))
    assert found is not None
    assert found.device == "sda1"


# --- with a simulated box ---------------------------------------------------------------------

PI_ONLY = [
    *pi.PROBES,
    *boot.PROBES,
    *unit.PROBES,
    *ports.PROBES,
    *filesystem.PROBES,
    *spi.PROBES,
    *lines.PROBES,
]


@pytest.mark.parametrize("probe", PI_ONLY, ids=lambda probe: probe.name)
def test_a_simulated_box_is_no_raspberry_pi(probe: Probe, config: Config, tmp_path: Path) -> None:
    simulated = replace(config, simulator="/run/box.sock")
    found = look(probe, around(simulated, root=tmp_path / "nothing"))
    assert found == Result(probe.name, True, "simulated")
