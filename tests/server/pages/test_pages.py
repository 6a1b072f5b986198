"""What the pages show and do, without a browser."""

from __future__ import annotations

import datetime as dt
import html
import re
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evcs.models import (
    Command,
    Entry,
    QuarantineItem,
    Session,
    SessionReview,
    Statement,
    Station,
    Tag,
    Tariff,
    UnknownTag,
)
from evcs.pages import homes, queries
from evcs.pages.views import my
from evcs.services import closing, consumption, quarantine, reviews, stations, tags, tariffs
from tests.server.pages.conftest import NEIGHBOUR_TAG, House
from tests.server.server_rig import STRANGER, TAG, at, meter, new_uuid

NOVEMBER = dt.date(2026, 11, 1)


def get(client: Client, name: str, /, *arguments: Any, **query: Any) -> str:
    """Return a page's text."""
    response = client.get(reverse(f"evcs:{name}", args=arguments), query)
    assert response.status_code == 200
    page = response.content.decode()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert sorted(ids) == sorted(set(ids))
    return page


def post(client: Client, name: str, /, *arguments: Any, **values: Any) -> str:
    """Post, and return the text of the page that people see then."""
    response = client.post(reverse(f"evcs:{name}", args=arguments), values, follow=True)
    return response.content.decode()


class TestStations:
    """Live, and stopped from afar."""

    @pytest.fixture
    def running(self, house: House) -> str:
        """A charge that runs on Lader1."""
        key = str(new_uuid(7))
        assert house.box.start(key, seq=3, wh=20000).status_code == 201
        house.box.heartbeat(phase="charging", session=key, power_w=10812, meter=meter(21234))
        house.other_box.heartbeat(
            phase="faulted", pending=3, faults=[{"name": "meter_lost", "since": at()}]
        )
        return key

    def test_who_charges_how_much(self, running: str, house: House, owner: Client) -> None:
        page = get(owner, "live-fragment")
        for shown in ("lädt", "Wohnung 3 links", "10,81", "1,234", "Zähler antwortet nicht", ">3<"):
            assert shown in page

    def test_a_silent_station_shows_no_power(
        self, running: str, house: House, owner: Client
    ) -> None:
        house.clock.advance(31)
        page = get(owner, "live-fragment")
        assert "schweigt" in page
        assert "10,81" not in page

    def test_heartbeats_come_faster_while_somebody_watches(
        self, house: House, owner: Client
    ) -> None:
        assert house.box.heartbeat().json()["heartbeat_s"] == 60
        get(owner, "live")
        assert house.box.heartbeat().json()["heartbeat_s"] == 10
        house.clock.advance(61)
        assert house.box.heartbeat().json()["heartbeat_s"] == 60

    def test_watching_is_written_twice_a_minute(self, house: House, owner: Client) -> None:
        written = set()
        for _ in range(13):
            get(owner, "live-fragment")
            written.add(house.box.station.watched_until)
            house.clock.advance(5)
        assert len(written) == 2

    def test_stop_and_what_became_of_it(self, running: str, house: House, owner: Client) -> None:
        page = post(owner, "stop", house.box.pk, session=running)
        assert "wartet auf die Box" in page
        assert "Laden beenden" not in page
        (told,) = house.box.heartbeat(phase="charging", session=running).json()["commands"]
        assert (told["type"], told["session"]) == ("stop", running)
        house.box.heartbeat(done=[{"id": told["id"], "result": "ok"}])
        page = get(owner, "live-fragment")
        assert "ausgeführt" in page
        assert "Ada Haus" in page

    def test_a_second_click_is_the_same_stop(
        self, running: str, house: House, owner: Client
    ) -> None:
        for _ in range(2):
            assert "Stopp" in post(owner, "stop", house.box.pk, session=running)
        assert Command.objects.count() == 1

    def test_a_stop_that_no_box_fetched_is_over(
        self, running: str, house: House, owner: Client
    ) -> None:
        post(owner, "stop", house.box.pk, session=running)
        house.clock.advance(601)
        page = get(owner, "live-fragment")
        assert "wartet auf die Box" not in page
        assert "nicht rechtzeitig abgeholt" in page
        assert "Laden beenden" in page
        assert "nicht rechtzeitig abgeholt" in get(owner, "station", house.box.pk)

    def test_a_fault_and_silence_are_spoken(
        self, running: str, house: House, owner: Client
    ) -> None:
        assert "Lader2: gestört. Störung: Zähler" in get(owner, "live-fragment")
        house.clock.advance(3600)
        client = house.login("mieterin", house.flat)
        assert 'data-spoken="Lader1: schweigt"' in get(client, "my-fragment")

    def test_a_charge_that_ended_meanwhile_is_not_stopped(
        self, running: str, house: House, owner: Client
    ) -> None:
        house.box.end(running, seq=3, wh=20000, end_wh=21300)
        page = post(owner, "stop", house.box.pk, session=running)
        assert "läuft nicht mehr" in page
        assert not Command.objects.exists()

    @pytest.mark.parametrize("text", ["", "x", str(new_uuid(99))])
    def test_nonsense_stops_nothing(self, text: str, house: House, owner: Client) -> None:
        assert "läuft nicht mehr" in post(owner, "stop", house.box.pk, session=text)
        assert not Command.objects.exists()


