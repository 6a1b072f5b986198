"""What a command writes into the journal when no daemon runs: under the daemon's lock."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from station.cli.common import Problem, alone
from station.config import Config
from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.store import Store

T = TypeVar("T")


def in_journal(config: Config, act: Callable[[Store], T]) -> T:
    """Run ``act`` on the journal's store. Raises Problem."""
    path = config.data_dir / JOURNAL_FILE
    with alone(config):
        try:
            # A journal that is not there must not be begun here, by whoever types the command.
            database.connect_readonly(path).close()
            with closing(database.connect(path)) as connection:
                return act(Store(connection))
        except (database.JournalError, sqlite3.Error) as error:
            raise Problem(f"journal: {error}") from error
