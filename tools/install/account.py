"""The user that the daemon runs as, and the groups that open the Pi's devices to it."""

from __future__ import annotations

from tools.install.place import USER, Place
from tools.install.told import Run, advice, changed, run, same

# Whose the devices are on Raspberry Pi OS: GPIO lines, SPI, serial ports.
DEVICES = {"gpio": "/dev/gpiochip*", "spi": "/dev/spidev*", "dialout": "the serial ports"}


def make(place: Place, execute: Run = run) -> None:
    """Make the user, its group, and its membership in the devices' groups."""
    users, groups = _names(place, "passwd"), _groups(place)
    if USER in users:
        same(f"user {USER}")
    else:
        home = str(place.data)
        shell = "/usr/sbin/nologin"
        execute(
            "useradd", "--system", "--user-group", "--no-create-home",
            "--home-dir", home, "--shell", shell, USER,
        )  # fmt: skip
        changed(f"user {USER}; who is to use evcs-station beside root: usermod -aG {USER} NAME")
    for name, devices in DEVICES.items():
        if name not in groups:
            if place.model is not None:
                advice(f"there is no group {name}: {devices} may not be open to {USER}")
        elif USER not in groups[name]:
            execute("usermod", "--append", "--groups", name, USER)
            changed(f"{USER} into group {name} ({devices})")


def _names(place: Place, file: str) -> set[str]:
    lines = (place.root / "etc" / file).read_text().splitlines()
    return {line.split(":")[0] for line in lines}


def _groups(place: Place) -> dict[str, list[str]]:
    lines = (place.root / "etc/group").read_text().splitlines()
    rows = [line.split(":") for line in lines if line.count(":") == 3]
    return {row[0]: row[3].split(",") for row in rows}
