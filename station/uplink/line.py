"""What all messages share: transport, journal, clock, and what any answer means. Uplink thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import MINYEAR, UTC, datetime
from typing import Protocol, TypeVar

from station.clock import Clock
from station.journal.store import Store
from station.rules.messages import Event, ServerHeard, StopRequested
from station.rules.values import EndReason
from station.status import Snapshot
from station.transport.answers import Answer, Transport
from station.workers.link import Link

T = TypeVar("T")

LARGEST_SEQ = 2**53 - 1


class Journal(Protocol):
    """Runs a function on the journal's store and returns its result. Raises sqlite3.Error."""

    def call(self, function: Callable[[Store], T]) -> T: ...


@dataclass(slots=True)
class Line:
    """The way to the server. ``monotonic`` in seconds; ``post`` takes events for the core.

    ``highest_seq``: the highest that the server named in this run.
    """

    transport: Transport
    journal: Journal
    clock: Clock
    snapshot: Callable[[], Snapshot]
    post: Callable[[Event], None]
    link: Link
    log: logging.Logger
    monotonic: Callable[[], float]
    highest_seq: int = -1

    def note(self, answer: Answer) -> None:
        """Every answer ends or prolongs the pause; the log hears of the changes."""
        if not answer.asked:
            return
        before = self.link.problem
        self.link.note(answer, self.monotonic())
        problem = self.link.problem
        if (problem is None) != (before is None):
            if problem is None:
                self.log.info("server answers")
            else:
                self.log.warning("server cannot be used: %s", problem)

    def heed(self, answer: Answer, uuid: str | None) -> None:
        """What every answer may carry: the time, the seq that is known there, whether to go on."""
        if (server_time := moment(answer.body.get("server_time"))) is not None:
            self.clock.learn(server_time)
        last_seq = answer.body.get("last_seq")
        if answer.body.get("action") == "stop" and uuid is not None:
            self.post(StopRequested(EndReason.DEAUTHORIZED, uuid))
        if not isinstance(last_seq, int) or isinstance(last_seq, bool):
            return
        if self.highest_seq < last_seq <= LARGEST_SEQ:
            self.journal.call(lambda store: store.raise_seq(last_seq))
            self.highest_seq = last_seq
            self.post(ServerHeard(last_seq))


def moment(value: object) -> datetime | None:
    """A time of the wire, in UTC; None for anything that is none.

    One at the ends of the calendar that no other zone can tell, as "never" is written at times, is
    the end itself.
    """
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    if found.tzinfo is None:
        return None
    try:
        return found.astimezone(UTC)
    except OverflowError:
        return (datetime.max if found.year > MINYEAR else datetime.min).replace(tzinfo=UTC)


def text(value: object) -> str | None:
    return value if isinstance(value, str) else None
