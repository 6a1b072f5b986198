"""Times as text: RFC 3339 with an offset, read strictly, written in UTC. Pure."""

from __future__ import annotations

import datetime as dt
import re

SHAPE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,30}))?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))"
)
MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# A day short of the last one that exists: it can still be shown in every zone.
LATEST = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)


def parse_rfc3339(text: str) -> dt.datetime:
    """Return the instant, in UTC; digits beyond microseconds are cut off.

    Raises ValueError if ``text`` is no such time or has no offset, OverflowError if it is one
    outside 1970 to 9999.
    """
    match = SHAPE.fullmatch(text)
    if not match:
        raise ValueError("not a time with offset, as 2026-11-22T06:40:00Z")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if year == 0:
        raise OverflowError("outside 1970 to 9999")
    microsecond = int((match[7] or "0")[:6].ljust(6, "0"))
    if match[8]:
        zone: dt.tzinfo = dt.UTC
    else:
        offset = dt.timedelta(hours=int(match[10]), minutes=int(match[11]))
        if int(match[10]) > 23 or int(match[11]) > 59:
            raise ValueError("the offset is none")
        zone = dt.timezone(-offset if match[9] == "-" else offset)
    local = dt.datetime(year, month, day, hour, minute, second, microsecond, tzinfo=zone)
    # Astronomically early or late times cannot even be moved to UTC.
    utc = local.astimezone(dt.UTC) if 1 < year < 9999 else local
    if not EARLIEST <= utc <= LATEST:
        raise OverflowError("outside 1970 to 9999")
    return utc.astimezone(dt.UTC)


def rfc3339(at: dt.datetime) -> str:
    """Return an aware time as text in UTC, as ``2026-11-22T06:40:00Z``; fractions if it has any."""
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def first_moment(day: dt.date, zone: dt.tzinfo) -> dt.datetime:
    """Return when a day begins in a zone."""
    return dt.datetime(day.year, day.month, day.day, tzinfo=zone)


def parse_month(text: str) -> dt.date:
    """Return the first day of ``2026-11``. Raises ValueError if that is none of 1970 to 9998."""
    match = MONTH.fullmatch(text)
    # The month before it and the one after it must be months as well.
    if not match or not EARLIEST.year <= int(match[1]) < LATEST.year:
        raise ValueError(f"{text!r} is no month; write it as 2026-11")
    return dt.date(int(match[1]), int(match[2]), 1)
