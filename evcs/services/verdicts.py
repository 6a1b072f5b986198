"""May this tag charge here: the decisions about a START, as tables. Pure.

Blocked is judged by the list as it is now, expired and apartment by the (clamped) start time.
"""

from __future__ import annotations

import datetime as dt
from enum import Enum

from evcs.kinds import Action, AuthorizedBy, Flag
from mcsp.codes import Code


class Verdict(Enum):
    """What the list says of a tag at a station and time."""

    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    EXPIRED = "expired"


FLAGS = {
    Verdict.UNKNOWN: Flag.UNKNOWN_TAG,
    Verdict.BLOCKED: Flag.BLOCKED_TAG,
    Verdict.EXPIRED: Flag.EXPIRED_TAG,
}
CODES = {
    Verdict.UNKNOWN: Code.KEY_NOT_REGISTERED,
    Verdict.BLOCKED: Code.KEY_BLOCKED,
    Verdict.EXPIRED: Code.KEY_BLOCKED,
}


def judge(
    *,
    known: bool,
    blocked: bool,
    valid_here: bool,
    expires_at: dt.datetime | None,
    has_flat: bool,
    at: dt.datetime,
) -> Verdict:
    """Return the verdict. A tag that belongs to no apartment at ``at`` counts as unknown."""
    if not known:
        return Verdict.UNKNOWN
    if blocked or not valid_here:
        return Verdict.BLOCKED
    if expires_at is not None and expires_at <= at:
        return Verdict.EXPIRED
    return Verdict.ACCEPTED if has_flat else Verdict.UNKNOWN


def refusal(
    *, station_enabled: bool, verdict: Verdict, charging_elsewhere: bool
) -> tuple[Code, str] | None:
    """Return why a START that asks is refused, or None. The first reason counts."""
    if not station_enabled:
        return Code.STATION_NOT_REGISTERED, "this station is disabled"
    if verdict is Verdict.UNKNOWN:
        return CODES[verdict], "the tag belongs to no apartment"
    if verdict is Verdict.BLOCKED:
        return CODES[verdict], "the tag is blocked, or not valid at this station"
    if verdict is Verdict.EXPIRED:
        return CODES[verdict], "the tag has expired"
    if charging_elsewhere:
        return Code.KEY_ALREADY_CHARGING, "the tag is charging at another station"
    return None


def action(verdict: Verdict, authorized_by: str) -> Action:
    """Return whether a session may go on. ``none`` means a box that lets everybody charge."""
    if verdict is Verdict.ACCEPTED or authorized_by == AuthorizedBy.NONE:
        return Action.CONTINUE
    return Action.STOP
