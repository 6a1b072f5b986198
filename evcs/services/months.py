"""Which month a session counts in.

A closed month never changes: what a session turns out to have counted afterwards becomes an entry
in the first month that is still open.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet, Sum

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
    before, session.month = session.month, first_open(month)
    if before not in (None, session.month):
        # What was booked beside it stood in its month, which is open still, and goes along: else
        # one apartment would pay for less than nothing in one month, and for too much in the other.
        session.entries.update(month=session.month)
    session.booked_wh = energy_wh
    flags = set(session.flags) - {Flag.LATE_MONTH}
    session.flags = flags | ({Flag.LATE_MONTH} if session.month != month else set())
    return True


def holder(session: Session) -> Any:
    """The apartment that pays for a session: its own, or that which a person moved it to last."""
    found = moves(session).order_by("-pk").values_list("flat_id", flat=True)[:1]
    # Of the two entries of a move the one of the apartment it goes to is written last; its sign
    # says nothing, as what is moved may be less than nothing by then.
    return found[0] if found else session.flat_id


def moves(session: Session) -> QuerySet[Entry]:
    """The entries by which persons moved a session; what this module moves along has no name."""
    entries: QuerySet[Entry] = session.entries.filter(kind=EntryKind.MOVE)
    return entries.exclude(by_name="")


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
