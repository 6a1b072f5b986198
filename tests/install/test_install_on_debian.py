"""The installation on a Debian 12 of its own, under its own systemd; the box is simulated outside.

One system goes through its life in the order of the tests: installed, booted, hung, broken, brought
up to date, rolled back, removed. What only a Raspberry Pi can show is in docs/commissioning.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from campaign.container.machine import Machine
from campaign.container.root import TARGET
from simulator.client import BoxClient
from tests.install import debian
from tools.install.place import UNIT
from tools.installation import Box, until

INSIDE = Path("/srv/box")
CONTACTOR, RED = 17, 6
BOOT_TARGET = """\
[Unit]
Wants=basic.target evcs-station.service
AllowIsolate=yes
"""
# The simulated box's meter is a terminal; a box has none.
RIG = "[Service]\nDeviceAllow=char-pts rw\n"

pytestmark = [
    pytest.mark.takes(90.0),
    pytest.mark.timeout(600),
]


@dataclass
class House:
    """The system, the box, and what was said at the installations."""

    folder: Path
    root: Path
    box: Box
    machine: Machine | None = None
    said: list[str] = field(default_factory=list)

    @property
    def etc(self) -> Path:
        return self.root / "etc/evcs-station"

    @property
    def program(self) -> Path:
        return self.root / "opt/evcs-station"

    def make(self, goal: str) -> str:
        """``make GOAL`` in the system, booted or not; what it said."""
        words = ("make", "-s", "-C", f"/{debian.SOURCE}", goal)
        if self.machine is None:
            done = debian.inside(self.root, *words)
        else:
            done = self.machine.run(*words, **debian.OFFLINE)
        assert done.returncode == 0, done.stdout + done.stderr
        self.said.append(done.stdout)
        return done.stdout

    def run(self, *words: str) -> str:
        assert self.machine is not None
        done = self.machine.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def show(self, *properties: str) -> dict[str, str]:
        assert self.machine is not None
        return self.machine.show(*properties)

    def wait(self, active: str = "active", **more: str) -> dict[str, str]:
        """Until the unit is in this state."""
        wanted = {"ActiveState": active} | more

        def there() -> dict[str, str] | None:
            found = self.show("NRestarts", "Result", "StatusText", *wanted)
            return found if all(found[key] == value for key, value in wanted.items()) else None

        return dict(until(there, f"{UNIT} {wanted}", 40) or {})

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.run("evcs-station", "status", "--json")))

    def raise_line(self) -> None:
        """The contactor's line is left up, as by a daemon that died while a car charged."""
        pi = BoxClient(str(self.box.socket), role="visitor")
        pi.call("gpio_setup", bcm=CONTACTOR, direction="out", level=1)
        pi.close()
        assert self.level(CONTACTOR) == 1

    def level(self, bcm: int) -> int:
        return int(self.box.client.call("state")["lines"][str(bcm)]["level"])

    def close(self) -> None:
        if self.machine is not None:
            self.machine.stop()
        self.box.stop()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    problem = debian.missing()
    if problem is not None:
        if os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
    place = tmp_path / "box"
    place.mkdir()
    box = Box(place, baudrate=19200)
    box.start()
    found = House(tmp_path, debian.unpack(tmp_path), box)
    try:
        yield found
    finally:
        found.close()


def a_first_time_says_what_is_to_be_done(house: House) -> None:
    said = house.make("install")
    assert "+ user evcs-station" in said
    assert "token" in said
    assert "then sudo make install again" in said
    assert (house.etc / "token").stat().st_mode & 0o777 == 0o600
    assert not (house.root / "etc/systemd/system" / UNIT).exists()


