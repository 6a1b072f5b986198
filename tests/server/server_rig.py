"""A box as the wire shows it, and the bodies it sends."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

from django.http import HttpResponse
from django.test import Client

from evcs.models import Session, Station

BASE = "/api/evcs/v1/"
NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
TAG = "04A3C6CAE26180"
STRANGER = "DEADBEEF"
SERIAL = "4711"


class Clock:
    """Stands in for ``timezone.now``."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += dt.timedelta(seconds=seconds)


def at(seconds: float = 0) -> str:
    """A time of the wire, relative to NOW."""
    return (NOW + dt.timedelta(seconds=seconds)).isoformat()


def meter(import_wh: int, serial: str | None = SERIAL) -> dict[str, Any]:
    """A meter object."""
    return {"serial": serial, "import_wh": import_wh, "l1_wh": None, "l2_wh": None, "l3_wh": None}


def start_body(seq: int = 1, wh: int = 1000, **more: Any) -> dict[str, Any]:
    """A START of TAG that asks."""
    body = {
        "seq": seq,
        "tag": TAG,
        "started_at": at(-60),
        "time_quality": "synced",
        "meter": meter(wh),
        "authorized_by": "server",
    }
    return body | more


def end_body(seq: int = 1, wh: int = 1000, end_wh: int = 12240, **more: Any) -> dict[str, Any]:
    """The END of ``start_body`` with the same arguments."""
    body = start_body(seq, wh) | {
        "ended_at": at(-1),
        "end_time_quality": "synced",
        "end_reason": "local",
        "meter_end": meter(end_wh),
    }
    return body | more


def heartbeat_body(**more: Any) -> dict[str, Any]:
    """A heartbeat at rest."""
    body = {
        "phase": "available",
        "session": None,
        "boot_id": "5b1f",
        "uptime_ms": 1000,
        "now": at(),
        "time_quality": "synced",
        "software": "evcs-station 0.1.0",
        "meter": meter(1000),
        "power_w": 0,
        "pending": 0,
        "quarantined": 0,
        "faults": [],
        "tags_etag": None,
        "done": [],
    }
    return body | more


class Box:
    """Talks to the server with a station's token."""

    def __init__(self, station: Station, token: str, clock: Clock) -> None:
        self.pk = station.pk
        self.name = station.name
        self.token = token
        self.clock = clock
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    @property
    def station(self) -> Station:
        """The station as the database has it now."""
        return Station.objects.get(pk=self.pk)

    def put(self, path: str, body: Any) -> HttpResponse:
        """Send a PUT."""
        return self.client.put(BASE + path, json.dumps(body), "application/json")

    def post(self, path: str, body: Any) -> HttpResponse:
        """Send a POST."""
        return self.client.post(BASE + path, json.dumps(body), "application/json")

    def get(self, path: str, **headers: str) -> HttpResponse:
        """Send a GET."""
        return self.client.get(BASE + path, headers=headers)

    def start(self, key: uuid.UUID | str, **body: Any) -> HttpResponse:
        """Send START."""
        return self.put(f"sessions/{key}", start_body(**body))

    def end(self, key: uuid.UUID | str, **body: Any) -> HttpResponse:
        """Send END."""
        return self.put(f"sessions/{key}/end", end_body(**body))

    def heartbeat(self, **body: Any) -> HttpResponse:
        """Send a heartbeat."""
        return self.post("heartbeat", heartbeat_body(**body))


def stored(key: uuid.UUID | str) -> Session:
    """Return the session as the database has it."""
    return Session.objects.get(uuid=key)


def assert_problem(response: HttpResponse, status: int, code: int) -> dict[str, Any]:
    """Check that a refusal is the server's word, whole; return it."""
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert response.headers["Content-Type"] == "application/problem+json"
    assert body["service"] == "evcs"
    assert body["status"] == status
    assert {"type", "title", "detail", "errors", "server_time"} <= set(body)
    return body


def assert_answer(response: HttpResponse, status: int) -> dict[str, Any]:
    """Check that an answer is the server's word; return it."""
    body = response.json()
    assert response.status_code == status, body
    assert body["service"] == "evcs"
    assert body["server_time"]
    return body


def new_uuid(number: int) -> uuid.UUID:
    """A uuid that is the same in every run."""
    return uuid.UUID(int=number, version=4)