class TestOneStation:
    """What it is, its tokens, what it was told."""

    FAULT: ClassVar = {"name": "contactor_fault", "since": "2026-11-03T10:00:00Z"}

    def test_its_facts(self, house: House, owner: Client) -> None:
        house.box.heartbeat(phase="available")
        page = get(owner, "station", house.box.pk)
        assert house.box.station.name in page
        assert "frei" in page
        assert "gültig" in page
        assert 'id="token"' not in page

    def test_a_new_one_shows_its_token_once(self, owner: Client) -> None:
        page = post(owner, "new-station", name="Lader9")
        token = re.findall(r'<code id="token">(evcs_[^<]+)</code>', page)[0]
        known = stations.authenticate(token)
        assert known is not None
        assert known.station.name == "Lader9"
        again = get(owner, "station", known.station.pk)
        assert token not in again
        assert token[:13] in again

    @pytest.mark.parametrize(
        ("name", "why"), [("Lader 9", "kein Name einer Station"), ("", "fehlt")]
    )
    def test_why_none_was_made(self, name: str, why: str, owner: Client) -> None:
        assert why in post(owner, "new-station", name=name)
        assert not Station.objects.exists()

    def test_the_name_is_taken(self, house: House, owner: Client) -> None:
        page = post(owner, "new-station", name=house.box.station.name)
        assert "gibt es schon" in page

    def test_a_token_is_rotated(self, house: House, owner: Client) -> None:
        old = house.box.token
        page = post(owner, "new-token", house.box.pk)
        new = re.findall(r'<code id="token">(evcs_[^<]+)</code>', page)[0]
        assert stations.authenticate(old) is not None
        assert stations.authenticate(new) is not None
        assert "neueste Schlüssel" in post(owner, "revoke-tokens", house.box.pk)
        assert stations.authenticate(old) is None
        assert stations.authenticate(new) is not None

    def test_a_token_that_nobody_wrote_down_costs_the_box_nothing(
        self, house: House, owner: Client
    ) -> None:
        house.box.heartbeat()
        lost = [
            re.findall(r'<code id="token">([^<]+)', post(owner, "new-token", house.box.pk))[0]
            for _ in range(3)
        ]
        assert [stations.authenticate(one) is not None for one in lost] == [False, False, True]
        assert house.box.heartbeat().status_code == 200

    def test_disabled_and_enabled(self, house: House, owner: Client) -> None:
        assert "beginnt keinen" in post(owner, "enable", house.box.pk, enabled="0")
        assert not Station.objects.get(pk=house.box.pk).enabled
        told = house.box.heartbeat().json()["commands"]
        assert [one["type"] for one in told] == ["disable"]
        assert "wartet auf die Box" in get(owner, "station", house.box.pk)
        post(owner, "enable", house.box.pk, enabled="1")
        assert Station.objects.get(pk=house.box.pk).enabled
        assert "Es fehlt eine Angabe" in post(owner, "enable", house.box.pk)
        assert Station.objects.get(pk=house.box.pk).enabled

    def test_a_fault_is_reset_that_was_seen(self, house: House, owner: Client) -> None:
        house.box.heartbeat(phase="faulted", faults=[self.FAULT])
        page = get(owner, "station", house.box.pk)
        assert "Zurücksetzen" in page
        seen = {"fault": self.FAULT["name"], "since": self.FAULT["since"]}
        assert "gesendet" in post(owner, "reset", house.box.pk, **seen)
        (told,) = house.box.heartbeat(phase="faulted", faults=[self.FAULT]).json()["commands"]
        assert (told["type"], told["fault"]) == ("reset", "contactor_fault")
        done = [{"id": told["id"], "result": "refused"}]
        house.box.heartbeat(phase="faulted", faults=[self.FAULT], done=done)
        assert "abgelehnt" in get(owner, "station", house.box.pk)

    def test_one_that_came_later_is_not(self, house: House, owner: Client) -> None:
        house.box.heartbeat(phase="faulted", faults=[self.FAULT])
        seen = {"fault": self.FAULT["name"], "since": "2026-11-02T10:00:00Z"}
        assert "besteht nicht mehr" in post(owner, "reset", house.box.pk, **seen)
        assert house.box.heartbeat().json()["commands"] == []


