"""Decisions in the admin: a form, a permission, a service, and the name of who decided."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from evcs import kinds
from evcs.models import (
    ClosedMonth,
    Entry,
    QuarantineItem,
    Resident,
    SessionReview,
    StatementMail,
    Tag,
    TagAssignment,
    Tariff,
    UnknownTag,
)
from evcs.pages import wording
from evcs.rendering.words import named, words
from evcs.services import closing, commands, corrections, quarantine, tags, tariffs
from server.mmetering.models import Flat
from tests.server.server_rig import NOW, STRANGER, TAG, Box, Clock, new_uuid, stored

A = new_uuid(1)
OCTOBER = dt.date(2026, 10, 1)


def browser_of(*permissions: str, superuser: bool = False) -> Client:
    users = get_user_model().objects
    user = users.create_user(
        f"verwalter{users.count()}", password="x", is_staff=True, is_superuser=superuser,
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


def filled(page: Any) -> dict[str, Any]:
    """What a browser sends of a form that nobody touched, hidden values included."""
    form = page.context["adminform"].form if "adminform" in page.context else page.context["form"]
    sent: dict[str, Any] = {}
    for bound in form:
        value = form.get_initial_for_field(bound.field, bound.name)
        if isinstance(value, dt.datetime):
            sent |= {f"{bound.html_name}_0": f"{value:%Y-%m-%d}", f"{bound.html_name}_1": "12:00"}
        elif value is not None:
            sent[bound.html_name] = [row.pk for row in value] if type(value) is list else value
        if bound.field.show_hidden_initial:
            assert f'name="{bound.html_initial_name}"' in told(page)
            sent[bound.html_initial_name] = value
    for formset in page.context.get("inline_admin_formsets", []):
        prefix = formset.formset.prefix
        sent |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    return sent


def test_correct(boss: Client, box: Box) -> None:
    box.end(A)
    page = boss.get(address(stored(A)))
    assert address(stored(A), "correct") in told(page)
    assert boss.get(address(stored(A), "correct")).status_code == 200
    assert not Entry.objects.exists(), "looking changes nothing"
    data = {"difference_wh": "-240", "reason": "falsch abgelesen", "entries_seen": "0"}
    page = boss.post(address(stored(A), "correct"), data, follow=True)
    assert "Korrigieren" in told(page)
    entry = Entry.objects.get()
    assert (entry.energy_wh, entry.reason, entry.by_name) == (
        *(-240, "falsch abgelesen", "Frau Verwalter"),
    )
    assert entry.user is not None


def test_what_the_service_refuses_is_told(boss: Client, box: Box) -> None:
    box.end(A)
    data = {"difference_wh": "-999999", "reason": "x", "entries_seen": "0"}
    page = boss.post(address(stored(A), "correct"), data)
    assert page.status_code == 200
    assert "weniger als nichts lädt niemand" in told(page)
    for data in ({"difference_wh": "many", "reason": "x"}, {"difference_wh": "1"}, {}):
        assert boss.post(address(stored(A), "correct"), data).status_code == 200
    assert not Entry.objects.exists()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("correct", {"difference_wh": "240", "reason": "falsch abgelesen"}),
        ("move", {"flat": "", "reason": "verliehen"}),
    ],
)
def test_a_decision_that_is_sent_twice_is_booked_once(
    boss: Client, box: Box, name: str, data: dict[str, str]
) -> None:
    box.end(A)
    where = address(stored(A), name)
    page = boss.get(where)
    assert '<input type="hidden" name="entries_seen" value="0"' in told(page)
    shown = filled(page)
    assert boss.post(where, shown | data).status_code == 302
    booked = list(Entry.objects.values())
    page = boss.post(where, shown | data)
    assert page.status_code == 200
    assert page.context["form"].non_field_errors()
    assert address(stored(A)) in told(page), "where to look again"
    assert list(Entry.objects.values()) == booked
    assert boss.post(where, data).status_code == 200, "nobody decides blindly"
    assert list(Entry.objects.values()) == booked


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_amount_that_no_database_holds_is_told(boss: Client, box: Box, sign: str) -> None:
    box.end(A)
    where = address(stored(A), "correct")
    for digits in (19, 30):
        sent = filled(boss.get(where)) | {"difference_wh": f"{sign}1{'0' * digits}", "reason": "x"}
        page = boss.post(where, sent)
        assert page.status_code == 200
        assert page.context["form"].non_field_errors()
    assert not Entry.objects.exists()


def test_move(boss: Client, box: Box, flat: Flat) -> None:
    other = Flat.objects.create(name="Wohnung 4")
    box.end(A)
    where = address(stored(A), "move")
    boss.post(where, filled(boss.get(where)) | {"flat": other.pk, "reason": "verliehen"})
    assert sorted(Entry.objects.values_list("flat_id", "energy_wh")) == sorted(
        [(flat.pk, -11240), (other.pk, 11240)]
    )
    boss.post(where, filled(boss.get(where)) | {"flat": "", "reason": "niemand"})
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
    decider = browser_of("change_session", "change_quarantineitem", "change_unknowntag")
    box.end(A, tag=STRANGER)
    quarantine.keep(box.station, "7", "{}", "code 422")
    unknown = UnknownTag.objects.get()
    for row, name, data in (
        (stored(A), "correct", {"difference_wh": "1", "reason": "x"}),
        (stored(A), "move", {"flat": flat.pk, "reason": "x"}),
        (stored(A), "review", {"note": "x"}),
        (QuarantineItem.objects.get(), "settle", {"note": "x"}),
        (unknown, "adopt", {"flat": flat.pk}),
        (unknown, "aside", {}),
    ):
        assert address(row, name) in told(decider.get(address(row)))
        page = viewer.get(address(row))
        assert page.status_code == 200
        assert address(row, name) not in told(page)
        assert "Entscheiden" not in told(page)
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


def tag_form(boss: Client) -> tuple[str, dict[str, Any]]:
    """The address of TAG's form, and what it sends as it stands."""
    where = address(Tag.objects.get(uid=TAG))
    return where, filled(boss.get(where))


