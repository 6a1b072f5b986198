"""Mailing statements: each once, none lost, and no header that an apartment's name could add."""

from __future__ import annotations

import datetime as dt
from io import StringIO
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import CommandError, call_command

from evcs.models import ClosedMonth, StatementMail, StatementRecipient
from evcs.services import closing, mails
from evcs.services.errors import UsageError
from server.mmetering.models import Flat
from tests.server.server_rig import Box, new_uuid
from tools.installation import free_port

OCTOBER = dt.date(2026, 10, 1)
THEN = {"started_at": "2026-10-20T10:00:00Z", "ended_at": "2026-10-20T12:00:00Z"}


@pytest.fixture
def october(box: Box, flat: Flat) -> Flat:
    """A closed month with a charge of ``flat``, and an apartment without any."""
    StatementRecipient.objects.create(flat=flat, email="erika@example.org")
    quiet = Flat.objects.create(name="Flat 9")
    StatementRecipient.objects.create(flat=quiet, email="john@example.org", language="en")
    StatementRecipient.objects.create(flat=Flat.objects.create(name="Wohnung 10"))
    box.heartbeat()
    box.end(new_uuid(1), **THEN)
    closing.close(OCTOBER, "V")
    return flat


class Moody(EmailBackend):
    """A mail server that takes nothing for one address."""

    def send_messages(self, messages: Any) -> int:
        if any("erika@example.org" in message.to for message in messages):
            raise SMTPServerDisconnected("gone")
        return int(super().send_messages(messages))


class Breaking(Moody):
    """A mail server that hangs up on one address: nothing goes over that connection any more."""

    broken = False

    def send_messages(self, messages: Any) -> int:
        if self.broken:
            raise SMTPServerDisconnected("please run connect() first")
        try:
            return super().send_messages(messages)
        except SMTPServerDisconnected:
            self.broken = True
            raise


class Reading(EmailBackend):
    """Writes the header as it would go out."""

    def send_messages(self, messages: Any) -> int:
        for message in messages:
            message.message()
        return int(super().send_messages(messages))


@pytest.mark.usefixtures("october")
def test_each_apartment_gets_its_own() -> None:
    sent = mails.send(OCTOBER)
    assert sorted(sent.sent) == ["erika@example.org", "john@example.org"]
    assert sent.without_address == ["Wohnung 10"]
    german, english = sorted(mail.outbox, key=lambda one: one.to)
    assert german.subject == "Ladeabrechnung 2026-10: Wohnung 3 links"
    assert "11,240 kWh" in german.body
    assert english.subject == "Charging statement 2026-10: Flat 9"
    assert "0.000 kWh" in english.body
    for one in (german, english):
        ((name, data, kind),) = one.attachments
        assert (name[-4:], kind, data[:5]) == (".pdf", "application/pdf", b"%PDF-")


@pytest.mark.usefixtures("october")
def test_once() -> None:
    mails.send(OCTOBER)
    again = mails.send(OCTOBER)
    assert (again.sent, again.already) == ([], 2)
    assert len(mail.outbox) == 2
    assert StatementMail.objects.count() == 2


@pytest.mark.usefixtures("october")
def test_a_new_address_gets_it_too() -> None:
    mails.send(OCTOBER)
    StatementRecipient.objects.filter(email="erika@example.org").update(email="max@example.org")
    assert mails.send(OCTOBER).sent == ["max@example.org"]


