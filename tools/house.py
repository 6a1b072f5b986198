"""A server with a house that has charged for months, by what boxes really send.

For what looks at the pages: their screenshots and their stories in a browser; and for people, who
see a closed month and its statements in a minute:

    python -m tools.house

It is gone with Ctrl-C, and has nothing to do with any other server of this machine.
"""

from __future__ import annotations

import datetime as dt
import json
import signal
import sys
import tempfile
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from tools.installation import Server

BERLIN = ZoneInfo("Europe/Berlin")
PASSWORD = "demo"
UNKNOWN = "0A5B77C1"
# Day, hour, tag, hours, kW: the same in every month.
HABITS = (
    (2, 18, "04A3C6CAE26180", 3, 10.8),
    (4, 20, "16AC936B", 2, 3.6),
    (7, 17, "04B17A5C3D6E80", 4, 10.6),
    (9, 22, "04A3C6CAE26180", 2, 10.9),
    (12, 19, "7D21F0A4", 5, 3.6),
    (15, 18, "16AC936B", 3, 3.7),
    (18, 21, "04A3C6CAE26180", 3, 10.7),
    (22, 19, "04B17A5C3D6E80", 2, 10.8),
)


@dataclass
class Box:
    """What a station sends, by the API and with its token."""

    url: str
    token: str
    serial: str
    register_wh: int
    seq: int = 0

    def send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the server's answer. Raises RuntimeError with its words if it refuses."""
        request = urllib.request.Request(
            f"{self.url}/api/evcs/v1/{path}",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.read().decode()}") from error
        return found

    def meter(self) -> dict[str, Any]:
        """The meter as it stands."""
        phases = {"l1_wh": None, "l2_wh": None, "l3_wh": None}
        return {"serial": self.serial, "import_wh": self.register_wh} | phases

    def start(self, tag: str, at: dt.datetime, *, by: str = "server") -> tuple[str, dict[str, Any]]:
        """Begin a charge; return its uuid and its START."""
        self.seq += 1
        key = str(uuid.uuid4())
        body = {
            "seq": self.seq,
            "tag": tag,
            "started_at": at.isoformat(),
            "time_quality": "synced",
            "meter": self.meter(),
            "authorized_by": by,
        }
        self.send("PUT", f"sessions/{key}", body)
        return key, body

    def end(self, key: str, start: dict[str, Any], at: dt.datetime, reason: str = "local") -> None:
        """End a charge at the register as it stands."""
        body = start | {
            "ended_at": at.isoformat(),
            "end_time_quality": "synced",
            "end_reason": reason,
            "meter_end": self.meter(),
        }
        self.send("PUT", f"sessions/{key}/end", body)

    def draw(self, key: str, since: dt.datetime, minutes: int, kw: float) -> None:
        """Let energy flow, with the reading of every fifth minute; it tapers off at the end."""
        readings = []
        for minute in range(0, minutes, 5):
            watt = round(kw * 1000 * min(1.0, (minutes - minute) / 40, (minute + 3) / 6))
            self.register_wh += round(watt / 12)
            at = since + dt.timedelta(minutes=minute + 5)
            reading = {"n": minute // 5 + 1, "at": at.isoformat(), "import_wh": self.register_wh}
            readings.append(reading | {"power_w": watt})
        self.send("POST", f"sessions/{key}/readings", {"readings": readings})

    def charge(self, tag: str, at: dt.datetime, hours: int, kw: float, *, by: str = "list") -> str:
        """A whole charge; return its uuid."""
        key, start = self.start(tag, at, by=by)
        self.draw(key, at, hours * 60, kw)
        self.end(key, start, at + dt.timedelta(hours=hours), "ev_finished")
        return key

    def heartbeat(self, **more: Any) -> dict[str, Any]:
        """A heartbeat, at rest unless told otherwise; return the answer."""
        body = {
            "phase": "available",
            "session": None,
            "boot_id": "5b1f",
            "uptime_ms": 86_400_000,
            "now": now().isoformat(),
            "time_quality": "synced",
            "software": "evcs-station 0.1.0",
            "meter": self.meter(),
            "power_w": 0,
            "pending": 0,
            "quarantined": 0,
            "faults": [],
            "tags_etag": None,
            "done": [],
        }
        return self.send("POST", "heartbeat", body | more)


def now() -> dt.datetime:
    """The time of the house."""
    return dt.datetime.now(BERLIN).replace(microsecond=0)


def month_before(day: dt.date) -> dt.date:
    """The first day of the month before."""
    return (day.replace(day=1) - dt.timedelta(days=1)).replace(day=1)


@dataclass
class House:
    """A server on a port of its own, two stations, three apartments; ended with the context."""

    folder: Path
    server: Server = field(init=False)
    box: Box = field(init=False)
    other: Box = field(init=False)

    def __enter__(self) -> Self:
        self.server = Server(self.folder, 0, password=PASSWORD, debug=True)
        self.server.prepare()
        first = (self.folder / "box-1.token").read_text().strip()
        second = self.server.manage("evcs_station", "box-2").strip()
        self.server.start()
        self.box = Box(self.server.url, first, "23104711", 1_204_380)
        self.other = Box(self.server.url, second, "23104712", 398_120)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"{self.server.url}/evcs/"

    @property
    def last_month(self) -> dt.date:
        """The first day of the month that is over and not closed."""
        return month_before(now().date())

    def charge_for_months(self) -> None:
        """Two whole months, of which the first is closed; and a charge of an unknown tag."""
        earlier = month_before(self.last_month)
        for month in (earlier, self.last_month):
            for i, (day, hour, tag, hours, kw) in enumerate(HABITS):
                box = self.other if i % 3 == 1 else self.box
                at = dt.datetime(month.year, month.month, day, hour, 4, tzinfo=BERLIN)
                box.charge(tag, at, hours, kw)
        guest = dt.datetime(self.last_month.year, self.last_month.month, 25, 9, tzinfo=BERLIN)
        self.other.charge(UNKNOWN, guest, 2, 3.6, by="none")
        self.box.heartbeat()
        self.other.heartbeat()
        self.server.manage(
            "evcs_close_month", f"{earlier:%Y-%m}", "--by", "Hausverwaltung", "--over", "Beispiel"
        )

    def charge_now(self, minutes: int = 95) -> str:
        """A charge that runs on box-1; return its uuid."""
        since = now() - dt.timedelta(minutes=minutes)
        key, _ = self.box.start("04A3C6CAE26180", since, by="list")
        self.box.draw(key, since, minutes + 60, 10.8)
        self.box.heartbeat(phase="charging", session=key, power_w=10_812)
        return key


def main() -> int:
    """Show one, until SIGINT or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory() as name, House(Path(name)) as house:
            house.charge_for_months()
            print(f"{house.url}  logins: admin and mieter, password: {PASSWORD}")
            print(f"closed: {month_before(house.last_month):%Y-%m}; Ctrl-C ends it", flush=True)
            while True:
                signal.pause()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
