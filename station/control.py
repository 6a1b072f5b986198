"""The control socket: how commands beside a running daemon ask it.

One JSON object per line each way over ``run_dir/control.sock``. The server side is a thread that
reads the main thread's snapshot and nothing else; the client side is for the CLI.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from station.workers.thread import Worker

MAX_REQUEST_BYTES = 65536
CLIENT_TIMEOUT_S = 2.0

Handler = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def socket_path(run_dir: Path) -> Path:
    return run_dir / "control.sock"


class ControlServer(Worker):
    """Answers one client after the other. ``handlers`` are called in this thread."""

    def __init__(
        self, run_dir: Path, handlers: Mapping[str, Handler], on_crash: Callable[[str], None]
    ) -> None:
        super().__init__("control", on_crash)
        self._handlers = handlers
        self._path = socket_path(run_dir)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self._path))
        self._path.chmod(0o660)
        self._socket.listen(4)

    def work(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                break
            with connection, contextlib.suppress(OSError):
                connection.settimeout(CLIENT_TIMEOUT_S)
                connection.sendall(json.dumps(self._answer(connection)).encode() + b"\n")

    def _answer(self, connection: socket.socket) -> Mapping[str, Any]:
        line = _read_line(connection)
        try:
            request = json.loads(line)
            handler = self._handlers[request["op"]]
        except (ValueError, TypeError, KeyError):
            return {"error": f"a JSON object with op is wanted; ops: {', '.join(self._handlers)}"}
        return handler(request)

    def stop(self) -> None:
        super().stop()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


def ask(run_dir: Path, op: str, **arguments: Any) -> dict[str, Any] | None:
    """Ask a running daemon. None: none is running here. Raises OSError when it does not answer."""
    path = socket_path(run_dir)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(CLIENT_TIMEOUT_S)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        connection.sendall(json.dumps({"op": op, **arguments}).encode() + b"\n")
        answer = json.loads(_read_line(connection))
    if not isinstance(answer, dict):
        raise OSError(f"{path}: the daemon's answer is not an object")
    return answer


def _read_line(connection: socket.socket) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < MAX_REQUEST_BYTES:
        chunk = connection.recv(4096)
        if not chunk:
            break
        line += chunk
    return bytes(line)
