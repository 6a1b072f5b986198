"""What the landlord's pages ask. A fixed number of queries each, whatever the house has charged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from evcs.kinds import EntryKind, SessionState
from evcs.models import (
    ClosedMonth,
    Entry,
    QuarantineItem,
    Session,
    SessionReview,
    Station,
    Tag,
    UnknownTag,
)
from evcs.pages.forms import NOBODY, flats
from evcs.services.reviews import NEEDS_NOBODY, doubts
from evcs.services.settlement import following, month_of

# More than these of a kind are not listed on one page; how many there are is told.
MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class FlatMonth:
    """What counts for an apartment (None: nobody's) in a month, Wh."""

    flat: Any
    sessions: int
    provisional: int
    sessions_wh: int
    late_wh: int
    corrected_wh: int

    @property
    def energy_wh(self) -> int:
        """All of it."""
        return self.sessions_wh + self.beside_wh

    @property
    def beside_wh(self) -> int:
        """What is booked beside the sessions."""
        return self.late_wh + self.corrected_wh


@dataclass(frozen=True, slots=True)
class Month:
    """A month and whether it is closed."""

    first_day: dt.date
    closed: ClosedMonth | None


def filtered(values: dict[str, Any]) -> QuerySet[Session]:
    """Return the sessions that FilterForm's values ask for, the latest first."""
    found = Session.objects.select_related("station", "flat", "tag")
    if values.get("month"):
        found = found.filter(month=values["month"])
    if values.get("station"):
        found = found.filter(station=values["station"])
    if values.get("flat"):
        found = found.filter(flat=None if values["flat"] == NOBODY else values["flat"])
    if values.get("tag"):
        found = found.filter(tag_uid=values["tag"])
    if values.get("flag") == "any":
        found = found.exclude(flags_text="")
    elif values.get("flag"):
        found = found.filter(flags_text__contains=f",{values['flag']},")
    return _in_state(found, values.get("state"))


def _in_state(found: QuerySet[Session], state: str | None) -> QuerySet[Session]:
    if state == SessionState.OPEN:
        return found.filter(open_slot=1)
    if state == SessionState.ENDED:
        return found.filter(end_received_at__isnull=False)
    if state == SessionState.PROVISIONAL:
        return found.filter(open_slot=None, end_received_at=None)
    return found


def this_month() -> dt.date:
    """Return the first day of the month that is now, in the house's time."""
    return month_of(timezone.now(), timezone.get_default_timezone())


def months() -> list[Month]:
    """Return every month since the first booking or closed one, the latest first."""
    closed = {one.month: one for one in ClosedMonth.objects.defer("content")}
    now = this_month()
    booked = Session.objects.aggregate(first=Min("month"))["first"] or now
    first = min([booked, *closed])
    return [Month(one, closed.get(one)) for one in reversed(list(_months(first, now)))]


def _months(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    while first <= last:
        yield first
        first = following(first)


def by_flat(month: dt.date) -> list[FlatMonth]:
    """Return what counts for each apartment in a month, the most first, nobody's last."""
    sums = Session.objects.filter(month=month).order_by().values("flat_id")
    sessions = {
        row["flat_id"]: row
        for row in sums.annotate(
            n=Count("pk"),
            provisional=Count("pk", filter=Q(end_received_at=None)),
            wh=Sum("booked_wh"),
        )
    }
    beside = Entry.objects.filter(month=month).order_by().values("flat_id")
    entries = {
        row["flat_id"]: row
        for row in beside.annotate(
            late=Sum("energy_wh", filter=Q(kind=EntryKind.LATE)),
            corrected=Sum("energy_wh", filter=~Q(kind=EntryKind.LATE)),
        )
    }
    known = {flat.pk: flat for flat in flats()}
    found = [
        FlatMonth(
            flat=known.get(flat_id),
            sessions=sessions.get(flat_id, {}).get("n") or 0,
            provisional=sessions.get(flat_id, {}).get("provisional") or 0,
            sessions_wh=int(sessions.get(flat_id, {}).get("wh") or 0),
            late_wh=int(entries.get(flat_id, {}).get("late") or 0),
            corrected_wh=int(entries.get(flat_id, {}).get("corrected") or 0),
        )
        for flat_id in {**sessions, **entries}
    ]
    return sorted(found, key=lambda one: (one.flat is None, -one.energy_wh, str(one.flat)))


def entries(month: dt.date) -> list[Entry]:
    """Return what is booked beside sessions in a month, at most MOST_LISTED, the latest first."""
    found = Entry.objects.filter(month=month).select_related("session", "flat")
    return list(found.order_by("-pk")[:MOST_LISTED])


def doubtful() -> list[Session]:
    """Return flagged sessions of open months that nobody has looked at, at most MOST_LISTED."""
    harmless = [
        f",{','.join(sorted(some))},"
        for size in range(1, len(NEEDS_NOBODY) + 1)
        for some in combinations(NEEDS_NOBODY, size)
    ]
    still_open = [one.first_day for one in months() if one.closed is None]
    # A review of all flags that it has now; one of fewer is looked at below.
    seen = SessionReview.objects.filter(session=OuterRef("pk"), flags_text=OuterRef("flags_text"))
    # Some of these were looked at before they got a flag that needs nobody: not cut before that.
    found = (
        Session.objects.filter(Q(month__in=still_open) | Q(month=None))
        .exclude(flags_text="")
        .exclude(flags_text__in=harmless)
        .exclude(Exists(seen))
        .select_related("station", "flat", "tag")
        .prefetch_related("reviews")
    )
    waiting = (session for session in found.iterator(chunk_size=200) if doubts(session))
    return list(islice(waiting, MOST_LISTED))


def provisional() -> list[Session]:
    """Return sessions that wait for their own end, at most MOST_LISTED."""
    # By station, because that is what the index begins with.
    found = Session.objects.filter(
        station__in=list(Station.objects.values_list("pk", flat=True)),
        open_slot=None,
        end_received_at=None,
    )
    return list(found.select_related("station", "flat", "tag")[:MOST_LISTED])


def unknown_tags() -> list[UnknownTag]:
    """Return unknown tags, the latest first, at most MOST_LISTED.

    ``given_pk``: of the tag, if it is registered and was somebody's before; it is not adopted then
    but given, with the day on its page.
    """
    given = Tag.objects.filter(uid=OuterRef("uid"), assignments__isnull=False).values("pk")[:1]
    found = UnknownTag.objects.filter(settled_at=None).select_related("station")
    return list(found.annotate(given_pk=Subquery(given))[:MOST_LISTED])


def quarantine() -> list[QuarantineItem]:
    """Return refused messages that nobody has dealt with, at most MOST_LISTED."""
    found = QuarantineItem.objects.filter(settled_at=None).select_related("station")
    return list(found[:MOST_LISTED])