def with_a_config_it_is_complete_and_runs(house: House) -> None:
    _boot(house)
    text = (house.etc / "config.toml").read_text()
    for old, new in (
        ('# simulator = "/tmp/box.sock" ', f'simulator = "{INSIDE}/box.sock" '),
        ("/dev/serial/by-id/usb-rs485", f"{INSIDE}/meter.tty"),
        ("# baudrate = 9600  ", "baudrate = 19200  "),
        ("https://mmetering.example", "http://127.0.0.1:9"),
    ):
        assert old in text
        text = text.replace(old, new)
    (house.etc / "config.toml").write_text(text)
    (house.etc / "token").write_text("a-token\n")
    said = house.make("install")
    assert f"+ /etc/systemd/system/{UNIT}.d/pins.conf" in said
    assert f"+ {UNIT} was started" in said
    assert "--pin 17" in (house.root / f"etc/systemd/system/{UNIT}.d/pins.conf").read_text()
    assert (house.etc / "config.toml").read_text() == text


def again_changes_nothing(house: House) -> None:
    house.wait("active", SubState="running")
    since = house.show("ActiveEnterTimestampMonotonic")
    assert "+" not in house.make("install")
    assert house.show("ActiveEnterTimestampMonotonic") == since


def it_reads_its_devices_as_a_user_of_its_own(house: House) -> None:
    pid = house.show("MainPID")["MainPID"]
    assert house.run("stat", "--format=%U", f"/proc/{pid}").strip() == "evcs-station"
    # The meter was read through the sandbox, the contactor's line was set up and is down.
    until(lambda: (house.status()["meter"] or {}).get("serial"), "a meter reading")
    assert house.level(CONTACTOR) == 0
    assert house.status()["phase"] == "unavailable"
    assert "new journal" in house.show("StatusText")["StatusText"]


def the_sandbox_is_narrow(house: House) -> None:
    said = house.run("systemd-analyze", "security", "--no-pager", UNIT)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= 1.5, said


def it_can_write_where_it_has_to_and_nowhere_else(house: House) -> None:
    data = house.root / "var/lib/evcs-station"
    assert (data / "journal.sqlite3").stat().st_mode & 0o007 == 0
    assert data.stat().st_mode & 0o007 == 0
    socket = house.run("stat", "--format=%a %G", "/run/evcs-station/control.sock")
    assert socket.split() == ["660", "evcs-station"]


def one_that_hangs_is_killed_and_its_line_goes_down(house: House) -> None:
    before = int(house.wait()["NRestarts"])
    assert house.machine is not None
    os.kill(house.machine.main_pid(), signal.SIGSTOP)
    house.raise_line()
    until(lambda: house.level(CONTACTOR) == 0, "a failsafe behind the watchdog", 8)
    until(lambda: int(house.show("NRestarts")["NRestarts"]) > before, "the watchdog", 20)
    house.wait("active", SubState="running")


def the_failsafes_work_with_a_broken_config(house: House) -> None:
    good = (house.etc / "config.toml").read_text()
    (house.etc / "config.toml").write_text("not = [toml")
    try:
        assert house.machine is not None
        house.machine.run("systemctl", "restart", UNIT)
        house.wait("activating", SubState="auto-restart")
        house.raise_line()
        until(lambda: house.level(CONTACTOR) == 0, "the failsafe of the next try", 8)
        until(lambda: house.level(RED) == 1, "the red lamp")
    finally:
        (house.etc / "config.toml").write_text(good)
    house.wait("active", SubState="running")


def the_failsafes_work_with_a_dead_environment(house: House) -> None:
    assert house.machine is not None
    venv = house.program / "venv"
    target = venv.readlink()
    venv.unlink()
    try:
        pid = house.machine.main_pid()
        house.raise_line()
        os.kill(pid, signal.SIGKILL)
        until(lambda: house.level(CONTACTOR) == 0, "the failsafe behind it", 2)
        house.wait("activating", SubState="auto-restart")
        until(lambda: house.level(RED) == 1, "the red lamp")
    finally:
        venv.symlink_to(target)
    house.wait("active", SubState="running")


def a_full_disk_ends_nothing(house: House) -> None:
    data = "/var/lib/evcs-station"
    house.run("systemctl", "stop", UNIT)
    house.run("mount", "-t", "tmpfs", "-o", "size=8k,mode=0750", "full", data)
    try:
        house.run("chown", "evcs-station:evcs-station", data)
        house.raise_line()
        house.run("systemctl", "start", UNIT)
        house.wait("active", SubState="running")
        until(lambda: house.status()["phase"] == "unavailable", "no charge without a journal")
        assert "journal" in " ".join(house.status()["unavailable"])
        assert house.level(CONTACTOR) == 0
    finally:
        house.run("systemctl", "stop", UNIT)
        house.run("umount", data)
        house.run("systemctl", "start", UNIT)
    house.wait("active", SubState="running")


