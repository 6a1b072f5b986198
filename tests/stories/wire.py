"""The wire between one station and the server: a forwarder that can be cut, muted or lied on.

Each story has its own, so that one server can serve them all. Threads, loopback only.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from enum import Enum

SLOW_S = 1.5


class Mode(Enum):
    PASS = "pass"
    CUT = "cut"  # connections are refused at once
    MUTE = "mute"  # connections are taken, nothing is ever answered
    LOSE_ANSWERS = "lose answers"  # requests arrive and are carried out, answers do not come back
    SLOW = "slow"  # answers take SLOW_S longer
    ERRORS = "errors"  # a proxy says 502 to everything
    BUSY = "busy"  # the server itself says: not now
    STRANGER = "stranger"  # another program answers
    REFUSE_ENDS = "refuse ends"  # the server finds every END wrong, and takes the rest


_PROBLEM = {
    "service": "evcs",
    "type": "about:blank",
    "server_time": "2026-01-01T00:00:00Z",
    "errors": {},
}
_CANNED = {
    Mode.ERRORS: ("502 Bad Gateway", "text/html", b"<h1>502 Bad Gateway</h1>"),
    Mode.STRANGER: ("200 OK", "text/html", b"<h1>It works!</h1>"),
    Mode.BUSY: (
        "503 Service Unavailable",
        "application/problem+json",
        json.dumps(_PROBLEM | {"status": 503, "code": 503, "title": "later"}).encode(),
    ),
    Mode.REFUSE_ENDS: (
        "400 Bad Request",
        "application/problem+json",
        json.dumps(_PROBLEM | {"status": 400, "code": 400, "title": "malformed"}).encode(),
    ),
}


class Wire:
    """Listens on ``port`` and forwards to the server's."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._mode = Mode.PASS
        self._changed = threading.Event()
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
            changed, self._changed = self._changed, threading.Event()
        changed.set()
        for one in open_now:
            hang_up(one)

    def close(self) -> None:
        hang_up(self._listener)
        self.set(Mode.CUT)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            mode = self._mode
            if mode is Mode.CUT:
                hang_up(client)
                continue
            self._keep(client)
            if mode is Mode.MUTE:
                continue
            if mode in _CANNED:
                threading.Thread(target=self._answer, args=(client, mode), daemon=True).start()
                continue
            server = self._server()
            if server is None:
                hang_up(client)
                continue
            threading.Thread(target=_pump, args=(client, server), daemon=True).start()
            back = _swallow if mode is Mode.LOSE_ANSWERS else _pump
            late = (self._changed, SLOW_S) if mode is Mode.SLOW else None
            threading.Thread(target=back, args=(server, client, late), daemon=True).start()

    def _server(self) -> socket.socket | None:
        try:
            server = socket.create_connection(("127.0.0.1", self._server_port))
        except OSError:
            return None
        self._keep(server)
        return server

    def _keep(self, one: socket.socket) -> None:
        with self._lock:
            self._open.add(one)

    def _answer(self, client: socket.socket, mode: Mode) -> None:
        """One request on this connection: answered here, or by the server."""
        with contextlib.suppress(OSError):
            head, body = read_request(client)
            if mode is Mode.REFUSE_ENDS and not re.match(rb"PUT \S+/end ", head):
                server = self._server()
                if server is not None:
                    last = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
                    server.sendall(last.replace(b"\r\nConnection: keep-alive", b"") + body)
                    _pump(server, client)
            else:
                status, kind, page = _CANNED[mode]
                client.sendall(
                    f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n"
                    f"Content-Length: {len(page)}\r\n\r\n".encode()
                    + page
                )
        hang_up(client)


def read_request(client: socket.socket) -> tuple[bytes, bytes]:
    """Head (with its empty line) and body of one request. Raises OSError when it breaks off."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += _some(client)
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    while length is not None and len(body) < int(length[1]):
        body += _some(client)
    return head + b"\r\n\r\n", body


def _some(client: socket.socket) -> bytes:
    chunk = client.recv(65536)
    if not chunk:
        raise ConnectionResetError
    return chunk


def _pump(
    source: socket.socket, target: socket.socket, late: tuple[threading.Event, float] | None = None
) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            if late is not None:
                late[0].wait(late[1])
            target.sendall(chunk)
    hang_up(source)
    hang_up(target)


def _swallow(source: socket.socket, target: socket.socket, late: None) -> None:
    with contextlib.suppress(OSError):
        while source.recv(65536):
            pass
    hang_up(target)


def hang_up(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
