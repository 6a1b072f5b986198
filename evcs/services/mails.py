"""Mailing the statements of a closed month, each once to each address."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from evcs import rendering
from evcs.models import ClosedMonth, Statement, StatementMail, StatementRecipient
from evcs.services.errors import UsageError
from evcs.services.postbox import Postbox
from evcs.settings import evcs_settings

# The landlord reads the report in the language of the admin.
HOUSE_LANGUAGE = "de"
_WORDS = {
    "de": (
        "Ladeabrechnung {month}: {name}",
        "Guten Tag,\n\nim Anhang finden Sie die Abrechnung der Ladevorgänge von {name} für "
        "{month}: {sessions} Ladevorgänge, {kwh} kWh.\n\n"
        "Diese Nachricht wurde automatisch erstellt.\n",
    ),
    "en": (
        "Charging statement {month}: {name}",
        "Hello,\n\nattached is the statement of the charging sessions of {name} for {month}: "
        "{sessions} sessions, {kwh} kWh.\n\nThis message was made automatically.\n",
    ),
}
_REPORT_WORDS = (
    "Ladeabrechnung {month}: Monatsbericht",
    "Guten Tag,\n\nim Anhang finden Sie den Bericht über den abgeschlossenen Monat {month}: "
    "{statements} Abrechnungen, {kwh} kWh, {points} offene Punkte beim Abschluss.\n",
)


@dataclass(slots=True)
class Sent:
    """What became of a run: addresses that were written to, apartments that have none, and what
    the mail server would not take."""

    sent: list[str] = field(default_factory=list)
    without_address: list[str] = field(default_factory=list)
    already: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def send(month: dt.date, *, report: bool = False) -> Sent:
    """Mail the statements of a closed month; with ``report`` also the report of the house to
    EVCS["LANDLORD_EMAIL"].

    What was mailed before is not mailed again. Each mail is noted as soon as the mail server has
    taken it: a run that is cut off may send its last mail once more, and loses none. Raises
    UsageError if the month is not closed.
    """
    closed = ClosedMonth.objects.filter(month=month).first()
    if closed is None or not closed.content:
        raise UsageError(
            "%(month)s is not closed; there is nothing to mail yet", month=f"{month:%Y-%m}"
        )
    outcome = Sent()
    recipients = {str(one.flat_id): one for one in StatementRecipient.objects.all()}
    with Postbox() as post:
        for statement in closed.statements.exclude(flat=None).prefetch_related("mails"):
            _send_statement(statement, recipients.get(statement.flat_key), post, outcome)
        if report and evcs_settings.LANDLORD_EMAIL:
            _send_report(closed, post, outcome)
    return outcome


def _send_statement(
    statement: Statement, recipient: StatementRecipient | None, post: Postbox, outcome: Sent
) -> None:
    content = json.loads(statement.content)
    if recipient is None or not recipient.email:
        outcome.without_address.append(content["flat"]["name"])
        return
    if any(mail.email == recipient.email for mail in statement.mails.all()):
        outcome.already += 1
        return
    subject, body = _WORDS[recipient.language]
    values = {
        "month": content["month"],
        "name": content["flat"]["name"],
        "sessions": content["total"]["sessions"],
        "kwh": _kwh(content, recipient.language),
    }
    mail = EmailMessage(
        _one_line(subject.format(**values)),
        body.format(**values),
        to=[recipient.email],
    )
    _attach(mail, content, statement.sha256, recipient.language)
    if _deliver(mail, recipient.email, post, outcome):
        with transaction.atomic():
            StatementMail.objects.get_or_create(
                statement=statement, email=recipient.email, defaults={"at": timezone.now()}
            )


def _send_report(closed: ClosedMonth, post: Postbox, outcome: Sent) -> None:
    content, address = json.loads(closed.content), evcs_settings.LANDLORD_EMAIL
    subject, body = _REPORT_WORDS
    values = {
        "month": content["month"],
        "statements": len(content["statements"]),
        "kwh": _kwh(content, HOUSE_LANGUAGE),
        "points": len(content["open_points"]),
    }
    mail = EmailMessage(subject.format(**values), body.format(**values), to=[address])
    _attach(mail, content, closed.sha256, HOUSE_LANGUAGE)
    _deliver(mail, address, post, outcome)


def _attach(mail: EmailMessage, content: dict[str, Any], sha256: str, language: str) -> None:
    name = rendering.file_name(content, "pdf", language)
    mail.attach(name, rendering.render(content, "pdf", language, sha256), "application/pdf")


def _kwh(content: dict[str, Any], language: str) -> str:
    text = f"{Decimal(content['total']['energy_wh']).scaleb(-3):.3f}"
    return text.replace(".", ",") if language == "de" else text


def _one_line(text: str) -> str:
    """A subject is a header: an apartment's name may not add another one."""
    return " ".join(text.split())


def _deliver(mail: EmailMessage, address: str, post: Postbox, outcome: Sent) -> bool:
    refused = post.deliver(mail)
    if refused:
        outcome.failed[address] = refused
        return False
    outcome.sent.append(address)
    return True