def test_a_tag_is_edited(boss: Client, box: Box, flat: Flat, clock: Clock) -> None:
    other = Flat.objects.create(name="Wohnung 4")
    where, data = tag_form(boss)
    data |= {"label": "rot", "state": "blocked", "stations": [box.pk], "flat": other.pk,
             "expires_at_0": "2027-01-01", "expires_at_1": "12:00"}  # fmt: skip
    assert boss.post(where, data).status_code == 302
    tag = Tag.objects.get(uid=TAG)
    assert (tag.label, tag.state, list(tag.stations.all())) == ("rot", "blocked", [box.station])
    assert tag.expires_at == dt.datetime(2027, 1, 1, 11, tzinfo=dt.UTC)
    assert TagAssignment.objects.get(valid_to=None).flat_id == other.pk
    where, data = tag_form(boss)
    assert boss.post(where, data | {"state": "accepted"}).status_code == 302
    assert Tag.objects.get(uid=TAG).state == "accepted"


def test_a_new_tag(boss: Client, box: Box, flat: Flat) -> None:
    data = {"uid": "16 ac 93 6b", "label": "neu", "state": "blocked", "stations": [box.pk],
            "flat": flat.pk}  # fmt: skip
    data |= {"assignments-TOTAL_FORMS": 0, "assignments-INITIAL_FORMS": 0}
    assert boss.post("/admin/evcs/tag/add/", data).status_code == 302
    tag = Tag.objects.get(uid="16AC936B")
    assert (tag.label, tag.state, list(tag.stations.all())) == ("neu", "blocked", [box.station])
    assert TagAssignment.objects.get(tag=tag).flat_id == flat.pk


def test_an_assignment_that_begins_later_is_told(boss: Client, flat: Flat, clock: Clock) -> None:
    other = Flat.objects.create(name="Wohnung 4")
    tags.assign(Tag.objects.get(), other.pk, since=NOW + dt.timedelta(days=5))
    before = list(TagAssignment.objects.values())
    where, data = tag_form(boss)
    page = boss.post(where, data | {"flat": flat.pk, "label": "rot"})
    assert page.status_code == 200
    assert "Zuordnung, die später als" in told(page)
    assert list(TagAssignment.objects.values()) == before
    assert Tag.objects.get().label == "", "all of it or nothing"
    assert boss.post(where, data | {"label": "rot"}).status_code == 302
    assert Tag.objects.get().label == "rot"


