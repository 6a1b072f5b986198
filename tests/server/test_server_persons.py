"""What a person can have and have forgotten: all of it, nobody else's, and the books stay."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client

from evcs.kinds import Flag, TagState
from evcs.models import (
    QuarantineItem,
    RefusedStart,
    Resident,
    Session,
    StatementMail,
    StatementRecipient,
    Tag,
    UnknownTag,
)
from evcs.services import (
    closing,
    corrections,
    mails,
    reviews,
    session_mails,
    tags,
    unknown_tags,
)
from server.mmetering.models import Flat
from tests.server.server_rig import STRANGER, TAG, Box, Clock, at, new_uuid

OCTOBER = dt.date(2026, 10, 1)
THEN = {"started_at": "2026-10-20T10:00:00Z", "ended_at": "2026-10-20T12:00:00Z"}
MOVED = dt.date(2026, 11, 1)
# What says who somebody is; each stands in one place or more.
NEEDLES = ("Erika", "erika", "Weg 1")


def export(flat: Flat | str, *words: str) -> dict[str, Any]:
    out = StringIO()
    name = flat if isinstance(flat, str) else flat.name
    call_command("evcs_person", "export", "--flat", name, *words, stdout=out, stderr=StringIO())
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def forget(flat: Flat, *words: str) -> str:
    out = StringIO()
    call_command(
        "evcs_person", "forget", "--flat", flat.name, "--yes", *words, stdout=out, stderr=StringIO()
    )
    return out.getvalue()


def where(needles: tuple[str, ...]) -> set[str]:
    """Every column of every table that says one of them."""
    return {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for row in model._default_manager.all()
        for field in model._meta.concrete_fields
        if any(needle in str(field.value_from_object(row)) for needle in needles)
    }


@pytest.fixture
def home(box: Box, flat: Flat) -> Flat:
    """The apartment of Erika, who has charged, was billed and was told so; entered in the admin."""
    admin = Client()
    admin.force_login(get_user_model().objects.create_superuser("boss"))
    admin.post(
        "/admin/evcs/statementrecipient/add/",
        {
            "flat": flat.pk,
            "address": "Erika Muster\nWeg 1",
            "email": "erika@example.org",
            "language": "en",
            "session_mails": "on",
        },
    )
    assert StatementRecipient.objects.get().session_mails
    Tag.objects.filter(uid=TAG).update(label="Erikas Schlüssel")
    user = get_user_model().objects.create_user("erika")
    Resident.objects.create(user=user, flat=flat)
    box.heartbeat()
    box.end(new_uuid(1), **THEN, stop_tag=TAG)
    closing.close(OCTOBER, "V")
    mails.send(OCTOBER)
    return flat


@pytest.fixture
def life(home: Flat, box: Box, other_box: Box, clock: Clock) -> Flat:
    """More of hers, in an open month."""
    box.start(new_uuid(2), seq=2, wh=20_000)
    session_mails.send()
    other_box.heartbeat()
    other_box.start(new_uuid(3), seq=1)
    (session,) = Session.objects.filter(uuid=new_uuid(1))
    corrections.correct(session, -5, "reklamiert", by_name="V")
    box.end(new_uuid(4), seq=4, wh=30_000, end_wh=29_000)
    doubtful = Session.objects.get(uuid=new_uuid(4))
    assert Flag.METER_BACKWARDS in doubtful.flags
    reviews.review(doubtful, by_name="V", note="telefoniert")
    for number, note in ((7, "mit Erika gesprochen"), (8, "")):
        box.post("quarantine", {"id": f"{number}", "raw": json.dumps({"tag": TAG}), "reason": "-"})
        if note:
            item = QuarantineItem.objects.get(item_id=f"{number}")
            reviews.settle_quarantine(item, by_name="V", note=note)
    return home


class TestExport:
    """All of what is stored, and of one apartment."""

    def test_what_was_billed(self, home: Flat) -> None:
        found = export(home)
        text = json.dumps(found, ensure_ascii=False)
        for part in (TAG, "Erikas Schlüssel", "erika@example.org", "Weg 1", str(new_uuid(1))):
            assert part in text, part
        assert [one["energy_wh"] for one in found["sessions"]] == [11240]
        assert len(found["statements"]) == 1
        assert [one["login"] for one in found["logins"]] == ["erika"]
        assert [one["email"] for one in found["mailed_statements"]] == ["erika@example.org"]
        assert (found["language"], found["session_mails"]) == ("en", True)

    def test_what_is_open_and_what_was_refused(self, life: Flat) -> None:
        found = export(life)
        first, running, doubtful = found["sessions"]
        assert (first["start_wh"], first["end_wh"], first["stop_tag"]) == (1000, 12240, TAG)
        assert [one["energy_wh"] for one in first["entries"]] == [-5]
        assert [one["reason"] for one in first["entries"]] == ["reklamiert"]
        assert [one["kind"] for one in running["mails"]] == ["started"]
        assert "meter_backwards" in doubtful["flags_text"]
        assert [one["note"] for one in doubtful["reviews"]] == ["telefoniert"]
        assert "interruptions" in first
        assert [one["station"] for one in found["refused_starts"]] == ["Lader2"]
        assert [one["note"] for one in found["refused_messages"]] == ["mit Erika gesprochen", ""]

    def test_a_session_that_was_moved_to_it(self, box: Box, flat: Flat) -> None:
        box.end(new_uuid(5), tag=STRANGER, **THEN)
        assert export(flat)["sessions"] == []
        corrections.reassign(Session.objects.get(), flat.pk, "Gast", by_name="V")
        (found,) = export(flat)["sessions"]
        assert (found["uuid"], found["entries"][0]["energy_wh"]) == (str(new_uuid(5)), 11240)

    def test_what_an_adopted_tag_charged_before(self, box: Box, flat: Flat) -> None:
        box.end(new_uuid(5), tag=STRANGER, **THEN)
        unknown_tags.adopt(STRANGER, flat.pk, "", by_name="V")
        found = export(flat)
        assert [one["uuid"] for one in found["sessions"]] == [str(new_uuid(5))]
        assert [one["uid"] for one in found["unknown_tags"]] == [STRANGER]

    def test_an_apartment_by_its_id(self, home: Flat) -> None:
        Flat.objects.create(name=home.name)
        with pytest.raises(CommandError, match=f"give the id instead: {home.pk}, "):
            export(home)
        assert len(export(str(home.pk))["sessions"]) == 1
        with pytest.raises(CommandError, match="no apartment"):
            export("Wohnung 99")


class TestForget:
    """Nothing says who it was, but what is listed in docs/operation.md."""

    def test_the_books_stay_as_they_were(self, home: Flat) -> None:
        before = Session.objects.values().get()
        with pytest.raises(CommandError, match="--yes"):
            call_command("evcs_person", "forget", "--flat", home.name, stderr=StringIO())
        forget(home)
        assert Session.objects.values().get() == before
        assert closing.verify() == []

    def test_no_table_says_who_it_was(self, life: Flat) -> None:
        assert {"evcs.Tag.label", "evcs.StatementMail.email"} <= where(NEEDLES)
        told = forget(life)
        assert where(NEEDLES) == {"evcs.Statement.content", "auth.User.username"}
        assert "left" not in told

    def test_what_the_admin_noted_when_recipients_were_called_by_address(self, home: Flat) -> None:
        from django.contrib.admin.models import LogEntry

        assert not LogEntry.objects.filter(object_repr__contains="erika").exists()
        LogEntry.objects.update(object_repr=f"{home.pk} erika@example.org")
        forget(home)
        assert not LogEntry.objects.filter(object_repr__contains="erika").exists()

    def test_the_tags_number_stays_in_the_books_only(self, life: Flat) -> None:
        forget(life)
        assert where((TAG,)) == {
            "evcs.Tag.uid",
            "evcs.Session.tag_uid",
            "evcs.Session.stop_tag",
            "evcs.Statement.content",
        }
        settled, waiting = QuarantineItem.objects.order_by("item_id")
        assert (settled.raw, settled.note) == ("", "")
        assert '"tag"' in waiting.raw
        assert RefusedStart.objects.count() == 0

    def test_whoever_comes_next_is_mailed_only_when_they_want_it(
        self, home: Flat, box: Box
    ) -> None:
        forget(home)
        StatementRecipient.objects.update(email="neu@example.org")
        box.start(new_uuid(2), seq=2, wh=20_000)
        assert session_mails.send().sent == 0

    def test_the_tag_still_charges(self, home: Flat, box: Box) -> None:
        forget(home)
        assert Tag.objects.get(uid=TAG).state == TagState.ACCEPTED
        assert box.start(new_uuid(2), seq=2, wh=20000).status_code == 201


class TestTenants:
    """One after the other in one apartment, and one tag in two."""

    @pytest.fixture
    def after(self, home: Flat, box: Box) -> Flat:
        """Erika has moved out; Neu has moved in, keeps her tag, and has charged with it."""
        Resident.objects.update(until=MOVED)
        neu = get_user_model().objects.create_user("neu", email="neu@example.org")
        Resident.objects.create(user=neu, flat=home, since=MOVED)
        box.end(new_uuid(2), seq=2, wh=20_000, end_wh=21_000, started_at=at(-7200))
        return home

    def test_it_has_to_be_said_whose(self, after: Flat) -> None:
        for action in ("export", "forget"):
            with pytest.raises(CommandError, match=r"--login NAME.*erika . to 2026-11-01, neu"):
                call_command("evcs_person", action, "--flat", after.name, "--yes")
        assert Resident.objects.count() == 2

    @pytest.mark.parametrize("words", [["--login", "neu"], ["--since", "2026-11-01"]])
    def test_the_new_one_learns_nothing_of_the_former(self, after: Flat, words: list[str]) -> None:
        found = export(after, *words)
        assert [one["uuid"] for one in found["sessions"]] == [str(new_uuid(2))]
        assert [one["login"] for one in found["logins"]] == ["neu"]
        assert (found["statements"], found["mailed_statements"]) == ([], [])
        assert "rika" not in json.dumps(found, ensure_ascii=False)

    @pytest.mark.parametrize("words", [["--login", "erika"], ["--until", "2026-11-01"]])
    def test_the_former_has_all_of_hers(self, after: Flat, words: list[str]) -> None:
        found = export(after, *words)
        assert [one["uuid"] for one in found["sessions"]] == [str(new_uuid(1))]
        assert [one["login"] for one in found["logins"]] == ["erika"]
        assert found["email"] == "erika@example.org"
        assert len(found["statements"]) == 1

    def test_forgetting_one_leaves_the_other(self, after: Flat) -> None:
        StatementRecipient.objects.update(email="neu@example.org", address="Neu")
        told = forget(after, "--login", "erika")
        assert [one.user.get_username() for one in Resident.objects.all()] == ["neu"]
        assert StatementRecipient.objects.get().address == "Neu"
        assert StatementMail.objects.count() == 0
        assert f"left: the label of tag {TAG}" in told
        assert "left: the apartment's address" in told

    def test_who_never_lived_there(self, after: Flat) -> None:
        with pytest.raises(CommandError, match="no resident"):
            export(after, "--login", "boss")
        with pytest.raises(CommandError, match="did not live there"):
            export(after, "--login", "neu", "--until", "2026-10-01")
        with pytest.raises(CommandError, match="no day"):
            export(after, "--since", "2026-10-01", "--until", "2026-10-01")
        with pytest.raises(CommandError, match="write it as"):
            export(after, "--since", "gestern")

    def test_a_couple_is_one_household(self, home: Flat) -> None:
        Resident.objects.create(user=get_user_model().objects.create_user("emil"), flat=home)
        assert [one["login"] for one in export(home)["logins"]] == ["erika", "emil"]

    def test_the_statement_of_a_month_with_two_tenants_is_nobodys_alone(
        self, after: Flat, box: Box
    ) -> None:
        Resident.objects.filter(user__username="erika").update(until=dt.date(2026, 10, 25))
        Resident.objects.filter(user__username="neu").update(since=dt.date(2026, 10, 25))
        found = export(after, "--login", "erika")
        assert (found["statements"], found["statements_shared_with_others"]) == ([], ["2026-10"])
        assert len(found["sessions"]) == 1

    def test_a_tag_that_belongs_to_another_apartment_now(self, home: Flat, clock: Clock) -> None:
        other = Flat.objects.create(name="Wohnung 4")
        clock.advance(1)
        tags.assign(Tag.objects.get(uid=TAG), other.pk)
        Tag.objects.filter(uid=TAG).update(label="Bernd Neu")
        UnknownTag.objects.create(
            uid=TAG,
            station_id=Session.objects.get().station_id,
            first_at=clock.now,
            last_at=clock.now,
        )
        assert "Bernd" not in json.dumps(export(home))
        forget(home)
        assert Tag.objects.get(uid=TAG).label == "Bernd Neu"
        assert UnknownTag.objects.count() == 1
