"""A backlog to the real server over TLS: ``python -m bench.backlog [MESSAGES]``.

START and END of charges from a real journal, by the daemon's journal and uplink threads over their
one connection, an END telling its START as well; beside it START and END with a connection for
each; and, to tell what is the connection's share, the END alone with a connection for each.
gunicorn, SQLite and all clients share the machine. Slices in turn, so that all see the same minute.
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
from itertools import islice
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
# Charges the uplink's way and, in turn with them, charges the slow ways.
SLICE, SLOW_SLICE = 500, 50
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


def with_a_connection_each(
    url: str, token: str, ca_file: str, some: list[Charge], kinds: tuple[str, ...]
) -> float:
    """Seconds for these messages of each charge, every one over a connection of its own."""
    began_s = time.perf_counter()
    for charge in some:
        session = charge.session
        for kind in kinds:
            transport = RestTransport(url, token, ca_file=ca_file)
            call = getattr(transport, kind)
            answer = call(session.uuid, getattr(bodies, kind)(session))
            transport.close()
            if answer.kind is not Kind.DONE:
                raise RuntimeError(f"{kind}: {answer}")
    return time.perf_counter() - began_s


def main(arguments: list[str]) -> int:
    """Print charges a second of each; 1 when the figure is missed."""
    messages = int(arguments[0]) if arguments else MESSAGES
    slices = max(1, messages // 2 // SLICE - 1)
    now, rng = datetime.now(UTC), random.Random(1)
    (name, *mine), (other, *theirs) = BOXES
    journal_charges = charges(messages // 2, rng, *mine, now)  # type: ignore[arg-type]
    slow = charges(2 * slices * SLOW_SLICE, rng, *theirs, now)  # type: ignore[arg-type]
    fast_s = both_s = ends_s = 0.0
    with tempfile.TemporaryDirectory(prefix="back") as place:
        folder = Path(place)
        journal = folder / "journal.sqlite3"
        fill(journal, (replace(one, signs=()) for one in journal_charges))
        with secured(folder) as (url, ca_file, server):
            token = (folder / f"{name}.token").read_text().strip()
            second = server.manage("evcs_station", other).strip()
            gate = Gate(RestTransport(url, token, ca_file=ca_file))

            def slowly(*kinds: str) -> float:
                some = list(islice(slow, SLOW_SLICE))
                return with_a_connection_each(url, second, ca_file, some, kinds)

            with delivering(journal, gate):
                for _ in range(slices):
                    fast_s += gate.let(SLICE)
                    both_s += slowly("start", "end")
                    ends_s += slowly("end")
                gate.open()
                until(lambda: left(journal).waiting == 0, "all delivered", 600)
    fast, both, ends = (
        slices * count / seconds
        for count, seconds in ((SLICE, fast_s), (SLOW_SLICE, both_s), (SLOW_SLICE, ends_s))
    )
    print(f"backlog of {messages:,} messages ({messages // 2:,} charges) over TLS,"
          f" {os.cpu_count()} cores with the server")  # fmt: skip
    print(f"{'the uplink: one connection, END tells its START':52}{fast:8.0f} charges a second")
    for what, rate in (
        ("START and END, a connection for each message", both),
        ("END alone, a connection for each", ends),
    ):
        print(f"{what:52}{rate:8.0f} charges a second{fast / rate:8.2f} x")
    reached = fast >= TIMES * both
    print(f">= {TIMES:g} x: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
