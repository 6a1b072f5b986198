"""Mails to residents who want them: a charge of theirs began, what it came to, a tag was refused.

Each once, noted as soon as the mail server has taken it. Only what happened within the last day is
told: nobody wants a backlog of an outage one by one.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal

from django.core.mail import EmailMessage
from django.db.models import Q
from django.utils import timezone

from evcs.kinds import SessionMailKind
from evcs.models import RefusedStart, Session, SessionMail, StatementRecipient, Tag
from evcs.services import runs
from evcs.services.postbox import Postbox
from evcs.services.runs import Lease
from evcs.services.transactions import in_transaction
from mcsp.codes import Code

# The name that the mails go by among the runs.
JOB = "session_mails"
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
    """How many were mailed; by address, what the mail server would not take. ``busy``: another run
    is mailing, this one did nothing (more)."""

    sent: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    busy: bool = False


class _TakenOver(Exception):
    """Another run holds the job by now."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What one run mails with, and what it came to."""

    post: Postbox
    lease: Lease
    outcome: Sent


def send() -> Sent:
    """Mail what is new to those who asked for it. Raises Unavailable."""
    outcome = Sent()
    with runs.only_one(JOB) as lease, Postbox() as post:
        if lease is None:
            outcome.busy = True
            return outcome
        now = timezone.now()
        _notice_wishes(now)
        wanting = StatementRecipient.objects.filter(mails_since__isnull=False)
        try:
            for recipient in wanting.order_by("pk"):
                _send_all(recipient, now - TOLD_WITHIN, _Run(post, lease, outcome))
            lease.done()
        except _TakenOver:
            outcome.busy = True
    return outcome


@in_transaction
def _notice_wishes(now: dt.datetime) -> None:
    """A wish that was entered past ``recipients.store`` counts from the run that sees it;
    one without an address, or taken back, is none any more."""
    wanting = Q(session_mails=True) & ~Q(email="")
    recipients = StatementRecipient.objects
    recipients.filter(~wanting, mails_since__isnull=False).update(mails_since=None)
    recipients.filter(wanting, mails_since=None).update(mails_since=now)


def _send_all(recipient: StatementRecipient, since: dt.datetime, run: _Run) -> None:
    # What began before this resident asked may be the charge of the one before.
    wanted = Q(flat_id=recipient.flat_id, received_at__gte=recipient.mails_since)
    # A charge may take longer than a day.
    news = Q(received_at__gte=since) | Q(end_received_at__gte=since)
    found = Session.objects.filter(wanted & news).select_related("station", "tag")
    for session in found.prefetch_related("mails").order_by("pk"):
        _send(session, recipient, run)
    refused = RefusedStart.objects.filter(
        flat_id=recipient.flat_id,
        mailed_at=None,
        at__gte=max(since, recipient.mails_since or since),
    )
    for one in refused.select_related("station").order_by("pk"):
        _send_refused(one, recipient, run)


def _send(session: Session, recipient: StatementRecipient, run: _Run) -> None:
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
    if _deliver(subject, body, values, recipient, run):
        _note(session, kind)


def _send_refused(refused: RefusedStart, recipient: StatementRecipient, run: _Run) -> None:
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
    if _deliver(subject, body, values, recipient, run):
        RefusedStart.objects.filter(pk=refused.pk).update(mailed_at=timezone.now())


def _deliver(
    subject: str, body: str, values: dict[str, str], recipient: StatementRecipient, run: _Run
) -> bool:
    mail = EmailMessage(
        # A subject is a header: a label may not add another one.
        " ".join(subject.format(**values).split()),
        body.format(**values),
        to=[recipient.email],
    )
    if not run.lease.renew():
        raise _TakenOver
    refused = run.post.deliver(mail)
    if refused:
        run.outcome.failed[recipient.email] = refused
        return False
    run.outcome.sent += 1
    return True


@in_transaction
def _note(session: Session, kind: SessionMailKind) -> None:
    SessionMail.objects.get_or_create(session=session, kind=kind, defaults={"at": timezone.now()})
