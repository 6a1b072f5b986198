"""Tags: registering and blocking them, whose they are and when, and the list for a station."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from evcs.kinds import TagState
from evcs.models import Station, Tag, TagAssignment
from evcs.services.errors import UsageError, refuse_long
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


@dataclass(frozen=True, slots=True)
class TagList:
    """The tags valid at a station, and the text of the ETag header that stands for them."""

    tags: list[dict[str, Any]]
    etag: str


def canonical_uid(text: str) -> str:
    """Return a UID as typed by a person in canonical form; raise UsageError if it is none."""
    uid = re.sub(r"[\s:-]", "", text).upper()
    if not CANONICAL.fullmatch(uid):
        raise UsageError(f"{text!r} is no UID; give 8, 14 or 20 hexadecimal digits")
    return uid


def group_of(flat_id: Any) -> str | None:
    """Return the opaque name of an apartment: the same for all its tags, saying nothing else."""
    if flat_id is None:
        return None
    return salted_hmac("evcs.group", str(flat_id), algorithm="sha256").hexdigest()[:16]


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


def list_for(station: Station, now: dt.datetime | None = None) -> TagList:
    """Return the tag list of a station: blocked ones as blocked, expired ones with their expiry.

    The ETag is a hash of the content: the same list, the same ETag, over restarts too.
    """
    now = now or timezone.now()
    places = Tag.stations.through.objects.filter(tag_id=OuterRef("pk"))
    here = Tag.objects.filter(Exists(places.filter(station_id=station.pk)) | ~Exists(places))
    found = here.order_by("uid").values_list("pk", "uid", "state", "expires_at")
    current = (
        TagAssignment.objects.filter(tag__in=here)
        .filter(Q(valid_from=None) | Q(valid_from__lte=now))
        .filter(Q(valid_to=None) | Q(valid_to__gt=now))
        .values_list("tag_id", "flat_id")
    )
    flat_by_tag = dict(current)
    tags: list[dict[str, Any]] = []
    for pk, uid, state, expires_at in found:
        if pk not in flat_by_tag and state != TagState.BLOCKED:
            continue
        tags.append(
            {
                "tag": uid,
                "status": TagState(state).value,
                "expires_at": rfc3339(expires_at) if expires_at else None,
                "group": group_of(flat_by_tag.get(pk)),
            }
        )
    text = json.dumps(tags, sort_keys=True, separators=(",", ":"))
    return TagList(tags, f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"')


@in_transaction
def register(uid: str, *, label: str = "", expires_at: dt.datetime | None = None) -> Tag:
    """Return the tag ``uid`` (canonical), created if it is new; an existing one stays as it is."""
    refuse_long(label, "a label")
    tag, _ = Tag.objects.get_or_create(uid=uid, defaults={"label": label, "expires_at": expires_at})
    return tag


@in_transaction
def store(tag: Tag) -> None:
    """Write a tag that a person edited. Raises UsageError for a UID that is none."""
    tag.uid = canonical_uid(tag.uid)
    tag.save()


@in_transaction
def set_stations(tag: Tag, stations: Iterable[Station]) -> None:
    """Let a tag be valid at ``stations`` only; none means at all of them."""
    chosen = [station.pk for station in stations]
    # Stations first, as START takes its locks.
    list(Station.objects.select_for_update().filter(pk__in=chosen).order_by("pk"))
    Tag.objects.select_for_update().get(pk=tag.pk)
    tag.stations.set(chosen)


@in_transaction
def set_state(tag: Tag, state: TagState, expires_at: dt.datetime | None = None) -> None:
    """Block or accept a tag, and set its expiry (None = none)."""
    Tag.objects.filter(pk=tag.pk).update(state=state, expires_at=expires_at)


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
            f"tag {tag.uid} belongs to an apartment already; say from when on it is new"
        )
    if since is None and not assignments.exists():
        return TagAssignment.objects.create(tag=tag, flat_id=flat_id, valid_to=until)
    since = since or timezone.now()
    if until is not None and until <= since:
        raise UsageError(f"a period from {rfc3339(since)} to {rfc3339(until)} has no moment in it")
    if assignments.filter(valid_from__gte=since).exists():
        raise UsageError(
            f"tag {tag.uid} has an assignment that begins later than {rfc3339(since)}; "
            "end or move that one first"
        )
    held = assignments.filter(Q(valid_to=None) | Q(valid_to__gt=since)).first()
    if held is not None:
        if held.flat_id == flat_id and held.valid_to == until:
            return held
        TagAssignment.objects.filter(pk=held.pk).update(valid_to=since)
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
        raise UsageError(f"tag {tag.uid} was given to an apartment after {rfc3339(until)}")
    mine.filter(valid_from__gte=until).delete()
    mine.filter(Q(valid_to=None) | Q(valid_to__gt=until)).update(valid_to=until)
