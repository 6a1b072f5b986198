"""What the worker threads have in common: a name, a stop, and no silent death."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from station.rules.messages import Event

Post = Callable[[Event], None]


class Worker(threading.Thread):
    """Subclasses write ``work``; it returns soon after ``stopping`` is set.

    An exception that ``work`` lets out is a defect of this program. ``on_crash`` hears of it in
    words (the daemon then leaves, and systemd starts it anew): a box must not run on with a thread
    missing.
    """

    def __init__(self, name: str, on_crash: Callable[[str], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.stopping = threading.Event()
        self.log = logging.getLogger(f"station.{name}")
        self.on_crash = on_crash

    def run(self) -> None:
        try:
            self.work()
        except Exception:
            self.log.exception("this thread failed; it is a defect of this program")
            self.on_crash(f"thread {self.name} failed; the log above has its traceback")

    def work(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self.stopping.set()
