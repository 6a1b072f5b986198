"""evcs-station outbox --retry ID: put a message from the quarantine back into its line."""

from __future__ import annotations

import json
import sqlite3

from station.cli.common import Problem, alone, daemon_says
from station.config import Config
from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.store import Store


def retry(config: Config, *, message_id: int, as_json: bool) -> int:
    """Exit status 1 when nothing with that id is in quarantine. Raises Problem."""
    answer = daemon_says(config, "retry", id=message_id)
    found = _retry_alone(config, message_id) if answer is None else bool(answer.get("found"))
    if not found:
        raise Problem(
            f"no message {message_id} is in quarantine; evcs-station outbox --quarantine lists them"
        )
    sent = "the daemon sends it in its turn" if answer is not None else "the next daemon sends it"
    print(json.dumps({"id": message_id, "found": True}) if as_json else f"{message_id}: {sent}")
    return 0


def _retry_alone(config: Config, message_id: int) -> bool:
    path = config.data_dir / JOURNAL_FILE
    with alone(config):
        try:
            # A journal that is not there must not be begun here, by whoever types the command.
            database.connect_readonly(path).close()
            connection = database.connect(path)
            try:
                return Store(connection).retry(message_id)
            finally:
                connection.close()
        except (database.JournalError, sqlite3.Error) as error:
            raise Problem(f"journal: {error}") from error
