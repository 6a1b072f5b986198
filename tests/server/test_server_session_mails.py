"""A resident who wants it hears of each charge twice: that it began, and what it came to."""

from __future__ import annotations

from io import StringIO
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import call_command

from evcs.kinds import TagState
from evcs.models import RefusedStart, StatementRecipient, Tag
from evcs.services import session_mails, tags
from server.mmetering.models import Flat
from tests.server.server_rig import STRANGER, TAG, Box, Clock, meter, new_uuid

ERIKA = "erika@example.org"


class Away(EmailBackend):
    """A mail server that takes nothing."""

    def send_messages(self, messages: Any) -> int:
        raise SMTPServerDisconnected("gone")


@pytest.fixture
def erika(flat: Flat) -> StatementRecipient:
    Tag.objects.filter(uid=TAG).update(label="Schlüssel\nBcc: x@example.org")
    return StatementRecipient.objects.create(flat=flat, email=ERIKA, session_mails=True)


def subjects() -> list[str]:
    """What was mailed since the last time this was asked, all to Erika."""
    assert {to for one in mail.outbox for to in one.to} <= {ERIKA}
    found = [one.subject for one in mail.outbox]
    mail.outbox.clear()
    return found


def test_begun_and_ended_each_once(box: Box, erika: StatementRecipient) -> None:
    box.start(new_uuid(1))
    for expected in (["Ladevorgang an Lader1 begonnen"], []):
        session_mails.send()
        assert subjects() == expected
    box.end(new_uuid(1))
    for expected in (["Ladevorgang an Lader1 beendet: 11,240 kWh"], []):
        session_mails.send()
        assert subjects() == expected


def test_one_that_was_over_before_the_first_look_is_told_once(
    box: Box, erika: StatementRecipient
) -> None:
    box.end(new_uuid(1))
    session_mails.send()
    assert subjects() == ["Ladevorgang an Lader1 beendet: 11,240 kWh"]


def test_one_that_waits_for_its_end_is_not_told_as_ended(
    box: Box, erika: StatementRecipient
) -> None:
    box.start(new_uuid(1))
    box.start(new_uuid(2), seq=2, wh=5000, meter=meter(5000))
    session_mails.send()
    assert subjects() == ["Ladevorgang an Lader1 begonnen"]


def test_in_english(box: Box, erika: StatementRecipient) -> None:
    StatementRecipient.objects.update(language="en")
    box.end(new_uuid(1))
    session_mails.send()
    assert subjects() == ["Charging at Lader1 has ended: 11.240 kWh"]


def test_nobody_is_told_of_another_apartment_or_without_asking(
    box: Box, erika: StatementRecipient
) -> None:
    StatementRecipient.objects.create(
        flat=Flat.objects.create(name="Wohnung 9"), email="x@example.org", session_mails=True
    )
    box.end(new_uuid(1), tag=STRANGER, authorized_by="none")
    session_mails.send()
    assert subjects() == []
    StatementRecipient.objects.update(session_mails=False)
    box.end(new_uuid(2), seq=2, wh=20000, end_wh=21000)
    session_mails.send()
    assert subjects() == []


def test_a_refused_tag_once_in_five_minutes(
    box: Box, erika: StatementRecipient, clock: Clock
) -> None:
    tags.set_state(Tag.objects.get(uid=TAG), TagState.BLOCKED)
    for number in (1, 2):
        assert box.start(new_uuid(number), seq=number).status_code == 403
    session_mails.send()
    assert [one.subject for one in mail.outbox] == ["Karte an Lader1 abgelehnt"]
    assert "gesperrt" in mail.outbox[0].body
    mail.outbox.clear()
    session_mails.send()
    assert subjects() == []
    clock.advance(301)
    box.start(new_uuid(3), seq=3)
    session_mails.send()
    assert len(subjects()) == 1


def test_a_refusal_is_not_kept_of_who_did_not_ask(box: Box, erika: StatementRecipient) -> None:
    StatementRecipient.objects.update(session_mails=False)
    tags.set_state(Tag.objects.get(uid=TAG), TagState.BLOCKED)
    box.start(new_uuid(1))
    box.start(new_uuid(2), seq=2, tag=STRANGER)
    assert not RefusedStart.objects.exists()


def test_what_is_older_than_a_day_is_not_told(
    box: Box, erika: StatementRecipient, clock: Clock
) -> None:
    box.end(new_uuid(1))
    clock.advance(25 * 3600)
    session_mails.send()
    assert subjects() == []


def test_a_mail_server_that_is_away(box: Box, erika: StatementRecipient, settings: Any) -> None:
    box.end(new_uuid(1))
    good = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.Away"
    assert session_mails.send().failed == {ERIKA: "gone"}
    settings.EMAIL_BACKEND = good
    out = StringIO()
    call_command("evcs_alerts", stdout=out)
    assert "1 mail(s) to residents" in out.getvalue()
    assert len(subjects()) == 1
