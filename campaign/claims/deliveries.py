"""Every message arrives one to five times, and answers get lost: 10,000 charges, 10,000 bookings.

The real uplink and the real server, with a courier between them (courier.py). Minute readings are
sent along for every tenth charge: what is counted here are bookings.

Alone: ``python -m campaign.claims.deliveries [SCALE] [SEED]``.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from campaign.claims import books
from campaign.claims.courier import Habits, between
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
from campaign.figures import Figure, at_least, exactly, table
from station.transport.rest import RestTransport
from station.workers.link import Link
from tools.installation import NotInTime, until

CLAIM = "1–5 deliveries, answers lost at random, 10,000 sessions"
BOX = ("box-1", "11223344", ("04A3C6CAE26180", "16AC936B"))
READINGS_OF_EVERY = 10
# For all of it, at a speed that no machine falls below while it gets on at all.
PATIENCE_S, SLOWEST_S = 60.0, 2.0


def measure(
    scale: float,
    seed: int,
    folder: Path,
    *,
    habits: Habits | None = None,
    wrap: Wrap = lambda transport: transport,
) -> list[Figure]:
    """``habits`` of the courier, and ``wrap`` around the transport: for tests that want something
    to go wrong."""
    rng = random.Random(seed)
    count = max(1, round(SESSIONS * scale))
    charged = list(_some_readings(charges(count, rng, *BOX[1:], datetime.now(UTC))))
    journal = folder / "journal.sqlite3"
    fill(journal, charged)
    link = Link(random.Random(rng.random()), first_s=0.001, longest_s=0.02, token_refused_s=0.02)
    with (
        installed(folder / "server") as (server, token),
        between(server.port, random.Random(rng.random()), habits or Habits()) as (url, courier),
    ):
        transport = wrap(RestTransport(url, token, timeout_s=PATIENCE_S, user_agent=SOFTWARE))
        with delivering(journal, transport, link), suppress(NotInTime):
            until(
                lambda: left(journal).nothing_waits,
                "all delivered",
                PATIENCE_S + SLOWEST_S * count,
            )
        found = books.read(server, BOX[0])
    return [
        *books.judge(CLAIM, charged, found),
        exactly(CLAIM, "left in the journal for the server", left(journal).all, 0),
        *_mischief(courier.counts),
    ]


def _some_readings(charged: Iterator[Charge]) -> Iterator[Charge]:
    for number, one in enumerate(charged):
        yield one if number % READINGS_OF_EVERY == 0 else replace(one, signs=())


def _mischief(counts: Counter[str]) -> list[Figure]:
    """Proof that there was some: what the courier did."""
    kinds = ("requests lost", "answers lost", "answers cut", "late copies")
    each = counts["deliveries"] / max(1, counts["requests of the box"])
    return [
        at_least(CLAIM, "deliveries of a request, on average", each, 2.0),
        *(at_least(CLAIM, kind, counts[kind], 1) for kind in kinds),
    ]


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 when a figure is missed."""
    scale = float(arguments[0]) if arguments else 1.0
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    with tempfile.TemporaryDirectory(prefix="deliveries") as folder:
        figures = measure(scale, seed, Path(folder))
    sys.stdout.write(table(figures) + "\n")
    return 0 if all(one.met for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
