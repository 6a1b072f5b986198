"""What stands in an apartment's statement: sessions, entries, prices, and the edges of months."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evcs.models import StatementRecipient, Tag
from evcs.services import corrections, reviews, statements, tags, tariffs
from evcs.services.canonical import canonical
from server.mmetering.models import Flat
from tests.server.server_rig import NOW, STRANGER, TAG, Box, meter, new_uuid, stored

A, B, C = new_uuid(1), new_uuid(2), new_uuid(3)
OCTOBER, NOVEMBER = dt.date(2026, 10, 1), dt.date(2026, 11, 1)


def of(flat: Flat | None, month: dt.date = NOVEMBER) -> dict[str, Any]:
    content = statements.build(flat.pk if flat else None, month, NOW)
    # It has to survive being written down.
    return json.loads(canonical(content))


def test_a_session_with_all_that_a_person_compares(box: Box, flat: Flat) -> None:
    box.end(A, wh=1000, end_wh=12240)
    content = of(flat)
    (session,) = content["sessions"]
    assert session == {
        "id": stored(A).pk,
        "uuid": str(A),
        "station": "Lader1",
        "tag": TAG,
        "tag_label": "",
        "started_at": "2026-11-22T12:59:00+01:00",
        "ended_at": "2026-11-22T12:59:59+01:00",
        "started_estimated": False,
        "ended_estimated": False,
        "meter_serial": "4711",
        "end_meter_serial": "4711",
        "start_wh": 1000,
        "end_wh": 12240,
        "energy_wh": 11240,
        "register_estimated": False,
        "provisional": False,
        "flags": [],
        "reviews": [],
        "tariff": None,
    }
    assert content["flat"] == {"id": str(flat.pk), "name": "Wohnung 3 links"}
    assert content["from"] == "2026-11-01T00:00:00+01:00"
    assert content["to"] == "2026-12-01T00:00:00+01:00"
    assert content["total"] == {
        "sessions": 1,
        "energy_wh": 11240,
        "energy_kwh": "11.240",
        "unpriced_wh": 11240,
        "currency": None,
        "net": None,
        "vat": None,
        "gross": None,
    }


def test_a_tag_is_called_by_its_name_only_for_who_has_it(box: Box, flat: Flat) -> None:
    tag = Tag.objects.get(uid=TAG)
    tags.set_label(tag, "Karte Anna")
    box.end(A, wh=1000, end_wh=12240)
    assert of(flat)["sessions"][0]["tag_label"] == "Karte Anna"
    tags.assign(tag, Flat.objects.create(name="Wohnung 4").pk, since=NOW - dt.timedelta(minutes=1))
    tags.set_label(tag, "Karte Berta")
    assert of(flat)["sessions"][0]["tag_label"] == ""
    tags.release(tag, NOW - dt.timedelta(seconds=1))
    assert of(flat)["sessions"][0]["tag_label"] == "Karte Berta"


def test_an_empty_month(flat: Flat) -> None:
    content = of(flat)
    assert content["sessions"] == content["entries"] == content["tariffs"] == []
    assert content["total"]["energy_kwh"] == "0.000"


def test_what_belongs_to_nobody(box: Box, flat: Flat) -> None:
    box.end(A, tag=STRANGER)
    assert of(flat)["sessions"] == []
    content = of(None)
    assert content["flat"] is None
    assert content["recipient"] == []
    assert content["sessions"][0]["flags"] == ["unknown_tag"]


def test_a_meter_that_was_exchanged_shows_both(box: Box, flat: Flat) -> None:
    box.end(A, meter_end=meter(50, "NEW"))
    (session,) = of(flat)["sessions"]
    assert (session["meter_serial"], session["end_meter_serial"]) == ("4711", "NEW")
    assert (session["energy_wh"], session["flags"]) == (0, ["meter_exchanged"])


def test_a_provisional_end_says_so(box: Box, flat: Flat) -> None:
    box.start(A, seq=1, wh=1000)
    box.start(B, seq=2, wh=1800)
    (session,) = of(flat)["sessions"]
    assert (session["provisional"], session["ended_estimated"]) == (True, True)
    assert (session["end_wh"], session["energy_wh"]) == (1800, 800)


def test_corrections_and_moves_stand_beside_the_session(box: Box, flat: Flat) -> None:
    other = Flat.objects.create(name="Wohnung 4")
    box.end(A, wh=1000, end_wh=12240)
    corrections.correct(stored(A), -240, "meter was replaced", by_name="Frau Verwalter")
    corrections.reassign(stored(A), other.pk, "key was lent", by_name="Frau Verwalter")
    content = of(flat)
    assert content["sessions"][0]["energy_wh"] == 11240
    assert [(one["kind"], one["energy_wh"], one["by"]) for one in content["entries"]] == [
        ("correction", -240, "Frau Verwalter"),
        ("move", -11000, "Frau Verwalter"),
    ]
    assert content["total"]["energy_wh"] == 0
    theirs = of(other)
    assert theirs["sessions"] == []
    assert [(one["kind"], one["energy_wh"]) for one in theirs["entries"]] == [("move", 11000)]
    assert theirs["entries"][0]["reason"] == "key was lent"


def test_a_review_stands_with_its_session(box: Box, flat: Flat) -> None:
    box.end(A, estimated=True)
    reviews.review(stored(A), by_name="Frau Verwalter", note="plausible")
    assert of(flat)["sessions"][0]["reviews"] == [{"by": "Frau Verwalter", "note": "plausible"}]


def test_address_and_issuer(flat: Flat, settings: Any) -> None:
    settings.EVCS = {
        **settings.EVCS,
        "ISSUER": {"name": "Verwaltung", "address": ["Weg 1"], "footer": ["IBAN"]},
    }
    StatementRecipient.objects.create(flat=flat, address="Erika Muster\r\n\r\nWeg 1\n")
    content = of(flat)
    assert content["recipient"] == ["Erika Muster", "Weg 1"]
    assert content["issuer"] == {"name": "Verwaltung", "address": ["Weg 1"], "footer": ["IBAN"]}


def test_the_label_of_the_tag(box: Box, flat: Flat) -> None:
    tag = tags.register(TAG)
    tag.label = "rote Karte"
    tags.store(tag)
    box.end(A)
    assert of(flat)["sessions"][0]["tag_label"] == "rote Karte"


class TestPrices:
    """One rounding a price."""

    def test_energy_is_summed_before_it_is_multiplied(self, box: Box, flat: Flat) -> None:
        tariffs.set_price(dt.date(2026, 1, 1), Decimal("0.10"), Decimal(19))
        for number in range(1, 4):
            box.end(new_uuid(number), seq=number, wh=1000 * number, end_wh=1000 * number + 34)
        content = of(flat)
        (line,) = content["tariffs"]
        # 3 × 34 Wh cost 1.02 ct; three times 0.34 ct would have been nothing.
        assert (line["energy_wh"], line["net"], line["gross"]) == (102, "0.01", "0.01")
        assert [session["tariff"] for session in content["sessions"]] == [0, 0, 0]
        assert content["total"]["unpriced_wh"] == 0

    def test_the_day_of_the_end_decides(self, box: Box, flat: Flat) -> None:
        tariffs.set_price(dt.date(2026, 11, 10), Decimal("0.20"), Decimal(19))
        tariffs.set_price(dt.date(2026, 11, 20), Decimal("0.30"), Decimal(19))
        # 23:30 and 00:30 in the house: 22:30 and 23:30 in UTC.
        for number, (day, hour) in enumerate([(9, 22), (9, 23), (19, 22), (19, 23)], 1):
            ended = f"2026-11-{day:02}T{hour}:30:00Z"
            box.end(
                new_uuid(number),
                seq=number,
                wh=1000 * number,
                end_wh=1000 * number + 1000,
                started_at=f"2026-11-{day:02}T{hour}:00:00Z",
                ended_at=ended,
            )
        content = of(flat)
        assert [session["tariff"] for session in content["sessions"]] == [None, 0, 0, 1]
        assert [(one["valid_from"], one["net"]) for one in content["tariffs"]] == [
            ("2026-11-10", "0.40"),
            ("2026-11-20", "0.30"),
        ]
        total = content["total"]
        assert (total["unpriced_wh"], total["net"], total["currency"]) == (1000, "0.70", "EUR")
        assert Decimal(total["gross"]) == Decimal(total["net"]) + Decimal(total["vat"])


class TestEdges:
    """Half-open months in the house's time."""

    @pytest.mark.parametrize(
        ("ended_at", "month"),
        [
            # Winter time begins on 25 October 2026, 03:00 becoming 02:00.
            ("2026-10-31T22:59:59Z", OCTOBER),
            ("2026-10-31T23:00:00Z", NOVEMBER),
            ("2026-09-30T21:59:59Z", dt.date(2026, 9, 1)),
            ("2026-09-30T22:00:00Z", OCTOBER),
            # Summer time began on 29 March.
            ("2026-03-31T21:59:59Z", dt.date(2026, 3, 1)),
            ("2026-03-31T22:00:00Z", dt.date(2026, 4, 1)),
            ("2025-12-31T22:59:59Z", dt.date(2025, 12, 1)),
            ("2025-12-31T23:00:00Z", dt.date(2026, 1, 1)),
        ],
    )
    def test_midnight(self, box: Box, flat: Flat, ended_at: str, month: dt.date) -> None:
        box.end(A, started_at="2025-11-23T00:00:00Z", ended_at=ended_at)
        assert stored(A).month == month
        assert [one["id"] for one in of(flat, month)["sessions"]] == [stored(A).pk]

    def test_the_night_with_two_hours_of_one_name(self, box: Box, flat: Flat) -> None:
        box.end(A, started_at="2026-10-25T00:30:00Z", ended_at="2026-10-25T01:30:00Z")
        (session,) = of(flat, OCTOBER)["sessions"]
        assert session["started_at"] == "2026-10-25T02:30:00+02:00"
        assert session["ended_at"] == "2026-10-25T02:30:00+01:00"

    def test_bounds_of_the_months_with_a_change(self, flat: Flat) -> None:
        march, october = of(flat, dt.date(2026, 3, 1)), of(flat, OCTOBER)
        assert march["from"] == "2026-03-01T00:00:00+01:00"
        assert march["to"] == "2026-04-01T00:00:00+02:00"
        assert october["from"] == "2026-10-01T00:00:00+02:00"
        assert october["to"] == "2026-11-01T00:00:00+01:00"


def test_a_long_month_takes_as_many_queries_as_a_short_one(box: Box, flat: Flat) -> None:
    counts = []
    for last in (1, 20):
        for number in range(last // 2 + 1, last + 1):
            box.end(new_uuid(number), seq=number, wh=100 * number, end_wh=100 * number + 50)
            corrections.correct(stored(new_uuid(number)), 1, "why not", by_name="V")
        with CaptureQueriesContext(connection) as seen:
            of(flat)
        counts.append(len(seen))
    assert counts[0] == counts[1]
