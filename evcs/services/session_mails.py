"""Mails to residents who want them: a charge of theirs began, what it came to, a tag was refused.

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
from evcs.models import RefusedStart, Session, SessionMail, StatementRecipient, Tag
from evcs.services.transactions import in_transaction
from mcsp.codes import Code

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
_REFUSED = {
    "de": (
        "Karte an {station} abgelehnt",
        "Guten Tag,\n\num {at} wurde Ihre Karte „{tag}“ an {station} abgelehnt: {why}.\n",
    ),
    "en": (
        "Tag refused at {station}",
        'Hello,\n\nyour tag "{tag}" was refused at {station} at {at}: {why}.\n',
    ),
}
_WHY = {
    Code.KEY_BLOCKED: {
        "de": "sie ist gesperrt, abgelaufen oder hier nicht gültig",
        "en": "it is blocked, expired or not valid there",
    },
    Code.KEY_ALREADY_CHARGING: {
        "de": "mit ihr wird schon an einer anderen Station geladen",
        "en": "it is charging at another station",
    },
    Code.STATION_NOT_REGISTERED: {
        "de": "die Station ist außer Betrieb",
        "en": "the station is out of service",
    },
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
        refused = RefusedStart.objects.filter(
            flat_id=recipient.flat_id, mailed_at=None, at__gte=since
        )
        with get_connection() as connection:
            for session in sessions:
                _send(session, recipient, connection, outcome)
            for one in refused.select_related("station").order_by("pk"):
                _send_refused(one, recipient, connection, outcome)
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
    if _deliver(subject, body, values, recipient, connection, outcome):
        _note(session, kind)


def _send_refused(
    refused: RefusedStart, recipient: StatementRecipient, connection: Any, outcome: Sent
) -> None:
    language = recipient.language
    subject, body = _REFUSED[language]
    label = Tag.objects.filter(uid=refused.tag_uid).values_list("label", flat=True).first()
    why = _WHY.get(Code(refused.code), {"de": "siehe Station", "en": "see the station"})
    values = {
        "station": refused.station.name,
        "tag": label or refused.tag_uid,
        "at": f"{timezone.localtime(refused.at):%d.%m.%Y %H:%M}",
        "why": why[language],
    }
    if _deliver(subject, body, values, recipient, connection, outcome):
        RefusedStart.objects.filter(pk=refused.pk).update(mailed_at=timezone.now())


def _deliver(
    subject: str,
    body: str,
    values: dict[str, str],
    recipient: StatementRecipient,
    connection: Any,
    outcome: Sent,
) -> bool:
    mail = EmailMessage(
        # A subject is a header: a label may not add another one.
        " ".join(subject.format(**values).split()),
        body.format(**values),
        to=[recipient.email],
        connection=connection,
    )
    try:
        mail.send()
    except (SMTPException, OSError) as error:
        outcome.failed[recipient.email] = str(error)
        return False
    outcome.sent += 1
    return True


@in_transaction
def _note(session: Session, kind: SessionMailKind) -> None:
    SessionMail.objects.get_or_create(session=session, kind=kind, defaults={"at": timezone.now()})
