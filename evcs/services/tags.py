"""Tags: registering and blocking them, whose they are and when."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone

from evcs.kinds import TagState
from evcs.models import Station, Tag, TagAssignment
from evcs.services import tag_lists
from evcs.services.errors import Noun, UsageError, refuse_long
from evcs.services.transactions import in_transaction
from evcs.services.verdicts import Verdict, judge
from evcs.times import rfc3339

CANONICAL = re.compile(r"(?:[0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{16}|[0-9A-F]{20})")


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is known of a UID at a station and time. ``flat_id`` is None for "unassigned"."""

    tag: Tag | None
    flat_id: Any
    verdict: Verdict


def canonical_uid(text: str) -> str:
    """Return a UID as typed by a person in canonical form; raise UsageError if it is none."""
    uid = re.sub(r"[\s:-]", "", text).upper()
    if not CANONICAL.fullmatch(uid):
        raise UsageError(
            "%(text)s is no UID; give 8, 14 or 20 hexadecimal digits", text=f"{text!r}"
        )
    return uid


def look_up(uid: str, station: Station, at: dt.datetime, *, lock: bool = False) -> Lookup:
    """Return who a UID is at ``station``, at ``at`` (clamped). ``lock`` holds the tag, so that two
    stations cannot both let it begin."""
    tags = Tag.objects.select_for_update() if lock else Tag.objects
    tag = tags.filter(uid=uid).first()
    if tag is None:
        return Lookup(None, None, Verdict.UNKNOWN)
    held = (
        TagAssignment.objects.filter(tag_id=tag.pk)
        .filter(Q(valid_from=None) | Q(valid_from__lte=at))
        .filter(Q(valid_to=None) | Q(valid_to__gt=at))
        .order_by("valid_from")
    )
    flat_id = held.values_list("flat_id", flat=True).first()
    places = set(
        Tag.stations.through.objects.filter(tag_id=tag.pk).values_list("station_id", flat=True)
    )
    verdict = judge(
        known=True,
        blocked=tag.state == TagState.BLOCKED,
        valid_here=not places or station.pk in places,
        expires_at=tag.expires_at,
        has_flat=flat_id is not None,
        at=at,
    )
    return Lookup(tag, flat_id, verdict)


@in_transaction
def register(uid: str, *, label: str = "", expires_at: dt.datetime | None = None) -> Tag:
    """Return the tag ``uid`` (canonical), created if it is new; an existing one stays as it is."""
    return _registered(uid, label, expires_at)[0]


@in_transaction
def register_new(uid: str, *, label: str = "") -> Tag:
    """The same for a person who believes it is new: raises UsageError if it is not."""
    tag, new = _registered(uid, label, None)
    if not new:
        raise UsageError(
            "tag %(uid)s is registered already; look on its page whose it is", uid=tag.uid
        )
    return tag


def _registered(uid: str, label: str, expires_at: dt.datetime | None) -> tuple[Tag, bool]:
    refuse_long(label, Noun("a label"))
    tag, new = Tag.objects.get_or_create(
        uid=uid, defaults={"label": label, "expires_at": expires_at}
    )
    if new:
        tag_lists.changed()
    return tag, new


@in_transaction
def store(tag: Tag) -> None:
    """Write a tag that a person edited. Raises UsageError for a UID that is none."""
    tag.uid = canonical_uid(tag.uid)
    tag.save()
    tag_lists.changed()


@in_transaction
def set_stations(tag: Tag, stations: Iterable[Station]) -> None:
    """Let a tag be valid at ``stations`` only; none means at all of them."""
    chosen = [station.pk for station in stations]
    # Stations first, as START takes its locks.
    list(Station.objects.select_for_update().filter(pk__in=chosen).order_by("pk"))
    Tag.objects.select_for_update().get(pk=tag.pk)
    tag.stations.set(chosen)
    tag_lists.changed()


@in_transaction
def set_label(tag: Tag, label: str) -> None:
    """Set what a tag is called."""
    refuse_long(label, Noun("a label"))
    Tag.objects.filter(pk=tag.pk).update(label=label)