class TestSessions:
    """The list, and one of them."""

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({}, 2),
            ({"month": "2026-11"}, 2),
            ({"month": "2026-10"}, 0),
            ({"tag": "04 a3 c6 ca e2 61 80"}, 1),
            ({"flat": "none"}, 0),
            ({"state": "ended"}, 2),
            ({"state": "open"}, 0),
            ({"state": "provisional"}, 0),
            ({"flag": "any"}, 0),
            ({"flag": "conflict"}, 0),
            ({"month": "Nov"}, 0),
            ({"tag": "XYZ"}, 0),
            ({"page": "99"}, 2),
        ],
    )
    def test_filters(self, query: dict[str, str], found: int, house: House, owner: Client) -> None:
        assert get(owner, "sessions", **query).count('<th scope="row">') == found

    def test_by_station_and_apartment(self, house: House, owner: Client) -> None:
        page = get(owner, "sessions", station=house.box.pk, flat=house.flat.pk)
        assert page.count('<th scope="row">') == 1
        page = get(owner, "sessions", station=house.box.pk, flat=house.neighbour.pk)
        assert page.count('<th scope="row">') == 0

    def test_pages_keep_the_filter(self, house: House, owner: Client) -> None:
        for i in range(60):
            house.box.end(new_uuid(100 + i), seq=3 + i, wh=20000 + i, end_wh=20001 + i)
        page = get(owner, "sessions", month="2026-11")
        assert "1 / 2" in page
        assert "?month=2026-11&amp;page=2" in page
        assert "2 / 2" in get(owner, "sessions", month="2026-11", page=2)

    def test_the_power_of_one(self, house: House, owner: Client) -> None:
        readings = [
            {"n": n, "at": at(n * 60 - 600), "import_wh": 1000 + 180 * n, "power_w": 10800}
            for n in range(1, 6)
        ]
        house.box.post(f"sessions/{house.mine.uuid}/readings", {"readings": readings})
        page = get(owner, "session", house.mine.pk)
        assert '<polyline class="line"' in page
        assert page.count("10,80") == 5

    def test_a_correction_stands_beside_it(self, house: House, owner: Client) -> None:
        page = post(owner, "correct", house.mine.pk, difference="-1,24", reason="Zähler falsch")
        assert "Die Korrektur ist gebucht." in page
        entry = Entry.objects.get()
        assert (entry.energy_wh, entry.by_name, entry.reason) == (
            -1240,
            "Ada Haus",
            "Zähler falsch",
        )
        assert "-1,240" in page
        assert Session.objects.get(pk=house.mine.pk).energy_wh == 11240

    @pytest.mark.parametrize(
        ("values", "why"),
        [
            ({"difference": "-99", "reason": "x"}, "weniger als nichts"),
            ({"difference": "0", "reason": "x"}, "korrigiert nichts"),
            ({"difference": "1"}, "correct_reason_error"),
            ({"difference": "viel", "reason": "x"}, "correct_difference_error"),
            ({"difference": "1,2345", "reason": "x"}, "correct_difference_error"),
            ({"difference": "10000,001", "reason": "x"}, "höchstens 10000 kWh"),
        ],
    )
    def test_why_a_correction_was_not_booked(
        self, values: dict[str, str], why: str, house: House, owner: Client
    ) -> None:
        assert why in post(owner, "correct", house.mine.pk, **values)
        assert not Entry.objects.exists()

    def test_moved_to_the_neighbour(self, house: House, owner: Client) -> None:
        post(owner, "move", house.mine.pk, flat=house.neighbour.pk, reason="Gastkarte")
        assert consumption.of_flat(house.flat.pk, NOVEMBER).energy_wh == 0
        assert consumption.of_flat(house.neighbour.pk, NOVEMBER).energy_wh == 11240 + 4000

    def test_a_second_click_books_nothing(self, house: House, owner: Client) -> None:
        page = get(owner, "session", house.mine.pk)
        assert page.count('name="seen" value="0"') == 2
        values = {"difference": "-3", "reason": "x", "seen": "0"}
        post(owner, "correct", house.mine.pk, **values)
        assert "wurde inzwischen etwas gebucht" in post(owner, "correct", house.mine.pk, **values)
        values = {"flat": str(house.neighbour.pk), "reason": "x", "seen": "0"}
        page = post(owner, "move", house.mine.pk, **values)
        assert "wurde inzwischen etwas gebucht" in page
        assert Entry.objects.count() == 1
        # Whoever has read why it was refused can do it.
        assert page.count('name="seen" value="1"') == 2
        post(owner, "move", house.mine.pk, **{**values, "seen": "1"})
        assert Entry.objects.count() == 3

    def test_what_the_server_booked_itself_is_told_in_the_readers_language(
        self, house: House, owner: Client
    ) -> None:
        """And what was replaced, without the names of columns."""
        house.box.start(new_uuid(40), seq=40, wh=30_000)
        house.box.start(new_uuid(42), seq=42, wh=40_000)
        session = Session.objects.get(uuid=new_uuid(40))
        post(owner, "move", session.pk, flat=house.neighbour.pk, reason="Gast")
        house.box.start(new_uuid(41), seq=41, wh=38_000, authorized_by="list")
        page = get(owner, "session", session.pk)
        assert "nach der Umbuchung neu berechnet" in page
        assert "<td>Energie</td><td>10,000 kWh</td><td>8,000 kWh</td>" in page
        assert "eine frühere Meldung kam später" in page
        mine = house.login("nachbar", house.neighbour)
        assert "nach der Umbuchung neu berechnet" in get(mine, "my", month="2026-11")

    def test_the_hour_that_there_is_twice(self, house: House, owner: Client) -> None:
        night = {
            "started_at": "2026-10-25T00:50:00Z",
            "ended_at": "2026-10-25T01:10:00Z",
            "tag": NEIGHBOUR_TAG,
        }
        house.box.end(new_uuid(50), seq=50, wh=50_000, end_wh=51_000, **night)
        session = Session.objects.get(uuid=new_uuid(50))
        page = get(owner, "session", session.pk)
        assert "25.10.2026 02:50 MESZ" in page
        assert "25.10.2026 02:10 MEZ" in page
        owner.post(reverse("evcs:language"), {"language": "en"})
        page = get(owner, "session", session.pk)
        assert "2026-10-25 02:50 CEST" in page
        assert "2026-10-25 02:10 CET" in page

    def test_the_name_a_tag_has_elsewhere_is_not_told(self, house: House, owner: Client) -> None:
        tag = Tag.objects.get(uid=TAG)
        mine = house.login("mieterin", house.flat)
        tags.set_label(tag, "Meine Karte")
        assert "Meine Karte" in get(mine, "my", month="2026-11")
        assert "Meine Karte" in get(mine, "my-session", house.mine.pk)
        tags.assign(tag, house.neighbour.pk)
        tags.set_label(tag, "Karte von Frau Nachbar")
        for page in (get(mine, "my", month="2026-11"), get(mine, "my-session", house.mine.pk)):
            assert "Nachbar" not in page
            assert TAG in page
        assert "Karte von Frau Nachbar" in get(owner, "session", house.mine.pk)


