"""The serial ports: names that are steady over boots, nobody's console, in nobody else's hands."""

from __future__ import annotations

import os
import re
from pathlib import Path

from station.checks import board
from station.checks.probe import Result, Surroundings, pi_only

# Names that change with the order in which adapters are found.
_RESTLESS_NAME = re.compile(r"/dev/tty(USB|ACM)\d+")
_STEADY = ("dev/serial/by-id", "dev/serial/by-path")


def look(around: Surroundings) -> Result:
    """The meter's port, and the server's line if that is one."""
    config, root = around.config, around.root
    wanted = {"[meter] port": config.meter.port}
    if config.server.port is not None and config.server.port.startswith("/"):
        wanted["[server] port"] = config.server.port
    problems = []
    for key, port in wanted.items():
        held = holders(root, port) if around.alone else []
        problems += judge(key, port, steady_names(root, port), console(root, port), held)
    if problems:
        return Result("port", False, "; ".join(problems))
    return Result("port", True, ", ".join(wanted.values()))


def steady_names(root: Path, port: str) -> list[str]:
    """The names of the same device that udev keeps over boots, the best one first.

    Adapters without a serial number share one name by id: it leads to one of them only.
    """
    real = os.path.realpath(root / port.lstrip("/"))
    return [
        f"/{folder}/{link.name}"
        for folder in _STEADY
        for link in sorted((root / folder).glob("*"))
        if os.path.realpath(link) == real
    ]


def console(root: Path, port: str) -> str | None:
    """The word of the kernel's command line that makes a port its console."""
    names = {Path(port).name, Path(os.path.realpath(root / port.lstrip("/"))).name}
    for word in board.kernel_words(root):
        if word.startswith("console=") and word[8:].partition(",")[0] in names:
            return word
    return None


def holders(root: Path, port: str) -> list[str]:
    """Other programs that have a port open: "ModemManager (process 812)". Root sees all of them."""
    real = "/" + os.path.relpath(os.path.realpath(root / port.lstrip("/")), os.path.realpath(root))
    found = []
    for process in sorted((root / "proc").glob("[0-9]*")):
        if process.name == str(os.getpid()) or not _has_open(process, real):
            continue
        found.append(f"{board.text_of(process / 'comm')} (process {process.name})")
    return found


def _has_open(process: Path, real: str) -> bool:
    try:
        return any(
            os.readlink(link) == real  # noqa: PTH115 - "pipe:[1]" is no path
            for link in (process / "fd").iterdir()
        )
    except OSError:
        return False


def judge(
    key: str, port: str, steady: list[str], console_word: str | None, held: list[str]
) -> list[str]:
    """Pure. What is wrong with one port."""
    problems = []
    if held:
        problems.append(
            f"{port} is open in {', '.join(held)}: stop that one, it takes answers away"
        )
    if _RESTLESS_NAME.fullmatch(port):
        name = steady[0] if steady else "its name in /dev/serial/by-id, or by-path"
        problems.append(f"{key} = {port} may be another adapter after a boot: use {name}")
    if console_word is not None:
        problems.append(
            f"{port} is the kernel's console ({console_word}): raspi-config, Interface Options, "
            "Serial Port: no login shell, but keep the hardware; then reboot"
        )
    return problems


PROBES = (pi_only("port", look),)
