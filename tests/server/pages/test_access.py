"""Who sees what: every address of the pages, asked for by everybody there is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, reverse

from evcs.models import QuarantineItem, Statement, Station, Tag, Tariff, UnknownTag
from evcs.pages.guard import CSP
from evcs.pages.urls import urlpatterns
from evcs.services import closing, corrections, quarantine, tariffs
from server.mmetering.models import Flat
from tests.server.pages.conftest import House
from tests.server.server_rig import STRANGER, TAG, end_body, new_uuid

ACTORS = ("anonymous", "neighbour", "nowhere", "resident", "unpermitted", "landlord")
GO, SENT, NO, GONE, LOGIN = "page", "redirect", "refused", "missing", "login"

# Who gets what, in the order of ACTORS. A landlord has no apartment: "my" pages are empty to them.
EVERYBODY = (GO,) * 6
LANDLORD = (LOGIN, NO, NO, NO, NO, GO)
LANDLORD_IS_SHOWN = (LOGIN, NO, NO, NO, NO, GO)
LANDLORD_DOES = (LOGIN, NO, NO, NO, NO, SENT)
ANY_LOGIN = (LOGIN, GO, GO, GO, GO, GO)
ANY_LOGIN_DOES = (LOGIN, SENT, SENT, SENT, SENT, SENT)
RESIDENT = (LOGIN, GONE, GONE, GO, GONE, GONE)
RESIDENT_DOES = (LOGIN, GONE, GONE, SENT, GONE, GONE)


@dataclass(frozen=True)
class Row:
    """An address and what each actor gets there."""

    expected: tuple[str, ...]
    arguments: Callable[[Case], list[Any]] = lambda case: []
    post: Callable[[Case], dict[str, Any]] | None = None


@dataclass
class Case:
    """What there is to ask for."""

    house: House
    statement: Statement
    own_tag: Tag
    unknown: UnknownTag
    refused: QuarantineItem
    tariff: Tariff

    @property
    def open_month(self) -> str:
        """The month of the house's charges."""
        return f"{self.house.mine.month:%Y-%m}"


def _mine(case: Case) -> list[Any]:
    return [case.house.mine.pk]


def _month(case: Case) -> list[Any]:
    return [case.open_month]


def _nothing(case: Case) -> dict[str, Any]:
    return {}