class TestReview:
    """What waits for a person."""

    def test_an_unknown_tag_is_adopted(self, house: House, owner: Client) -> None:
        house.box.start(new_uuid(8), seq=3, tag=STRANGER)
        page = get(owner, "review")
        assert STRANGER in page
        page = post(owner, "adopt", UnknownTag.objects.get().pk, flat=house.flat.pk, label="Gast")
        assert f"Karte {STRANGER} gehört jetzt zu Wohnung 3 links" in page
        assert "Unbekannte Karten" not in page
        assert Tag.objects.get(uid=STRANGER).label == "Gast"

    @pytest.mark.parametrize(("ticked", "owed_wh"), [({"before": "on"}, 11240 + 1000), ({}, 11240)])
    def test_what_it_charged_before_comes_along(
        self, ticked: dict[str, str], owed_wh: int, house: House, owner: Client
    ) -> None:
        key, moved = new_uuid(8), new_uuid(9)
        more = {"tag": STRANGER, "authorized_by": "none"}
        house.box.end(key, seq=3, wh=13000, end_wh=14000, **more)
        house.box.end(moved, seq=4, wh=14000, end_wh=14500, **more)
        elsewhere = Session.objects.get(uuid=moved)
        post(owner, "move", elsewhere.pk, flat=house.neighbour.pk, reason="Gast der Nachbarn")
        post(owner, "adopt", UnknownTag.objects.get().pk, flat=house.flat.pk, **ticked)
        assert consumption.of_flat(house.flat.pk, NOVEMBER).energy_wh == owed_wh
        assert consumption.of_flat(house.neighbour.pk, NOVEMBER).energy_wh == 4000 + 500

    def test_a_refused_message_is_settled(self, house: House, owner: Client) -> None:
        quarantine.keep(house.box.station, "17", "{kaputt", "400: not JSON")
        assert "{kaputt" in get(owner, "review")
        page = post(owner, "settle", QuarantineItem.objects.get().pk, note="Box getauscht")
        assert "Die Meldung ist erledigt." in page
        item = QuarantineItem.objects.get()
        assert (item.settled_by, item.note) == ("Ada Haus", "Box getauscht")

    def test_who_may_not_move_energy_adopts_without_the_past(
        self, house: House, owner: Client
    ) -> None:
        house.box.end(
            new_uuid(8), seq=3, wh=13000, end_wh=14000, tag=STRANGER, authorized_by="none"
        )
        user = get_user_model().objects.get(username="hausherrin")
        user.user_permissions.remove(
            Permission.objects.get(codename="change_session", content_type__app_label="evcs")
        )
        assert 'name="before"' not in get(owner, "review")
        post(owner, "adopt", UnknownTag.objects.get().pk, flat=house.flat.pk, before="on")
        assert Tag.objects.filter(uid=STRANGER).exists()
        assert not Entry.objects.exists()

    def test_the_name_of_one_that_was_entered_as_nobodys(self, house: House, owner: Client) -> None:
        tags.register(STRANGER)
        house.box.start(new_uuid(8), seq=3, tag=STRANGER)
        post(owner, "adopt", UnknownTag.objects.get().pk, flat=house.flat.pk, label="Gast")
        assert Tag.objects.get(uid=STRANGER).label == "Gast"

    def test_what_waits_is_seen_behind_much_that_was_looked_at(
        self, house: House, owner: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(queries, "MOST_LISTED", 3)
        for i in range(6):
            key = new_uuid(100 + i)
            house.box.end(key, seq=3 + i, wh=20000 + i, end_wh=20001 + i)
            session = Session.objects.get(uuid=key)
            session.flags = {"conflict"}
            session.save()
            if i:
                reviews.review(session, by_name="Test", note="gesehen")
                session.flags = {"conflict", "late_seq"}
                session.save()
        assert [one.uuid for one in queries.doubtful()] == [new_uuid(100)]

    def test_without_an_apartment_nothing_happens(self, house: House, owner: Client) -> None:
        house.box.start(new_uuid(8), seq=3, tag=STRANGER)
        assert "Es fehlt eine Angabe" in post(owner, "adopt", UnknownTag.objects.get().pk)
        assert not Tag.objects.filter(uid=STRANGER).exists()

    def test_a_doubtful_charge_goes_when_it_was_looked_at(
        self, house: House, owner: Client
    ) -> None:
        key = new_uuid(8)
        house.box.end(key, seq=3, wh=13000, end_wh=14000, tag=STRANGER, authorized_by="none")
        session = Session.objects.get(uuid=key)
        (listed,) = queries.doubtful()
        assert listed == session
        post(owner, "review-session", session.pk, note="Gast von oben")
        assert queries.doubtful() == []
        assert SessionReview.objects.get().by_name == "Ada Haus"

    @pytest.mark.parametrize(
        ("flags", "waits"),
        [
            ({"late_seq"}, False),
            ({"late_seq", "estimated_time", "late_month"}, False),
            ({"late_seq", "conflict"}, True),
            ({"conflict"}, True),
        ],
    )
    def test_as_the_service_sees_it(
        self, flags: set[str], waits: bool, house: House, owner: Client
    ) -> None:
        house.mine.flags = flags
        house.mine.save()
        assert [bool(reviews.doubts(house.mine)), bool(queries.doubtful())] == [waits, waits]

    def test_a_tag_is_blocked_and_accepted(self, house: House, owner: Client) -> None:
        tag = Tag.objects.get(uid=NEIGHBOUR_TAG)
        assert "gesperrt" in post(owner, "block", tag.pk)
        tag.refresh_from_db()
        assert tag.state == "blocked"
        post(owner, "accept", tag.pk)
        tag.refresh_from_db()
        assert tag.state == "accepted"

    def test_one_that_was_somebodys_is_given_on_its_page(self, house: House, owner: Client) -> None:
        tag = Tag.objects.get(uid=NEIGHBOUR_TAG)
        tags.release(tag)
        house.box.start(new_uuid(8), seq=3, tag=NEIGHBOUR_TAG, started_at=at())
        page = get(owner, "review")
        assert reverse("evcs:tag", args=[tag.pk]) in page
        assert reverse("evcs:adopt", args=[UnknownTag.objects.get().pk]) not in page
        assert "Es ist vermerkt" in post(owner, "give-tag", tag.pk, flat=house.flat.pk)
        assert "Nichts wartet." in get(owner, "review")


class TestTags:
    """Entered, given away, limited."""

    def test_entered_by_its_number(self, house: House, owner: Client) -> None:
        house.box.start(new_uuid(8), seq=3, tag=STRANGER)
        spaced = " ".join(STRANGER[i : i + 2] for i in range(0, len(STRANGER), 2)).lower()
        page = post(owner, "new-tag", uid=spaced, flat=house.neighbour.pk, label="Zweitkarte")
        assert "Die Karte ist eingetragen." in page
        tag = Tag.objects.get(uid=STRANGER)
        assert tag.label == "Zweitkarte"
        assert [one.flat for one in tag.assignments.all()] == [house.neighbour]
        assert "Nichts wartet." in get(owner, "review")
        assert house.box.start(new_uuid(9), seq=4, tag=STRANGER).status_code == 201

    def test_entered_for_nobody_yet(self, house: House, owner: Client) -> None:
        post(owner, "new-tag", uid=STRANGER)
        tag = Tag.objects.get(uid=STRANGER)
        assert not tag.assignments.exists()
        assert "Sie gehörte noch keiner Wohnung." in get(owner, "tag", tag.pk)

    @pytest.mark.parametrize(
        ("values", "why"),
        [
            ({"uid": "04A3C6"}, "Das ist keine Karte"),
            ({"uid": ""}, "Dieses Feld ist zwingend erforderlich"),
            ({"uid": NEIGHBOUR_TAG}, "ist schon eingetragen"),
            ({"uid": STRANGER, "flat": "999"}, "Bitte eine gültige Auswahl treffen"),
            ({"uid": STRANGER, "label": "x" * 101}, "höchstens 100 Zeichen"),
        ],
    )
    def test_why_none_was_entered(
        self, values: dict[str, str], why: str, house: House, owner: Client
    ) -> None:
        before = Tag.objects.count()
        page = post(owner, "new-tag", **values)
        assert why in page
        assert '<details class="card" open>' in page
        assert Tag.objects.count() == before

    def test_given_from_a_day_on(self, house: House, owner: Client) -> None:
        tag = Tag.objects.get(uid=NEIGHBOUR_TAG)
        page = post(owner, "give-tag", tag.pk, flat=house.flat.pk, since="2026-12-01")
        assert "Es ist vermerkt" in page
        assert page.index("Wohnung 3 links") < page.index("Wohnung 1 rechts")
        old, new = tag.assignments.order_by("pk")
        assert (old.flat, old.valid_from, old.valid_to) == (house.neighbour, None, new.valid_from)
        assert new.valid_from.isoformat() == "2026-11-30T23:00:00+00:00"
        assert "ab 01.12.2026" in get(owner, "tags")

    def test_taken_back(self, house: House, owner: Client) -> None:
        tag = Tag.objects.get(uid=NEIGHBOUR_TAG)
        assert "zwingend erforderlich" in post(owner, "give-tag", tag.pk, flat="")
        assert tag.assignments.get().valid_to is None
        assert "niemandem mehr" in post(owner, "release-tag", tag.pk)
        assert tag.assignments.get().valid_to is not None
        start = {"tag": NEIGHBOUR_TAG, "started_at": at()}
        assert house.other_box.start(new_uuid(9), seq=2, **start).status_code == 403

    @pytest.mark.parametrize(
        ("since", "why"),
        [
            ("2026-02-30", "Bitte ein gültiges Datum eingeben"),
            ("0001-01-01", "Bitte ein Jahr von 2000 bis 2200"),
            ("2026-10-31", "eine Zuordnung, die später"),
        ],
    )
    def test_why_it_was_not_given(self, since: str, why: str, house: House, owner: Client) -> None:
        tag = Tag.objects.get(uid=NEIGHBOUR_TAG)
        post(owner, "give-tag", tag.pk, flat=house.flat.pk, since="2026-11-01")
        page = post(owner, "give-tag", tag.pk, flat=house.neighbour.pk, since=since)
        assert why in page
        assert tag.assignments.count() == 2
        assert ("nach" if since == "2026-10-31" else why) in post(
            owner, "release-tag", tag.pk, since=since
        )
        assert tag.assignments.count() == 2

    def test_limited_in_time_and_place(self, house: House, owner: Client) -> None:
        tag = Tag.objects.get(uid=NEIGHBOUR_TAG)
        elsewhere = house.box.pk
        values = {"label": "Gast", "last_day": "2026-12-24", "stations": [elsewhere]}
        page = post(owner, "edit-tag", tag.pk, **values)
        assert "Die Karte ist geändert." in page
        assert "25.12.2026 00:00" in page
        assert 'value="2026-12-24"' in page
        tag.refresh_from_db()
        assert tag.label == "Gast"
        assert house.other_box.start(new_uuid(9), seq=2, tag=NEIGHBOUR_TAG).status_code == 403
        post(owner, "edit-tag", tag.pk, label="", last_day="", stations=[])
        assert house.other_box.start(new_uuid(10), seq=3, tag=NEIGHBOUR_TAG).status_code == 201

    def test_why_it_was_not_limited(self, house: House, owner: Client) -> None:
        tag = Tag.objects.get(uid=NEIGHBOUR_TAG)
        page = post(owner, "edit-tag", tag.pk, label="Gast", last_day="bald")
        assert "Bitte ein gültiges Datum eingeben" in page
        tag.refresh_from_db()
        assert tag.label == ""

    def test_who_may_only_look_is_offered_nothing(self, house: House, landlord: Client) -> None:
        tag = Tag.objects.get(uid=NEIGHBOUR_TAG)
        for page in (get(landlord, "tags"), get(landlord, "tag", tag.pk), get(landlord, "tariffs")):
            main = page[page.index("<main") : page.index("</main>")]
            assert "<form" not in main


class TestPrices:
    """What a kilowatt-hour costs."""

    VALUES: ClassVar = {
        "valid_from": "2026-12-01",
        "price_per_kwh": "0,329",
        "vat_percent": "19",
        "currency": "EUR",
    }

    def test_set_replaced_and_taken_back(self, house: House, owner: Client) -> None:
        assert "Es gibt keinen Preis" in get(owner, "tariffs")
        page = post(owner, "set-tariff", **self.VALUES)
        assert "Der Preis ist festgelegt." in page
        assert "0,329 EUR" in page
        assert "0,39151 EUR" in page
        assert 'value="19,00"' in page
        post(owner, "set-tariff", **{**self.VALUES, "price_per_kwh": "0,3"})
        only = Tariff.objects.get()
        assert only.price_per_kwh == Decimal("0.3")
        page = post(owner, "remove-tariff", only.pk)
        assert "Der Preis ab 01.12.2026 ist zurückgenommen." in page
        assert not Tariff.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"price_per_kwh": "gratis"}, "Bitte eine Zahl eingeben"),
            ({"price_per_kwh": "-1"}, "größer oder gleich 0"),
            ({"price_per_kwh": "0,123456"}, "höchstens 5 Dezimalstellen"),
            ({"price_per_kwh": "1000"}, "höchstens 3 Ziffern vor dem Komma"),
            ({"vat_percent": "100"}, "höchstens 2 Ziffern vor dem Komma"),
            ({"currency": "€"}, "keine Währung"),
            ({"currency": "USD"}, "dieselbe Währung"),
            ({"valid_from": ""}, "zwingend erforderlich"),
            ({"valid_from": "2026-10-31"}, "2026-10 ist abgeschlossen"),
        ],
    )
    def test_why_none_was_set(
        self, changes: dict[str, str], why: str, house: House, owner: Client
    ) -> None:
        tariffs.set_price(dt.date(2026, 1, 1), Decimal("0.30"), Decimal(19))
        closing.close(dt.date(2026, 10, 1), "Test", override=closing.Override("Test", "Test"))
        page = post(owner, "set-tariff", **{**self.VALUES, **changes})
        assert why in html.unescape(page)
        assert Tariff.objects.count() == 1

    def test_what_was_billed_with_stays(self, house: House, owner: Client) -> None:
        tariffs.set_price(dt.date(2026, 1, 1), Decimal("0.30"), Decimal(19))
        closing.close(dt.date(2026, 10, 1), "Test", override=closing.Override("Test", "Test"))
        page = get(owner, "tariffs")
        assert "abgerechnet" in page
        assert "Zurücknehmen" not in page
        assert "ist abgeschlossen" in post(owner, "remove-tariff", Tariff.objects.get().pk)
        assert Tariff.objects.count() == 1


