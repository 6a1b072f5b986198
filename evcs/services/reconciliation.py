"""Does the box's meter agree with the bookings: the energy of no session, per month. Reads only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from evcs.models import Session, Station
from evcs.services.settlement import month_of


@dataclass(frozen=True, slots=True)
class Counted:
    """A session as the meter saw it, pure: ``serial`` and ``end_wh`` of its end, Wh."""

    seq: int
    month: dt.date
    start_serial: str | None
    start_wh: int | None
    serial: str | None
    end_wh: int
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Line:
    """One meter in one month: ``to_wh - from_wh = energy_wh + unassigned_wh``.

    ``from_wh`` is the register at the last session end before the month (in the very first month
    the first session's start), ``to_wh`` that at the last one in it.
    """

    serial: str | None
    from_wh: int
    to_wh: int
    sessions: int
    energy_wh: int

    @property
    def unassigned_wh(self) -> int:
        """What the meter counted outside sessions; negative if it ran backwards."""
        return self.to_wh - self.from_wh - self.energy_wh


def reconcile(station: Station, month: dt.date) -> list[Line]:
    """Return a line for each meter that a session of ``month`` (its first day) ended on.

    A session stands in the month that it ended in, even if it is booked in a later one.
    """
    ended = Session.objects.filter(station=station, open_slot=None, closed_at__isnull=False)
    counted = (_counted(session) for session in ended.order_by("seq", "pk"))
    return lines([item for item in counted if item is not None], month)


def lines(counted: list[Counted], month: dt.date) -> list[Line]:
    """Return the lines of ``month``; ``counted`` stands in the order of seq. Pure."""
    found = []
    meters = {item.serial: None for item in counted if item.month == month}
    for serial in meters:
        here = [item for item in counted if item.serial == serial]
        now = [item for item in here if item.month == month]
        before = [item for item in here if item.month < month]
        found.append(
            Line(
                serial=serial,
                from_wh=before[-1].end_wh if before else _first_register(now[0]),
                to_wh=now[-1].end_wh,
                sessions=len(now),
                energy_wh=sum(item.energy_wh for item in now),
            )
        )
    return found


def _first_register(first: Counted) -> int:
    if first.start_wh is not None and first.start_serial == first.serial:
        return first.start_wh
    return first.end_wh


def _counted(session: Session) -> Counted | None:
    own = session.end_received_at is not None
    end_wh = session.end_wh if own else session.provisional_wh
    if end_wh is None or session.closed_at is None:
        return None
    return Counted(
        seq=session.seq,
        month=month_of(session.closed_at, timezone.get_default_timezone()),
        start_serial=session.start_serial,
        start_wh=session.start_wh,
        serial=session.end_serial if own else session.start_serial,
        end_wh=end_wh,
        energy_wh=session.energy_wh,
    )
