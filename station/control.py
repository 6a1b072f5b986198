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

from station.clock import monotonic
from station.workers.thread import Worker

MAX_REQUEST_BYTES = 65536
CLIENT_TIMEOUT_S = 2.0
# A client speaks at once; one that does not may not keep the next one waiting for long.
REQUEST_WITHIN_S = 0.5
ACCEPT_AGAIN_S = 1.0

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
        self._socket.listen(16)

    def work(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError as error:
                # Closed by stop(); or no descriptor is left, which passes.
                if not self.stopping.wait(ACCEPT_AGAIN_S):
                    self.log.warning("control socket: %s; trying again", error)
                continue
            with connection, contextlib.suppress(OSError):
                line = _read_line(connection, REQUEST_WITHIN_S)
                connection.settimeout(CLIENT_TIMEOUT_S)
                connection.sendall(json.dumps(self._answer(line)).encode() + b"\n")

    def _answer(self, line: bytes) -> Mapping[str, Any]:
        try:
            request = json.loads(line)
            handler = self._handlers[request["op"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            return {"error": f"a JSON object with op is wanted; ops: {', '.join(self._handlers)}"}
        try:
            return handler(request)
        except Exception as error:
            # Whoever may ask must not be able to end the daemon with a question.
            self.log.exception("control socket: %s failed", request["op"])
            return {"error": f"{request['op']} failed: {error or type(error).__name__}"}

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
        line = _read_line(connection, CLIENT_TIMEOUT_S)
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise OSError(f"{path}: the daemon hung up without an answer") from error
    if not isinstance(answer, dict):
        raise OSError(f"{path}: the daemon's answer is not an object")
    return answer


def _read_line(connection: socket.socket, within_s: float) -> bytes:
    """What comes up to a line's end, in so many seconds altogether. Raises TimeoutError."""
    line = bytearray()
    until_s = monotonic() + within_s
    while not line.endswith(b"\n") and len(line) < MAX_REQUEST_BYTES:
        left_s = until_s - monotonic()
        if left_s <= 0:
            raise TimeoutError("no whole line in time")
        connection.settimeout(left_s)
        chunk = connection.recv(4096)
        if not chunk:
            break
        line += chunk
    return bytes(line)