class TestMonths:
    """By apartment, and closed."""

    def test_by_apartment_as_consumption_counts(self, house: House, owner: Client) -> None:
        post(owner, "correct", house.mine.pk, difference="0,5", reason="x")
        rows = {row.flat: row for row in queries.by_flat(NOVEMBER)}
        for flat in (house.flat, house.neighbour):
            counted = consumption.of_flat(flat.pk, NOVEMBER)
            row = rows[flat]
            assert (row.energy_wh, row.sessions) == (counted.energy_wh, counted.sessions)
        page = get(owner, "month", "2026-11")
        assert "11,740" in page
        assert '<svg class="bars" role="img"' in page

    def test_closing_tells_what_is_open_and_takes_a_reason(
        self, house: House, owner: Client
    ) -> None:
        house.clock.advance(86400 * 10)
        page = get(owner, "month", "2026-11")
        assert "Station schweigt" in page
        assert "offene Punkte" in post(owner, "close-month", "2026-11", sure="on")
        page = post(owner, "close-month", "2026-11", sure="on", reason="x" * 501)
        assert "höchstens 500 Zeichen" in page
        page = post(owner, "close-month", "2026-11", sure="on", reason="Station fort", seen="1")
        assert "inzwischen ist mehr offen" in page.lower()
        assert 'name="seen" value="2"' in page
        page = post(owner, "close-month", "2026-11", sure="on", reason="Station abgebaut", seen="2")
        assert "Der Monat ist abgeschlossen" in page
        assert "Station abgebaut" in page
        assert page.count(">pdf<") == 3
        again = post(owner, "close-month", "2026-11", sure="on", reason="Station abgebaut")
        assert "2026-11 ist schon abgeschlossen" in again

    def test_what_was_moved_away_can_be_traced(self, house: House, owner: Client) -> None:
        post(owner, "move", house.mine.pk, flat="", reason="Gast des Hauses")
        page = get(owner, "month", "2026-11")
        booked = page[page.index("Neben den Ladevorgängen gebucht") :]
        assert booked.count("Umbuchung: Gast des Hauses (Ada Haus)") == 2
        assert reverse("evcs:session", args=[house.mine.pk]) in booked

    def test_a_closed_month_before_the_first_charge_is_listed(
        self, house: House, owner: Client
    ) -> None:
        closing.close(dt.date(2026, 8, 1), "Test", override=closing.Override("Test", "Test"))
        assert "August 2026" in get(owner, "months")

    def test_nothing_is_closed_by_a_click_too_many(self, house: House, owner: Client) -> None:
        house.clock.advance(86400 * 10)
        page = post(owner, "close-month", "2026-11", reason="x")
        assert "id_sure_error" in page

    @pytest.mark.parametrize("month", ["2026-13", "x", "0000-01", "0001-01", "1969-12", "9999-12"])
    def test_no_month(self, month: str, owner: Client) -> None:
        assert owner.get(f"/evcs/months/{month}/").status_code == 404


