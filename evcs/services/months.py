"""Which month a session counts in.

A closed month never changes: what a session turns out to have counted afterwards becomes an entry
in the first month that is still open.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Sum

from evcs.kinds import EntryKind, Flag
from evcs.models import ClosedMonth, Entry, Session
from evcs.services.settlement import following

# Why this module books, as it is stored; rendering.words has it in both languages.
SETTLED_LATE = "the session was settled after its month was closed"
SETTLED_ANEW = "settled anew after it was moved"


def is_closed(month: dt.date) -> bool:
    """Whether ``month`` is closed."""
    return ClosedMonth.objects.filter(month=month).exists()


def first_open(month: dt.date) -> dt.date:
    """Return ``month``, or the first one after it that is open."""
    while is_closed(month):
        month = following(month)
    return month


def book(session: Session, energy_wh: int, month: dt.date, now: dt.datetime) -> bool:
    """Let an ended session count ``energy_wh`` in ``month``; return False if its month is closed
    already, so that only the difference was booked, as an entry. Sets attributes, does not save.

    Called with the station locked, which is what keeps closing.close out.
    """
    if session.month is not None and is_closed(session.month):
        late = session.entries.filter(kind=EntryKind.LATE).aggregate(sum=Sum("energy_wh"))["sum"]
        difference = energy_wh - session.booked_wh - (late or 0)
        if difference:
            reason = SETTLED_LATE
            _enter(session, holder(session), difference, EntryKind.LATE, reason, now)
            session.flags = {*session.flags, Flag.LATE_MONTH}
        return False
    difference = energy_wh - session.booked_wh
    if session.month is not None and difference:
        payer = holder(session)
        if payer != session.flat_id:
            reason = SETTLED_ANEW
            _enter(session, session.flat_id, -difference, EntryKind.MOVE, reason, now)
            _enter(session, payer, difference, EntryKind.MOVE, reason, now)
    session.month = first_open(month)
    session.booked_wh = energy_wh
    flags = set(session.flags) - {Flag.LATE_MONTH}
    session.flags = flags | ({Flag.LATE_MONTH} if session.month != month else set())
    return True


def holder(session: Session) -> Any:
    """The apartment that pays for a session: its own, or that which a person moved it to last."""
    moved = session.entries.filter(kind=EntryKind.MOVE, energy_wh__gt=0).order_by("-pk")
    # What this module moves along has no name to it: a difference of a charge that became less is
    # a positive entry of the apartment it was taken from.
    moved = moved.exclude(by_name="")
    found = moved.values_list("flat_id", flat=True)[:1]
    return found[0] if found else session.flat_id


def _enter(
    session: Session,
    flat_id: Any,
    energy_wh: int,
    kind: EntryKind,
    reason: str,
    now: dt.datetime,
) -> None:
    assert session.month is not None
    Entry.objects.create(
        session=session,
        flat_id=flat_id,
        month=first_open(session.month),
        energy_wh=energy_wh,
        kind=kind,
        reason=reason,
        at=now,
    )
