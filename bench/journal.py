"""One more charge in a journal that is long: ``python -m bench.journal [SESSIONS…]``.

The commits of a whole charge (asked, accepted, a life sign, ending, ended with its END) and of its
delivery, with the daemon's own fsync, into a journal that holds 10^2 … 10^6 delivered charges. The
median of some dozens; the first size is what the others are held against.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from campaign.claims.traffic import Charge, charges, fill, live
from station.journal.database import connect
from station.journal.store import Store

SIZES = (100, 10_000, 1_000_000)
CHARGES = 60
FLAT_WITHIN = 1.5
SERIAL, TAGS = "11223344", ("04A3C6CAE26180", "16AC936B")


def grow(path: Path, size: int) -> int:
    """Let the journal hold so many charges, all delivered; how many there are."""
    with closing(sqlite3.connect(path)) as database:
        (there,) = database.execute("SELECT count(*) FROM sessions").fetchone()
        columns = [row[1] for row in database.execute("PRAGMA table_info(sessions)")]
        row = list(database.execute("SELECT * FROM sessions ORDER BY seq DESC LIMIT 1").fetchone())
        place = {name: columns.index(name) for name in ("uuid", "seq")}
        rng = random.Random(size)

        def copies() -> object:
            for number in range(there, size):
                row[place["uuid"]] = f"{rng.getrandbits(128):032x}"
                row[place["seq"]] = number + 1
                yield tuple(row)

        marks = ",".join("?" * len(columns))
        database.execute("PRAGMA synchronous=OFF")
        database.executemany(f"INSERT INTO sessions VALUES ({marks})", copies())
        database.commit()
        return max(there, size)


def one_more(path: Path, first: int, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds and CPU milliseconds of each of so many charges."""
    took_ms, cpu_ms = [], []
    store = Store(connect(path))
    made = charges(count, random.Random(first), SERIAL, TAGS, datetime.now(UTC))
    for number, charge in enumerate(made):
        session = replace(charge.session, seq=first + number + 1)
        mine = Charge(session, charge.signs[:1])
        began_s, cpu_s = time.perf_counter(), time.process_time()
        live(store, mine)
        store.delivered(store.next_messages(20))
        took_ms.append(1e3 * (time.perf_counter() - began_s))
        cpu_ms.append(1e3 * (time.process_time() - cpu_s))
    store.database.close()
    return took_ms, cpu_ms


def main(arguments: list[str]) -> int:
    """Print the table; 1 when it is not flat."""
    sizes = [int(one) for one in arguments] or list(SIZES)
    print(f"{'journal holds':>16}{'ms a charge':>14}{'p99 ms':>10}{'CPU ms':>10}{'ratio':>8}")
    first: float | None = None
    met = True
    with tempfile.TemporaryDirectory(prefix="jour") as folder:
        path = Path(folder) / "journal.sqlite3"
        fill(path, charges(10, random.Random(1), SERIAL, TAGS, datetime.now(UTC)))
        with closing(connect(path)) as database:
            store = Store(database)
            while messages := store.next_messages(20):
                store.delivered(messages)
            while batch := store.unsent_readings():
                store.readings_sent(batch)
        for size in sizes:
            there = grow(path, size)
            one_more(path, there, 5)
            took_ms, cpu_ms = one_more(path, there + 5, CHARGES)
            median = statistics.median(cpu_ms)
            first = first or median
            ratio = median / first
            met = met and ratio <= FLAT_WITHIN
            p99 = sorted(took_ms)[int(0.99 * len(took_ms))]
            print(f"{size:16,}{statistics.median(took_ms):14.2f}{p99:10.2f}{median:10.2f}"
                  f"{ratio:8.2f}")  # fmt: skip
    print(f"CPU flat within {FLAT_WITHIN:g} x: {'reached' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
