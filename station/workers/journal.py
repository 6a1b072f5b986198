"""The journal thread: the only one that writes the journal, and the only one that waits for fsync.

The main thread submits commands and gets SessionStored or StoringFailed back as events. The uplink
thread calls functions here and waits for their result. Its first act is to tell what the last run
left behind (Booted). What is written, and what is owed, is the keeper's (journal/keeper.py).
"""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TypeVar

from station.clock import Clock, monotonic
from station.journal import database, keeper
from station.journal.store import Store
from station.rules.messages import JournalCommand
from station.workers.thread import Post, Worker

T = TypeVar("T")


class JournalWorker(Worker):
    """Owns the connection. ``on_outbox`` is called after a commit that put a message there."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        post: Post,
        on_outbox: Callable[[], None],
        on_crash: Callable[[str], None],
    ) -> None:
        super().__init__("journal", on_crash)
        self._path = path
        self._keeper = keeper.Keeper(path, clock, post, on_outbox, self.log, monotonic)
        self._jobs: queue.SimpleQueue[Callable[[Store], None] | None] = queue.SimpleQueue()

    def submit(self, command: JournalCommand) -> None:
        """Any thread: store this in turn; returns at once."""
        self._jobs.put(lambda store: self._keeper.carry_out(store, command))

    def call(self, function: Callable[[Store], T]) -> T:
        """Not the main thread: run this in turn and wait for the result.

        Raises sqlite3.Error when the journal cannot do it, and CancelledError at shutdown.
        """
        result: Future[T] = Future()

        def job(store: Store) -> None:
            if not result.set_running_or_notify_cancel():
                return
            try:
                result.set_result(function(store))
            except Exception as error:  # noqa: BLE001 - carried to the caller, raised there
                result.set_exception(error)

        self._jobs.put(job)
        while not self.stopping.is_set():
            if wait([result], timeout=1.0).done:
                return result.result()
        result.cancel()
        return result.result()

    def stop(self) -> None:
        """All that was submitted before is still written."""
        super().stop()
        self._jobs.put(None)

    def work(self) -> None:
        connection = self._connect()
        if connection is None:
            return
        try:
            self._serve(Store(connection))
        finally:
            connection.close()

    def _serve(self, store: Store) -> None:
        self._keeper.boot(store)
        while True:
            due_s = self._keeper.probe_due_s
            wait_s = None if due_s is None else max(0.0, due_s - monotonic())
            try:
                job = self._jobs.get(timeout=wait_s)
            except queue.Empty:
                self._keeper.probe_if_due(store)
                continue
            if job is None:
                return
            job(store)
            # Jobs that come all the time must not put the probe off for good.
            self._keeper.probe_if_due(store)

    def _connect(self) -> sqlite3.Connection | None:
        """As soon as it can be opened: until then the box is up, and unavailable.

        None: it was stopped meanwhile, or the file belongs to another release.
        """
        while not self.stopping.is_set():
            try:
                connection = database.connect(self._path)
            except database.OtherRelease as error:
                self.on_crash(str(error))
                return None
            except database.JournalError as error:
                self._keeper.report(str(error))
                self.stopping.wait(keeper.PROBE_EVERY_S)
                continue
            self._keeper.report(None)
            return connection
        return None
