"""Fast lives in which the product has a defect: ``python -m tests.campaign.planted NAME``.

Each is a mistake that somebody could make. The campaign has to find every one of them.
"""

from __future__ import annotations

import sqlite3
import sys
import uuid
from collections.abc import Callable
from typing import Any


def silence_is_consent() -> None:
    """A message that nobody answered is taken for delivered."""
    from station.transport import rest
    from station.transport.answers import Kind

    judge, silent = rest.Answer, Kind.SILENT

    def answer(kind: Kind, *args: Any, **kwargs: Any) -> Any:
        return judge(Kind.DONE if kind is silent else kind, *args, **kwargs)

    rest.Answer = answer  # type: ignore[misc,assignment]


def new_uuid_at_each_attempt() -> None:
    """A repeated END is another session to the server."""
    from station.transport.rest import RestTransport

    end = RestTransport.end
    RestTransport.end = lambda self, _, body: end(self, str(uuid.uuid4()), body)  # type: ignore


def no_fsync() -> None:
    """A commit is reported before it is on the disk."""
    from station.journal import database

    connect = database.connect

    def careless(path: Any) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    database.connect = careless


def closes_before_the_record() -> None:
    """The contactor closes while the accepted record is on its way."""
    from station.rules import charging
    from station.rules.values import Record, Stage

    on_answer = charging._Charging.on_answer

    def hasty(self: Any, answer: Any) -> None:
        on_answer(self, answer)
        session = self.session
        if session is not None and session.stage is Stage.STORING_ACCEPTED:
            self.set(stored=Record.ACCEPTED)
            self.move(session, Stage.CLOSING)

    charging._Charging.on_answer = hasty  # type: ignore[method-assign]


def believes_every_register() -> None:
    """Whatever the meter sends may be booked."""
    from station.rules import metering, plausibility

    def credulous(track: Any, reading: Any, *_: Any, **__: Any) -> Any:
        return plausibility.Track(last=reading), None

    metering.plausibility.observe = credulous  # type: ignore[attr-defined,assignment]


def reads_while_it_moves() -> None:
    """The end register is the first one after the word to open."""
    from station.rules import booking

    def hasty(self: Any, session: Any, reading: Any) -> None:
        last = self.state.session_facts or reading.facts
        self.settle(session, last, estimated=False)

    booking.Booking.read_end = hasty  # type: ignore[method-assign]


def forgets_what_was_running() -> None:
    """A session without an end is not taken up after a boot."""
    from station.journal.store import Store

    Store.open_session = lambda self, boot_id: None  # type: ignore[method-assign]


DEFECTS: dict[str, Callable[[], None]] = {
    plant.__name__: plant
    for plant in (
        silence_is_consent,
        new_uuid_at_each_attempt,
        no_fsync,
        closes_before_the_record,
        believes_every_register,
        reads_while_it_moves,
        forgets_what_was_running,
    )
}

if __name__ == "__main__":
    from campaign.fast import play

    DEFECTS[sys.argv[1]]()
    play.main()
