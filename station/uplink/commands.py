"""The server's commands: each is carried out once, and what became of it is told until it is heard.

``answered`` may be called by any thread; the rest is the uplink thread's.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from station.journal.store import Store
from station.rules.messages import Request, RequestMade
from station.uplink.line import Line, moment, text

# Marks the id of a request that came from the server.
REMOTE = "server:"
_REQUESTS = {request.value: request for request in Request}
# Every command costs a write of the card, and an answer could carry a hundred thousand of them.
MOST_AT_ONCE = 20
LONGEST_ID = 64


class Commands:
    """Results wait in the journal; while that cannot be written, here."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._results: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._obeyed: set[str] = set()
        self._unkept: dict[str, str] = {}

    def answered(self, command_id: str, result: str) -> None:
        """What became of a command."""
        self._results.put((command_id, result))

    def take_results(self) -> bool:
        """Whether something became of a command since this was asked last."""
        some = False
        with contextlib.suppress(queue.Empty):
            while True:
                key, result = self._results.get_nowait()
                self._unkept[key] = result
                some = True
        return some

    def done(self) -> dict[str, str]:
        """Every result that is to be told; told also as long as it cannot be stored."""
        journal = self._line.journal
        try:
            if self._unkept:
                journal.call(partial(Store.put_done, results=dict(self._unkept)))
                self._unkept.clear()
        except sqlite3.Error as error:
            self._line.log.warning("results of commands cannot be stored now: %s", error)
        return {**journal.call(Store.done), **self._unkept}

    def obey(self, commands: list[dict[str, Any]], done: Mapping[str, str], now: datetime) -> None:
        """Each command once, whatever the number of times it is listed; ids are kept on disk.

        The first so many count; the others are listed again when those are done.
        """
        commands = [one for one in commands if len(str(one.get("id"))) <= LONGEST_ID]
        for command in commands[:MOST_AT_ONCE]:
            key = str(command.get("id"))
            if key in done or key in self._obeyed:
                continue
            self._obeyed.add(key)
            request = _REQUESTS.get(str(command.get("type")))
            if request is None:
                self.answered(key, "refused")
            elif _expired(command, now):
                self.answered(key, "expired")
            else:
                self._line.post(
                    RequestMade(
                        id=REMOTE + key,
                        request=request,
                        remote=True,
                        uuid=text(command.get("session")),
                        fault=text(command.get("fault")),
                        since=moment(command.get("since")),
                    )
                )
        listed = {str(command.get("id")) for command in commands}
        gone = [key for key in done if key not in listed]
        for key in gone:
            self._unkept.pop(key, None)
            self._obeyed.discard(key)
        if gone:
            self._line.journal.call(lambda store: store.forget_done(gone))


def _expired(command: Mapping[str, Any], now: datetime) -> bool:
    expires_at = moment(command.get("expires_at"))
    return expires_at is not None and expires_at <= now
