"""Decisions in the admin: a form, a permission, a service, and the name of who decided."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from evcs.models import ClosedMonth, Entry, QuarantineItem, SessionReview, Tag, Tariff, UnknownTag
from evcs.services import closing, quarantine, tariffs
from server.mmetering.models import Flat
from tests.server.server_rig import STRANGER, TAG, Box, new_uuid, stored

A = new_uuid(1)
OCTOBER = dt.date(2026, 10, 1)


def browser_of(*permissions: str, superuser: bool = False) -> Client:
    user = get_user_model().objects.create_user(
        "verwalter", password="x", is_staff=True, is_superuser=superuser,
        first_name="Frau", last_name="Verwalter",
    )  # fmt: skip
    for name in permissions:
        user.user_permissions.add(
            Permission.objects.get(codename=name, content_type__app_label="evcs")
        )
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss(db: None) -> Client:
    return browser_of(superuser=True)


def address(row: Any, name: str = "change") -> str:
    return f"/admin/evcs/{row._meta.model_name}/{row.pk}/{name}/"


def told(page: Any) -> str:
    return str(page.content.decode())


def test_correct(boss: Client, box: Box) -> None:
    box.end(A)
    page = boss.get(address(stored(A)))
    assert address(stored(A), "correct") in told(page)
    assert boss.get(address(stored(A), "correct")).status_code == 200
    assert not Entry.objects.exists(), "looking changes nothing"
    data = {"difference_wh": "-240", "reason": "falsch abgelesen"}
    page = boss.post(address(stored(A), "correct"), data, follow=True)
    assert "Korrigieren" in told(page)
    entry = Entry.objects.get()
    assert (entry.energy_wh, entry.reason, entry.by_name) == (
        *(-240, "falsch abgelesen", "Frau Verwalter"),
    )
    assert entry.user is not None


def test_what_the_service_refuses_is_told(boss: Client, box: Box) -> None:
    box.end(A)
    data = {"difference_wh": "-999999", "reason": "x"}
    page = boss.post(address(stored(A), "correct"), data)
    assert page.status_code == 200
    assert "weniger als nichts lädt niemand" in told(page)
    for data in ({"difference_wh": "many", "reason": "x"}, {"difference_wh": "1"}, {}):
        assert boss.post(address(stored(A), "correct"), data).status_code == 200
    assert not Entry.objects.exists()


def test_move(boss: Client, box: Box, flat: Flat) -> None:
    other = Flat.objects.create(name="Wohnung 4")
    box.end(A)
    boss.post(address(stored(A), "move"), {"flat": other.pk, "reason": "verliehen"})
    assert sorted(Entry.objects.values_list("flat_id", "energy_wh")) == sorted(
        [(flat.pk, -11240), (other.pk, 11240)]
    )
    boss.post(address(stored(A), "move"), {"flat": "", "reason": "niemand"})
    assert Entry.objects.filter(flat=None, energy_wh=11240).exists()


def test_review(boss: Client, box: Box) -> None:
    box.end(A, tag=STRANGER)
    boss.post(address(stored(A), "review"), {"note": "Gast"})
    assert SessionReview.objects.get().by_name == "Frau Verwalter"


def test_refused_messages(boss: Client, box: Box) -> None:
    quarantine.keep(box.station, "7", "{}", "code 422")
    boss.post(address(QuarantineItem.objects.get(), "settle"), {"note": "Tippfehler"})
    assert QuarantineItem.objects.get().settled_by == "Frau Verwalter"


def test_unknown_tags(boss: Client, box: Box, flat: Flat) -> None:
    box.start(A, tag=STRANGER)
    row = UnknownTag.objects.get()
    assert STRANGER in told(boss.get("/admin/evcs/unknowntag/"))
    boss.post(address(row, "aside"))
    assert UnknownTag.objects.get().settled_by == "Frau Verwalter"
    boss.post(address(row, "adopt"), {"flat": flat.pk, "label": "neu"})
    assert Tag.objects.get(uid=STRANGER).label == "neu"


def test_tariffs(boss: Client) -> None:
    data = {"valid_from": "2026-01-01", "price_per_kwh": "0.35", "currency": "EUR",
            "vat_percent": "19"}  # fmt: skip
    boss.post("/admin/evcs/tariff/add/", data)
    tariff = Tariff.objects.get()
    assert tariff.price_per_kwh == Decimal("0.35")
    page = boss.post("/admin/evcs/tariff/add/", data | {"valid_from": "2026-02-01",
                                                         "currency": "CHF"})  # fmt: skip
    assert "dieselbe Währung" in told(page)
    boss.post(address(tariff), data | {"price_per_kwh": "0.4"})
    assert [str(price.per_kwh) for price in tariffs.prices()] == ["0.40000"]
    assert boss.post(address(tariff, "delete")).status_code == 403


def test_files(boss: Client, box: Box, flat: Flat) -> None:
    box.heartbeat()
    box.end(A, started_at="2026-10-20T10:00:00Z", ended_at="2026-10-20T12:00:00Z")
    closed = closing.close(OCTOBER, "V")
    statement = closed.statements.get()
    for row in (closed, statement):
        assert f"{row.pk}/file/pdf/" in told(boss.get(f"/admin/evcs/{row._meta.model_name}/"))
        pdf = boss.get(address(row, "file/pdf"))
        assert pdf.content.startswith(b"%PDF-")
        assert "attachment" in pdf.headers["Content-Disposition"]
        assert json.loads(boss.get(address(row, "file/json")).content) == json.loads(row.content)
        assert boss.get(address(row, "file/docx")).status_code == 404
        assert boss.post(address(row, "delete")).status_code == 403
        assert boss.post(address(row)).status_code == 403
    missing = ClosedMonth(pk=99)
    assert boss.get(address(missing, "file/pdf")).status_code == 404


def test_who_may_only_look_cannot_decide(box: Box, flat: Flat) -> None:
    viewer = browser_of(
        "view_session", "view_quarantineitem", "view_unknowntag", "view_closedmonth"
    )
    box.end(A, tag=STRANGER)
    quarantine.keep(box.station, "7", "{}", "code 422")
    unknown = UnknownTag.objects.get()
    assert viewer.get(address(stored(A))).status_code == 200
    for row, name, data in (
        (stored(A), "correct", {"difference_wh": "1", "reason": "x"}),
        (stored(A), "move", {"flat": flat.pk, "reason": "x"}),
        (stored(A), "review", {"note": "x"}),
        (QuarantineItem.objects.get(), "settle", {"note": "x"}),
        (unknown, "adopt", {"flat": flat.pk}),
        (unknown, "aside", {}),
    ):
        assert viewer.get(address(row, name)).status_code == 403
        assert viewer.post(address(row, name), data).status_code == 403
    assert not Entry.objects.exists()
    assert not SessionReview.objects.exists()
    assert Tag.objects.get().uid == TAG


def test_a_stranger_is_asked_to_log_in(box: Box, db: None) -> None:
    box.end(A)
    page = Client().post(address(stored(A), "correct"), {"difference_wh": "1", "reason": "x"})
    assert page.status_code == 302
    assert "/login/" in page.headers["Location"]
    assert not Entry.objects.exists()


def test_no_decision_without_its_token(box: Box, db: None) -> None:
    box.end(A)
    get_user_model().objects.create_superuser("root", password="x")
    careful = Client(enforce_csrf_checks=True)
    careful.login(username="root", password="x")
    data = {"difference_wh": "1", "reason": "x"}
    assert careful.post(address(stored(A), "correct"), data).status_code == 403
    assert not Entry.objects.exists()
