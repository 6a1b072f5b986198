"""A thousand stations on one server: ``python -m bench.server_load [STATIONS]``.

Gunicorn with two workers on the configured database (EVCS_DATABASE; run it under
``python -m tools.databases mariadb --`` for MariaDB), the stations' requests sent from a process
beside it on the same two cores. Each station charges once an hour for half of it: a heartbeat every
60 s at rest and every 10 s while charging, a reading a minute, START and END. First the load of
that, for a minute, at the times it would come; then as much as goes through eight connections.
"""

from __future__ import annotations

import json
import os
import queue
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

STATIONS = 1000
SECONDS = 60.0
CONNECTIONS = 8
SATURATED_S = 20.0
REST_S, BUSY_S, READING_S, CHARGE_S, HOUR_S = 60.0, 10.0, 60.0, 1800.0, 3600.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request at its time, seconds after the beginning."""

    at_s: float
    station: int
    kind: str


def calls(stations: int, seconds: float, rng: random.Random) -> list[Call]:
    """What so many stations send within ``seconds``; each at a place of its own in its hour."""
    found: list[Call] = []
    for station in range(stations):
        began_s = -rng.uniform(0, HOUR_S)
        for kind, every_s, since_s, until_s in (
            ("heartbeat", BUSY_S, 0.0, CHARGE_S),
            ("readings", READING_S, 0.0, CHARGE_S),
            ("heartbeat", REST_S, CHARGE_S, HOUR_S),
            ("start", HOUR_S, 0.0, HOUR_S),
            ("end", HOUR_S, CHARGE_S, HOUR_S),
        ):
            phase_s = rng.uniform(0, every_s) if kind in ("heartbeat", "readings") else 0.0
            for hour_s in (began_s, began_s + HOUR_S):
                at_s = hour_s + since_s + phase_s
                while at_s < hour_s + until_s:
                    if 0 <= at_s < seconds:
                        found.append(Call(at_s, station, kind))
                    at_s += every_s
    return sorted(found, key=lambda call: call.at_s)


class Boxes:
    """The stations as the wire shows them. Any thread may send."""

    def __init__(self, port: int, tokens: list[str], tags: list[str], first_seq: int) -> None:
        self._port, self._tokens, self._tags = port, tokens, tags
        self._seq = [first_seq] * len(tokens)
        self._wh = [10_000_000] * len(tokens)
        self._running: list[tuple[str, dict[str, Any]] | None] = [None] * len(tokens)
        self._local = threading.local()
        self._locks = [threading.Lock() for _ in tokens]

    def send(self, station: int, kind: str) -> float:
        """Send one; returns its seconds. Raises RuntimeError if it is not taken."""
        with self._locks[station]:
            return float(getattr(self, f"_{kind}")(station))

    def _start(self, station: int) -> float:
        if self._running[station] is not None:
            return self._end(station)
        self._seq[station] += 1
        body = {
            "seq": self._seq[station],
            "tag": self._tags[station],
            "started_at": _now(),
            "time_quality": "synced",
            "meter": self._meter(station),
            "authorized_by": "server",
        }
        key = str(uuid.uuid4())
        self._running[station] = key, body
        return self._request(station, "PUT", f"sessions/{key}", body)

    def _end(self, station: int) -> float:
        running = self._running[station]
        if running is None:
            self._start(station)
            running = self._running[station]
        assert running is not None
        key, body = running
        self._running[station] = None
        self._wh[station] += 11_000
        end = {
            "ended_at": _now(),
            "end_time_quality": "synced",
            "end_reason": "local",
            "meter_end": self._meter(station),
        }
        return self._request(station, "PUT", f"sessions/{key}/end", body | end)

    def _readings(self, station: int) -> float:
        running = self._running[station]
        if running is None:
            self._start(station)
            running = self._running[station]
        assert running is not None
        one = {
            "n": int(time.time()),
            "at": _now(),
            "import_wh": self._wh[station],
            "power_w": 11_000,
        }
        return self._request(
            station, "POST", f"sessions/{running[0]}/readings", {"readings": [one]}
        )

    def _heartbeat(self, station: int) -> float:
        running = self._running[station]
        body = {
            "phase": "charging" if running else "available",
            "session": running[0] if running else None,
            "boot_id": "b",
            "uptime_ms": 1,
            "now": _now(),
            "time_quality": "synced",
            "software": "bench",
            "meter": self._meter(station),
            "power_w": 11_000 if running else 0,
            "pending": 0,
            "quarantined": 0,
            "faults": [],
            "tags_etag": None,
            "done": [],
        }
        return self._request(station, "POST", "heartbeat", body)

    def _meter(self, station: int) -> dict[str, Any]:
        wh = self._wh[station]
        return {"serial": "1", "import_wh": wh, "l1_wh": None, "l2_wh": None, "l3_wh": None}

    def _request(self, station: int, method: str, path: str, body: dict[str, Any]) -> float:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
            self._local.connection = connection
        headers = {
            "Authorization": f"Bearer {self._tokens[station]}",
            "Content-Type": "application/json",
        }
        began = time.perf_counter()
        connection.request(method, f"/api/evcs/v1/{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        took_s = time.perf_counter() - began
        if answer.status not in (200, 201):
            raise RuntimeError(f"{method} {path}: HTTP {answer.status} {text[:300]!r}")
        return took_s


def offered(boxes: Boxes, plan: list[Call]) -> dict[str, list[float]]:
    """Send each at its time; how long each kind took since it was due, so that a queue shows."""
    took: dict[str, list[float]] = defaultdict(list)
    todo: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
    began = time.perf_counter()

    def work() -> None:
        while (call := todo.get()) is not None:
            boxes.send(call.station, call.kind)
            took[call.kind].append(time.perf_counter() - began - call.at_s)

    threads = [threading.Thread(target=work) for _ in range(4 * CONNECTIONS)]
    for thread in threads:
        thread.start()
    for call in plan:
        time.sleep(max(0.0, call.at_s - (time.perf_counter() - began)))
        todo.put(call)
    for _ in threads:
        todo.put(None)
    for thread in threads:
        thread.join()
    return took


def saturated(boxes: Boxes, plan: list[Call], seconds: float) -> float:
    """Requests a second through a few connections that never wait."""
    until = time.perf_counter() + seconds
    counts = [0] * CONNECTIONS

    def work(place: int) -> None:
        mine: Iterator[Call] = iter(plan[place::CONNECTIONS])
        for call in mine:
            if time.perf_counter() >= until:
                return
            boxes.send(call.station, call.kind)
            counts[place] += 1

    threads = [threading.Thread(target=work, args=(place,)) for place in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def main(arguments: list[str]) -> int:
    """Print the table; 1 if the load of the stations did not go through."""
    stations = int(arguments[0]) if arguments else STATIONS
    with tempfile.TemporaryDirectory(prefix="evcs-bench-") as folder:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
        os.environ.setdefault("EVCS_DATABASE", str(Path(folder) / "bench.sqlite3"))
        import django

        django.setup()
        return _measure(stations)


def _measure(stations: int) -> int:
    from django.core.management import call_command
    from django.db import connection

    from bench.history import SESSIONS_EACH, House, grow
    from evcs.models import Station
    from tools.installation import free_port, until

    call_command("migrate", verbosity=0)
    house = House()
    grow(house, stations)
    Station.objects.update(last_seq=SESSIONS_EACH)
    vendor = connection.vendor
    connection.close()
    port = free_port(0)
    words = ["--workers", "2", "--worker-class", "gthread", "--threads", "4", "--keep-alive", "75"]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "server.wsgi", "--bind", f"127.0.0.1:{port}", *words,
         "--no-control-socket", "--log-level", "error"],
        env=dict(os.environ),
    )  # fmt: skip
    try:
        until(lambda: _answers(port), "the server", 60.0)
        boxes = Boxes(port, house.tokens, house.tags, SESSIONS_EACH)
        rng = random.Random(1)
        # Nobody's first word to these processes is measured.
        saturated(boxes, [Call(0.0, n, "heartbeat") for _ in range(3) for n in range(stations)], 60)
        plan = calls(stations, SECONDS, rng)
        # What runs already at the beginning is there: nobody waits for it.
        for station in range(stations):
            if rng.random() < CHARGE_S / HOUR_S:
                boxes.send(station, "start")
        took = offered(boxes, plan)
        per_s = saturated(boxes, calls(stations, 20 * SECONDS, rng), SATURATED_S)
    finally:
        server.terminate()
        server.wait()
    print(f"\n{stations:,} stations, {vendor}, {len(plan) / SECONDS:.0f} requests/s offered\n")
    print(f"{'':12}{'calls':>8}{'p50 ms':>10}{'p99 ms':>10}")
    for kind, times in sorted(took.items()):
        ordered = sorted(times)
        p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
        print(f"{kind:12}{len(times):8}{1e3 * statistics.median(times):10.1f}{1e3 * p99:10.1f}")
    print(f"\nas much as goes through {CONNECTIONS} connections: {per_s:.0f} requests/s")
    return 0 if per_s >= len(plan) / SECONDS else 1


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/api/evcs/v1/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
