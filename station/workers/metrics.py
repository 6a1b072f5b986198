"""The metrics thread: writes the textfile every 15 s, whole or not at all.

A file that cannot be written is told once and tried again: nobody's charge depends on it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

from station.clock import monotonic
from station.journal.store import Store
from station.metrics import text
from station.status import Snapshot
from station.workers.journal import JournalWorker
from station.workers.thread import Worker

EVERY_S = 15.0


class MetricsWorker(Worker):
    """Reads the snapshot and the journal's counts; touches nothing else."""

    def __init__(
        self,
        path: Path,
        name: str,
        snapshot: Callable[[], Snapshot],
        journal: JournalWorker,
        on_crash: Callable[[str], None],
    ) -> None:
        super().__init__("metrics", on_crash)
        self._path, self._name = path, name
        self._snapshot, self._journal = snapshot, journal
        self._problem: str | None = None

    def work(self) -> None:
        while True:
            try:
                self._write()
                self._tell(None)
            except (OSError, sqlite3.Error) as error:
                self._tell(f"[metrics] textfile {self._path} cannot be written: {error}")
            except CancelledError:
                return
            if self.stopping.wait(EVERY_S):
                return

    def _write(self) -> None:
        waiting, quarantined = self._journal.call(Store.pending)
        new = self._path.with_name(f"{self._path.name}.new")
        new.write_text(text(self._name, self._snapshot(), monotonic(), waiting, quarantined))
        # node_exporter is somebody else.
        new.chmod(0o644)
        new.replace(self._path)

    def _tell(self, problem: str | None) -> None:
        if problem != self._problem and problem is not None:
            self.log.warning("%s", problem)
        self._problem = problem
