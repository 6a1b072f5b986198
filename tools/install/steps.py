"""The steps in their order."""

from __future__ import annotations

import shutil

from tools.install import account, packages, release, service, settings
from tools.install.place import UNIT, USER, Place
from tools.install.told import advice, changed, same


def install(place: Place, force: bool = False) -> None:
    """Install, or bring up to date. Raises InstallError; what runs, runs on then."""
    if not force:
        service.refuse_while_charging(place)
    packages.install(place)
    account.make(place)
    settings.keep_config(place)
    new = release.install(place)
    machine = settings.write_machine(place)
    found = settings.read_config(place)
    if found is None:
        advice(f"edit {place.config} and {place.token}, then sudo make install again")
        return
    unit = settings.write_unit(place, found)
    if unit:
        service.reload()
    if machine:
        service.take_machine_settings()
    settings.show_boot_lines(place, found)
    service.start(restart=new or unit)
    same("what next: evcs-station check; docs/commissioning.md")


def roll_back(place: Place, force: bool = False) -> None:
    """Use the version before this one. Raises InstallError."""
    if not force:
        service.refuse_while_charging(place)
    release.roll_back(place)
    service.start(restart=True)


def uninstall(place: Place, force: bool = False) -> None:
    """Remove the program and its units; the box's own things stay. Raises InstallError."""
    if not force:
        service.refuse_while_charging(place)
    service.stop()
    folders = (place.program, (place.units / f"{UNIT}.d"))
    files = (place.units / UNIT, place.command, place.watchdog, place.kernel)
    for path in folders:
        if path.is_dir():
            shutil.rmtree(path)
            changed(f"removed {path}")
    for path in files:
        if path.is_symlink() or path.exists():
            path.unlink()
            changed(f"removed {path}")
    service.reload()
    same(f"kept: {place.config.parent}, {place.data} and the user {USER}")
