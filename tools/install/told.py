"""What the person at the screen is told, and how commands are run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., str]


class InstallError(Exception):
    """It cannot go on; the text says why and what to do."""


def changed(text: str) -> None:
    """Something was done."""
    print(f"  + {text}", flush=True)


def same(text: str) -> None:
    """It was so already."""
    print(f"    {text}", flush=True)


def advice(text: str) -> None:
    """The person has to do it, or should know it."""
    print(f"  ! {text}", flush=True)


def run(*words: str, quiet: bool = True) -> str:
    """Run a command; its output. Raises InstallError with its last words."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            words, capture_output=quiet, text=True, stdin=subprocess.DEVNULL, env=environment
        )
    except OSError as error:
        raise InstallError(f"{words[0]} cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout or "").strip().splitlines()[-12:]
        raise InstallError("\n".join([f"{' '.join(words)}: exit status {done.returncode}", *said]))
    return done.stdout or ""


def works(*words: str) -> bool:
    """Whether a command succeeds."""
    try:
        run(*words)
    except InstallError:
        return False
    return True


def write(path: Path, text: str, mode: int = 0o644) -> bool:
    """Make a file say this, in one step that a power cut leaves whole; whether it said else."""
    if path.is_file() and path.read_text() == text:
        same(f"{path}")
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.chmod(mode)
    new.replace(path)
    changed(f"{path}")
    return True


def link(path: Path, target: str) -> bool:
    """Let a link point there, in one step; whether it pointed elsewhere."""
    if path.is_symlink() and str(path.readlink()) == target:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)
    return True


def main(action: Callable[[], None]) -> int:
    """Do it; the exit status. A reason not to go on is one text on standard error."""
    try:
        action()
    except InstallError as error:
        sys.stderr.write(f"evcs-station: {error}\n")
        return 1
    return 0
