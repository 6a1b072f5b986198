"""The network between one station and the server: it ends TLS, forwards, and does its worst.

A request can be delivered several times, in a row or once more much later, after others; its answer
can be lost, broken or be somebody else's. One thread for each connection, loopback only.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import threading
import time
from dataclasses import dataclass

from campaign.whole.acts import Way
from campaign.whole.answers import CANNED, broken, half, kept_open
from campaign.whole.tls import HOST, Certificates
from tests.stories.wire import hang_up, read_request

SLOW_S = 1.2
HELD_S = 4.5
LONGEST_LATE_S = 6.0
SERVER_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """``copies``: each request is delivered so many times, one after the other; the box gets the
    answer of the first or the last. ``late``: the share of requests that come once more, up to
    LONGEST_LATE_S later, when others have come in between."""

    copies: int = 1
    last_answer: bool = False
    late: float = 0.0

    def __str__(self) -> str:
        which = "last" if self.last_answer else "first"
        return (
            f"each message is delivered {self.copies} time(s), the {which} answer counts, "
            f"{100 * self.late:.0f} % come once more, late"
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that arrived at the wire. ``kind``: start, end, or other."""

    at_s: float
    kind: str


class Wire:
    """Listens on ``port`` with TLS and forwards to the server's port."""

    def __init__(
        self, server_port: int, certificates: Certificates, delivery: Delivery, seed: int
    ) -> None:
        self._server_port = server_port
        self._certificates = certificates
        self._delivery = delivery
        self._dice = random.Random(seed)
        self._way = Way.PASS
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._changed = threading.Event()
        self._late: set[threading.Timer] = set()
        self.delivered = 0
        self.copies = 0
        self.seen: list[Seen] = []
        self._listener = socket.create_server((HOST, 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def set(self, way: Way) -> None:
        """From now on; connections that are open are hung up, as a cut cable does in the end."""
        with self._lock:
            self._way = way
            hung_up, self._open = self._open, set()
            changed, self._changed = self._changed, threading.Event()
        changed.set()
        for one in hung_up:
            hang_up(one)

    def lead_to(self, server_port: int) -> None:
        """The server came back on another port."""
        self._server_port = server_port

    def quiet(self) -> bool:
        """Whether no copy is on its way any more."""
        with self._lock:
            return not self._late

    def close(self) -> None:
        hang_up(self._listener)
        with self._lock:
            late = list(self._late)
        for timer in late:
            timer.cancel()
        self.set(Way.CUT)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            way, changed = self._way, self._changed
            if way is not Way.CUT:
                self._open.add(client)
        with contextlib.suppress(OSError, ValueError):
            if way is Way.MUTE:
                changed.wait()
            elif way is not Way.CUT:
                expired = way is Way.EXPIRED
                context = self._certificates.expired if expired else self._certificates.good
                client.settimeout(120.0)
                secure = context.wrap_socket(client, server_side=True)
                with self._lock:
                    self._open.discard(client)
                    self._open.add(secure)
                client = secure
                while self._exchange(client):
                    pass
        with self._lock:
            self._open.discard(client)
        hang_up(client)

    def _exchange(self, client: socket.socket) -> bool:
        """One request and what becomes of it. False: the connection ends."""
        head, body = read_request(client)
        kind = _kind(head)
        with self._lock:
            way, changed = self._way, self._changed
            self.seen.append(Seen(time.monotonic(), kind))
        if way is Way.MUTE:
            changed.wait()
            return False
        if way is Way.HELD:
            changed.wait(HELD_S)
        if way in CANNED and (way is not Way.REFUSED or kind != "other"):
            client.sendall(CANNED[way])
            return False
        answer = self._deliver(head, body)
        if answer is None or way is Way.LOSES_ANSWERS:
            return False
        if way is Way.SLOW:
            changed.wait(SLOW_S)
        if way is Way.MALFORMED:
            answer = broken(answer)
        client.sendall(half(answer) if way is Way.HALF else kept_open(answer))
        return way is not Way.HALF

    def _deliver(self, head: bytes, body: bytes) -> bytes | None:
        """To the server, as often as the delivery says; the answer that counts."""
        answers = [self._once(head, body) for _ in range(self._delivery.copies)]
        with self._lock:
            self.delivered += 1
            self.copies += len(answers) - 1
            late = self._dice.random() < self._delivery.late
            after_s = self._dice.uniform(0.2, LONGEST_LATE_S)
        if late:
            timer = threading.Timer(after_s, lambda: self._once_late(head, body, timer))
            timer.daemon = True
            with self._lock:
                self._late.add(timer)
            timer.start()
        return answers[-1 if self._delivery.last_answer else 0]

    def _once_late(self, head: bytes, body: bytes, timer: threading.Timer) -> None:
        self._once(head, body)
        with self._lock:
            self.copies += 1
            self._late.discard(timer)

    def _once(self, head: bytes, body: bytes) -> bytes | None:
        """The server's whole answer; None when there is no server, or it broke off."""
        try:
            with socket.create_connection((HOST, self._server_port), SERVER_TIMEOUT_S) as server:
                first, _, rest = head.partition(b"\r\n")
                rest = re.sub(rb"(?im)^connection:[^\r\n]*\r\n", b"", rest)
                server.sendall(first + b"\r\nConnection: close\r\n" + rest + body)
                answer = b""
                while chunk := server.recv(65536):
                    answer += chunk
        except OSError:
            return None
        return answer or None


def _kind(head: bytes) -> str:
    if re.match(rb"PUT \S+/end ", head):
        return "end"
    return "start" if head.startswith(b"PUT ") else "other"
