"""What the commands share: asking the daemon, being alone with the devices, ending with a line."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from station import control
from station.clock import Clock
from station.config import Config
from station.daemon import StartError, make_clock, only_one


class Problem(Exception):
    """The command cannot do what it was asked for; one line says why and what to do. Status 1."""


def note(text: str) -> None:
    """For the person, beside the output: progress, warnings, what to do now."""
    print(text, file=sys.stderr, flush=True)


def daemon_says(config: Config, op: str, **arguments: Any) -> dict[str, Any] | None:
    """The running daemon's answer; None when none runs. Raises Problem."""
    path = control.socket_path(config.run_dir)
    try:
        answer = control.ask(config.run_dir, op, **arguments)
    except PermissionError as error:
        raise Problem(
            f"no permission for {path}; use sudo, or join the group that it belongs to"
        ) from error
    except (OSError, ValueError) as error:
        raise Problem(
            f"the daemon does not answer on {path} ({error}); "
            "look at its log, and restart it if that stays"
        ) from error
    if answer is not None and "error" in answer:
        raise Problem(f"the daemon says: {answer['error']}")
    return answer


@contextlib.contextmanager
def alone(config: Config) -> Iterator[Clock]:
    """Hold the daemon's lock: the devices are ours, and no daemon can start meanwhile.

    Raises Problem when a daemon or another command holds it, or the simulated box is gone.
    """
    try:
        with only_one(config.run_dir):
            _give_to_service(config)
            yield make_clock(config)
    except StartError as error:
        raise Problem(str(error)) from error


def _give_to_service(config: Config) -> None:
    """A lock that root has made must not keep the service's user out afterwards."""
    if os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):
        owner = config.data_dir.stat()
        for path in (config.run_dir, config.run_dir / "lock"):
            if Path(path).stat().st_uid == 0:
                os.chown(path, owner.st_uid, owner.st_gid)