@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "2201-01-01", "9999-12-31"])
def test_a_tag_ends_in_a_year_that_can_be_meant(boss: Client, flat: Flat, day: str) -> None:
    where, data = tag_form(boss)
    page = boss.post(where, data | {"expires_at_0": day, "expires_at_1": "00:00"})
    assert page.status_code == 200
    assert "Bitte ein Jahr von 2000 bis 2200" in told(page)
    assert Tag.objects.get().expires_at is None


def test_the_number_of_a_tag_stays(boss: Client, box: Box, flat: Flat) -> None:
    box.end(A)
    where, data = tag_form(boss)
    boss.post(where, data | {"uid": "11223344", "label": "rot"})
    tag = Tag.objects.get()
    assert (tag.uid, tag.label) == (TAG, "rot")
    assert stored(A).tag == tag


def test_a_form_opened_before_a_tag_was_blocked_does_not_accept_it(
    boss: Client, flat: Flat
) -> None:
    where, data = tag_form(boss)
    tags.set_blocked(Tag.objects.get(), True)
    assert boss.post(where, data | {"label": "rot"}).status_code == 302
    tag = Tag.objects.get()
    assert (tag.label, tag.state) == ("rot", "blocked")


@pytest.mark.parametrize(
    ("since", "until", "why"),
    [
        ("0001-01-01", "", "Bitte ein Jahr"),
        ("", "9999-12-31", "Bitte ein Jahr"),
        ("2026-12-01", "2026-11-01", "Das Ende muss nach dem Beginn"),
        ("2026-12-01", "2026-12-01", "Das Ende muss nach dem Beginn"),
        ("gestern", "", "gültiges Datum"),
    ],
)
def test_when_nobody_can_have_lived_here(
    boss: Client, flat: Flat, since: str, until: str, why: str
) -> None:
    user = get_user_model().objects.get()
    data = {"user": user.pk, "flat": flat.pk, "since": since, "until": until}
    page = boss.post("/admin/evcs/resident/add/", data)
    assert page.status_code == 200
    assert why in told(page)
    data |= {"since": "2026-11-01", "until": "2026-11-02"}
    assert boss.post("/admin/evcs/resident/add/", data).status_code == 302
    assert Resident.objects.get().since == dt.date(2026, 11, 1)


