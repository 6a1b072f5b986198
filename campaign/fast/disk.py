"""The journal's file on the card: full or read-only at times, and what a cut leaves of it.

Every write of this process is seen by the witness (campaign/disk), so the process has to be started
with it; ``watched_folder`` says where.
"""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import suppress
from pathlib import Path

from campaign.disk import cut, witness
from campaign.fast.timeline import Gone
from station.journal import database
from station.journal.store import Store

FILE = "journal.sqlite3"


def watched_folder() -> Path:
    """Where the witness looks in this process. Raises LookupError when there is none."""
    if "WITNESS_DIR" not in os.environ:
        raise LookupError("fast lives are played by campaign.fast.run, which brings the witness")
    return Path(os.environ["WITNESS_DIR"])


class Disk:
    """The card of one box. ``boot`` and ``leave`` frame each run of the daemon."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._folder = watched_folder()
        self._log = Path(os.environ["WITNESS_LOG"])
        self._connection: sqlite3.Connection | None = None
        self.torn = 0
        self.set_aside = 0
        cut.put(self._folder, {})

    @property
    def path(self) -> Path:
        return self._folder / FILE

    @property
    def position(self) -> int:
        """How many records the witness has of this run."""
        return len(witness.read(self._log))

    def boot(self) -> Store:
        """Open the journal as the daemon does. Raises JournalError."""
        with suppress(FileNotFoundError):
            os.truncate(self._log, 0)
        self._before = cut.take(self._folder)
        self._connection = database.connect(self.path)
        self.set_aside = len(list(self._folder.glob("*.damaged-*[0-9]")))
        return Store(self._connection)

    def leave(self, gone: Gone | None) -> None:
        """The daemon's run is over: in good order (None), killed, or without power.

        After a kill the kernel still writes what it was given; after a cut nobody knows what of it
        arrived.
        """
        records = witness.read(self._log)
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if gone is None:
            return
        records = records[: gone.position]
        if gone.power:
            files = cut.after_cut(self._before, records, self._dice)
            self.torn += files != cut.replayed(self._before, records)
        else:
            files = cut.replayed(self._before, records)
        cut.put(self._folder, files)

    def set_writable(self, writable: bool) -> None:
        """Read-only, as a card that gave up, or writable again."""
        if self._connection is not None:
            self._connection.execute(f"PRAGMA query_only = {int(not writable)}")

    def set_full(self, full: bool) -> None:
        """No further page is to be had, or there is room again."""
        if self._connection is not None:
            pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
            most = pages if full else 1_000_000_000
            self._connection.execute(f"PRAGMA max_page_count = {most}")

    def look(self) -> Store:
        """A look at what is on the card, by a connection of its own."""
        return Store(database.connect_readonly(self.path))
