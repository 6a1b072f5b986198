"""The container's file system: the host's /usr, and an /etc with the shipped unit and little else.

The unit finds everything where an installation puts it: the virtual environment and the failsafe
under /opt/evcs-station, the config in /etc/evcs-station, the pins in its drop-in. All other paths
are the same inside as outside, so that socket, journal and log of a box can be used from both.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from station import failsafe, unit
from station.config import Config

TREE = Path(__file__).resolve().parents[2]
UNIT = "evcs-station.service"
TARGET = "box.target"
INSTALLED = Path("/opt/evcs-station")
CONFIG = Path("etc/evcs-station/config.toml")

_EMPTY = ("usr", "proc", "sys", "dev", "run", "tmp", "var", "root", "opt")
_HOST_UNITS = Path("/usr/lib/systemd/system")
# What the host's /usr would start besides: a container for one service needs none of it.
_UNWANTED = ("sockets.target", "timers.target", "paths.target")
_TARGET = """\
[Unit]
Description=A charging box
Wants=evcs-station.service
AllowIsolate=yes
"""


def build(root: Path, config_file: Path, config: Config, further: str) -> None:
    """Make the folder. ``further`` is a drop-in of the unit beside the one with the pins."""
    for name in _EMPTY:
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        if Path("/", name).exists():
            (root / name).symlink_to(f"usr/{name}")
    units = root / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\n")
    (root / "etc" / "machine-id").touch()
    (root / "etc" / "os-release").write_text('ID=box\nNAME="A charging box"\n')
    (root / CONFIG).parent.mkdir()
    shutil.copy(config_file, root / CONFIG)
    shutil.copy(TREE / "systemd" / UNIT, units)
    (units / unit.DROP_IN).parent.mkdir()
    (units / unit.DROP_IN).write_text(unit.drop_in(config))
    (units / unit.DROP_IN).with_name("rig.conf").write_text(further)
    (units / TARGET).write_text(_TARGET)
    for name in (
        *_UNWANTED,
        *(one.name for one in (_HOST_UNITS / "sysinit.target.wants").iterdir()),
    ):
        (units / name).symlink_to("/dev/null")


def binds(*writable: Path) -> Iterator[str]:
    """systemd-nspawn's options for what the container shares with the host."""
    yield "--bind-ro=/usr"
    shared = [TREE, Path(sys.prefix), Path(sys.base_prefix)]
    yield from (f"--bind-ro={path}" for path in shared if not path.is_relative_to("/usr"))
    yield f"--bind-ro={os.path.realpath(sys.prefix)}:{INSTALLED / 'venv'}"
    yield f"--bind-ro={os.path.realpath(failsafe.__file__)}:{INSTALLED / 'failsafe.py'}"
    yield from (f"--bind={path}" for path in writable)
