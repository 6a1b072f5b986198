"""What a call costs when there is much behind it: ``python -m bench.server_cost [SESSIONS…]``.

START with its END, the list of an apartment's month, its consumption, its statement, the station's
line of the meter and a heartbeat, each in this process against the configured database
(EVCS_DATABASE; SQLite in a temporary file without it), with 10^4, 10^5 and 10^6 sessions stored.
Each station has 500 of them, 25 a month: what is asked for is the same at every size, what lies
around it grows.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SIZES = (10_000, 100_000, 1_000_000)
CALLS = 30
FLAT_WITHIN = 2.0


def main(arguments: list[str]) -> int:
    """Print the table; 1 if a call costs more than twice as much at the largest size."""
    sizes = [int(one) for one in arguments] or list(SIZES)
    with tempfile.TemporaryDirectory(prefix="evcs-bench-") as folder:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
        os.environ.setdefault("EVCS_DATABASE", str(Path(folder) / "bench.sqlite3"))
        import django

        django.setup()
        return _measure(sizes)


def _measure(sizes: list[int]) -> int:
    from django.core.management import call_command
    from django.db import connection

    from bench.history import SESSIONS_EACH, House, fill, grow

    call_command("migrate", verbosity=0)
    house = House()
    table: dict[str, list[float]] = {}
    for size in sizes:
        first = len(house.stations)
        grow(house, size // SESSIONS_EACH)
        fill(house, first)
        _settle_statistics(connection)
        for name, call in _calls(house).items():
            table.setdefault(name, []).append(_median_ms(call))
    print(f"\nserver, {connection.vendor}, ms per call, median of {CALLS}\n")
    print(f"{'':34}" + "".join(f"{size:>12,}" for size in sizes) + f"{'ratio':>8}")
    met = True
    for name, row in table.items():
        ratio = row[-1] / row[0]
        flat = ratio <= FLAT_WITHIN
        met = met and flat
        cells = "".join(f"{one:12.2f}" for one in row)
        print(f"{name:34}{cells}{ratio:8.2f}{'' if flat else '  missed'}")
    return 0 if met else 1


def _calls(house: object) -> dict[str, Callable[[], object]]:
    import datetime as dt
    import json
    import uuid

    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.utils import timezone

    from bench.history import House
    from evcs.models import Session, Station
    from evcs.services import consumption, reconciliation, statements
    from evcs.services.settlement import month_of

    assert isinstance(house, House)
    box = Client(headers={"Authorization": f"Bearer {house.tokens[0]}"}, SERVER_NAME="localhost")
    station = Station.objects.get(pk=house.stations[0])
    user, _ = get_user_model().objects.get_or_create(username="bench", is_superuser=True)
    person = Client(SERVER_NAME="localhost")
    person.force_login(user)
    last = Session.objects.filter(station=station).order_by("-seq").first()
    assert last is not None
    assert last.end_wh is not None
    state = {"seq": last.seq, "wh": last.end_wh}
    month = month_of(timezone.now() - dt.timedelta(days=40), timezone.get_default_timezone())

    def meter(wh: int) -> dict[str, object]:
        return {"serial": "0", "import_wh": wh, "l1_wh": None, "l2_wh": None,
                "l3_wh": None}  # fmt: skip

    def charge() -> None:
        state["seq"] += 1
        at = timezone.now().isoformat()
        start = {
            "seq": state["seq"],
            "tag": house.tags[0],
            "started_at": at,
            "time_quality": "synced",
            "meter": meter(state["wh"]),
            "authorized_by": "server",
        }
        state["wh"] += 1000
        end = start | {
            "ended_at": at,
            "end_time_quality": "synced",
            "end_reason": "local",
            "meter_end": meter(state["wh"]),
        }
        key = uuid.uuid4()
        for path, body in ((f"sessions/{key}", start), (f"sessions/{key}/end", end)):
            answer = box.put(f"/api/evcs/v1/{path}", json.dumps(body), "application/json")
            assert answer.status_code in (200, 201), answer.content

    def heartbeat() -> None:
        body = {
            "phase": "available",
            "session": None,
            "boot_id": "b",
            "uptime_ms": 1,
            "now": timezone.now().isoformat(),
            "time_quality": "synced",
            "software": "bench",
            "meter": meter(state["wh"]),
            "power_w": 0,
            "pending": 0,
            "quarantined": 0,
            "faults": [],
            "tags_etag": None,
            "done": [],
        }
        answer = box.post("/api/evcs/v1/heartbeat", json.dumps(body), "application/json")
        assert answer.status_code == 200, answer.content

    def page() -> None:
        until = dt.date(month.year + month.month // 12, month.month % 12 + 1, 1)
        answer = person.get(
            "/api/evcs/v1/sessions",
            {"flat": house.flats[0], "from": f"{month}", "to": f"{until}"},
        )
        assert answer.status_code == 200, answer.content

    return {
        "START and END": charge,
        "heartbeat": heartbeat,
        "list of an apartment's month": page,
        "consumption of an apartment": lambda: consumption.of_flat(house.flats[0], month),
        "statement of an apartment": lambda: statements.build(
            house.flats[0], month, timezone.now()
        ),
        "the meter's line of a station": lambda: reconciliation.reconcile(station, month),
    }


def _median_ms(call: Callable[[], object]) -> float:
    for _ in range(3):
        call()
    took = []
    for _ in range(CALLS):
        began = time.perf_counter()
        call()
        took.append(1e3 * (time.perf_counter() - began))
    return statistics.median(took)


def _settle_statistics(connection: object) -> None:
    """Let the database look at its tables once, as its own housekeeping does every night."""
    statement = {
        "sqlite": "ANALYZE",
        "postgresql": "ANALYZE",
        "mysql": "ANALYZE TABLE evcs_session",
    }
    with connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement[connection.vendor])  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
