"""A resident who wants it hears of each charge twice: that it began, and what it came to."""

from __future__ import annotations

from io import StringIO
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import CommandError, call_command

from evcs.kinds import TagState
from evcs.models import RefusedStart, StatementRecipient, Tag
from evcs.services import person_forget, persons, recipients, session_mails, tags
from server.mmetering.models import Flat
from tests.server.server_rig import STRANGER, TAG, Box, Clock, meter, new_uuid
from tools.installation import free_port

ERIKA = "erika@example.org"


class Away(EmailBackend):
    """A mail server that takes nothing."""

    def send_messages(self, messages: Any) -> int:
        raise SMTPServerDisconnected("gone")


class SendsToo(EmailBackend):
    """While it takes a mail another run begins."""

    def send_messages(self, messages: Any) -> int:
        assert session_mails.send() == session_mails.Sent(busy=True)
        return int(super().send_messages(messages))


@pytest.fixture
def erika(flat: Flat) -> StatementRecipient:
    Tag.objects.filter(uid=TAG).update(label="Schlüssel\nBcc: x@example.org")
    recipient = StatementRecipient(flat=flat, email=ERIKA, session_mails=True)
    recipients.store(recipient)
    return recipient


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


def test_two_runs_at_once_mail_it_once(box: Box, erika: StatementRecipient, settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.SendsToo"
    box.start(new_uuid(1))
    session_mails.send()
    assert len(subjects()) == 1


def test_a_mail_server_that_nobody_reaches(
    box: Box, erika: StatementRecipient, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    call_command("evcs_alerts", stdout=StringIO())
    box.start(new_uuid(1))
    with pytest.raises(CommandError, match=f"{ERIKA}.*next look"):
        call_command("evcs_alerts", stdout=StringIO())


def test_a_charge_of_more_than_a_day(box: Box, erika: StatementRecipient, clock: Clock) -> None:
    box.start(new_uuid(1))
    session_mails.send()
    assert subjects() == ["Ladevorgang an Lader1 begonnen"]
    clock.advance(30 * 3600)
    box.end(new_uuid(1))
    session_mails.send()
    assert subjects() == ["Ladevorgang an Lader1 beendet: 11,240 kWh"]


class TestWhoAskedSinceWhen:
    """A charge that came before the wish may be another tenant's."""

    def test_a_tick_counts_from_then_on(self, box: Box, flat: Flat, clock: Clock) -> None:
        recipient = StatementRecipient.objects.create(flat=flat, email=ERIKA)
        box.start(new_uuid(1))
        clock.advance(60)
        recipient.session_mails = True
        recipients.store(recipient)
        box.end(new_uuid(1))
        session_mails.send()
        assert subjects() == []
        clock.advance(60)
        box.end(new_uuid(2), seq=2, wh=20000, end_wh=21000)
        session_mails.send()
        assert len(subjects()) == 1

    def test_another_address_counts_from_then_on(
        self, box: Box, erika: StatementRecipient, clock: Clock
    ) -> None:
        StatementRecipient.objects.filter(pk=erika.pk).update(email="before@example.org")
        erika.refresh_from_db()
        box.end(new_uuid(1))
        clock.advance(60)
        erika.email = ERIKA
        recipients.store(erika)
        session_mails.send()
        assert subjects() == []

    def test_saving_something_else_loses_nothing(
        self, box: Box, erika: StatementRecipient, clock: Clock
    ) -> None:
        box.end(new_uuid(1))
        clock.advance(60)
        erika.address = "Weg 1"
        recipients.store(erika)
        session_mails.send()
        assert len(subjects()) == 1

    @pytest.mark.parametrize("by_script", [False, True])
    def test_the_one_after_who_was_forgotten(
        self, box: Box, erika: StatementRecipient, clock: Clock, by_script: bool
    ) -> None:
        tags.set_state(Tag.objects.get(uid=TAG), TagState.BLOCKED)
        box.start(new_uuid(1))
        tags.set_state(Tag.objects.get(uid=TAG), TagState.ACCEPTED)
        person_forget.forget(persons.of(erika.flat_id))
        box.end(new_uuid(2), seq=2)
        session_mails.send()
        clock.advance(3600)
        if by_script:
            StatementRecipient.objects.update(email=ERIKA, session_mails=True)
        else:
            erika.refresh_from_db()
            erika.email, erika.session_mails = ERIKA, True
            recipients.store(erika)
        session_mails.send()
        assert subjects() == []
        clock.advance(60)
        box.end(new_uuid(3), seq=3, wh=20000, end_wh=21000)
        session_mails.send()
        assert len(subjects()) == 1
