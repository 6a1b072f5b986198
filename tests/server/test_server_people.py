"""What people ask: sessions, consumption, reconciliation."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from evcs.services import consumption, reconciliation, tags
from server.mmetering.models import Flat
from tests.server.server_rig import (
    BASE,
    STRANGER,
    TAG,
    Box,
    assert_answer,
    assert_problem,
    at,
    meter,
    new_uuid,
)

A, B, C = new_uuid(1), new_uuid(2), new_uuid(3)
NOVEMBER = dt.date(2026, 11, 1)


def basic(name: str, password: str) -> dict[str, str]:
    """Return the header of HTTP Basic."""
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


class TestWhoMaySee:
    """Logins and permission."""

    @pytest.mark.parametrize("path", ["sessions", "flats/1/consumption?month=2026-11"])
    def test_nobody_without_login(self, db: None, path: str) -> None:
        response = Client().get(BASE + path)
        assert_problem(response, 401, 406)
        assert response.headers["WWW-Authenticate"].startswith("Basic")
        wrong = Client(headers=basic("nobody", "x")).get(BASE + path)
        assert_problem(wrong, 401, 406)

    def test_a_station_token_is_no_login(self, box: Box) -> None:
        assert_problem(box.get("sessions"), 401, 406)

    @pytest.mark.parametrize(
        "login",
        [b"ver\0mieter:x", b"vermieter:\0", b"\xff\xfe:x", b":", b"", b"\xf0\x9f\x98\x80:x"],
    )
    def test_logins_that_are_none(self, landlord: Client, login: bytes) -> None:
        text = base64.b64encode(login).decode()
        client = Client(headers={"Authorization": f"Basic {text}"})
        assert_problem(client.get(BASE + "sessions"), 401, 406)

    def test_guessing_passwords_is_slow(self, landlord: Client, box: Box, settings: Any) -> None:
        settings.EVCS = {"WRONG_TOKEN_RATE": "3/min"}
        right = Client(headers=basic("vermieter", "geheim-genug"))
        guessing = Client(headers=basic("vermieter", "falsch"))
        told = [guessing.get(BASE + "sessions").status_code for _ in range(4)]
        assert told == [401, 401, 401, 429]
        refused = right.get(BASE + "sessions")
        assert_problem(refused, 429, 503)
        assert int(refused.headers["Retry-After"]) > 0
        # Whoever calls from elsewhere, a box, and a browser that has logged in, are not kept out.
        assert right.get(BASE + "sessions", REMOTE_ADDR="192.0.2.7").status_code == 200
        assert box.get("tags").status_code == 200
        assert landlord.get(BASE + "sessions").status_code == 200

    def test_right_passwords_are_not_counted(self, landlord: Client, settings: Any) -> None:
        settings.EVCS = {"WRONG_TOKEN_RATE": "1/min"}
        client = Client(headers=basic("vermieter", "geheim-genug"))
        assert {client.get(BASE + "sessions").status_code for _ in range(3)} == {200}

    def test_login_without_permission(self, db: None) -> None:
        get_user_model().objects.create_user("mieter", password="geheim-genug")
        client = Client(headers=basic("mieter", "geheim-genug"))
        assert_problem(client.get(BASE + "sessions"), 403, 403)

    def test_basic_and_session_login(self, landlord: Client) -> None:
        assert_answer(landlord.get(BASE + "sessions"), 200)
        client = Client(headers=basic("vermieter", "geheim-genug"))
        assert_answer(client.get(BASE + "sessions"), 200)


class TestSessions:
    """GET sessions."""

    @pytest.fixture(autouse=True)
    def sessions(self, box: Box, other_box: Box) -> None:
        """One ended, one provisional and one open session; one of a stranger elsewhere."""
        box.end(A, seq=1, started_at=at(-7200))
        box.start(B, seq=2, wh=20_000, started_at=at(-3600), authorized_by="list")
        box.start(C, seq=3, wh=21_000, started_at=at(-60), authorized_by="list")
        other_box.end(new_uuid(9), tag=STRANGER, started_at=at(-30))

    def found(self, client: Client, query: str = "") -> list[str]:
        """Return the uuids listed, first page."""
        body = assert_answer(client.get(f"{BASE}sessions{query}"), 200)
        return [item["uuid"] for item in body["results"]]

    def test_all_latest_first(self, landlord: Client, flat: Flat) -> None:
        body = assert_answer(landlord.get(BASE + "sessions"), 200)
        assert body["count"] == 4
        shown = body["results"][3]
        assert shown == {
            "session_id": shown["session_id"],
            "uuid": str(A),
            "seq": 1,
            "station": "Lader1",
            "tag": TAG,
            "flat": {"id": flat.pk, "name": "Wohnung 3 links"},
            "state": "ended",
            "started_at": "2026-11-22T10:00:00Z",
            "ended_at": "2026-11-22T11:59:59Z",
            "end_reason": "local",
            "month": "2026-11",
            "meter_serial": "4711",
            "start_wh": 1000,
            "end_wh": 12240,
            "energy_wh": 11240,
            "energy_kwh": "11.240",
            "flags": [],
        }
        assert body["results"][0]["flat"] is None
        assert body["results"][1]["ended_at"] is None

    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            ("?state=open", [3]),
            ("?state=provisional", [2]),
            ("?state=ended", [9, 1]),
            ("?station=Lader1", [3, 2, 1]),
            ("?station=Nope", []),
            ("?flat=none", [9]),
            ("?flat=99999", []),
            ("?from=2026-11-22T11:00:00Z", [9, 3, 2]),
            ("?to=2026-11-22T11:00:00Z", [1]),
            ("?from=2026-11-22T11:00:00%2B01:00&to=2026-11-22T12:00:00%2B01:00", [1]),
            ("?from=2026-11-22&to=2026-11-23", [9, 3, 2, 1]),
            ("?to=2026-11-22", []),
            ("?station=Lader1&state=ended", [1]),
        ],
    )
    def test_filters(self, landlord: Client, query: str, numbers: list[int]) -> None:
        assert self.found(landlord, query) == [str(new_uuid(number)) for number in numbers]

    def test_filter_by_flat(self, landlord: Client, flat: Flat) -> None:
        assert len(self.found(landlord, f"?flat={flat.pk}")) == 3

    @pytest.mark.parametrize(
        "query",
        [
            "?flat=abc",
            "?flat=-1",
            "?flat=%D9%A0",
            "?flat=99999999999999999999",
            "?state=broken",
            "?from=yesterday",
            "?from=2026-11-22T11:00:00",
            "?from=2026-11-22T11:00:00+01:00",
            "?to=2026-02-30",
            "?to=0001-01-01",
            "?station=%00",
        ],
    )
    def test_filters_that_are_none(self, landlord: Client, query: str) -> None:
        body = assert_problem(landlord.get(f"{BASE}sessions{query}"), 400, 400)
        assert list(body["errors"]) == [query[1:].partition("=")[0]]

    def test_pages(self, landlord: Client) -> None:
        first = assert_answer(landlord.get(f"{BASE}sessions?page_size=3"), 200)
        assert (first["count"], len(first["results"]), first["previous"]) == (4, 3, None)
        second = assert_answer(landlord.get(first["next"]), 200)
        assert (len(second["results"]), second["next"]) == (1, None)
        assert_problem(landlord.get(f"{BASE}sessions?page=9"), 404, 404)


class TestConsumption:
    """GET flats/{id}/consumption."""

    def ask(self, client: Client, flat: Any, month: str = "2026-11") -> dict[str, Any]:
        """Return the answer."""
        return assert_answer(client.get(f"{BASE}flats/{flat}/consumption?month={month}"), 200)

    def test_sum(self, box: Box, landlord: Client, flat: Flat) -> None:
        box.end(A, seq=1, wh=0, end_wh=123_456)
        box.end(B, seq=2, wh=123_456, end_wh=123_457)
        body = self.ask(landlord, flat.pk)
        assert {name: body[name] for name in body if name != "server_time"} == {
            "service": "evcs",
            "flat": flat.pk,
            "name": "Wohnung 3 links",
            "month": "2026-11",
            "sessions": 2,
            "provisional": 0,
            "late_wh": 0,
            "corrected_wh": 0,
            "energy_wh": 123_457,
            "energy_kwh": "123.457",
        }

    def test_empty_month(self, landlord: Client, flat: Flat) -> None:
        body = self.ask(landlord, flat.pk, "2020-02")
        assert (body["sessions"], body["energy_wh"], body["energy_kwh"]) == (0, 0, "0.000")

    def test_provisional_counts_open_does_not(self, box: Box, landlord: Client, flat: Flat) -> None:
        box.start(A, seq=1, wh=1000)
        assert self.ask(landlord, flat.pk)["sessions"] == 0
        box.start(B, seq=2, wh=3000)
        body = self.ask(landlord, flat.pk)
        assert (body["sessions"], body["provisional"], body["energy_wh"]) == (1, 1, 2000)

    def test_unknown_tag_is_nobodys(self, box: Box, landlord: Client, flat: Flat) -> None:
        box.end(A, tag=STRANGER)
        assert self.ask(landlord, flat.pk)["sessions"] == 0
        assert consumption.of_flat(None, NOVEMBER).energy_wh == 11240

    def test_tag_that_moved_is_billed_by_its_dates(self, box: Box, flat: Flat) -> None:
        other = Flat.objects.create(name="Wohnung 4")
        moved = dt.datetime(2026, 11, 10, tzinfo=dt.UTC)
        tags.assign(tags.register(TAG), other.pk, since=moved)
        box.end(A, seq=1, wh=0, end_wh=100, started_at="2026-11-09T23:59:59Z")
        box.end(B, seq=2, wh=100, end_wh=1100, started_at="2026-11-10T00:00:00Z")
        assert consumption.of_flat(flat.pk, NOVEMBER).energy_wh == 100
        assert consumption.of_flat(other.pk, NOVEMBER).energy_wh == 1000

    @pytest.mark.parametrize("query", ["", "?month=", "?month=2026-13", "?month=11.2026"])
    def test_month_is_needed(self, landlord: Client, flat: Flat, query: str) -> None:
        response = landlord.get(f"{BASE}flats/{flat.pk}/consumption{query}")
        assert list(assert_problem(response, 400, 400)["errors"]) == ["month"]

    @pytest.mark.parametrize("flat_id", [99999, 10**30])
    def test_unknown_flat(self, landlord: Client, flat_id: int) -> None:
        response = landlord.get(f"{BASE}flats/{flat_id}/consumption?month=2026-11")
        assert_problem(response, 404, 404)


class TestReconciliation:
    """Sessions and unassigned energy are what the meter counted."""

    def test_gaps_between_sessions_are_unassigned(self, box: Box) -> None:
        october = {"started_at": "2026-10-10T00:00:00Z", "ended_at": "2026-10-10T01:00:00Z"}
        box.end(A, seq=1, wh=1000, end_wh=2000, **october)
        box.end(B, seq=2, wh=2005, end_wh=3000)
        box.end(C, seq=3, wh=3010, end_wh=4000, tag=STRANGER)
        (line,) = reconciliation.reconcile(box.station, NOVEMBER)
        assert (line.serial, line.from_wh, line.to_wh, line.sessions) == ("4711", 2000, 4000, 2)
        assert (line.energy_wh, line.unassigned_wh) == (1985, 15)
        (line,) = reconciliation.reconcile(box.station, dt.date(2026, 10, 1))
        assert (line.from_wh, line.to_wh, line.unassigned_wh) == (1000, 2000, 0)

    def test_each_meter_has_its_line(self, box: Box) -> None:
        box.end(A, seq=1, wh=1000, end_wh=2000)
        box.end(B, seq=2, meter=meter(2100), meter_end=meter(7, "NEW"))
        box.end(C, seq=3, meter=meter(10, "NEW"), meter_end=meter(510, "NEW"))
        found = {line.serial: line for line in reconciliation.reconcile(box.station, NOVEMBER)}
        assert (found["4711"].energy_wh, found["4711"].unassigned_wh) == (1000, 0)
        assert (found["NEW"].energy_wh, found["NEW"].unassigned_wh) == (500, 3)

    def test_provisional_ends_count(self, box: Box) -> None:
        box.start(A, seq=1, wh=1000)
        box.start(B, seq=2, wh=1800)
        (line,) = reconciliation.reconcile(box.station, NOVEMBER)
        assert (line.to_wh, line.energy_wh, line.unassigned_wh) == (1800, 800, 0)

    def test_month_without_sessions_has_no_line(self, box: Box) -> None:
        box.start(A)
        assert reconciliation.reconcile(box.station, NOVEMBER) == []
