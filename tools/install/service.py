"""systemd's side: what runs, what is restarted, and when not."""

from __future__ import annotations

import json
from pathlib import Path

from tools.install.place import UNIT, Place
from tools.install.told import InstallError, Run, advice, changed, run, same, works


def is_up() -> bool:
    """Whether a systemd runs here; there is none while an image is built."""
    return Path("/run/systemd/system").is_dir()


def refuse_while_charging(place: Place, execute: Run = run) -> None:
    """Raise InstallError while a car charges: a restart opens the contactor."""
    if not is_up() or not place.command.exists():
        return
    try:
        status = json.loads(execute(str(place.command), "status", "--json"))
    except (InstallError, ValueError):
        return
    if isinstance(status, dict) and status.get("session") is not None:
        raise InstallError(
            "a car is charging, and a restart would interrupt it; come again, or say FORCE=1"
        )


def reload(execute: Run = run) -> None:
    """Let systemd read the units, and its own settings."""
    if is_up():
        execute("systemctl", "daemon-reload")


def take_machine_settings(execute: Run = run) -> None:
    """The hardware watchdog from now on, and the kernel's settings."""
    if is_up():
        execute("systemctl", "daemon-reexec")
        works("sysctl", "--quiet", "--system")


def start(restart: bool, execute: Run = run) -> None:
    """Run it now and after every boot."""
    if not is_up():
        execute("systemctl", "enable", UNIT)
        advice("no systemd runs here: the station starts with the next boot")
        return
    active = works("systemctl", "is-active", "--quiet", UNIT)
    execute("systemctl", "enable", "--quiet", UNIT)
    if active and not restart:
        same(f"{UNIT} runs")
        return
    execute("systemctl", "restart", UNIT)
    changed(f"{UNIT} was {'restarted' if active else 'started'}")


def stop(execute: Run = run) -> None:
    """End it, now and after every boot."""
    if is_up():
        works("systemctl", "disable", "--now", "--quiet", UNIT)
    else:
        works("systemctl", "disable", UNIT)
