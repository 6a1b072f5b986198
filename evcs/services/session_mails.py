"""Mails to residents who want them: a charge of theirs began, and what it came to.

Each once, noted as soon as the mail server has taken it. Only what happened within the last day is
told: nobody wants a backlog of an outage one by one.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from smtplib import SMTPException
from typing import Any

from django.core.mail import EmailMessage, get_connection
from django.utils import timezone

from evcs.kinds import SessionMailKind
from evcs.models import Session, SessionMail, StatementRecipient
from evcs.services.transactions import in_transaction

TOLD_WITHIN = dt.timedelta(days=1)
_WORDS = {
    ("de", SessionMailKind.STARTED): (
        "Ladevorgang an {station} begonnen",
        "Guten Tag,\n\nseit {at} lädt ein Fahrzeug mit Ihrer Karte „{tag}“ an {station}.\n",
    ),
    ("de", SessionMailKind.ENDED): (
        "Ladevorgang an {station} beendet: {kwh} kWh",
        "Guten Tag,\n\nder Ladevorgang mit Ihrer Karte „{tag}“ an {station} endete {at}: "
        "{kwh} kWh.\n",
    ),
    ("en", SessionMailKind.STARTED): (
        "Charging at {station} has begun",
        'Hello,\n\na car has been charging with your tag "{tag}" at {station} since {at}.\n',
    ),
    ("en", SessionMailKind.ENDED): (
        "Charging at {station} has ended: {kwh} kWh",
        'Hello,\n\nthe charge with your tag "{tag}" at {station} ended {at}: {kwh} kWh.\n',
    ),
}


@dataclass(slots=True)
class Sent:
    """How many were mailed; by address, what the mail server would not take."""

    sent: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def send() -> Sent:
    """Mail what is new to those who asked for it."""
    outcome = Sent()
    since = timezone.now() - TOLD_WITHIN
    wanting = StatementRecipient.objects.filter(session_mails=True).exclude(email="")
    for recipient in wanting.order_by("pk"):
        found = Session.objects.filter(flat_id=recipient.flat_id, received_at__gte=since)
        sessions = found.select_related("station", "tag").prefetch_related("mails").order_by("pk")
        with get_connection() as connection:
            for session in sessions:
                _send(session, recipient, connection, outcome)
    return outcome


def _send(session: Session, recipient: StatementRecipient, connection: Any, outcome: Sent) -> None:
    told = {mail.kind for mail in session.mails.all()}
    kind = SessionMailKind.STARTED if session.open_slot else SessionMailKind.ENDED
    # One that ended for want of its END may still go on: that is not told.
    if kind in told or (kind == SessionMailKind.ENDED and session.end_received_at is None):
        return
    ended = kind == SessionMailKind.ENDED
    at = session.closed_at if ended else session.started_effective
    assert at is not None
    kwh = f"{Decimal(session.energy_wh).scaleb(-3):.3f}"
    values = {
        "station": session.station.name,
        "tag": (session.tag.label if session.tag else "") or session.tag_uid,
        "at": f"{timezone.localtime(at):%d.%m.%Y %H:%M}",
        "kwh": kwh.replace(".", ",") if recipient.language == "de" else kwh,
    }
    subject, body = _WORDS[recipient.language, kind]
    # A subject is a header: a label may not add another one.
    mail = EmailMessage(
        " ".join(subject.format(**values).split()),
        body.format(**values),
        to=[recipient.email],
        connection=connection,
    )
    try:
        mail.send()
    except (SMTPException, OSError) as error:
        outcome.failed[recipient.email] = str(error)
        return
    _note(session, kind)
    outcome.sent += 1


@in_transaction
def _note(session: Session, kind: SessionMailKind) -> None:
    SessionMail.objects.get_or_create(session=session, kind=kind, defaults={"at": timezone.now()})
