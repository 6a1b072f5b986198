"""The server is away for 30 days, and the box charges on by its tag list: 10,000 charges.

How much the journal grows; then whether the uplink delivers all of it in order, how fast, and how
fast the bare server is beside it: the same number of requests of the same kinds for a second
station, in alternating slices, sent by a loop of http.client that does nothing else. A message is
what the journal has to tell: a START, an END, or the readings of a session. START and END of a
charge that is over leave in one request.

Alone: ``python -m campaign.claims.away [SCALE] [SEED]``.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from campaign.claims import books
from campaign.claims.traffic import (
    SESSIONS,
    SOFTWARE,
    Charge,
    Wrap,
    charges,
    delivering,
    fill,
    installed,
    left,
)
from campaign.figures import Figure, at_least, at_most, exactly, table
from station.transport import bodies
from station.transport.answers import Answer, Kind, Transport
from station.transport.rest import API, RestTransport
from tools.installation import NotInTime, until

CLAIM = "server away 30 days, 10,000 sessions"
MOST_MB = 10.0
LEAST_PER_S = 100.0
LEAST_SHARE = 80.0
SLICE = 200
# Of one slice, and of the end: far beyond any machine's, so that a stuck uplink is a figure.
PATIENCE_S = 60.0

BOX = ("box-1", "11223344", ("04A3C6CAE26180", "16AC936B"))
BARE = ("box-2", "55667788", ("04B17A5C3D6E80", "7D21F0A4"))


def measure(
    scale: float, seed: int, folder: Path, *, wrap: Wrap = lambda transport: transport
) -> list[Figure]:
    """``wrap`` goes around the transport, for tests that want something to go wrong."""
    rng, now = random.Random(seed), datetime.now(UTC)
    count = max(1, round(SESSIONS * scale))
    mine = list(charges(count, rng, *BOX[1:], now))
    other = list(charges(count, rng, *BARE[1:], now))
    journal = folder / "journal.sqlite3"
    grown = fill(journal, mine)
    with installed(folder / "server") as (server, token):
        bare = BareLoop(server.url, server.manage("evcs_station", BARE[0]).strip(), other)
        gate = Gate(wrap(RestTransport(server.url, token, user_agent=SOFTWARE)))
        pace = Pace()
        with delivering(journal, gate), contextlib.suppress(NotInTime):
            try:
                race(gate, bare, pace)
            finally:
                gate.open()
                bare.close()
            until(lambda: left(journal).nothing_waits, "all delivered", PATIENCE_S)
        found = books.read(server, BOX[0])
    return [
        *books.judge(CLAIM, mine, found),
        exactly(CLAIM, "left in the journal for the server", left(journal).all, 0),
        at_most(
            CLAIM, "growth of the journal, write-ahead log included", grown / 1e6, MOST_MB, "MB"
        ),
        at_least(CLAIM, "messages delivered", pace.per_s, LEAST_PER_S, "a second"),
        at_least(CLAIM, "of what the bare server does beside it", pace.share, LEAST_SHARE, "%"),
    ]


@dataclass
class Pace:
    """Requests, the messages in them, and the seconds that each side took for as many of them."""

    requests: int = 0
    messages: int = 0
    uplink_s: float = 0.0
    bare_s: float = 0.0

    @property
    def per_s(self) -> float:
        return self.messages / self.uplink_s if self.messages else 0.0

    @property
    def share(self) -> float:
        """In percent."""
        return 100 * self.bare_s / self.uplink_s if self.messages else 0.0


def race(gate: Gate, bare: BareLoop, pace: Pace) -> None:
    """Alternating slices, each side first in every other one. The last messages go uncounted:
    after them the uplink wants to send nothing, so the end of their slice cannot be seen."""
    slice_ = max(1, min(SLICE, bare.requests // 10))
    while bare.left > slice_:
        if (pace.requests // slice_) % 2:
            pace.bare_s += bare.send(slice_)
            pace.uplink_s += gate.let(slice_)
        else:
            pace.uplink_s += gate.let(slice_)
            pace.bare_s += bare.send(slice_)
        pace.requests += slice_
        pace.messages = gate.messages


class Gate:
    """Lets so many requests through and holds the uplink thread before the next one.

    ``messages``: how many of the journal's went with them, an END of ours being its START as well.
    """

    def __init__(self, transport: Transport) -> None:
        self.messages = 0
        self._transport = transport
        self._changed = threading.Condition()
        self._left = 0.0
        self._held = False

    def let(self, count: int) -> float:
        """Seconds until the uplink, having delivered ``count`` requests, wants to send another.

        Raises NotInTime if it does not get there.
        """
        with self._changed:
            began = perf_counter()
            self._left = count
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._left <= 0 and self._held, PATIENCE_S):
                raise NotInTime(f"{self._left:g} of {count} requests were not delivered")
            return perf_counter() - began

    def open(self) -> None:
        """From now on everything passes."""
        with self._changed:
            self._left = float("inf")
            self._changed.notify_all()

    @property
    def end_tells_all(self) -> bool:
        return self._transport.end_tells_all

    def start(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._request(lambda: self._transport.start(uuid, body))

    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._request(lambda: self._transport.end(uuid, body), 2)

    def readings(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._request(lambda: self._transport.readings(uuid, body))

    def heartbeat(self, body: Mapping[str, Any]) -> Answer:
        self._wait()
        return self._transport.heartbeat(body)

    def tags(self, etag: str | None) -> Answer:
        self._wait()
        return self._transport.tags(etag)

    def quarantine(self, message_id: str, raw: str, reason: str) -> Answer:
        self._wait()
        return self._transport.quarantine(message_id, raw, reason)

    def close(self) -> None:
        self._transport.close()

    def _request(self, call: Callable[[], Answer], messages: int = 1) -> Answer:
        self._wait()
        answer = call()
        if answer.kind is Kind.DONE:
            with self._changed:
                self._left -= 1
                self.messages += messages
        return answer

    def _wait(self) -> None:
        with self._changed:
            if self._left > 0:
                return
            self._held = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._left > 0)
            self._held = False


class BareLoop:
    """What a client can have of this server that has nothing else to do.

    One connection that is kept, bodies made beforehand, nothing stored, answers read and only
    looked at for their status.
    """

    def __init__(self, url: str, token: str, traffic: Sequence[Charge]) -> None:
        address = urlsplit(url)
        self._connection = HTTPConnection(str(address.hostname), address.port, timeout=PATIENCE_S)
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": SOFTWARE,
        }
        self._requests = list(_requests(traffic))
        self._sent = 0

    @property
    def requests(self) -> int:
        return len(self._requests)

    @property
    def left(self) -> int:
        return len(self._requests) - self._sent

    def send(self, count: int) -> float:
        """Send the next ``count`` requests; returns the seconds it took.

        Raises RuntimeError if the server takes one of them not: there is nothing to compare with.
        """
        began = perf_counter()
        for method, path, body in self._requests[self._sent : self._sent + count]:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            text = answer.read()
            if answer.status not in (200, 201):
                raise RuntimeError(f"the server does not take the bare loop's {path}: {text!r}")
        self._sent += count
        return perf_counter() - began

    def close(self) -> None:
        self._connection.close()


def _requests(traffic: Sequence[Charge]) -> Iterator[tuple[str, str, bytes]]:
    """In the uplink's order: ends as they happened, then readings."""
    for charge in traffic:
        session = charge.session
        yield "PUT", _path(session.uuid, "/end"), json.dumps(bodies.end(session)).encode()
    for charge in traffic:
        if charge.readings:
            body = json.dumps(bodies.readings(charge.readings)).encode()
            yield "POST", _path(charge.session.uuid, "/readings"), body


def _path(uuid: str, call: str = "") -> str:
    return f"{API}sessions/{uuid}{call}"


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 when a figure is missed."""
    scale = float(arguments[0]) if arguments else 1.0
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    with tempfile.TemporaryDirectory(prefix="away") as folder:
        figures = measure(scale, seed, Path(folder))
    sys.stdout.write(table(figures) + "\n")
    return 0 if all(one.met for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
