"""What is not for every user of this machine: token, journal, control socket, trusted authority."""

from __future__ import annotations

import stat
from pathlib import Path

from station import control
from station.checks.probe import Probe, Result, Surroundings
from station.daemon import JOURNAL_FILE

_OTHERS, _OTHERS_WRITE = 0o007, 0o022


def look(around: Surroundings) -> Result:
    """The modes of the files that there are."""
    config = around.config
    journal = config.data_dir / JOURNAL_FILE
    companions = [journal.with_name(journal.name + suffix) for suffix in ("", "-wal", "-shm")]
    problems = []
    if config.server.token_file is not None and _mode(config.server.token_file) & _OTHERS:
        problems.append(
            f"every user of this machine can read the token: chmod 600 {config.server.token_file}; "
            "if there are others, make a new one on the server"
        )
    open_files = [str(path) for path in companions if _mode(path) & _OTHERS]
    if open_files:
        problems.append(
            f"every user of this machine can read whole tag ids: chmod o= {' '.join(open_files)}"
        )
    if _mode(control.socket_path(config.run_dir)) & _OTHERS:
        path = control.socket_path(config.run_dir)
        problems.append(f"every user of this machine can speak to the daemon: chmod 660 {path}")
    trusted = config.server.ca_file
    if trusted is not None and _mode(trusted) & _OTHERS_WRITE:
        problems.append(
            f"others can change whom the box takes for its server: chmod 644 {trusted}, and make "
            "it root's"
        )
    if problems:
        return Result("private", False, "; ".join(problems))
    return Result("private", True, "token and journal are not for every user of this machine")


def _mode(path: str | Path) -> int:
    """0 for what is not there, or not for us to look at."""
    try:
        return stat.S_IMODE(Path(path).stat().st_mode)
    except OSError:
        return 0


PROBES = (Probe("private", 1.0, look, aside=True),)
