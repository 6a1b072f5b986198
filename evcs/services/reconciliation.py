"""Does the box's meter agree with the bookings: the energy of no session, per month. Reads only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Min, Q, QuerySet

from evcs.models import Session, Station

_COLUMNS = (
    "ended_month",
    "start_serial",
    "start_wh",
    "end_received_at",
    "end_serial",
    "end_wh",
    "provisional_wh",
    "energy_wh",
)


@dataclass(frozen=True, slots=True)
class Counted:
    """A session as the meter saw it: ``serial`` and ``end_wh`` of its end; ``here``: in the month
    that is asked for."""

    here: bool
    start_serial: str | None
    start_wh: int | None
    serial: str | None
    end_wh: int
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Line:
    """One meter in one month: ``counted_wh = energy_wh + unassigned_wh``.

    ``from_wh`` is the register at the session end before the first session of the month, in the
    order of the station's sessions (for the first one of a meter its own start); ``to_wh`` that at
    the last session end of the month. ``counted_wh`` is ``to_wh - from_wh`` unless sessions of
    another month lie between, which takes a station clock that was wrong by days.
    """

    serial: str | None
    from_wh: int
    to_wh: int
    counted_wh: int
    sessions: int
    energy_wh: int

    @property
    def unassigned_wh(self) -> int:
        """What the meter counted outside sessions; negative if it ran backwards."""
        return self.counted_wh - self.energy_wh


def reconcile(station: Station, month: dt.date) -> list[Line]:
    """Return a line for each meter that a session of ``month`` (its first day) ended on.

    A session stands in the month that it ended in, even if it is booked in a later one. With it
    stands what the meter counted since the session end before it, by seq: over all months each
    watt-hour of the meter is in one line, whatever the clocks said.
    """
    ended = Session.objects.filter(station=station, open_slot=None, closed_at__isnull=False)
    span = ended.filter(ended_month=month).aggregate(first=Min("seq"), last=Max("seq"))
    if span["first"] is None:
        return []
    within = ended.filter(seq__gte=span["first"], seq__lte=span["last"]).order_by("seq", "pk")
    rows = (_counted(*row, month=month) for row in within.values_list(*_COLUMNS))
    items = [item for item in rows if item is not None]
    serials = dict.fromkeys(item.serial for item in items)
    before = {serial: _end_before(ended, serial, span["first"]) for serial in serials}
    return lines(items, before)


def lines(items: Sequence[Counted], before: Mapping[str | None, int | None]) -> list[Line]:
    """Return the lines of the month; pure.

    ``items``: the station's sessions by seq, from the month's first to its last. ``before``: by
    meter the register at the session end before all of them, None if there is none.
    """
    found: dict[str | None, Line] = {}
    last = dict(before)
    for item in items:
        known = last.get(item.serial)
        previous = _first_register(item) if known is None else known
        last[item.serial] = item.end_wh
        if not item.here:
            continue
        line = found.get(item.serial)
        found[item.serial] = Line(
            serial=item.serial,
            from_wh=line.from_wh if line else previous,
            to_wh=item.end_wh,
            counted_wh=item.end_wh - previous + (line.counted_wh if line else 0),
            sessions=1 + (line.sessions if line else 0),
            energy_wh=item.energy_wh + (line.energy_wh if line else 0),
        )
    return list(found.values())


def _end_before(ended: QuerySet[Session], serial: str | None, seq: int) -> int | None:
    """The register at the last session end under a lower seq, on this meter."""
    own = Q(end_received_at__isnull=False, end_wh__isnull=False)
    provisional = Q(end_received_at=None, provisional_wh__isnull=False)
    if serial is None:
        here = (own & Q(end_serial=None)) | (provisional & Q(start_serial=None))
    else:
        here = (own & Q(end_serial=serial)) | (provisional & Q(start_serial=serial))
    earlier = ended.filter(here, seq__lt=seq).order_by("-seq", "-pk")
    row = earlier.values_list("end_received_at", "end_wh", "provisional_wh").first()
    if row is None:
        return None
    return row[1] if row[0] is not None else row[2]


def _first_register(first: Counted) -> int:
    if first.start_wh is not None and first.start_serial == first.serial:
        return first.start_wh
    return first.end_wh


def _counted(
    ended_month: dt.date,
    start_serial: str | None,
    start_wh: int | None,
    end_received_at: Any,
    end_serial: str | None,
    end_wh: int | None,
    provisional_wh: int | None,
    energy_wh: int,
    *,
    month: dt.date,
) -> Counted | None:
    own = end_received_at is not None
    register = end_wh if own else provisional_wh
    if register is None:
        return None
    return Counted(
        here=ended_month == month,
        start_serial=start_serial,
        start_wh=start_wh,
        serial=end_serial if own else start_serial,
        end_wh=register,
        energy_wh=energy_wh,
    )
