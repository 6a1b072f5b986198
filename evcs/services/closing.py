"""Closing a month: what still speaks against it, and what is frozen when it is done.

Statements and the house's report are written once, as canonical JSON with a hash; the report names
the hashes of its statements and that of the month closed before it, so that nobody can change one
of them later without a trace.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop

from evcs.models import (
    ClosedMonth,
    Entry,
    Session,
    Statement,
    StatementRecipient,
)
from evcs.services import month_report, open_points, statements
from evcs.services.canonical import canonical, sha256
from evcs.services.errors import Noun, UsageError, refuse_long
from evcs.services.months import is_closed
from evcs.services.open_points import OpenPoint
from evcs.services.settlement import month_of
from evcs.services.transactions import in_transaction, lock_all_stations


@dataclass(frozen=True, slots=True)
class Override:
    """Who closes a month over open points, and why. ``points_seen``: over how many of them; None:
    over all that there are."""

    by: str
    reason: str
    points_seen: int | None = None


class StillOpen(UsageError):
    """The month cannot be closed without an override; ``points`` says why."""

    def __init__(self, month: dt.date, points: list[OpenPoint]) -> None:
        self.points = points
        super().__init__(
            gettext_noop(
                "%(month)s has %(count)s open point(s); settle them, or close over them with "
                "a name and a reason"
            ),
            month=f"{month:%Y-%m}",
            count=len(points),
        )


@in_transaction
def close(
    month: dt.date, by: str, *, user: Any = None, override: Override | None = None
) -> ClosedMonth:
    """Close a month (its first day) and write its statements.

    Raises UsageError if it is not over or closed already, or if an earlier one with bookings is
    open; StillOpen if there are open points and no override.
    """
    now = timezone.now()
    if month >= month_of(now, timezone.get_default_timezone()):
        raise UsageError("%(month)s is not over yet", month=f"{month:%Y-%m}")
    if is_closed(month):
        raise UsageError("%(month)s is closed already", month=f"{month:%Y-%m}")
    if override is not None and not (override.by.strip() and override.reason.strip()):
        raise UsageError("closing over open points takes a name and a reason")
    if override is not None:
        refuse_long(override.by, Noun("a name"))
        refuse_long(override.reason, Noun("a reason"), 500)
    lock_all_stations()
    # Once more: one may have been made while this waited for the others.
    lock_all_stations()
    _refuse_earlier(month)
    points = open_points.of(month)
    if points and override is None:
        raise StillOpen(month, points)
    seen = override.points_seen if override is not None else None
    if seen is not None and len(points) > seen:
        raise UsageError("more is open by now than was shown; look at it, then decide anew")
    closed = ClosedMonth(month=month, closed_at=now, closed_by=user)
    if points and override is not None:
        closed.override_by, closed.override_reason = override.by.strip(), override.reason.strip()
    previous = ClosedMonth.objects.order_by("-pk").first()
    closed.save()
    written = [_write(closed, flat_id) for flat_id in _flats(month)]
    closed.content = canonical(month_report.build(closed, by, points, written, previous))
    closed.sha256 = sha256(closed.content)
    closed.save(update_fields=["content", "sha256"])
    return closed


def verify() -> list[str]:
    """Return what is wrong with the closed months: nothing, if all is as it was written."""
    wrong: list[str] = []
    before = None
    for closed in ClosedMonth.objects.order_by("pk").prefetch_related("statements"):
        wrong += [f"{closed}: {what}" for what in _wrong(closed, before)]
        before = (
            {"month": f"{closed.month:%Y-%m}", "sha256": closed.sha256} if closed.sha256 else None
        )
    return wrong


def _wrong(closed: ClosedMonth, before: dict[str, str] | None) -> list[str]:
    if not closed.content:
        return ["closed without statements"]
    if sha256(closed.content) != closed.sha256:
        return ["the report is not what was closed"]
    try:
        report = json.loads(closed.content)
        previous, hashes = report["previous"], [one["sha256"] for one in report["statements"]]
    except (ValueError, KeyError, TypeError):
        return ["the report is none"]
    stored = list(closed.statements.all())
    found = [
        f"the statement of apartment {one.flat_key or '-'} is not what was closed"
        for one in stored
        if sha256(one.content) != one.sha256 or one.sha256 not in hashes
    ]
    if previous != before:
        found.append("the month before it is not the one that was there")
    if len(stored) != len(hashes):
        found.append(f"{len(hashes)} statements, {len(stored)} stored")
    return found


def _refuse_earlier(month: dt.date) -> None:
    """Months are closed in order: what comes late is booked in the first open one."""
    booked = [
        model.objects.filter(month__lt=month).exclude(month__in=_closed()).order_by("month")
        for model in (Session, Entry)
    ]
    for found in booked:
        earlier = found.values_list("month", flat=True).first()
        if earlier is not None:
            raise UsageError("%(month)s is still open; close it first", month=f"{earlier:%Y-%m}")


def _closed() -> list[dt.date]:
    return list(ClosedMonth.objects.values_list("month", flat=True))


def _flats(month: dt.date) -> list[Any]:
    """Whoever has bookings, whoever gets statements, and nobody (None) if something is theirs."""
    found: set[Any] = set()
    for model in (Session, Entry):
        found.update(model.objects.filter(month=month).values_list("flat_id", flat=True).distinct())
    found.update(StatementRecipient.objects.values_list("flat_id", flat=True))
    return sorted(found, key=lambda flat_id: (flat_id is None, str(flat_id)))


def _write(closed: ClosedMonth, flat_id: Any) -> tuple[str, dict[str, Any]]:
    content = statements.build(flat_id, closed.month, closed.closed_at)
    text = canonical(content)
    made = Statement.objects.create(
        closed=closed,
        flat_id=flat_id,
        flat_key="" if flat_id is None else str(flat_id),
        content=text,
        sha256=sha256(text),
    )
    return made.sha256, content
