"""What lies in /etc: the box's config and token, the unit with its pins, the machine's watchdog.

The config belongs to the box and is never written again. Everything else is made from it and from
this source, and is made anew each time.
"""

from __future__ import annotations

import os
import shutil

from station import config, unit
from station.config import Config, ConfigError
from tools.install.place import UNIT, USER, Place
from tools.install.told import advice, changed, same, write

WATCHDOG = """\
# The Pi's own watchdog resets it when systemd does not live any more; 15 s is the most it can wait.
[Manager]
RuntimeWatchdogSec=14
RebootWatchdogSec=2min
"""
KERNEL = """\
# A kernel that cannot go on starts anew, and the failsafe with it.
kernel.panic = 5
kernel.panic_on_oops = 1
"""


def keep_config(place: Place) -> None:
    """Config, token and data directory, where they are not there yet."""
    if place.config.exists():
        same(f"{place.config}: kept")
    else:
        place.config.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(place.source / "config.toml", place.config)
        changed(f"{place.config}: an example, to be changed")
    if not place.token.exists():
        place.token.touch(0o600)
        changed(f"{place.token}: empty, for the line that evcs_station printed at the server")
    place.token.chmod(0o600)
    place.data.mkdir(parents=True, exist_ok=True)
    place.data.chmod(0o750)
    if place.root.samefile("/"):
        shutil.chown(place.token, USER, USER)
        shutil.chown(place.data, USER, USER)
        for path in place.data.rglob("*"):
            os.chown(path, place.data.stat().st_uid, place.data.stat().st_gid)


def read_config(place: Place) -> Config | None:
    """The box's config; None when it cannot be used, after its mistakes were told."""
    try:
        return config.load(place.config)
    except ConfigError as error:
        for line in error.mistakes:
            advice(line)
        return None


def write_unit(place: Place, found: Config) -> bool:
    """The unit, and the drop-in with the pins of its failsafes; whether one of them changed."""
    texts = {
        place.units / UNIT: (place.source / "systemd" / UNIT).read_text(),
        place.units / unit.DROP_IN: unit.drop_in(found),
    }
    return sum(write(path, text) for path, text in texts.items()) > 0


def write_machine(place: Place) -> bool:
    """The hardware watchdog, and a kernel that restarts; whether one of them changed."""
    return write(place.watchdog, WATCHDOG) + write(place.kernel, KERNEL) > 0


def boot_lines(found: Config) -> list[str]:
    """The lines of the firmware's config.txt that this box wants."""
    box = found.contactor
    lines = ["dtparam=spi=on", "dtparam=watchdog=on"]
    lines.append(f"gpio={box.pin}=op,{'dl' if box.active_high else 'dh'}")
    lines += [f"gpio={pin}=op,dl" for pin in (box.enable_pin, box.trip_pin) if pin is not None]
    return lines


def show_boot_lines(place: Place, found: Config) -> None:
    """Say which of them are not there. They are the owner's to write: the board starts by them."""
    path = place.boot_config
    if path is None:
        return
    there = {line.strip() for line in path.read_text(errors="replace").splitlines()}
    missing = [line for line in boot_lines(found) if line not in there]
    for line in missing:
        advice(f"{path} wants the line: {line}")
    if not missing:
        same(f"{path}")