TABLE: dict[str, Row] = {
    "home": Row(ANY_LOGIN_DOES),
    "login": Row(EVERYBODY),
    "logout": Row(ANY_LOGIN_DOES, post=_nothing),
    "password": Row(ANY_LOGIN),
    "language": Row((SENT,) * 6, post=lambda case: {"language": "en"}),
    "live": Row(LANDLORD),
    "live-fragment": Row(LANDLORD),
    "new-station": Row(LANDLORD_IS_SHOWN, post=lambda case: {"name": "Lader9"}),
    "station": Row(LANDLORD, lambda case: [case.house.box.pk]),
    "enable": Row(LANDLORD_DOES, lambda case: [case.house.box.pk], lambda case: {"enabled": "1"}),
    "reset": Row(LANDLORD_DOES, lambda case: [case.house.box.pk], _nothing),
    "new-token": Row(LANDLORD_IS_SHOWN, lambda case: [case.house.box.pk], _nothing),
    "revoke-tokens": Row(LANDLORD_DOES, lambda case: [case.house.box.pk], _nothing),
    "stop": Row(
        LANDLORD_DOES,
        lambda case: [case.house.box.pk],
        lambda case: {"session": str(case.house.mine.uuid)},
    ),
    "sessions": Row(LANDLORD),
    "session": Row(LANDLORD, _mine),
    "correct": Row(LANDLORD_DOES, _mine, lambda case: {"difference": "-1", "reason": "Zähler"}),
    "move": Row(
        LANDLORD_DOES, _mine, lambda case: {"flat": case.house.neighbour.pk, "reason": "Gast"}
    ),
    "review-session": Row(LANDLORD_DOES, _mine, lambda case: {"note": "gesehen"}),
    "review": Row(LANDLORD),
    "adopt": Row(
        LANDLORD_DOES, lambda case: [case.unknown.pk], lambda case: {"flat": case.house.flat.pk}
    ),
    "set-aside": Row(LANDLORD_DOES, lambda case: [case.unknown.pk], _nothing),
    "settle": Row(LANDLORD_DOES, lambda case: [case.refused.pk], lambda case: {"note": "alt"}),
    "tags": Row(LANDLORD),
    "new-tag": Row(LANDLORD_DOES, post=lambda case: {"uid": "0A0B0C0D"}),
    "tag": Row(LANDLORD, lambda case: [case.own_tag.pk]),
    "give-tag": Row(
        LANDLORD_DOES,
        lambda case: [case.own_tag.pk],
        lambda case: {"flat": case.house.neighbour.pk},
    ),
    "release-tag": Row(LANDLORD_DOES, lambda case: [case.own_tag.pk], _nothing),
    "edit-tag": Row(LANDLORD_DOES, lambda case: [case.own_tag.pk], _nothing),
    "tariffs": Row(LANDLORD),
    "set-tariff": Row(
        LANDLORD_DOES,
        post=lambda case: {
            "valid_from": "2027-01-01",
            "price_per_kwh": "0,35",
            "vat_percent": "19",
            "currency": "EUR",
        },
    ),
    "remove-tariff": Row(LANDLORD_DOES, lambda case: [case.tariff.pk], _nothing),
    "block": Row(LANDLORD_DOES, lambda case: [case.own_tag.pk], _nothing),
    "accept": Row(LANDLORD_DOES, lambda case: [case.own_tag.pk], _nothing),
    "months": Row(LANDLORD),
    "month": Row(LANDLORD, _month),
    "close-month": Row(
        LANDLORD_DOES, _month, lambda case: {"sure": "on", "reason": "bekannt", "month": ""}
    ),
    "report": Row(LANDLORD, lambda case: ["2026-10", "pdf"]),
    "statement": Row(LANDLORD, lambda case: [case.statement.pk, "csv"]),
    "my": Row(ANY_LOGIN),
    "my-fragment": Row(ANY_LOGIN),
    "my-session": Row(RESIDENT, _mine),
    "my-statement": Row(RESIDENT, lambda case: [case.statement.pk, "pdf"]),
    "my-block": Row(RESIDENT_DOES, lambda case: [case.own_tag.pk], _nothing),
}


@pytest.fixture
def case(house: House) -> Case:
    """A house with one of everything: a closed month before, a doubtful charge, an unknown tag."""
    october = end_body(
        seq=1,
        wh=100,
        end_wh=1000,
        started_at="2026-10-10T10:00:00+00:00",
        ended_at="2026-10-10T11:00:00+00:00",
    )
    assert house.box.put(f"sessions/{new_uuid(9)}/end", october).status_code == 201
    closing.close(dt.date(2026, 10, 1), "Test", override=closing.Override("Test", "Test"))
    house.box.start(new_uuid(3), seq=3, tag=STRANGER)
    house.box.heartbeat()
    quarantine.keep(house.box.station, "1", "{", "400")
    house.mine.flags = {"conflict"}
    house.mine.save()
    house.clock.advance(86400 * 10)
    return Case(
        house,
        Statement.objects.get(flat=house.flat),
        Tag.objects.get(uid=TAG),
        UnknownTag.objects.get(uid=STRANGER),
        QuarantineItem.objects.get(),
        tariffs.set_price(dt.date(2026, 12, 1), Decimal("0.30"), Decimal(0)),
    )


@pytest.fixture
def clients(case: Case, owner: Client) -> dict[str, Client]:
    """A browser of every actor."""
    return {
        "anonymous": Client(),
        "neighbour": case.house.login("nachbar", case.house.neighbour),
        "nowhere": case.house.login("niemand"),
        "resident": case.house.login("mieterin", case.house.flat),
        "unpermitted": case.house.login("verwalter"),
        "landlord": owner,
    }


def kind_of(response: HttpResponse) -> str:
    """Return what an answer is, in the words of the table."""
    if response.status_code == 302:
        login = response.headers["Location"].startswith(reverse("evcs:login") + "?next=")
        return LOGIN if login else SENT
    return {200: GO, 403: NO, 404: GONE}[response.status_code]


