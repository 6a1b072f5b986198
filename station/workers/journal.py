"""The journal thread: the only one that writes the journal, and the only one that waits for fsync.

The main thread submits commands and gets SessionStored or StoringFailed back as events. The uplink
thread calls functions here and waits for their result. Its first act is to tell what the last run
left behind (Booted).
"""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from station.clock import Clock, monotonic
from station.journal import database
from station.journal.store import Store
from station.rules.messages import (
    Booted,
    ForgetFault,
    JournalCommand,
    JournalStateChanged,
    RepairStamps,
    SessionStored,
    StoreDisabled,
    StoreFault,
    StoreLifeSign,
    StoreSession,
    StoringFailed,
)
from station.workers.thread import Post, Worker

T = TypeVar("T")

PROBE_EVERY_S = 10.0

# The core stores a session's step again, and a later sign of life replaces an earlier one. The rest
# (faults that latch over a reboot, repaired stamps) is owed until it is written.
_NOT_OWED = (StoreSession, StoreLifeSign)


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
        self._probe_due_s = 0.0
        self._owed: list[JournalCommand] = []

    def submit(self, command: JournalCommand) -> None:
        """Any thread: store this in turn; returns at once."""
        self._jobs.put(lambda store: self._carry_out(store, command))

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
        store = Store(connection)
        try:
            self._boot(store)
            while True:
                probe_in_s = self._probe_due_s - monotonic() if self._problem else None
                try:
                    job = self._jobs.get(timeout=None if probe_in_s is None else max(0, probe_in_s))
                except queue.Empty:
                    self._probe(store)
                    continue
                if job is None:
                    return
                job(store)
                # Jobs that come all the time must not put the probe off for good.
                if self._problem and monotonic() >= self._probe_due_s:
                    self._probe(store)
        finally:
            connection.close()

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
                self._report(str(error))
                self.stopping.wait(PROBE_EVERY_S)
                continue
            self._report(None)
            return connection
        return None

    def _boot(self, store: Store) -> None:
        self._clock.not_before(store.newest_stamp())
        now = self._clock.now()
        tags = store.tags(now.utc if now.synced else None)
        if tags.age_at_boot_s is not None:
            # The machine may be up for long when the daemon starts; the rules add its uptime.
            tags = replace(tags, age_at_boot_s=tags.age_at_boot_s - now.mono_s)
        self._post(
            Booted(
                open_session=store.open_session(self._clock.boot_id),
                last_seq=store.last_seq(),
                tags=tags,
                faults=store.faults(),
                disabled=store.disabled(),
            )
        )
        self._on_outbox()

    def _carry_out(self, store: Store, command: JournalCommand) -> None:
        if not isinstance(command, _NOT_OWED):
            self._owed.append(command)
            if self._pay(store):
                self._report(None)
            return
        try:
            self._write(store, command)
        except sqlite3.Error as error:
            problem = self._cannot(error)
            if isinstance(command, StoreSession):
                self._post(StoringFailed(command.session.uuid, command.record, problem))
            return
        if self._pay(store):
            self._report(None)
        if isinstance(command, StoreSession):
            self._post(SessionStored(command.session.uuid, command.record))
            self._on_outbox()

    def _write(self, store: Store, command: JournalCommand) -> None:
        match command:
            case StoreSession(session, record, announce):
                now = self._clock.now().utc
                store.put_session(session, record, self._clock.boot_id, announce, now)
            case StoreLifeSign():
                store.put_life_sign(command)
            case StoreFault(fault):
                store.put_fault(fault)
            case ForgetFault(name):
                store.forget_fault(name)
            case StoreDisabled(disabled):
                store.put_disabled(disabled)
            case RepairStamps():
                store.repair_stamps(command, self._clock.boot_id)
                self._on_outbox()

    def _pay(self, store: Store) -> bool:
        """Write what is owed, in its order. Whether all of it is safe."""
        try:
            while self._owed:
                self._write(store, self._owed[0])
                del self._owed[0]
        except sqlite3.Error as error:
            self._cannot(error)
            return False
        return True

    def _cannot(self, error: sqlite3.Error) -> str:
        problem = f"{self._path} cannot be written: {error}; is the disk full or read-only?"
        self._report(problem)
        return problem

    def _probe(self, store: Store) -> None:
        self._probe_due_s = monotonic() + PROBE_EVERY_S
        try:
            store.touch()
        except sqlite3.Error:
            return
        if self._pay(store):
            self._report(None)

    def _report(self, problem: str | None) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        if problem is None:
            self.log.info("journal can be written again")
        else:
            self.log.error("%s", problem)
            self._probe_due_s = monotonic() + PROBE_EVERY_S
        self._post(JournalStateChanged(problem))
