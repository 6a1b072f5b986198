"""What the box saw: its events, with its own microseconds, as they come. Waiting is on a condition.

A story asks "did X happen after Y within n seconds" and is answered by the times of the box, not
by when the test got round to look.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

Seen = dict[str, Any]


class Recorder:
    """Follows ``watch`` of one box until it is closed."""

    def __init__(self, path: str) -> None:
        self.events: list[Seen] = []
        self._changed = threading.Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._socket.sendall(b'{"op": "watch"}\n')
        self._file = self._socket.makefile("rb")
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        self.wait(lambda events: bool(events), 10, "the box's first event")

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=5)
        self._socket.close()

    def _follow(self) -> None:
        for line in self._file:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()

    def mark(self) -> int:
        """A place in the record: what comes after it counts from now on."""
        with self._changed:
            return len(self.events)

    def wait(self, condition: Callable[[list[Seen]], Any], within_s: float, what: str) -> Any:
        """Until the condition over all events holds; its value. AssertionError when it does not."""
        deadline = time.monotonic() + within_s
        with self._changed:
            while not (value := condition(self.events)):
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    tail = "\n".join(str(event) for event in self.events[-12:])
                    raise AssertionError(f"{what}: not within {within_s:g} s; last seen\n{tail}")
                self._changed.wait(left_s)
        return value

    def never(self, condition: Callable[[list[Seen]], Any], for_s: float, what: str) -> None:
        """The condition must not come true for so long."""
        deadline = time.monotonic() + for_s
        with self._changed:
            while (left_s := deadline - time.monotonic()) > 0:
                assert not condition(self.events), f"{what}, within {for_s:g} s"
                self._changed.wait(left_s)
            assert not condition(self.events), f"{what}, within {for_s:g} s"
