"""The wire between one station and the server: a TCP forwarder that can be cut, muted or made deaf.

Each story has its own, so that one server can serve them all. Threads, loopback only.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from enum import Enum


class Mode(Enum):
    PASS = "pass"
    CUT = "cut"  # connections are refused at once
    MUTE = "mute"  # connections are taken, nothing is ever answered
    LOSE_ANSWERS = "lose answers"  # requests arrive and are carried out, answers do not come back


class Wire:
    """Listens on ``port`` and forwards to the server's."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._mode = Mode.PASS
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, mode: Mode) -> None:
        """From now on; connections that are open are hung up, as a cut cable does in the end."""
        self._mode = mode
        with self._lock:
            open_now, self._open = self._open, set()
        for one in open_now:
            _hang_up(one)

    def close(self) -> None:
        self._listener.close()
        self.set(Mode.CUT)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            mode = self._mode
            if mode is Mode.CUT:
                _hang_up(client)
                continue
            self._keep(client)
            if mode is Mode.MUTE:
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                _hang_up(client)
                continue
            self._keep(server)
            threading.Thread(target=_pump, args=(client, server), daemon=True).start()
            back = _swallow if mode is Mode.LOSE_ANSWERS else _pump
            threading.Thread(target=back, args=(server, client), daemon=True).start()

    def _keep(self, one: socket.socket) -> None:
        with self._lock:
            self._open.add(one)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    _hang_up(source)
    _hang_up(target)


def _swallow(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while source.recv(65536):
            pass
    _hang_up(target)


def _hang_up(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
