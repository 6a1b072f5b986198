"""What a session counts, concluded from its facts. Pure: the same facts, the same booking.

That is what lets messages arrive late, twice and out of order.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from evcs.kinds import EndReason, Flag, TimeQuality
from evcs.services.messages import Register

FUTURE = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Point:
    """A register and the time it belongs to."""

    at: dt.datetime
    register: Register | None


@dataclass(frozen=True, slots=True)
class OwnEnd:
    """The facts of the session's own END; ``at`` is clamped."""

    point: Point
    reason: str
    estimated: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """The booking: energy in Wh, the time that decides the month, the end register."""

    energy_wh: int
    closed_at: dt.datetime
    end_wh: int | None
    flags: frozenset[Flag] = field(default_factory=frozenset)


def is_future(at: dt.datetime, arrival: dt.datetime) -> bool:
    """Whether a stamp lies further ahead of its arrival than clocks may differ."""
    return at - arrival > FUTURE


def clamp(
    at: dt.datetime, quality: str, *, previous: dt.datetime | None, arrival: dt.datetime
) -> dt.datetime:
    """Return the time that counts: an estimated or future stamp is moved between the station's
    previous event and the arrival, any other one stays."""
    if quality == TimeQuality.SYNCED and not is_future(at, arrival):
        return at
    if previous is not None and at < previous:
        at = previous
    return min(at, arrival)


def month_of(at: dt.datetime, zone: ZoneInfo | dt.tzinfo) -> dt.date:
    """Return the first day of the month that ``at`` lies in, in the house's time."""
    local = at.astimezone(zone)
    return dt.date(local.year, local.month, 1)


def following(month: dt.date) -> dt.date:
    """Return the first day of the month after."""
    return dt.date(month.year + month.month // 12, month.month % 12 + 1, 1)


def bounds(month: dt.date, zone: ZoneInfo | dt.tzinfo) -> tuple[dt.datetime, dt.datetime]:
    """Return the month's first instant and that of the next one, in the house's zone."""
    begin, end = (dt.datetime(day.year, day.month, 1) for day in (month, following(month)))
    return begin.replace(tzinfo=zone), end.replace(tzinfo=zone)


def settle_own(start: Register | None, end: OwnEnd) -> Settled:
    """Return the booking of a session that has its END."""
    flags = {Flag.ESTIMATED} if end.estimated else set()
    energy_wh, doubt = _difference(start, end.point.register)
    if doubt is not None:
        flags.add(doubt)
    if end.reason == EndReason.NOT_STARTED:
        energy_wh = 0
    register = end.point.register
    return Settled(
        energy_wh, end.point.at, register.import_wh if register else None, frozenset(flags)
    )


def settle_provisional(start: Point, next_start: Point | None, orphan: Point | None) -> Settled:
    """Return the booking of a session that ended without an END so far.

    ``next_start`` is the start of the next higher seq on the same meter serial; ``orphan`` the
    heartbeat that gave the session up. Without either the session counts nothing.
    """
    for point in (next_start, orphan):
        if point is None or point.register is None or start.register is None:
            continue
        if point.register.serial != start.register.serial:
            continue
        energy_wh, doubt = _difference(start.register, point.register)
        flags = {Flag.IMPLICIT_END} | ({doubt} if doubt else set())
        return Settled(energy_wh, point.at, point.register.import_wh, frozenset(flags))
    flags = {Flag.IMPLICIT_END} | ({Flag.NO_READING} if start.register is None else set())
    closed_at = orphan.at if orphan else start.at
    end_wh = start.register.import_wh if start.register else None
    return Settled(0, closed_at, end_wh, frozenset(flags))


def _difference(start: Register | None, end: Register | None) -> tuple[int, Flag | None]:
    if start is None or end is None:
        return 0, Flag.NO_READING
    if start.serial != end.serial:
        return 0, Flag.METER_EXCHANGED
    if end.import_wh < start.import_wh:
        return 0, Flag.METER_BACKWARDS
    return end.import_wh - start.import_wh, None
