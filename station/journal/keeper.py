"""What is written, in which order, and what is owed while nothing can be written. Journal thread.

The core stores a session's step again when it failed, and a later sign of life replaces an
earlier one. The rest (faults that latch over a reboot, repaired stamps, the removal of a session
that was refused) is owed until it is on disk. Nothing here waits but for the disk:
workers/journal.py gives it a thread, the campaign virtual time.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from station.clock import Clock
from station.journal.store import Store
from station.rules.messages import (
    Booted,
    Event,
    ForgetFault,
    JournalCommand,
    JournalStateChanged,
    RepairStamps,
    SessionStored,
    StoreDisabled,
    StoreFault,
    StoreLifeSign,
    StoreRegister,
    StoreSession,
    StoringFailed,
)
from station.rules.values import Record

PROBE_EVERY_S = 10.0

_NOT_OWED = (StoreSession, StoreLifeSign)


class Keeper:
    """``post`` takes events for the core, ``on_outbox`` is called after a commit with a message.

    ``probe_due_s``: when to try again whether the journal can be written, monotonic; None: it can.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        post: Callable[[Event], None],
        on_outbox: Callable[[], None],
        log: logging.Logger,
        monotonic: Callable[[], float],
    ) -> None:
        self._path = path
        self._clock = clock
        self._post = post
        self._on_outbox = on_outbox
        self._log = log
        self._monotonic = monotonic
        self._problem: str | None = None
        self._owed: list[JournalCommand] = []
        self.probe_due_s: float | None = None

    def boot(self, store: Store) -> None:
        """Tell the core what the last run left behind."""
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
                unsettled=store.unsettled(self._clock.boot_id),
                register=store.register(),
            )
        )
        self._on_outbox()

    def carry_out(self, store: Store, command: JournalCommand) -> None:
        """Write what the core wants written; SessionStored or StoringFailed tell it the outcome."""
        if not isinstance(command, _NOT_OWED):
            self._owed.append(command)
            if self._pay(store):
                self.report(None)
            return
        try:
            self._write(store, command)
        except sqlite3.Error as error:
            problem = self._cannot(error)
            if isinstance(command, StoreSession):
                if command.record is Record.DROPPED:
                    # Nobody waits for it, and nobody stores it again.
                    self._owed.append(command)
                self._post(StoringFailed(command.session.uuid, command.record, problem))
            return
        if self._pay(store):
            self.report(None)
        if isinstance(command, StoreSession):
            self._post(SessionStored(command.session.uuid, command.record))
            self._on_outbox()

    def probe_if_due(self, store: Store) -> None:
        """While the journal cannot be written: see whether it can again."""
        if self.probe_due_s is None or self._monotonic() < self.probe_due_s:
            return
        self.probe_due_s = self._monotonic() + PROBE_EVERY_S
        try:
            store.touch()
        except sqlite3.Error:
            return
        if self._pay(store):
            self.report(None)

    def report(self, problem: str | None) -> None:
        """Tell the core, when it changed, whether the journal can be written."""
        if problem == self._problem:
            return
        self._problem = problem
        if problem is None:
            self._log.info("journal can be written again")
            self.probe_due_s = None
        else:
            self._log.error("%s", problem)
            self.probe_due_s = self._monotonic() + PROBE_EVERY_S
        self._post(JournalStateChanged(problem))

    def _write(self, store: Store, command: JournalCommand) -> None:
        match command:
            case StoreSession(session, record, announce):
                store.put_session(session, record, self._clock.boot_id, announce)
            case StoreLifeSign():
                store.put_life_sign(command)
            case StoreRegister(register):
                store.put_register(register)
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
        self.report(problem)
        return problem
