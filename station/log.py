"""Logging of the daemon: one line per event to stderr, for journald. Tag ids are masked.

Whoever logs never waits for whoever reads: lines go through a bounded queue to a thread of their
own, and what does not fit is counted and told later. A journald that hangs must not keep the main
thread from opening the contactor.
"""

from __future__ import annotations

import atexit
import logging
import queue
import sys
import threading

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
MOST_LINES = 1000
LAST_LINES_S = 1.0


class PatientHandler(logging.Handler):
    """Hands records to ``target`` in a thread of its own. ``lost``: lines that did not fit."""

    def __init__(self, target: logging.Handler, most_lines: int = MOST_LINES) -> None:
        super().__init__()
        self.lost = 0
        self._target = target
        self._lines: queue.Queue[logging.LogRecord | None] = queue.Queue(most_lines)
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Any thread; returns at once."""
        try:
            self._lines.put_nowait(record)
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """Wait a moment for the last lines, and not for ever."""
        try:
            self._lines.put(None, timeout=LAST_LINES_S)
        except queue.Full:
            return
        self._thread.join(LAST_LINES_S)
        super().close()

    def _write(self) -> None:
        while (record := self._lines.get()) is not None:
            self._target.handle(record)
            if self.lost:
                lost, self.lost = self.lost, 0
                text = f"{lost} lines of the log were lost: nobody read it in time"
                self._target.handle(
                    logging.LogRecord("station", logging.WARNING, __file__, 0, text, None, None)
                )


class OneLine(logging.Formatter):
    """What others say, a server above all, cannot begin a line of its own or steer a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Escape what cannot be printed; a trace keeps its lines."""
        record.message = "".join(
            one if one.isprintable() else one.encode("unicode_escape").decode()
            for one in record.message
        )
        return super().formatMessage(record)


def setup(level: str) -> None:
    """Call once, in the main thread, before any other thread runs."""
    writer = logging.StreamHandler(sys.stderr)
    writer.setFormatter(OneLine("%(levelname)s %(name)s: %(message)s"))
    handler = PatientHandler(writer)
    atexit.register(handler.close)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def masked(tag: str) -> str:
    """A tag id that can be told from others but not be copied from a log: ``04A3…80``."""
    return f"{tag[:4]}…{tag[-2:]}"
