"""Who may charge: a table over the server's verdict, the tag list and the offline policy.

Online the server decides. While it is silent the box's copy of the tag list decides, if it is not
too old and the policy wants that. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from station.rules.messages import Verdict
from station.rules.settings import Settings
from station.rules.values import AuthorizedBy, Now, OfflinePolicy, TagEntry, TagList


class Refusal(StrEnum):
    """What a refused person is told."""

    REFUSED = "refused"
    BUSY = "busy"
    CANNOT_ASK = "cannot_ask"


@dataclass(frozen=True, slots=True)
class Decision:
    """Start (``authorized_by``) or not (``refusal``).

    ``open_at_server``: the server has, or may have, an open session for this uuid, so a START that
    is not used must be closed by an END ``not_started``.
    """

    authorized_by: AuthorizedBy | None = None
    refusal: Refusal | None = None
    open_at_server: bool = False


# The server's own word, without regard to anything the box knows.
_ONLINE = {
    Verdict.ACCEPTED: Decision(authorized_by=AuthorizedBy.SERVER, open_at_server=True),
    Verdict.ACCEPTED_STOP: Decision(refusal=Refusal.REFUSED, open_at_server=True),
    Verdict.UNKNOWN_TAG: Decision(refusal=Refusal.REFUSED),
    Verdict.BLOCKED: Decision(refusal=Refusal.REFUSED),
    Verdict.CHARGING_ELSEWHERE: Decision(refusal=Refusal.BUSY),
    Verdict.STATION_REFUSED: Decision(refusal=Refusal.CANNOT_ASK),
    Verdict.INVALID: Decision(refusal=Refusal.CANNOT_ASK),
}


class Standing(StrEnum):
    """A tag by the box's own list."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


def standing(entry: TagEntry | None, now: Now) -> Standing:
    """With an unsynced clock nothing counts as expired."""
    if entry is None:
        return Standing.UNKNOWN
    if not entry.accepted:
        return Standing.BLOCKED
    if now.synced and entry.expires_at is not None and entry.expires_at <= now.utc:
        return Standing.EXPIRED
    return Standing.ACCEPTED


def list_is_stale(tags: TagList, settings: Settings, now: Now) -> bool:
    """Whether the list's last confirmation is older than ``offline.max_age_h``.

    With an unsynced clock no age refuses anybody; nor does one that cannot be told, because the
    clock was not synced when the list was read at boot.
    """
    if not now.synced:
        return False
    if tags.confirmed_at_s is not None:
        return now.mono_s - tags.confirmed_at_s > settings.offline_max_age_s
    if tags.age_at_boot_s is None:
        return False
    return tags.age_at_boot_s + now.mono_s > settings.offline_max_age_s


_OFFLINE_KNOWN_TAGS = {
    Standing.ACCEPTED: Decision(authorized_by=AuthorizedBy.LIST, open_at_server=True),
    Standing.BLOCKED: Decision(refusal=Refusal.REFUSED, open_at_server=True),
    Standing.EXPIRED: Decision(refusal=Refusal.REFUSED, open_at_server=True),
    Standing.UNKNOWN: Decision(refusal=Refusal.CANNOT_ASK, open_at_server=True),
}
_OFFLINE_REFUSED = Decision(refusal=Refusal.CANNOT_ASK, open_at_server=True)


def decide(verdict: Verdict, tag: str, tags: TagList, settings: Settings, now: Now) -> Decision:
    """The one decision on a START that was asked."""
    if verdict is not Verdict.SILENT:
        return _ONLINE[verdict]
    if settings.offline_policy is OfflinePolicy.REFUSE:
        return _OFFLINE_REFUSED
    place = standing(tags.entries.get(tag), now)
    stale = list_is_stale(tags, settings, now)
    if settings.offline_policy is OfflinePolicy.ANYONE:
        known = place is Standing.ACCEPTED and not stale
        by = AuthorizedBy.LIST if known else AuthorizedBy.NONE
        return Decision(authorized_by=by, open_at_server=True)
    if stale:
        return _OFFLINE_REFUSED
    return _OFFLINE_KNOWN_TAGS[place]
