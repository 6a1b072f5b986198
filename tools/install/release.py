"""The program: each version in a folder of its own, one link says which is in use.

An installation that breaks off leaves the version in use as it was, and the way back is one link.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path

from tools.install.place import Place
from tools.install.told import InstallError, Run, changed, link, run, same, works

MFRC522 = "mfrc522==0.0.7"
PACKAGES = ("station", "drivers", "simulator", "mcsp")
FINGERPRINT = "FINGERPRINT"
KEPT = 3


def install(place: Place, execute: Run = run) -> bool:
    """Build this source as a release and use it; whether it is another one than before.

    Raises InstallError, and then nothing has changed.
    """
    wanted = fingerprint(place.source)
    used = in_use(place)
    if used is not None and _reads(used / FINGERPRINT) == wanted and _starts(used):
        same(f"version {used.name}")
        return False
    folder = place.releases / f"{version(place.source)}-{datetime.now(UTC):%Y%m%d%H%M%S}"
    folder.mkdir(parents=True)
    try:
        _build(place, folder, execute)
    except InstallError:
        shutil.rmtree(folder)
        raise
    (folder / FINGERPRINT).write_text(wanted)
    _use(place, folder)
    if used is not None:
        link(place.before, str((used / "venv").relative_to(place.program)))
    _tidy(place)
    changed(f"version {folder.name}" + (f", before it {used.name}" if used else ""))
    return True


def roll_back(place: Place) -> None:
    """Use the version before this one again; once more: this one. Raises InstallError."""
    used = in_use(place)
    if not place.before.is_symlink() or not place.before.resolve().is_dir():
        raise InstallError(f"there is no version before this one in {place.releases}")
    before = place.before.resolve().parent
    if not _starts(before):
        raise InstallError(f"{before} does not start any more; sudo make install mends it")
    _use(place, before)
    if used is not None:
        link(place.before, str((used / "venv").relative_to(place.program)))
    changed(f"version {before.name}" + (f", not {used.name} any more" if used else ""))


def in_use(place: Place) -> Path | None:
    """The folder of the release in use, None without one."""
    if not place.environment.is_symlink():
        return None
    found = place.environment.resolve().parent
    return found if found.is_dir() else None


def version(source: Path) -> str:
    """The version that the source says it is."""
    text = (source / "station/__init__.py").read_text()
    return text.partition('__version__ = "')[2].partition('"')[0]


def fingerprint(source: Path) -> str:
    """A hash of everything that is installed."""
    files = [source / name for name in ("pyproject.toml", "constraints.txt", "setup.py")]
    for name in PACKAGES:
        files += [path for path in (source / name).rglob("*") if path.suffix in (".py", ".sql")]
    found = hashlib.sha256()
    for path in sorted(files):
        found.update(f"{path.relative_to(source)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


def _build(place: Place, folder: Path, execute: Run) -> None:
    environment = folder / "venv"
    execute("/usr/bin/python3", "-m", "venv", "--system-site-packages", str(environment))
    pip = (str(environment / "bin/python"), "-m", "pip", "--disable-pip-version-check", "-q")
    constraints = str(place.source / "constraints.txt")
    # A copy: pip builds in the folder that it is given, and that one is somebody's checkout.
    source = folder / "source"
    source.mkdir()
    for name in PACKAGES:
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(place.source / name, source / name, ignore=skipped)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(place.source / name, source)
    execute(*pip, "install", "-c", constraints, str(source))
    execute(*pip, "install", "--no-deps", MFRC522)
    # A classic RPi.GPIO in here would hide the system's rpi-lgpio.
    if any(environment.glob("lib/python3*/site-packages/RPi")):
        execute(*pip, "uninstall", "-y", "RPi.GPIO")
    shutil.rmtree(source)
    shutil.copy(place.source / "station/failsafe.py", folder / "failsafe.py")
    if not _starts(folder):
        raise InstallError(f"what was installed in {folder} does not start; nothing was changed")


def _starts(folder: Path) -> bool:
    return works(str(folder / "venv/bin/evcs-station"), "--help")


def _use(place: Place, folder: Path) -> None:
    new = place.failsafe.with_name(".failsafe.new")
    shutil.copy(folder / "failsafe.py", new)
    new.replace(place.failsafe)
    link(place.environment, str((folder / "venv").relative_to(place.program)))
    link(place.command, str(place.environment / "bin/evcs-station"))


def _tidy(place: Place) -> None:
    """Remove all but the latest, those in use not."""
    kept = {in_use(place)}
    if place.before.is_symlink():
        kept.add(place.before.resolve().parent)
    for path in sorted(place.releases.iterdir(), key=lambda one: one.stat().st_mtime)[:-KEPT]:
        if path not in kept:
            shutil.rmtree(path)


def _reads(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