@pytest.mark.usefixtures("october")
def test_one_whose_connection_broke_does_not_cost_the_others_theirs(settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Breaking"
    sent = mails.send(OCTOBER)
    assert sent.sent == ["john@example.org"]
    assert list(sent.failed) == ["erika@example.org"]


@pytest.mark.usefixtures("october")
def test_an_address_that_is_none_is_told(settings: Any) -> None:
    StatementRecipient.objects.filter(email="erika@example.org").update(email="erika@a\nb")
    settings.EMAIL_BACKEND = f"{__name__}.Reading"
    sent = mails.send(OCTOBER)
    assert sent.sent == ["john@example.org"]
    assert list(sent.failed) == ["erika@a\nb"]


@pytest.mark.usefixtures("october")
def test_what_the_mail_server_does_not_take_is_sent_next_time(settings: Any) -> None:
    good = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.Moody"
    sent = mails.send(OCTOBER)
    assert sent.sent == ["john@example.org"]
    assert sent.failed == {"erika@example.org": "gone"}
    settings.EMAIL_BACKEND = good
    assert mails.send(OCTOBER).sent == ["erika@example.org"]


def test_a_name_cannot_add_a_header(box: Box, flat: Flat) -> None:
    Flat.objects.filter(pk=flat.pk).update(name="Wohnung 3\r\nBcc: all@example.org")
    StatementRecipient.objects.create(flat=flat, email="erika@example.org")
    box.heartbeat()
    closing.close(OCTOBER, "V")
    mails.send(OCTOBER)
    (one,) = mail.outbox
    assert one.recipients() == ["erika@example.org"]
    assert one.subject == "Ladeabrechnung 2026-10: Wohnung 3 Bcc: all@example.org"
    assert "Bcc" not in one.message()


@pytest.mark.usefixtures("october")
def test_the_landlord_gets_the_report(settings: Any) -> None:
    settings.EVCS = {**settings.EVCS, "LANDLORD_EMAIL": "haus@example.org"}
    assert mails.send(OCTOBER, report=True).sent[-1] == "haus@example.org"
    assert mail.outbox[-1].subject == "Ladeabrechnung 2026-10: Monatsbericht"
    assert "3 Abrechnungen" in mail.outbox[-1].body


def test_an_open_month_is_not_mailed(box: Box) -> None:
    with pytest.raises(UsageError, match="not closed"):
        mails.send(OCTOBER)


def test_closing_and_mailing_in_one_go(box: Box, flat: Flat) -> None:
    StatementRecipient.objects.create(flat=flat, email="erika@example.org")
    box.heartbeat()
    out = StringIO()
    call_command("evcs_close_month", "2026-10", "--mail", stdout=out)
    assert "mailed to erika@example.org" in out.getvalue()


@pytest.mark.usefixtures("october")
def test_the_command(settings: Any) -> None:
    good = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.Moody"
    out = StringIO()
    with pytest.raises(CommandError, match=r"run it again: erika@example\.org: gone"):
        call_command("evcs_mail_statements", "2026-10", stdout=out)
    assert "Wohnung 10: no address" in out.getvalue()
    settings.EMAIL_BACKEND = good
    call_command("evcs_mail_statements", "2026-10", stdout=out)
    assert "1 mailed before" in out.getvalue()


class TestNoMailServer:
    """Nobody listens on the port of the mail server."""

    @pytest.fixture(autouse=True)
    def nobody(self, settings: Any) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()

    def test_the_month_is_closed_and_the_rest_is_told(self, box: Box, flat: Flat) -> None:
        StatementRecipient.objects.create(flat=flat, email="erika@example.org")
        box.heartbeat()
        with pytest.raises(CommandError, match=r"closed, but .*erika.*refused.*2026-10"):
            call_command("evcs_close_month", "2026-10", "--mail", stdout=StringIO())
        assert ClosedMonth.objects.filter(month=OCTOBER).exists()

    @pytest.mark.usefixtures("october")
    def test_each_that_was_not_sent_is_told(self) -> None:
        with pytest.raises(CommandError, match=r"run it again: .*erika.*john"):
            call_command("evcs_mail_statements", "2026-10", stdout=StringIO())

    @pytest.mark.usefixtures("october")
    def test_nothing_to_mail_needs_none(self) -> None:
        StatementRecipient.objects.update(email="")
        assert mails.send(OCTOBER).failed == {}
