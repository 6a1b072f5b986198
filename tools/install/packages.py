"""Debian's packages, and the one trap among them: who provides RPi.GPIO.

Two packages are called RPi.GPIO. The old one does not work on a Pi 5 and, in a system-wide pip
directory, hides rpi-lgpio, which Raspberry Pi OS brings. Uninstalling it by pip then removes files
of the other. So pip's one goes first, and Debian's is put back after it.
"""

from __future__ import annotations

from pathlib import Path

from tools.install.place import Place
from tools.install.told import InstallError, Run, advice, changed, run, same, works

NEEDED = ("python3-venv", "python3-spidev", "ca-certificates")
# Only in Raspberry Pi OS: the GPIO library of all its boards, and the tool of the first failsafe.
OF_A_PI = ("python3-rpi-lgpio", "raspi-utils")
GPIO = "python3-rpi-lgpio"
CODENAMES = {"bookworm": "12", "trixie": "13"}


def install(place: Place, execute: Run = run) -> None:
    """Install what is missing. Raises InstallError."""
    _check_system(place)
    wanted = [*NEEDED, *(OF_A_PI if place.model else ())]
    missing = [name for name in wanted if not _installed(name, execute)]
    if missing:
        execute("apt-get", "update", "-qq")
        unknown = [name for name in missing if not _known(name, execute)]
        if GPIO in unknown:
            raise InstallError(
                f"this system has no package {GPIO}: use Raspberry Pi OS (Bookworm or Trixie), "
                "which brings the GPIO library of all its boards"
            )
        for name in unknown:
            advice(f"this system has no package {name}; see docs/installation.md")
        found = [name for name in missing if name not in unknown]
        if found:
            execute("apt-get", "install", "-y", "-qq", "--no-install-recommends", *found)
            changed(f"packages: {' '.join(found)}")
    else:
        same(f"packages: {' '.join(wanted)}")
    _mend_gpio(place, execute)


def _check_system(place: Place) -> None:
    release = place.root / "etc/os-release"
    try:
        lines = dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line)
    except OSError:
        lines = {}
    codename = lines.get("VERSION_CODENAME", "").strip('"')
    if codename not in CODENAMES:
        raise InstallError(
            f"this is {lines.get('PRETTY_NAME', 'an unknown system')}; the station is installed "
            "on Raspberry Pi OS or Debian 12 (bookworm) or 13 (trixie)"
        )
    if place.model is None:
        advice("this is no Raspberry Pi: only a simulated box ([station] simulator) will work")
    else:
        same(place.model)


def _mend_gpio(place: Place, execute: Run) -> None:
    """Remove what pip put over Debian's RPi.GPIO."""
    hiding = [
        path
        for path in sorted((place.root / "usr/local/lib").glob("python3*/dist-packages/RPi"))
        if path.is_dir()
    ]
    if not hiding:
        return
    execute("python3", "-m", "pip", "uninstall", "-y", "--break-system-packages", "RPi.GPIO")
    if place.model is not None:
        execute("apt-get", "install", "-y", "-qq", "--reinstall", GPIO)
    changed(f"removed pip's RPi.GPIO from {_shown(hiding)}: it hid {GPIO}")


def _shown(paths: list[Path]) -> str:
    return ", ".join(str(path.parent) for path in paths)


def _installed(name: str, execute: Run) -> bool:
    try:
        found = execute("dpkg-query", "--show", "--showformat=${db:Status-Status}", name)
    except InstallError:
        return False
    return found == "installed"


def _known(name: str, execute: Run) -> bool:
    if execute is run:
        return works("apt-cache", "show", name)
    try:
        execute("apt-cache", "show", name)
    except InstallError:
        return False
    return True
