"""One deadline for a whole HTTP exchange. The thread of the transport that owns it only.

A timeout of requests is one of each ``recv``: a server (or a captive portal) that sends a byte now
and then holds a call for hours. Here every ``recv`` of an answer, its status line and headers
included, gets what is left of the deadline, over TLS as well.

What is not covered: looking up the server's name, and a name with several addresses that are all
silent (each gets the whole timeout).
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """A moment that is set anew for every exchange."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._at_s = 0.0

    def set(self, seconds: float) -> None:
        self._at_s = self._monotonic() + seconds

    def left_s(self) -> float:
        """The seconds that are left, more than 0. Raises TimeoutError when there are none."""
        left_s = self._at_s - self._monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer was not complete in time")
        return left_s


class _Received(io.RawIOBase):
    """The receiving half of a socket, bounded by the deadline."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.settimeout(self._deadline.left_s())
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class DeadlineAdapter(HTTPAdapter):
    """Mount it on a requests session: its answers are read within ``deadline``."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        deadline = self._deadline

        class Response(http.client.HTTPResponse):
            def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
                super().__init__(sock, *args, **kwargs)
                self.fp.close()
                self.fp = io.BufferedReader(_Received(sock, deadline))

        class Connection(HTTPConnection):
            response_class = Response

        class SecureConnection(HTTPSConnection):
            response_class = Response

        class Pool(HTTPConnectionPool):
            ConnectionCls = Connection

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = SecureConnection

        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}
