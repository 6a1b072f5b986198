"""A backlog to the real server over TLS: ``python -m bench.backlog [MESSAGES]``.

START and END of charges from a real journal, by the daemon's journal and uplink threads over their
one connection; beside it the same kind of messages with a connection for each. gunicorn, SQLite and
both clients share the machine. Slices in turn, so that both see the same minute.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import trustme

from campaign.claims.away import Gate
from campaign.claims.traffic import Charge, charges, delivering, fill, left
from station.transport import bodies
from station.transport.answers import Kind
from station.transport.rest import RestTransport
from tools.installation import Process, Server, free_port, until

MESSAGES = 20_000
TIMES = 1.5
# One of so many messages goes the slow way as well, in slices.
SLICE, SLOW_SLICE = 1000, 100
BOXES = (("box-1", "11223344", ("04A3C6CAE26180",)), ("box-2", "55667788", ("04B17A5C3D6E80",)))


@contextmanager
def secured(folder: Path) -> Iterator[tuple[str, str, Server]]:
    """The real server behind https: its address, the authority's file, and its management."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        str(folder / "server.pem")
    )
    server = Server(folder, 0)
    server.prepare()
    port = free_port()
    words = ("--bind", f"127.0.0.1:{port}", "--certfile", str(folder / "server.pem"),
             "--worker-class", "gthread", "--threads", "8", "--keep-alive", "75",
             "--no-control-socket", "--log-level", "error")  # fmt: skip
    process = Process(
        "server", folder / "server.log", sys.executable, "-m", "gunicorn", "server.wsgi", *words,
        **server.environment,
    )  # fmt: skip
    url, ca_file = f"https://localhost:{port}", str(folder / "ca.pem")

    def answers() -> bool:
        transport = RestTransport(url, "x", ca_file=ca_file)
        try:
            return transport.tags(None).kind is not Kind.SILENT
        finally:
            transport.close()

    try:
        until(answers, "the server behind https", 30)
        yield url, ca_file, server
    finally:
        process.end()


def with_a_connection_each(url: str, token: str, ca_file: str, some: list[Charge]) -> float:
    """Seconds for START and END of each, every one over a connection of its own."""
    began_s = time.perf_counter()
    for charge in some:
        session = charge.session
        for kind in ("start", "end"):
            transport = RestTransport(url, token, ca_file=ca_file)
            call = getattr(transport, kind)
            answer = call(session.uuid, getattr(bodies, kind)(session))
            transport.close()
            if answer.kind is not Kind.DONE:
                raise RuntimeError(f"{kind}: {answer}")
    return time.perf_counter() - began_s


def main(arguments: list[str]) -> int:
    """Print messages a second of both; 1 when the figure is missed."""
    messages = int(arguments[0]) if arguments else MESSAGES
    slices = max(1, messages // SLICE - 1)
    now, rng = datetime.now(UTC), random.Random(1)
    (name, *mine), (other, *theirs) = BOXES
    journal_charges = charges(messages // 2, rng, *mine, now)  # type: ignore[arg-type]
    slow = list(charges(slices * SLOW_SLICE // 2, rng, *theirs, now))  # type: ignore[arg-type]
    fast_s = slow_s = 0.0
    with tempfile.TemporaryDirectory(prefix="back") as place:
        folder = Path(place)
        journal = folder / "journal.sqlite3"
        fill(journal, (replace(one, signs=()) for one in journal_charges))
        with secured(folder) as (url, ca_file, server):
            token = (folder / f"{name}.token").read_text().strip()
            second = server.manage("evcs_station", other).strip()
            gate = Gate(RestTransport(url, token, ca_file=ca_file))
            with delivering(journal, gate):
                for number in range(slices):
                    fast_s += gate.let(SLICE)
                    place_in = number * SLOW_SLICE // 2
                    some = slow[place_in : place_in + SLOW_SLICE // 2]
                    slow_s += with_a_connection_each(url, second, ca_file, some)
                gate.open()
                until(lambda: left(journal).waiting == 0, "all delivered", 600)
    fast, slow_rate = slices * SLICE / fast_s, slices * SLOW_SLICE / slow_s
    print(f"backlog of {messages:,} messages over TLS, {os.cpu_count()} cores with the server")
    print(f"{'the uplink, one connection':34}{fast:8.0f} a second")
    print(f"{'a connection for each message':34}{slow_rate:8.0f} a second{fast / slow_rate:8.2f} x")
    reached = fast >= TIMES * slow_rate
    print(f">= {TIMES:g} x: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
