"""Which month a session counts in, closing months, and correcting what was booked.

A closed month never changes: what a session turns out to have counted afterwards becomes an entry
in the first month that is still open.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from evcs.kinds import EntryKind, Flag
from evcs.models import ClosedMonth, Entry, Session, Station
from evcs.services.errors import UsageError
from evcs.services.settlement import month_of
from evcs.services.transactions import in_transaction, lock_station


def following(month: dt.date) -> dt.date:
    """Return the first day of the month after."""
    return dt.date(month.year + month.month // 12, month.month % 12 + 1, 1)


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

    Called with the station locked, which is what keeps ``close`` out.
    """
    if session.month is not None and is_closed(session.month):
        late = session.entries.filter(kind=EntryKind.LATE).aggregate(sum=Sum("energy_wh"))["sum"]
        difference = energy_wh - session.booked_wh - (late or 0)
        if difference:
            Entry.objects.create(
                session=session,
                flat_id=session.flat_id,
                month=first_open(session.month),
                energy_wh=difference,
                kind=EntryKind.LATE,
                reason="the session was settled after its month was closed",
                at=now,
            )
            session.flags = {*session.flags, Flag.LATE_MONTH}
        return False
    session.month = first_open(month)
    session.booked_wh = energy_wh
    flags = set(session.flags) - {Flag.LATE_MONTH}
    session.flags = flags | ({Flag.LATE_MONTH} if session.month != month else set())
    return True


@in_transaction
def close(month: dt.date, user: Any = None) -> ClosedMonth:
    """Close a month (its first day). Raises UsageError if it is not over or closed already."""
    now = timezone.now()
    if month >= month_of(now, timezone.get_default_timezone()):
        raise UsageError(f"{month:%Y-%m} is not over yet")
    if is_closed(month):
        raise UsageError(f"{month:%Y-%m} is closed already")
    # Whoever books holds its station: with all of them held nobody is in the middle of it.
    list(Station.objects.select_for_update().order_by("pk"))
    return ClosedMonth.objects.create(month=month, closed_at=now, closed_by=user)


@in_transaction
def correct(session: Session, difference_wh: int, reason: str, user: Any) -> Entry:
    """Add ``difference_wh`` to what the session's apartment pays, in the session's month or the
    first open one after it. Raises UsageError without a reason or for a session still open."""
    lock_station(session.station_id)
    session.refresh_from_db()
    return _correction(session, session.flat_id, difference_wh, reason, user)


@in_transaction
def reassign(session: Session, flat_id: Any, reason: str, user: Any) -> list[Entry]:
    """Take all that the session's apartment pays for it and give it to another one (None:
    unassigned). Raises UsageError without a reason, or if there is nothing to take."""
    lock_station(session.station_id)
    session.refresh_from_db()
    owed = _owed(session)
    moved = [(flat, energy_wh) for flat, energy_wh in owed.items() if flat != flat_id and energy_wh]
    if not moved:
        raise UsageError("all of the session's energy is there already")
    made = []
    for flat, energy_wh in moved:
        made.append(_correction(session, flat, -energy_wh, reason, user))
        made.append(_correction(session, flat_id, energy_wh, reason, user))
    return made


def _owed(session: Session) -> dict[Any, int]:
    owed = {session.flat_id: session.booked_wh}
    for entry in session.entries.all():
        owed[entry.flat_id] = owed.get(entry.flat_id, 0) + entry.energy_wh
    return owed


def _correction(session: Session, flat_id: Any, energy_wh: int, reason: str, user: Any) -> Entry:
    if not reason.strip():
        raise UsageError("a correction needs a reason")
    if session.month is None:
        raise UsageError("the session is still open; correct it after its end")
    return Entry.objects.create(
        session=session,
        flat_id=flat_id,
        month=first_open(session.month),
        energy_wh=energy_wh,
        kind=EntryKind.CORRECTION,
        reason=reason,
        at=timezone.now(),
        user=user,
    )
