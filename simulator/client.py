"""A connection to the simulated box.

Any thread; one lock orders the requests of one client, so a caller that must not wait for another
thread's request opens a client of its own. Nothing is opened before the first call, and a call
after a lost connection tries once to open it anew.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from socket import AF_UNIX, SOCK_STREAM
from socket import socket as Socket
from typing import Any

_TIMEOUT_S = 5.0


class BoxUnreachable(OSError):
    """No box answers on the socket; the text says which and how to start one."""


class BoxRefused(RuntimeError):
    """The box answered that it cannot do this; the text is the box's own."""


@dataclass(frozen=True, slots=True)
class WorldTime:
    """The clock of the box's world: what a Raspberry Pi would read from its kernel."""

    wall_s: float
    synced: bool
    boot_id: str
    uptime_s: float
    speed: float


class BoxClient:
    """``role``: ``pi`` for what runs on the box's Raspberry Pi and dies with its power."""

    def __init__(self, socket: str, role: str = "visitor") -> None:
        self._path = socket
        self._role = role
        self._lock = threading.Lock()
        self._connection: Socket | None = None
        self._pending = b""

    def call(self, op: str, **args: Any) -> dict[str, Any]:
        """One request and its answer. Raises BoxRefused, BoxUnreachable."""
        with self._lock:
            return self._exchange({"op": op, **args})

    def clock(self) -> WorldTime:
        """The world's time. Raises BoxUnreachable."""
        answer = self.call("clock")
        return WorldTime(
            wall_s=answer["wall_s"],
            synced=answer["synced"],
            boot_id=answer["boot_id"],
            uptime_s=answer["uptime_s"],
            speed=answer["speed"],
        )

    def supply(self) -> bool:
        """Whether the Raspberry Pi finds its own supply too low now. Raises BoxUnreachable."""
        return bool(self.call("supply")["undervoltage"])

    def close(self) -> None:
        """Hang up. Never raises."""
        with self._lock:
            self._hang_up()

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._connection is None:
                self._connect()
            answer = self._ask(request)
        except OSError as error:
            self._hang_up()
            reason = error.strerror or str(error)
            raise BoxUnreachable(
                f"no simulated box answers on {self._path} ({reason}); "
                f"start one with: evcs-simbox serve --socket {self._path}"
            ) from error
        if not answer.pop("ok"):
            raise BoxRefused(answer["error"])
        return answer

    def _connect(self) -> None:
        self._connection = Socket(AF_UNIX, SOCK_STREAM)
        self._connection.settimeout(_TIMEOUT_S)
        self._connection.connect(self._path)
        self._pending = b""
        self._ask({"op": "hello", "role": self._role})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._connection is not None
        self._connection.sendall(json.dumps(request).encode() + b"\n")
        while b"\n" not in self._pending:
            chunk = self._connection.recv(65536)
            if not chunk:
                raise ConnectionResetError("it hung up")
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