def ask(client: Client, name: str, row: Row, case: Case) -> HttpResponse:
    """Ask for an address as the table says."""
    url = reverse(f"evcs:{name}", args=row.arguments(case))
    return client.get(url) if row.post is None else client.post(url, row.post(case))


def test_every_address_stands_in_the_table() -> None:
    assert all(isinstance(one, URLPattern) for one in urlpatterns)
    assert sorted(one.name for one in urlpatterns) == sorted(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_who_gets_what(name: str, case: Case, clients: dict[str, Client]) -> None:
    """Everybody asks, those who may do most at last."""
    row = TABLE[name]
    answers = {actor: ask(clients[actor], name, row, case) for actor in ACTORS}
    assert tuple(map(kind_of, answers.values())) == row.expected
    for response in answers.values():
        assert response.headers["Content-Security-Policy"] == CSP
        assert response.headers["Cache-Control"] == "no-store"
    assert CSP.startswith("default-src 'self';")


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.post])
def test_what_changes_something_is_posted_with_a_token(
    name: str, case: Case, owner: Client
) -> None:
    row = TABLE[name]
    url = reverse(f"evcs:{name}", args=row.arguments(case))
    refused = owner.get(url)
    assert refused.status_code == 405
    assert refused.headers["Allow"]
    assert "Hier ist nichts" in refused.content.decode()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    answer = strict.post(url, row.post(case))  # type: ignore[misc]
    assert answer.status_code == 403
    assert "Diese Seite war zu alt" in answer.content.decode()
    assert answer.headers["Content-Security-Policy"] == CSP


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if not row.post])
def test_what_shows_something_cannot_be_posted(name: str, case: Case, owner: Client) -> None:
    if name in ("login", "password"):
        return
    url = reverse(f"evcs:{name}", args=TABLE[name].arguments(case))
    assert owner.post(url).status_code == 405


def test_an_address_that_there_is_not(owner: Client, db: None) -> None:
    answer = owner.get("/evcs/gibtsnicht/")
    assert answer.status_code == 404
    assert "Hier ist nichts" in answer.content.decode()
    assert answer.headers["Content-Security-Policy"] == CSP
    assert owner.get("/anderswo/").status_code == 404


@pytest.mark.parametrize("permission", ["change_station", "change_session", "add_closedmonth"])
def test_seeing_is_not_doing(permission: str, case: Case, landlord: Client) -> None:
    """``landlord`` may see sessions and nothing more."""
    name = {
        "change_station": "stop",
        "change_session": "correct",
        "add_closedmonth": "close-month",
    }[permission]
    assert kind_of(ask(landlord, name, TABLE[name], case)) == NO
    page = landlord.get(reverse("evcs:live")).content.decode()
    assert "/stop/" not in page
    assert (
        "/correct/" not in landlord.get(reverse("evcs:session", args=_mine(case))).content.decode()
    )


