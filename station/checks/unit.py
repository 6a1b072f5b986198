"""The service in systemd: does its unit fit this config, who is it, may it use its devices.

And the hardware watchdog, which systemd feeds. Nothing is asked of systemd: the files are read, so
that a box that does not boot into it can be looked at as well.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from station import unit
from station.checks import board
from station.checks.probe import Result, Surroundings, pi_only

UNIT = "evcs-station.service"
FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system")
_SYSTEM = (
    "usr/lib/systemd/system.conf.d",
    "run/systemd/system.conf.d",
    "etc/systemd/system.conf.d",
)
_OFF = ("", "0", "off", "infinity")


@dataclass(frozen=True, slots=True)
class Service:
    """What the unit and its drop-ins say, in the order in which systemd reads them."""

    text: str

    def last(self, key: str) -> str | None:
        found = re.findall(rf"^{key}=(.*)$", self.text, re.MULTILINE)
        return found[-1].strip() if found else None


def service(root: Path) -> Service | None:
    """None: no unit of this name is installed. The first folder counts; drop-ins of all count."""
    texts = [text for folder in FOLDERS if (text := board.text_of(root / folder / UNIT))]
    if not texts:
        return None
    drop_ins: dict[str, str] = {}
    for folder in reversed(FOLDERS):
        for path in sorted((root / folder / f"{UNIT}.d").glob("*.conf")):
            drop_ins[path.name] = board.text_of(path) or ""
    return Service("\n".join([texts[0], *(drop_ins[name] for name in sorted(drop_ins))]))


def look(around: Surroundings) -> Result:
    """Compare the failsafes' pins with the config."""
    found = service(around.root)
    wanted = unit.drop_in(around.config)
    given = [
        text
        for folder in FOLDERS
        if (text := board.text_of(around.root / folder / unit.DROP_IN)) is not None
    ]
    return judge(found is not None, given[0] if given else None, wanted)


def judge(installed: bool, given: str | None, wanted: str) -> Result:
    """Pure. ``given``: the drop-in with the pins that is installed."""
    if not installed:
        text = (
            f"{UNIT} is not installed: nothing opens the contactor when the daemon dies, and "
            "nothing starts it anew; sudo make install"
        )
        return Result("unit", False, text)
    if given is None:
        text = f"{UNIT} has no {unit.DROP_IN}: its failsafes know no pin; sudo make install"
        return Result("unit", False, text)
    if _settings(given) == _settings(wanted):
        return Result("unit", True, f"{UNIT}: its failsafes drive the pins of this config")
    text = (
        f"the pins of {unit.DROP_IN} are not those of this config: after a crash the failsafes "
        "would drive others; sudo make install writes it anew"
    )
    return Result("unit", False, text)


def _settings(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines() if "=" in line and line[:1] not in "#;"}


@dataclass(frozen=True, slots=True)
class Node:
    """A device file. ``group``: the name of the group that owns it."""

    path: str
    uid: int
    group: str
    mode: int


@dataclass(frozen=True, slots=True)
class User:
    """The one that the service runs as, with the names of all its groups."""

    name: str
    uid: int
    groups: frozenset[str]


def look_at_groups(around: Surroundings) -> Result:
    """Who the service is, and which of its devices it may not open."""
    found = service(around.root)
    passwd, group = (_table(around.root / "etc" / name) for name in ("passwd", "group"))
    names = {int(row[2]): row[0] for row in group if row[2].isdigit()}
    name = (found.last("User") or "root") if found is not None else None
    extra = (found.last("SupplementaryGroups") or "").split() if found is not None else []
    user = _user(name, passwd, group, names, extra)
    if user is None:
        text = f"{UNIT} runs as {name}, and there is no such user: sudo make install"
        return Result("groups", False, text)
    who = "the service's user" if found is not None else "without a unit it is you"
    return judge_groups(user, _nodes(around, names), who)


