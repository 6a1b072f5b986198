"""What the box saw, as it came; and what the journal held each time the contactor's line went up.

The journal is read beside the daemon, by the thread that hears the event, at once: that is the only
way to say from outside that a session was stored before the contactor closed.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.journal import database
from tests.stories.recorder import Recorder

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Closing:
    """``t_us``: of the box. ``late_us``: how much later the journal was read, into ``sessions``."""

    t_us: int
    late_us: int
    sessions: list[Row]


def rows(journal: Path, statement: str) -> list[Row]:
    """What a query finds; nothing when there is no journal. Raises sqlite3.Error."""
    try:
        connection = database.connect_readonly(journal)
    except database.JournalError:
        return []
    with closing(connection):
        return [dict(row) for row in connection.execute(statement)]


def is_closing(event: Row) -> bool:
    """The contactor's line went to its active level (active high in every life)."""
    return event["event"] == "line" and event.get("name") == "contactor" and event["level"] == 1


def is_opening(event: Row) -> bool:
    return event["event"] == "line" and event.get("name") == "contactor" and event["level"] == 0


class Watch(Recorder):
    """A recorder that looks into the ``journal`` at every closing."""

    def __init__(self, path: str, journal: Path) -> None:
        self._journal = journal
        self.closings: list[Closing] = []
        super().__init__(path)

    def _follow(self) -> None:
        for line in self._file:
            event = json.loads(line)
            if is_closing(event):
                found: list[Row] = []
                with suppress(sqlite3.Error):  # the judge finds no session then, and complains
                    found = rows(self._journal, "SELECT * FROM sessions ORDER BY seq")
                late_us = time.monotonic_ns() // 1000 - event["t_us"]
                self.closings.append(Closing(event["t_us"], late_us, found))
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()