class TestMine:
    """A resident's own page."""

    def test_the_year_adds_up_to_what_counts(self, house: House, owner: Client) -> None:
        for number, month in ((11, "09"), (12, "10")):
            times = {"started_at": f"2026-{month}-05T10:00:00+00:00"}
            times["ended_at"] = f"2026-{month}-05T11:00:00+00:00"
            body = {"seq": number, "wh": 20000 + number * 1000, "end_wh": 20500 + number * 1000}
            assert house.box.end(new_uuid(number), **body, **times).status_code == 201
        post(owner, "correct", house.mine.pk, difference="0,260", reason="x")
        house.login("mieterin", house.flat)
        home = homes.of(get_user_model().objects.get(username="mieterin"))
        found = dict(homes.by_month(home, dt.date(2025, 11, 1)))
        assert found == {
            month: consumption.of_flat(house.flat.pk, month).energy_wh
            for month in (dt.date(2026, 9, 1), dt.date(2026, 10, 1), NOVEMBER)
        }
        assert found[NOVEMBER] == 11500

    def test_the_sum_is_of_all_although_some_are_listed(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(my, "MOST_SESSIONS", 1)
        house.box.end(new_uuid(8), seq=3, wh=13000, end_wh=14000)
        client = house.login("mieterin", house.flat)
        page = get(client, "my", month="2026-11")
        assert "12,240" in page
        assert "Nur die letzten sind aufgeführt" in page

    def test_a_month_of_the_past(self, house: House) -> None:
        client = house.login("mieterin", house.flat)
        assert "11,240" in get(client, "my", month="2026-11")
        assert "11,240" not in get(client, "my", month="2026-10")
        assert client.get(reverse("evcs:my"), {"month": "x"}).status_code == 404

    def test_statements_come_in_the_readers_language(self, house: House) -> None:
        house.clock.advance(86400 * 10)
        closing.close(NOVEMBER, "Test", override=closing.Override("Test", "Test"))
        client = house.login("mieterin", house.flat)
        statement = Statement.objects.get(flat=house.flat)
        names = []
        for language in ("de", "en"):
            client.post(reverse("evcs:language"), {"language": language})
            answer = client.get(reverse("evcs:my-statement", args=[statement.pk, "pdf"]))
            assert answer.content.startswith(b"%PDF-")
            names.append(answer.headers["Content-Disposition"])
        assert "Ladeabrechnung" in names[0]
        assert "Charging-statement" in names[1]
        page = get(client, "my")
        offered = re.findall(rf"/my/statements/{statement.pk}/([^/]+)/", page)
        assert offered == ["pdf", "xlsx", "csv-excel"]
        unknown = client.get(reverse("evcs:my-statement", args=[statement.pk, "doc"]))
        assert unknown.status_code == 404


PAGES = ("live", "live-fragment", "sessions", "review", "tags", "months", "tariffs")
MOST_QUERIES = 16


@pytest.mark.parametrize("name", [*PAGES, "month", "session", "my"])
def test_more_sessions_cost_no_more_queries(name: str, house: House, owner: Client) -> None:
    client = house.login("mieterin", house.flat) if name == "my" else owner
    arguments = {"month": ["2026-11"], "session": [house.mine.pk]}.get(name, [])
    url = reverse(f"evcs:{name}", args=arguments)
    house.mine.flags = {"conflict"}
    house.mine.save()
    client.get(url)
    before = _queries(client, url)
    for i in range(12):
        tag = {"tag": STRANGER, "authorized_by": "none"} if i % 2 else {}
        house.box.end(new_uuid(100 + i), seq=3 + i, wh=13000 + i, end_wh=13001 + i, **tag)
    client.get(url)
    assert _queries(client, url) == before <= MOST_QUERIES


def _queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as caught:
        assert client.get(url).status_code == 200
    return len(caught)


def test_a_house_without_anything_has_pages_too(owner: Client, db: None) -> None:
    for name in PAGES:
        get(owner, name)
    get(owner, "month", "2026-11")
    assert not Station.objects.exists()