def judge_groups(user: User, nodes: Iterable[Node], who: str = "the service's user") -> Result:
    """Pure."""
    refused: dict[str, list[str]] = {}
    for node in nodes:
        if not _may(user, node):
            refused.setdefault(node.group, []).append(node.path)
    if not refused:
        return Result("groups", True, f"{who}, {user.name}: may use the devices")
    if "root" in refused:
        text = (
            f"{who}, {user.name}: may not use {', '.join(refused['root'])}, which "
            "belongs to root alone: a udev rule has to give it to spi, gpio or dialout"
        )
        return Result("groups", False, text)
    shown = "; ".join(f"{name} (owns {', '.join(paths)})" for name, paths in refused.items())
    text = (
        f"{who}, {user.name}: not in {shown}: usermod -aG {','.join(refused)} "
        f"{user.name}, then restart the service"
    )
    return Result("groups", False, text)


def _may(user: User, node: Node) -> bool:
    read_write = 0o6
    return (
        user.uid == 0
        or (user.uid == node.uid and node.mode >> 6 & read_write == read_write)
        or (node.group in user.groups and node.mode >> 3 & read_write == read_write)
        or node.mode & read_write == read_write
    )


def _nodes(around: Surroundings, names: Mapping[int, str]) -> Iterable[Node]:
    config = around.config
    wanted = [f"/dev/spidev{config.reader.spi_bus}.{config.reader.spi_device}", config.meter.port]
    wanted += [f"/dev/{one.name}" for one in sorted((around.root / "dev").glob("gpiochip*"))]
    if config.server.port is not None and config.server.port.startswith("/"):
        wanted.append(config.server.port)
    for path in wanted:
        try:
            found = (around.root / path.lstrip("/")).stat()
        except OSError:
            continue
        group = names.get(found.st_gid, str(found.st_gid))
        yield Node(path, found.st_uid, group, stat.S_IMODE(found.st_mode))


def _table(path: Path) -> list[list[str]]:
    rows = [line.split(":") for line in (board.text_of(path) or "").splitlines()]
    return [row for row in rows if len(row) >= 4]


def _user(
    name: str | None,
    passwd: list[list[str]],
    group: list[list[str]],
    names: Mapping[int, str],
    extra: Iterable[str],
) -> User | None:
    """``name`` None: whoever runs this, because no unit says who the service is."""
    uid = None if name is not None else os.geteuid()
    if name == "root":
        return User("root", 0, frozenset())
    for row in passwd:
        if row[2].isdigit() and row[3].isdigit() and (row[0] == name or int(row[2]) == uid):
            member = {one[0] for one in group if row[0] in one[3].split(",")}
            own = {names.get(int(row[3]), row[3])}
            return User(row[0], int(row[2]), frozenset(member | own | set(extra)))
    if uid is not None:
        return User(str(uid), uid, frozenset(names.get(gid, str(gid)) for gid in os.getgroups()))
    return None


def look_at_watchdog(around: Surroundings) -> Result:
    """Whether systemd feeds the Pi's hardware watchdog."""
    texts = [board.text_of(around.root / "etc/systemd/system.conf") or ""]
    for folder in _SYSTEM:
        texts += [
            board.text_of(path) or "" for path in sorted((around.root / folder).glob("*.conf"))
        ]
    found = re.findall(r"^RuntimeWatchdogSec=(.*)$", "\n".join(texts), re.MULTILINE)
    there = (around.root / "dev/watchdog0").exists() or (around.root / "dev/watchdog").exists()
    return judge_watchdog(found[-1].strip() if found else "", there)


def judge_watchdog(within: str, there: bool) -> Result:
    """Pure. ``within``: RuntimeWatchdogSec."""
    if not there:
        text = "there is no /dev/watchdog: dtparam=watchdog=on in config.txt, then reboot"
        return Result("watchdog", False, text)
    if within.lower() in _OFF:
        text = (
            "a kernel that hangs is never restarted: set RuntimeWatchdogSec=15 in "
            "/etc/systemd/system.conf.d (sudo make install does)"
        )
        return Result("watchdog", False, text)
    return Result("watchdog", True, f"a kernel that hangs for {within} is restarted")


PROBES = (
    pi_only("unit", look),
    pi_only("groups", look_at_groups),
    pi_only("watchdog", look_at_watchdog),
)