def queries(boss: Client, where: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert boss.get(where).status_code == 200
    return len(asked)


def test_a_page_costs_the_same_whatever_is_on_it(boss: Client, box: Box, flat: Flat) -> None:
    """Entries of a session, assignments of a tag."""
    box.end(A)
    user = get_user_model().objects.get()
    pages = [address(stored(A)), address(Tag.objects.get())]
    tag = Tag.objects.get()

    def more() -> list[int]:
        for _ in range(3):
            corrections.correct(stored(A), 10, "x", by_name="Frau Verwalter", user=user)
            last = TagAssignment.objects.order_by("-pk").first()
            since = (last.valid_from or NOW) + dt.timedelta(days=1)
            tags.assign(tag, Flat.objects.create(name=f"seit {since}").pk, since=since)
        return [queries(boss, page) for page in pages]

    # What Django asks once for a process is asked, whichever tests came before.
    for page in pages:
        boss.get(page)
    assert more() == more()


@pytest.fixture
def closed(boss: Client, box: Box, flat: Flat) -> ClosedMonth:
    """October, with a statement that was mailed."""
    box.end(A, started_at="2026-10-20T10:00:00Z", ended_at="2026-10-20T12:00:00Z")
    over = closing.Override("Frau Abschluss", "die Box schweigt")
    month = closing.close(OCTOBER, "Frau Abschluss", override=over)
    StatementMail.objects.create(
        statement=month.statements.get(), email="mieter@example.org", at=NOW
    )
    tariffs.set_price(dt.date(2026, 12, 1), Decimal("0.35"), Decimal(19), "EUR")
    user = get_user_model().objects.create_user("mieter", password="x")
    Resident.objects.create(user=user, flat=flat)
    return month


@pytest.mark.parametrize(
    ("model", "typed"),
    [
        ("resident", ["mieter", "3 links"]),
        ("closedmonth", ["2026-10", "Abschluss", "schweigt"]),
        ("statement", ["2026-10", "3 links"]),
        ("statementmail", ["mieter@", "2026-10", "3 links"]),
        ("tariff", ["2026-12", "EUR"]),
    ],
)
def test_a_list_is_searched(
    boss: Client, closed: ClosedMonth, model: str, typed: list[str]
) -> None:
    for word in typed:
        found = boss.get(f"/admin/evcs/{model}/", {"q": word})
        assert found.status_code == 200
        assert found.context["cl"].result_count == 1, word
    assert boss.get(f"/admin/evcs/{model}/", {"q": "nirgends"}).context["cl"].result_count == 0


@pytest.mark.parametrize("month", ["", "&month__month=12", "&month__month=12&month__day=31"])
@pytest.mark.parametrize("year", ["0", "1", "9999", "10000", "x"])
def test_a_list_of_a_year_that_nobody_means(boss: Client, box: Box, year: str, month: str) -> None:
    box.end(A)
    page = boss.get(f"/admin/evcs/session/?month__year={year}{month}", follow=True)
    assert page.status_code == 200


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (kinds.Phase, wording.PHASES),
        (kinds.SessionState, wording.STATES),
        (kinds.EndReason, wording.END_REASONS),
        (kinds.CommandType, wording.COMMANDS),
        (kinds.CommandResult, wording.RESULTS),
    ],
)
def test_the_admin_says_what_the_pages_say(kind: Any, table: dict[Any, Any]) -> None:
    with translation.override("de"):
        assert {one: one.label for one in kind} == {one: str(said) for one, said in table.items()}


def test_an_entry_is_called_as_on_the_statement() -> None:
    german = words("de")
    for kind in kinds.EntryKind:
        assert kind.label == named("entry", kind, german)


def shown_in(page: Any) -> tuple[set[str], set[str]]:
    """What a list's filters offer, and what stands in its cells."""
    changes = page.context["cl"]
    offered = {
        str(choice["display"]) for spec in changes.filter_specs for choice in spec.choices(changes)
    }
    return offered, set(re.findall(r">([^<>\n]+)</t[dh]>", told(page)))


def test_lists_and_filters_are_in_words(boss: Client, box: Box, clock: Clock) -> None:
    box.end(A, tag=STRANGER, end_reason="ev_finished")
    command = commands.give(box.station, kinds.CommandType.DISABLE)
    box.heartbeat(done=[{"id": str(command.pk), "result": "ok"}], phase="suspended_ev")
    doubt = "Karte gehört zu keiner Wohnung"
    for model, words_there, filters in (
        ("session", {"beendet", doubt}, {"läuft", doubt, "Zeit geschätzt", "Auto ist voll"}),
        ("command", {"Sperren", "ausgeführt"}, {"Stopp", "kam zu spät"}),
        ("station", {"verbunden, Auto lädt nicht"}, {"frei", "gestört"}),
        ("tag", {"freigegeben"}, {"gesperrt"}),
    ):
        offered, cells = shown_in(boss.get(f"/admin/evcs/{model}/"))
        assert words_there <= cells, model
        assert filters <= offered, model
    page = told(boss.get(address(stored(A))))
    assert doubt in page
    assert "unknown_tag" not in page
    found = boss.get("/admin/evcs/session/?flag=unknown_tag&state=ended&end_reason=ev_finished")
    assert found.context["cl"].result_count == 1
    assert "Nach Bemerkung" in told(found)


def test_what_was_reviewed_is_in_words(boss: Client, box: Box) -> None:
    box.end(A, tag=STRANGER)
    boss.post(address(stored(A), "review"), {"note": "Gast"})
    page = boss.get(address(stored(A)))
    assert told(page).count("Karte gehört zu keiner Wohnung") == 2