def an_upgrade_keeps_everything_and_can_be_taken_back(house: House) -> None:
    config = (house.etc / "config.toml").read_text()
    old = (house.program / "venv").readlink()
    station = house.root / debian.SOURCE / "station/__init__.py"
    station.write_text(station.read_text().replace('"0.1.0"', '"0.1.1"'))
    said = house.make("install")
    assert "+ version 0.1.1-" in said
    assert f"+ {UNIT} was restarted" in said
    house.wait("active", SubState="running")
    assert "0.1.1" in str((house.program / "venv").readlink())
    assert (house.etc / "config.toml").read_text() == config
    assert "+ version 0.1.0-" in house.make("rollback")
    house.wait("active", SubState="running")
    assert (house.program / "venv").readlink() == old
    assert "+ version 0.1.1-" in house.make("rollback")
    house.wait("active", SubState="running")


def an_upgrade_that_breaks_off_leaves_what_runs(house: House) -> None:
    source = house.root / debian.SOURCE / "station/cli/main.py"
    good = source.read_text()
    used = (house.program / "venv").readlink()
    source.write_text("this is no Python\n")
    assert house.machine is not None
    done = house.machine.run("make", "-s", "-C", f"/{debian.SOURCE}", "install", **debian.OFFLINE)
    source.write_text(good)
    assert done.returncode != 0
    assert "does not start; nothing was changed" in done.stderr
    assert (house.program / "venv").readlink() == used
    assert len(list((house.program / "releases").iterdir())) == 2
    assert house.wait()["ActiveState"] == "active"


def removal_keeps_what_belongs_to_the_box(house: House) -> None:
    said = house.make("uninstall")
    assert "kept: /etc/evcs-station" in said
    assert house.show("ActiveState")["ActiveState"] == "inactive"
    assert not house.program.exists()
    assert not (house.root / "etc/systemd/system" / UNIT).exists()
    assert (house.etc / "token").read_text() == "a-token\n"
    assert (house.root / "var/lib/evcs-station/journal.sqlite3").exists()
    assert house.level(CONTACTOR) == 0
    shutil.rmtree(house.root / "root")


def _boot(house: House) -> None:
    units = house.root / "etc/systemd/system"
    (units / TARGET).write_text(BOOT_TARGET)
    (units / f"{UNIT}.d").mkdir()
    (units / f"{UNIT}.d/rig.conf").write_text(RIG)
    (house.root / f".{INSIDE}").mkdir()
    shared = house.box.socket.parent
    meter = Path(os.path.realpath(f"{house.box.socket}.meter"))
    for path in (meter, house.box.socket):
        path.chmod(0o666)
    shared.chmod(0o755)
    (shared / "meter.tty").touch()
    binds = [f"--bind={shared}:{INSIDE}", f"--bind={meter}:{INSIDE}/meter.tty"]
    name = f"evcs-debian-{os.getpid()}"
    house.machine = Machine(name, house.root, binds, house.folder / "container.log")


LIFE = (
    a_first_time_says_what_is_to_be_done,
    with_a_config_it_is_complete_and_runs,
    again_changes_nothing,
    it_reads_its_devices_as_a_user_of_its_own,
    the_sandbox_is_narrow,
    it_can_write_where_it_has_to_and_nowhere_else,
    one_that_hangs_is_killed_and_its_line_goes_down,
    the_failsafes_work_with_a_broken_config,
    the_failsafes_work_with_a_dead_environment,
    a_full_disk_ends_nothing,
    an_upgrade_keeps_everything_and_can_be_taken_back,
    an_upgrade_that_breaks_off_leaves_what_runs,
    removal_keeps_what_belongs_to_the_box,
)


def test_the_life_of_an_installation(house: House) -> None:
    """In this order; the trace of a failure names the step."""
    for step in LIFE:
        step(house)