@in_transaction
def describe(
    tag: Tag, *, label: str, expires_at: dt.datetime | None, stations: Iterable[Station]
) -> None:
    """Set what a tag is called, until when it is valid (None: no end), and where (none: at all)."""
    refuse_long(label, Noun("a label"))
    set_stations(tag, stations)
    Tag.objects.filter(pk=tag.pk).update(label=label, expires_at=expires_at)


@in_transaction
def set_state(tag: Tag, state: TagState, expires_at: dt.datetime | None = None) -> None:
    """Block or accept a tag, and set its expiry (None = none)."""
    Tag.objects.filter(pk=tag.pk).update(state=state, expires_at=expires_at)
    tag_lists.changed()


@in_transaction
def set_blocked(tag: Tag, blocked: bool) -> None:
    """Block a tag, or accept it again; its expiry stays as it is."""
    state = TagState.BLOCKED if blocked else TagState.ACCEPTED
    Tag.objects.filter(pk=tag.pk).update(state=state)
    tag_lists.changed()


@in_transaction
def assign(
    tag: Tag,
    flat_id: Any,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    first: bool = False,
) -> TagAssignment:
    """Give a tag to an apartment from ``since`` (default now) to ``until`` (default: no end); who
    had it until then has it no longer. The first assignment of a tag without ``since`` reaches back
    without a bound, so that sessions from before it was entered find their apartment.

    Periods of one tag never overlap. Sessions that are stored keep the apartment that they were
    started for, whatever becomes of the tag. Raises UsageError if a later assignment stands in the
    way, for a period without a moment in it, or with ``first`` if the tag was given before.
    """
    Tag.objects.select_for_update().get(pk=tag.pk)
    assignments = TagAssignment.objects.filter(tag=tag)
    if first and assignments.exists():
        raise UsageError(
            "tag %(uid)s belongs to an apartment already; say from when on it is new", uid=tag.uid
        )
    if since is None and not assignments.exists():
        return _give(tag, flat_id, None, until)
    since = since or timezone.now()
    if until is not None and until <= since:
        raise UsageError(
            "a period from %(since)s to %(until)s has no moment in it",
            since=rfc3339(since),
            until=rfc3339(until),
        )
    refuse_later(tag, since)
    held = assignments.filter(Q(valid_to=None) | Q(valid_to__gt=since)).first()
    if held is not None:
        if held.flat_id == flat_id and held.valid_to == until:
            return held
        TagAssignment.objects.filter(pk=held.pk).update(valid_to=since)
    return _give(tag, flat_id, since, until)


def refuse_later(tag: Tag, since: dt.datetime) -> None:
    """Raise UsageError if the tag has an assignment that begins at ``since`` or later: nothing can
    be given from ``since`` on. For a form, which asks before anything is stored; assign asks again.
    """
    if TagAssignment.objects.filter(tag=tag, valid_from__gte=since).exists():
        raise UsageError(
            "tag %(uid)s has an assignment that begins later than %(since)s; "
            "end or move that one first",
            uid=tag.uid,
            since=rfc3339(since),
        )


def _give(
    tag: Tag, flat_id: Any, since: dt.datetime | None, until: dt.datetime | None
) -> TagAssignment:
    tag_lists.changed()
    return TagAssignment.objects.create(tag=tag, flat_id=flat_id, valid_from=since, valid_to=until)


@in_transaction
def release(tag: Tag, until: dt.datetime | None = None) -> None:
    """End the tag's assignment at ``until`` (default now): it belongs to nobody afterwards.

    One that has not begun yet is taken back. Raises UsageError if one has begun since.
    """
    Tag.objects.select_for_update().get(pk=tag.pk)
    now = timezone.now()
    until = until or now
    mine = TagAssignment.objects.filter(tag=tag)
    if mine.filter(valid_from__gte=until, valid_from__lte=now).exists():
        raise UsageError(
            "tag %(uid)s was given to an apartment after %(until)s",
            uid=tag.uid,
            until=rfc3339(until),
        )
    mine.filter(valid_from__gte=until).delete()
    mine.filter(Q(valid_to=None) | Q(valid_to__gt=until)).update(valid_to=until)
    tag_lists.changed()
