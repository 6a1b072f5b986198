"""The daemon, on a disk that may be slow, and that may be its last: it dies at a commit.

    python -m campaign.whole.program FOLDER run --config FILE

FOLDER/slow holds how many seconds longer a commit takes. FOLDER/die holds ``before N`` or ``after
N``: the process kills itself right before, or right after, its N-th commit since that was written,
and the file is gone; FOLDER/died says that it was that. Nothing else of the daemon is changed.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from station.cli.main import main

SLOW, DIE, DIED = "slow", "die", "died"


def deadly_connection(folder: Path) -> type[sqlite3.Connection]:
    """A connection class whose COMMIT looks into the folder first."""

    class DeadlyConnection(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if not sql.startswith("COMMIT"):
                return super().execute(sql, *parameters)
            time.sleep(_number(folder / SLOW))
            last = _count_down(folder / DIE)
            if last == "before":
                _die(folder)
            done = super().execute(sql, *parameters)
            if last == "after":
                _die(folder)
            return done

    return DeadlyConnection


def _die(folder: Path) -> None:
    (folder / DIED).touch()
    os.kill(os.getpid(), signal.SIGKILL)


def _number(path: Path) -> float:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return 0.0


def _count_down(path: Path) -> str | None:
    """``before`` or ``after`` when this is the commit to die at."""
    try:
        when, number = path.read_text().split()
    except (OSError, ValueError):
        return None
    if int(number) > 1:
        path.write_text(f"{when} {int(number) - 1}")
        return None
    path.unlink()
    return when


if __name__ == "__main__":
    factory = deadly_connection(Path(sys.argv[1]))
    sqlite3.connect = partial(sqlite3.connect, factory=factory)  # type: ignore[assignment]
    sys.exit(main(sys.argv[2:]))
