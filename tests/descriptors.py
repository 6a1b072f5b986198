"""The open files of a process, by what they lead to.

A plain count is no evidence: connections, journal files and other threads' files come and go while
somebody counts. A test of a leak counts the kind of file that could leak.
"""

from __future__ import annotations

import os
from pathlib import Path


def descriptors(leading_to: str, pid: int | str = "self") -> list[str]:
    """Where a process's open files lead, those whose target holds `leading_to`."""
    targets = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            targets.append(os.readlink(path))  # noqa: PTH115 - "socket:[123]" is no path
        except FileNotFoundError:
            continue  # closed while this looked
    return [target for target in targets if leading_to in target]


def terminals(pid: int | str = "self") -> int:
    """How many ends of pseudo-terminals a process holds open, both kinds."""
    return len(descriptors("/dev/pts/", pid)) + len(descriptors("/dev/ptmx", pid))
