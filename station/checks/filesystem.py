"""The file system and the card under data_dir: do they keep what is written, are they wearing out.

SD cards do not tell their wear; eMMC does, and a file system counts its errors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from station.checks import board
from station.checks.probe import Result, Surroundings, pi_only

_FORGETFUL = ("tmpfs", "ramfs", "overlay")
_USED_UP = 0x09
_PRE_END = {2: "most of its spare blocks are used", 3: "its spare blocks are used up"}


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a path lies. ``device``: the kernel's name of the partition, "mmcblk0p2"."""

    point: str
    kind: str
    device: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Wear:
    """``errors``: of the file system. ``life``, ``pre_end``: of eMMC (JEDEC); None: not told."""

    errors: int
    life: int | None = None
    pre_end: int | None = None


def look(around: Surroundings) -> Result:
    """Read what kernel and card tell."""
    folder = around.config.data_dir
    found = mount_of(around.root, folder)
    if found is None:
        return Result("filesystem", True, f"the kernel does not tell where {folder} lies")
    return judge(str(folder), found, wear_of(around.root, found.device))


def mount_of(root: Path, folder: Path) -> Mount | None:
    """The mount that a folder lies in, by proc/self/mountinfo."""
    best: Mount | None = None
    parts = folder.absolute()
    for line in (board.text_of(root / "proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(fields) < 6 or len(rest) < 2:
            continue
        # Blanks in a path are written in octal.
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
        if not parts.is_relative_to(point) or (best and len(point) < len(best.point)):
            continue
        options = {*fields[5].split(","), *(rest[2].split(",") if len(rest) > 2 else ())}
        # The source may be called /dev/root; the numbers are sure.
        link = root / "sys/dev/block" / fields[2]
        device = link.resolve().name if link.exists() else Path(rest[1]).name
        best = Mount(point, rest[0], device, "ro" in options)
    return best


def wear_of(root: Path, device: str) -> Wear:
    """What is told of a partition."""
    errors = _number(root / "sys/fs/ext4" / device / "errors_count", 10) or 0
    match = re.fullmatch(r"(mmcblk\d+)p\d+", device)
    if match is None:
        return Wear(errors)
    card = root / "sys/block" / match[1] / "device"
    lives = [int(word, 16) for word in re.findall(r"0x[0-9A-Fa-f]+", _text(card / "life_time"))]
    return Wear(errors, max(lives, default=0) or None, _number(card / "pre_eol_info", 16))


def _text(path: Path) -> str:
    return board.text_of(path) or ""


def _number(path: Path, base: int) -> int | None:
    try:
        return int(_text(path), base)
    except ValueError:
        return None


def judge(folder: str, mount: Mount, wear: Wear) -> Result:
    """Pure."""
    problems = []
    if mount.kind in _FORGETFUL:
        problems.append(
            f"{folder} lies in {mount.kind}, which forgets everything at a power cut: put data_dir "
            "on the card (with a read-only system: on a partition of its own)"
        )
    if mount.read_only:
        problems.append(
            f"{mount.point} is mounted read-only: if nobody wanted that, the card is failing; "
            "dmesg says why; keep a copy of data_dir and replace the card"
        )
    if wear.errors:
        problems.append(
            f"{mount.device} has counted {wear.errors} errors in its file system: the card or the "
            "supply is failing; keep a copy of data_dir, replace the card"
        )
    if (wear.life or 0) >= _USED_UP:
        problems.append(f"{mount.device} has used up its rated life: replace it")
    elif wear.pre_end in _PRE_END:
        problems.append(f"{mount.device}: {_PRE_END[wear.pre_end]}: replace it")
    if problems:
        return Result("filesystem", False, "; ".join(problems))
    used = f", up to {10 * wear.life} % of its life used" if wear.life else ""
    return Result("filesystem", True, f"{folder} lies in {mount.kind} on {mount.device}{used}")


PROBES = (pi_only("filesystem", look),)
