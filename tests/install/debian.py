"""A Debian of its own in a folder: made once by mmdebstrap, unpacked for each test session.

Nothing in it is a Raspberry Pi; the box is simulated outside and reached in /srv/box. Wheels are
fetched outside too, so that what is inside needs no network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from campaign.container.machine import why_not
from tools.install.packages import NEEDED
from tools.install.release import MFRC522
from tools.installation import ROOT

# EVCS_DEBIAN=trixie: the other one that Raspberry Pi OS is made from.
CODENAME = os.environ.get("EVCS_DEBIAN", "bookworm")
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
# Beside what the installation itself asks for: a system that boots, and make.
INCLUDED = ("systemd", "systemd-sysv", "dbus", "adduser", "make", *NEEDED)
CACHE = ROOT / ".run" / "debian"
SOURCE = Path("root/evcs")
WHEELS = Path("root/wheels")
# What a system without a network has to know.
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": f"/{WHEELS}", "PIP_CONFIG_FILE": "/dev/null"}


def missing() -> str | None:
    """What keeps this machine from doing it, and what to do; None when nothing does."""
    if (problem := why_not()) is not None:
        return problem
    if shutil.which("mmdebstrap") is None:
        return "no Debian can be made here: apt install mmdebstrap"
    return None


def unpack(folder: Path) -> Path:
    """A fresh system with this source in it; its root."""
    root = folder / "debian"
    root.mkdir()
    subprocess.run(["tar", "--extract", "--file", _image(), "--directory", root], check=True)
    _copy_source(root / SOURCE)
    shutil.copytree(_wheels(), root / WHEELS)
    return root


def inside(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a system that is not booted, as while an image is made."""
    settings = [f"--setenv={name}={value}" for name, value in OFFLINE.items()]
    return subprocess.run(
        [*("systemd-nspawn", "--quiet", "--register=no", "--pipe", "--resolv-conf=off"),
         *("--timezone=off", "--directory", str(root)), *_unit(), *settings, *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip


def _unit() -> list[str]:
    return [] if Path("/run/systemd/system").is_dir() else ["--keep-unit"]


def _image() -> Path:
    image = CACHE / f"{CODENAME}.tar"
    if not image.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        new = image.with_suffix(".new.tar")
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(INCLUDED)}",
             CODENAME, str(new), *_sources()],
            check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        new.replace(image)
    return image


def _sources() -> list[str]:
    """This machine's own mirror of Debian, where it says which that is."""
    listed = Path("/etc/apt/sources.list.d/debian.sources")
    if not listed.exists():
        return []
    found = re.search(r"^URIs: *(\S+)", listed.read_text(), re.MULTILINE)
    return [f"deb {found[1]} {CODENAME} main"] if found else []


def _copy_source(place: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)


def _wheels() -> Path:
    """What the installation fetches from the package index."""
    place = CACHE / f"wheels-{CODENAME}"
    wanted = ("requests", "minimalmodbus", "pyserial", "setuptools>=77")
    if not place.exists():
        new = CACHE / f"wheels.{os.getpid()}"
        pip = (sys.executable, "-m", "pip", "-q", "--disable-pip-version-check")
        theirs = ("--python-version", PYTHONS[CODENAME], "--only-binary=:all:")
        limits = ("-c", str(ROOT / "constraints.txt"))
        subprocess.run([*pip, "download", *theirs, *limits, "-d", str(new), *wanted], check=True)
        subprocess.run([*pip, "wheel", "--no-deps", "-w", str(new), MFRC522], check=True)
        new.replace(place)
    return place
