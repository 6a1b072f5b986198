"""What a person has to look at before a month is closed, and that they did."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from evcs.kinds import Flag
from evcs.models import QuarantineItem, Session, SessionReview
from evcs.services.errors import Noun, UsageError, refuse_long
from evcs.services.transactions import in_transaction, lock_station

# Told to a person as they are; nothing about them can be decided any better by looking.
NEEDS_NOBODY = {
    # Another order of arrival: the booking is that of the right order.
    Flag.LATE_SEQ,
    # Booked in a later month, by rule.
    Flag.LATE_MONTH,
    # A box without a clock: the month was clamped, energy and apartment are right.
    Flag.ESTIMATED_TIME,
}
LONGEST_NOTE = 200


def doubts(session: Session) -> set[str]:
    """Return the flags that nobody has looked at yet. Its reviews should be fetched along."""
    seen = {name for one in session.reviews.all() for name in one.flags_text.split(",")}
    return set(session.flags) - NEEDS_NOBODY - seen


def open_for(month: dt.date) -> list[Session]:
    """Return the sessions booked in ``month`` (its first day) that somebody has to look at."""
    flagged = Session.objects.filter(month=month).exclude(flags_text="")
    found = flagged.select_related("station").prefetch_related("reviews").order_by("pk")
    return [session for session in found if doubts(session)]


@in_transaction
def review(session: Session, *, by_name: str, note: str) -> SessionReview:
    """Note that a person has looked at all that is flagged now.

    Raises UsageError without a name or a note, or if nothing waits to be looked at.
    """
    _refuse_blank(by_name, note)
    lock_station(session.station_id)
    session.refresh_from_db()
    if not doubts(session):
        raise UsageError("nothing about this session waits for a look")
    return SessionReview.objects.create(
        session=session,
        at=timezone.now(),
        flags_text=session.flags_text,
        by_name=by_name.strip(),
        note=note.strip(),
    )


@in_transaction
def settle_quarantine(item: QuarantineItem, *, by_name: str, note: str) -> None:
    """Note that a person has dealt with a message that was refused.

    Raises UsageError without a name or a note, or if somebody has already.
    """
    _refuse_blank(by_name, note)
    waiting: Any = QuarantineItem.objects.filter(pk=item.pk, settled_at=None)
    if not waiting.update(settled_at=timezone.now(), settled_by=by_name.strip(), note=note.strip()):
        raise UsageError("this message is settled already")


def _refuse_blank(by_name: str, note: str) -> None:
    if not by_name.strip():
        raise UsageError("say who has looked at it")
    refuse_long(by_name, Noun("a name"))
    if not note.strip():
        raise UsageError("say in a few words what was found")
    if len(note) > LONGEST_NOTE:
        raise UsageError("a note has at most %(most)s characters", most=LONGEST_NOTE)
