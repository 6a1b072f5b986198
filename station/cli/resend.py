"""evcs-station outbox --resend DATE: tell the server once more what ended since that day.

For a server that was restored from a backup. What it still has books once, by the session's uuid.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

from station.cli.common import Problem, alone, daemon_says
from station.config import Config
from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.store import Store


def resend(config: Config, *, since: datetime, as_json: bool) -> int:
    """``since`` with an offset. Raises Problem."""
    answer = daemon_says(config, "resend", since=since.isoformat())
    count = _resend_alone(config, since) if answer is None else int(answer["count"])
    if as_json:
        print(json.dumps({"count": count}))
    else:
        print(f"{count} session(s) that ended since {since:%Y-%m-%d} are told once more")
    return 0


def _resend_alone(config: Config, since: datetime) -> int:
    path = config.data_dir / JOURNAL_FILE
    with alone(config):
        try:
            # A journal that is not there must not be begun here, by whoever types the command.
            database.connect_readonly(path).close()
            connection = database.connect(path)
            try:
                return Store(connection).resend(since)
            finally:
                connection.close()
        except (database.JournalError, sqlite3.Error) as error:
            raise Problem(f"journal: {error}") from error
