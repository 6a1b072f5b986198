"""What a resident may see: the own apartment, in the own time. Their pages ask only here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from evcs.models import Entry, Resident, Session, Statement, Tag, TagAssignment
from evcs.times import first_moment

NOTHING = Q(pk__in=[])


def of(user: Any) -> list[Resident]:
    """Return where a login lives and lived."""
    return list(Resident.objects.filter(user=user).select_related("flat"))


def current(homes: list[Resident]) -> list[Resident]:
    """Return where it lives today."""
    today = timezone.localdate()
    return [
        home
        for home in homes
        if (home.since is None or home.since <= today)
        and (home.until is None or today < home.until)
    ]


def sessions(homes: list[Resident]) -> QuerySet[Session]:
    """Return the sessions of the apartments that began while it lived there."""
    condition = _any(
        Q(flat=home.flat_id) & _began_within(home, "started_effective") for home in homes
    )
    return Session.objects.filter(condition).select_related("station", "flat", "tag")


def entries(homes: list[Resident]) -> QuerySet[Entry]:
    """Return what was booked to the apartments beside a session of its time."""
    condition = _any(
        Q(flat=home.flat_id) & _began_within(home, "session__started_effective") for home in homes
    )
    return Entry.objects.filter(condition).select_related("session__station", "flat")


def by_month(homes: list[Resident], since: dt.date) -> list[tuple[dt.date, int]]:
    """Return the Wh of every month from ``since`` on that has any bookings, the latest first."""
    found: dict[dt.date, int] = {}
    for rows, field in ((sessions(homes), "booked_wh"), (entries(homes), "energy_wh")):
        sums = rows.filter(month__gte=since).select_related(None).order_by().values("month")
        for row in sums.annotate(wh=Sum(field)):
            found[row["month"]] = found.get(row["month"], 0) + int(row["wh"])
    return sorted(found.items(), reverse=True)


def statements(homes: list[Resident]) -> QuerySet[Statement]:
    """Return the statements of months in which it lived there from the first day to the last.

    A month in which apartments changed hands has charges of both, and so has one with energy that
    came late, was corrected, or began in the old time and ended in the new; the landlord hands
    those out.
    """
    condition = NOTHING
    for home in homes:
        mine = Q(flat=home.flat_id)
        if home.since is not None:
            mine &= Q(closed__month__gte=home.since)
        if home.until is not None:
            mine &= Q(closed__month__lte=_last_whole_month(home.until))
        if home.since is not None or home.until is not None:
            for model, began in (
                (Session, "started_effective"),
                (Entry, "session__started_effective"),
            ):
                billed = model.objects.filter(
                    flat=OuterRef("flat_id"), month=OuterRef("closed__month")
                )
                mine &= Q(~Exists(billed.exclude(_began_within(home, began))))
        condition |= mine
    return Statement.objects.filter(condition).select_related("closed", "flat").defer("content")


def tags(homes: list[Resident]) -> QuerySet[Tag]:
    """Return the tags that belong today to where it lives today."""
    now = timezone.now()
    held = TagAssignment.objects.filter(flat__in=[home.flat_id for home in current(homes)])
    held = held.filter(Q(valid_from=None) | Q(valid_from__lte=now))
    held = held.filter(Q(valid_to=None) | Q(valid_to__gt=now))
    return Tag.objects.filter(pk__in=held.values("tag_id")).order_by("label", "uid")


def labels(own: Iterable[Tag]) -> dict[Any, str]:
    """Return what the own tags are called, by key. Who has another one now may have named it anew,
    and that is nobody else's business."""
    return {tag.pk: tag.label for tag in own}


def _any(conditions: Any) -> Q:
    found = NOTHING
    for condition in conditions:
        found |= condition
    return found


def _began_within(home: Resident, field: str) -> Q:
    condition = Q()
    if home.since is not None:
        condition &= Q(**{f"{field}__gte": _midnight(home.since)})
    if home.until is not None:
        condition &= Q(**{f"{field}__lt": _midnight(home.until)})
    return condition


def _midnight(day: dt.date) -> dt.datetime:
    return first_moment(day, timezone.get_default_timezone())


def _last_whole_month(until: dt.date) -> dt.date:
    return (until.replace(day=1) - dt.timedelta(days=1)).replace(day=1)
