"""Who watches the box: a bounded queue for each, so that a slow watcher never holds up the model.

Any thread may publish, add and remove; each watcher's own thread takes from its queue.
"""

from __future__ import annotations

import json
import queue
import threading
from typing import Any

_BACKLOG = 10_000


class Watcher:
    """One listener's events, as encoded lines. A full queue loses the watcher, not an event."""

    def __init__(self) -> None:
        self.lost = False
        self._lines: queue.Queue[bytes] = queue.Queue(_BACKLOG)

    def put(self, line: bytes) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.lost = True

    def get(self, timeout_s: float) -> bytes:
        """All lines that wait, at least one if it comes within ``timeout_s``; else nothing."""
        if self.lost and self._lines.empty():
            return b""
        try:
            lines = [self._lines.get(timeout=timeout_s)]
            while True:
                try:
                    lines.append(self._lines.get_nowait())
                except queue.Empty:
                    return b"".join(lines)
        except queue.Empty:
            return b""


class Watchers:
    """All watchers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: tuple[Watcher, ...] = ()

    def add(self) -> Watcher:
        """A new watcher; it hears everything from now on."""
        watcher = Watcher()
        with self._lock:
            self._all = (*self._all, watcher)
        return watcher

    def remove(self, watcher: Watcher) -> None:
        with self._lock:
            self._all = tuple(other for other in self._all if other is not watcher)

    def publish(self, t_us: int, kind: str, fields: dict[str, Any]) -> None:
        """Tell everybody: ``{"t_us": ..., "event": kind, **fields}``."""
        watchers = self._all
        if watchers:
            line = encode({"t_us": t_us, "event": kind, **fields})
            for watcher in watchers:
                watcher.put(line)


def encode(message: dict[str, Any]) -> bytes:
    """One JSON object as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
