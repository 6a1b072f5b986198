"""A network that delivers what it likes, as often as it likes: a forwarder between box and server.

Every request is delivered one to five times, one after the other or all at once. Answers are lost,
wholly or in the middle, after the server has committed; requests are lost before they reach it; and
copies of earlier requests arrive behind later ones. What happens is drawn from a seed.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOST_DELIVERIES = 5
REMEMBERED = 200
PATIENCE_S = 60.0
# Headers that speak of one connection only, or that are written anew.
_HOP = {"connection", "host", "content-length", "transfer-encoding", "date", "server"}


@dataclass(frozen=True, slots=True)
class Habits:
    """How probable each mischief is, per request of the box."""

    request_lost: float = 0.02
    answer_lost: float = 0.08
    answer_cut: float = 0.02
    all_at_once: float = 0.2
    late_copy: float = 0.05


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Courier:
    """Use :func:`between`. ``counts`` says what was done, by word."""

    def __init__(self, port: int, rng: random.Random, habits: Habits) -> None:
        self._port = port
        self._rng = rng
        self._habits = habits
        self._lock = threading.Lock()
        self._own = threading.local()
        self._pool = ThreadPoolExecutor(MOST_DELIVERIES)
        self._earlier: deque[Request] = deque(maxlen=REMEMBERED)
        self.counts: Counter[str] = Counter()

    def carry(self, request: Request) -> tuple[Reply | None, bool]:
        """Deliver as often as it comes, and give back an answer of them, or None if it is lost.

        True: the answer breaks off in the middle. One request at a time, as the box sends them.
        """
        with self._lock:
            return self._carry(request)

    def _carry(self, request: Request) -> tuple[Reply | None, bool]:
        chance, habits = self._rng.random, self._habits
        self.counts["requests of the box"] += 1
        if chance() < habits.request_lost:
            self.counts["requests lost"] += 1
            return None, False
        times = self._rng.randint(1, MOST_DELIVERIES)
        if chance() < habits.all_at_once:
            replies = list(self._pool.map(self._deliver, [request] * times))
        else:
            replies = [self._deliver(request) for _ in range(times)]
        self.counts["deliveries"] += times
        if self._earlier and chance() < habits.late_copy:
            self._deliver(self._rng.choice(self._earlier))
            self.counts["late copies"] += 1
        self._earlier.append(request)
        fate = chance()
        if fate < habits.answer_lost:
            self.counts["answers lost"] += 1
            return None, False
        if fate < habits.answer_lost + habits.answer_cut:
            self.counts["answers cut"] += 1
            return self._rng.choice(replies), True
        return self._rng.choice(replies), False

    def _deliver(self, request: Request) -> Reply:
        """By the connection of this thread; one that the server has hung up is made anew."""
        for last in (False, True):
            connection = getattr(self._own, "connection", None)
            if connection is None:
                connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
                self._own.connection = connection
            try:
                connection.request(request.method, request.path, request.body, request.headers)
                answer = connection.getresponse()
                return Reply(answer.status, answer.getheaders(), answer.read())
            except (OSError, HTTPException):
                connection.close()
                self._own.connection = None
                if last:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        self._pool.shutdown()


class _Door(BaseHTTPRequestHandler):
    """One connection of the box."""

    protocol_version = "HTTP/1.1"
    courier: Courier

    def _carry(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kept = {name: text for name, text in self.headers.items() if name.lower() not in _HOP}
        reply, cut = self.courier.carry(Request(self.command, self.path, kept, body))
        if reply is None or cut:
            self.close_connection = True
        if reply is None:
            return
        self.send_response_only(reply.status)
        for name, text in reply.headers:
            if name.lower() not in _HOP:
                self.send_header(name, text)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: len(reply.body) // 2] if cut else reply.body)

    do_GET = do_PUT = do_POST = _carry

    def log_message(self, format: str, *args: Any) -> None:
        """The claim counts; it does not log."""


class _Doors(ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A box that hangs up is no news here."""


@contextlib.contextmanager
def between(port: int, rng: random.Random, habits: Habits) -> Iterator[tuple[str, Courier]]:
    """A courier to the server at ``port``, and the address at which the box finds it."""
    courier = Courier(port, rng, habits)
    doors = _Doors(("127.0.0.1", 0), type("Door", (_Door,), {"courier": courier}))
    thread = threading.Thread(target=doors.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{doors.server_address[1]}", courier
    finally:
        doors.shutdown()
        doors.server_close()
        thread.join()
        courier.close()
