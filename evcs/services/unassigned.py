"""Energy that the meter counted and no session has: of a month, and since the last session's end.

Reads only. That of a month shows with the session end after it; what flows now in every heartbeat.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from evcs.models import Session, Station
from evcs.services import months, reconciliation
from evcs.services.settlement import month_of
from evcs.settings import evcs_settings

SINCE_LAST = "seit dem letzten Ladevorgang"
_MONTH = re.compile(r"(\d{4})-(\d{2})(?: |\Z)")


@dataclass(frozen=True, slots=True)
class Energy:
    """``wh`` of no session on a meter, ``when`` (a month, or SINCE_LAST)."""

    when: str
    serial: str | None
    wh: int

    @property
    def subject(self) -> str:
        """Tells two apart."""
        return f"{self.when} {self.serial or ''}".strip()

    @property
    def words(self) -> str:
        """What a person is told of it."""
        return f"{self.wh} Wh ohne Ladevorgang, Zähler {self.serial}, {self.when}"


def too_much(station: Station, now: dt.datetime, subjects: Collection[str]) -> list[Energy]:
    """Return what is above the threshold: of this month and the one before, and of the months in
    ``subjects`` (those that are open), as long as they are not closed; and since the last end."""
    found = [*_of_months(station, now, subjects), *_since_last(station)]
    return [one for one in found if one.wh > evcs_settings.UNASSIGNED_ALERT_WH]


def undecided(station: Station, subject: str) -> bool:
    """Whether nothing can be said now of an energy since the last session: one runs, or waits at
    the box to be delivered, or the meter says nothing."""
    return _is_since_last(subject) and _busy(station)


def month_after(subject: str, found: Collection[str]) -> str | None:
    """Return which of ``found`` an energy since the last session has become by a session end."""
    if not _is_since_last(subject):
        return None
    meter = subject.removeprefix(SINCE_LAST)
    return next((one for one in found if _month(one) and one[len("2026-11") :] == meter), None)


def is_past(station: Station, subject: str) -> bool:
    """Whether it is settled otherwise than by a session: its month is closed, its meter gone."""
    if _is_since_last(subject):
        return Energy(SINCE_LAST, station.meter_serial, 0).subject != subject
    month = _month(subject)
    return month is not None and months.is_closed(month)


def _of_months(station: Station, now: dt.datetime, subjects: Collection[str]) -> Iterator[Energy]:
    this = month_of(now, timezone.get_default_timezone())
    before = (this - dt.timedelta(days=1)).replace(day=1)
    wanted = {this, before, *filter(None, map(_month, subjects))}
    for month in sorted(wanted):
        if not months.is_closed(month):
            for line in reconciliation.reconcile(station, month):
                yield Energy(f"{month:%Y-%m}", line.serial, line.unassigned_wh)


def _since_last(station: Station) -> Iterator[Energy]:
    if station.meter_wh is None or _busy(station):
        return
    last = _register_at_last_end(station)
    if last is not None:
        yield Energy(SINCE_LAST, station.meter_serial, station.meter_wh - last)


def _busy(station: Station) -> bool:
    return (
        station.meter_wh is None
        or bool(station.pending)
        or station.session_uuid is not None
        or Session.objects.filter(station=station, open_slot=1).exists()
    )


def _register_at_last_end(station: Station) -> int | None:
    """The register at the last session end, by seq, on the meter that is in the box now."""
    serial = station.meter_serial
    own = Q(end_received_at__isnull=False, end_wh__isnull=False, end_serial=serial)
    provisional = Q(end_received_at=None, provisional_wh__isnull=False, start_serial=serial)
    ended = Session.objects.filter(
        own | provisional, station=station, open_slot=None, closed_at__isnull=False
    )
    row = (
        ended.order_by("-seq", "-pk")
        .values_list("end_received_at", "end_wh", "provisional_wh")
        .first()
    )
    if row is None:
        return None
    return row[1] if row[0] is not None else row[2]


def _is_since_last(subject: str) -> bool:
    return subject.startswith(SINCE_LAST)


def _month(subject: str) -> dt.date | None:
    found = _MONTH.match(subject)
    if found is None or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1:
        return None
    return dt.date(int(found[1]), int(found[2]), 1)
