"""The names of a box in the file system: its socket, and the link to its meter's line.

A socket that a dead box left behind is replaced; one that answers, or anything that is no socket,
is not touched. Call from one thread, except MeterLink, which takes care of itself.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simulator.errors import Refused

_LONGEST_PATH = 107
_PROBE_TIMEOUT_S = 1.0
_QUEUE = 64


class Doorway:
    """The listening socket at ``path``. Raises Refused when the place is taken or unusable."""

    def __init__(self, path: Path) -> None:
        if len(os.fsencode(path)) > _LONGEST_PATH:
            raise Refused(f"{path} is too long for a socket; choose one of {_LONGEST_PATH} bytes")
        self._path = path
        try:
            with _alone_in(path.parent):
                _make_room(path)
                self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.socket.bind(str(path))
                self.socket.listen(_QUEUE)
                self._inode = path.stat().st_ino
        except OSError as error:
            raise Refused(f"cannot listen on {path}: {error.strerror}; choose another") from error

    def close(self) -> None:
        """Stop listening and take the name away, unless another box has it by now."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        with suppress(FileNotFoundError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()


class MeterLink:
    """A symbolic link that leads to the meter's present port, and to nothing while unplugged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        if path.exists() and not path.is_symlink():
            raise Refused(f"{path} is in the way of the meter's link; move it")

    def point(self, port: str | None) -> None:
        """Lead to ``port`` from now on; None or empty takes the link away."""
        with self._lock:
            if not port:
                self._path.unlink(missing_ok=True)
                return
            fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(port)
            # In one step: whoever opens the link finds the old port or the new one.
            fresh.replace(self._path)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two boxes that start at once must not both find the same dead socket."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make_room(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Refused(f"{path} is there and is no socket; choose another --socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_TIMEOUT_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise Refused(f"{path} cannot be taken over: {error.strerror}") from error
    raise Refused(f"a box is running on {path} already; stop it or choose another --socket")
