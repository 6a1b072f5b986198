"""The journal thread: the only one that writes the journal, and the only one that waits for fsync.

The main thread submits commands and gets SessionStored or StoringFailed back as events. The uplink
thread calls functions here and waits for their result. Its first act is to tell what the last run
left behind (Booted).
"""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from station.clock import Clock
from station.journal import database
from station.journal.store import Store
from station.rules.messages import (
    Booted,
    JournalStateChanged,
    SessionStored,
    StoreFault,
    StoreLifeSign,
    StoreSession,
    StoringFailed,
)
from station.workers.thread import Post, Worker

T = TypeVar("T")

PROBE_EVERY_S = 10.0


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
        self._clock = clock
        self._post = post
        self._on_outbox = on_outbox
        self._jobs: queue.SimpleQueue[Callable[[Store], None] | None] = queue.SimpleQueue()
        self._problem: str | None = None

    def submit(self, command: StoreSession | StoreLifeSign | StoreFault) -> None:
        """Any thread: store this in turn; returns at once."""
        self._jobs.put(lambda store: self._carry_out(store, command))

    def call(self, function: Callable[[Store], T]) -> T:
        """Not the main thread: run this in turn and wait for the result.

        Raises sqlite3.Error when the journal cannot do it, and CancelledError at shutdown.
        """
        result: Future[T] = Future()

        def job(store: Store) -> None:
            try:
                result.set_result(function(store))
            except Exception as error:  # noqa: BLE001 - carried to the caller, raised there
                result.set_exception(error)

        self._jobs.put(job)
        while not self.stopping.is_set():
            try:
                return result.result(timeout=1.0)
            except TimeoutError:
                if result.done():
                    raise
        result.cancel()
        return result.result()

    def stop(self) -> None:
        """All that was submitted before is still written."""
        super().stop()
        self._jobs.put(None)

    def work(self) -> None:
        try:
            connection = database.connect(self._path)
        except database.JournalError as error:
            self.on_crash(str(error))
            return
        store = Store(connection)
        try:
            self._boot(store)
            while True:
                try:
                    job = self._jobs.get(timeout=PROBE_EVERY_S if self._problem else None)
                except queue.Empty:
                    self._probe(store)
                    continue
                if job is None:
                    return
                job(store)
        finally:
            connection.close()

    def _boot(self, store: Store) -> None:
        now = self._clock.now()
        self._post(
            Booted(
                open_session=store.open_session(self._clock.boot_id),
                last_seq=store.last_seq(),
                tags=store.tags(now.utc if now.synced else None),
                faults=store.faults(),
            )
        )
        self._on_outbox()

    def _carry_out(self, store: Store, command: StoreSession | StoreLifeSign | StoreFault) -> None:
        try:
            match command:
                case StoreSession(session, record, announce):
                    now = self._clock.now().utc
                    store.put_session(session, record, self._clock.boot_id, announce, now)
                case StoreLifeSign():
                    store.put_life_sign(command)
                case StoreFault(fault):
                    store.put_fault(fault)
        except sqlite3.Error as error:
            problem = f"{self._path} cannot be written: {error}; is the disk full or read-only?"
            self._report(problem)
            if isinstance(command, StoreSession):
                self._post(StoringFailed(command.session.uuid, command.record, problem))
            return
        self._report(None)
        if isinstance(command, StoreSession):
            self._post(SessionStored(command.session.uuid, command.record))
            self._on_outbox()

    def _probe(self, store: Store) -> None:
        try:
            store.touch()
        except sqlite3.Error:
            return
        self._report(None)

    def _report(self, problem: str | None) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        if problem is None:
            self.log.info("journal can be written again")
        else:
            self.log.error("%s", problem)
        self._post(JournalStateChanged(problem))