class TestResidents:
    """One apartment, one time."""

    def test_the_own_page_names_nobody_else(self, case: Case) -> None:
        house = case.house
        house.other_box.start(new_uuid(5), seq=2, tag="16AC936B")
        house.other_box.heartbeat(phase="charging", session=str(new_uuid(5)), power_w=10999)
        client = house.login("mieterin", house.flat)
        for name in ("my", "my-fragment"):
            page = client.get(reverse(f"evcs:{name}")).content.decode()
            assert "Lader2" in page
            assert "belegt" in page
            for theirs in ("16AC936B", "Wohnung 1 rechts", "5,000", "4,000", "11,00"):
                assert theirs not in page

    @pytest.mark.parametrize(
        ("since", "until", "seen"),
        [
            (None, None, True),
            (dt.date(2026, 11, 22), dt.date(2026, 11, 23), True),
            (dt.date(2026, 11, 23), None, False),
            (None, dt.date(2026, 11, 22), False),
        ],
    )
    def test_a_charge_of_who_lived_there_before_or_after_is_not_seen(
        self, case: Case, since: dt.date | None, until: dt.date | None, seen: bool
    ) -> None:
        client = case.house.login("neu", case.house.flat, since=since, until=until)
        response = client.get(reverse("evcs:my-session", args=_mine(case)))
        assert (response.status_code == 200) is seen

    @pytest.mark.parametrize(
        ("since", "until", "seen"),
        [
            (dt.date(2026, 10, 1), dt.date(2026, 11, 1), True),
            (dt.date(2026, 10, 2), None, False),
            (None, dt.date(2026, 10, 31), False),
        ],
    )
    def test_a_statement_of_a_month_that_was_shared_is_not_seen(
        self, case: Case, since: dt.date | None, until: dt.date | None, seen: bool
    ) -> None:
        client = case.house.login("neu", case.house.flat, since=since, until=until)
        response = client.get(reverse("evcs:my-statement", args=[case.statement.pk, "pdf"]))
        assert (response.status_code == 200) is seen

    @pytest.mark.parametrize("what", ["correction", "over midnight"])
    def test_a_statement_with_something_of_who_lived_there_before_is_not_seen(
        self, case: Case, what: str
    ) -> None:
        """Energy counts in the month of its end, a correction in the first open one."""
        house = case.house
        house.clock.advance(86400 * 31)
        closing.close(dt.date(2026, 11, 1), "Test", override=closing.Override("Test", "Test"))
        if what == "correction":
            corrections.correct(house.mine, -500, "falsch abgelesen", by_name="Test")
        else:
            night = {"started_at": "2026-11-30T21:00:00Z", "ended_at": "2026-12-01T03:00:00Z"}
            house.box.end(new_uuid(8), seq=8, wh=20_000, end_wh=23_000, **night)
        own = {"started_at": "2026-12-05T21:00:00Z", "ended_at": "2026-12-05T23:00:00Z"}
        house.box.end(new_uuid(10), seq=10, wh=30_000, end_wh=33_000, **own)
        closing.close(dt.date(2026, 12, 1), "Test", override=closing.Override("Test", "Test"))
        before = house.login("vorher", house.flat, until=dt.date(2026, 12, 1))
        after = house.login("nachher", house.flat, since=dt.date(2026, 12, 1))
        always = house.login("immer", house.flat)
        seen = {}
        for month in (11, 12):
            statement = Statement.objects.get(
                flat=house.flat, closed__month=dt.date(2026, month, 1)
            )
            url = reverse("evcs:my-statement", args=[statement.pk, "xlsx"])
            seen[month] = [client.get(url).status_code for client in (before, after, always)]
        assert seen == {11: [200, 404, 200], 12: [404, 404, 200]}

    def test_who_moved_out_blocks_nothing(self, case: Case) -> None:
        client = case.house.login("fort", case.house.flat, until=dt.date(2026, 11, 30))
        url = reverse("evcs:my-block", args=[case.own_tag.pk])
        assert client.post(url).status_code == 404
        case.own_tag.refresh_from_db()
        assert case.own_tag.state == "accepted"

    def test_a_moved_charge_does_not_tell_whose_it_became(self, case: Case, owner: Client) -> None:
        url = reverse("evcs:move", args=_mine(case))
        owner.post(url, {"flat": case.house.neighbour.pk, "reason": "Gast"})
        client = case.house.login("mieterin", case.house.flat)
        page = client.get(reverse("evcs:my-session", args=_mine(case))).content.decode()
        assert "Umbuchung" in page
        assert "Wohnung 1 rechts" not in page

    def test_a_tag_given_away_is_not_theirs(self, case: Case) -> None:
        from evcs.services import tags

        tags.assign(case.own_tag, case.house.neighbour.pk)
        client = case.house.login("mieterin", case.house.flat)
        assert client.post(reverse("evcs:my-block", args=[case.own_tag.pk])).status_code == 404


def test_the_hosts_login_is_used_if_it_has_one(settings: Any, db: None) -> None:
    settings.LOGIN_URL = "/admin/login/"
    assert Client().get("/evcs/my/").headers["Location"] == "/admin/login/?next=/evcs/my/"
    settings.LOGIN_URL = "/accounts/login/"  # Django's default, which nobody answers here
    assert Client().get("/evcs/my/").headers["Location"] == "/evcs/login/?next=/evcs/my/"


def test_flats_without_links_show_nothing(db: None, house: House) -> None:
    assert Flat.objects.count() == 2
    assert Station.objects.count() == 2
    page = house.login("niemand").get(reverse("evcs:my")).content.decode()
    assert "Lader1" not in page
