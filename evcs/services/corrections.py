"""Correcting what was booked: by an amount, or to another apartment. The session stays as it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import timezone

from evcs.kinds import EntryKind
from evcs.models import Entry, Session
from evcs.services.errors import Noun, UsageError, refuse_long
from evcs.services.months import first_open, holder, moves
from evcs.services.transactions import in_transaction, lock_station

LONGEST_REASON = 200
# More than any car takes in one charge; what was counted beyond it can still be taken away.
MOST_WH = 10_000_000


@in_transaction
def correct(
    session: Session,
    difference_wh: int,
    reason: str,
    *,
    by_name: str,
    user: Any = None,
    entries_seen: int | None = None,
) -> Entry:
    """Add ``difference_wh`` to what the apartment that pays for the session pays, in the session's
    month or the first open one after it.

    ``entries_seen``: how many entries there were when the person decided; None: not asked. Raises
    UsageError without a name, a reason or a difference, for a session still open, for one with more
    entries by now, beyond MOST_WH, or if less than nothing would be left.
    """
    _refuse_blank(reason, by_name)
    _lock(session, entries_seen)
    if not difference_wh:
        raise UsageError("a correction by 0 Wh corrects nothing")
    if difference_wh > MOST_WH:
        raise UsageError(
            "a correction adds at most %(most)s kWh; is the decimal mark where it should be?",
            most=MOST_WH // 1000,
        )
    payer = holder(session)
    left_wh = _owed(session).get(payer, 0) + difference_wh
    if left_wh < 0:
        raise UsageError(
            "%(left)s kWh would be left of the session; nobody charges less than nothing",
            left=Decimal(left_wh).scaleb(-3),
        )
    return _entry(session, payer, difference_wh, EntryKind.CORRECTION, reason, by_name, user)


@in_transaction
def reassign(
    session: Session,
    flat_id: Any,
    reason: str,
    *,
    by_name: str,
    user: Any = None,
    entries_seen: int | None = None,
) -> list[Entry]:
    """Take all that others pay for the session and give it to an apartment (None: nobody).

    ``entries_seen`` as in correct(). Raises UsageError without a name or a reason, for a session
    still open, for one with more entries by now, or if there is nothing to take.
    """
    _refuse_blank(reason, by_name)
    _lock(session, entries_seen)
    moved = [(flat, wh) for flat, wh in _owed(session).items() if flat != flat_id and wh]
    if not moved:
        raise UsageError("all of the session's energy is there already")
    made = []
    for flat, energy_wh in moved:
        for whose, wh in ((flat, -energy_wh), (flat_id, energy_wh)):
            made.append(_entry(session, whose, wh, EntryKind.MOVE, reason, by_name, user))
    return made


@in_transaction
def claim(uid: str, flat_id: Any, reason: str, *, by_name: str, user: Any = None) -> int:
    """Give what a tag charged while it was nobody's to an apartment; return how many sessions.

    Sessions that were moved already, are still open or counted nothing stay as they are. Raises
    UsageError without a name or a reason.
    """
    _refuse_blank(reason, by_name)
    nobodys = Session.objects.filter(tag_uid=uid, flat=None, month__isnull=False)
    claimed = 0
    for session in nobodys.order_by("station_id", "pk"):
        _lock(session)
        if _owed(session).get(None) and not moves(session).exists():
            reassign(session, flat_id, reason, by_name=by_name, user=user)
            claimed += 1
    return claimed


def _lock(session: Session, entries_seen: int | None = None) -> None:
    lock_station(session.station_id)
    session.refresh_from_db()
    if session.month is None:
        raise UsageError("the session is still open; correct it after its end")
    # A second click on the same button, or another person at the same time.
    if entries_seen is not None and session.entries.count() != entries_seen:
        raise UsageError(
            "something was booked beside this charge meanwhile; look at it, then decide anew"
        )


def _refuse_blank(reason: str, by_name: str) -> None:
    if not reason.strip():
        raise UsageError("a correction needs a reason")
    if len(reason) > LONGEST_REASON:
        raise UsageError("a reason has at most %(most)s characters", most=LONGEST_REASON)
    if not by_name.strip():
        raise UsageError("a correction needs the name of who makes it")
    refuse_long(by_name, Noun("a name"))


def _owed(session: Session) -> dict[Any, int]:
    """What each apartment pays for the session, Wh."""
    owed = {session.flat_id: session.booked_wh}
    for entry in session.entries.all():
        owed[entry.flat_id] = owed.get(entry.flat_id, 0) + entry.energy_wh
    return owed


def _entry(
    session: Session,
    flat_id: Any,
    energy_wh: int,
    kind: EntryKind,
    reason: str,
    by_name: str,
    user: Any,
) -> Entry:
    assert session.month is not None
    return Entry.objects.create(
        session=session,
        flat_id=flat_id,
        month=first_open(session.month),
        energy_wh=energy_wh,
        kind=kind,
        reason=reason.strip(),
        by_name=by_name.strip(),
        at=timezone.now(),
        user=user,
    )
