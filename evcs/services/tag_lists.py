"""The list of tags for a station, and the ETag that every heartbeat is answered with.

A list changes when a tag does, or when the period of an assignment begins or ends. So each process
keeps the ETags that it worked out, with the revision and the time until which they hold: a
heartbeat of a station whose tags stay as they are costs one row.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from evcs.kinds import TagState
from evcs.models import Station, Tag, TagAssignment, TagRevision
from evcs.times import rfc3339

# Of so many stations a process keeps the ETag.
MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class TagList:
    """The tags valid at a station, and the text of the ETag header that stands for them.

    It stays so until ``changes_at`` (None: for ever) unless a tag is changed.
    """

    tags: list[dict[str, Any]]
    etag: str
    changes_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class _Kept:
    revision: str
    since: dt.datetime
    until: dt.datetime | None
    etag: str

    def holds(self, revision: str, now: dt.datetime) -> bool:
        ended = self.until is not None and now >= self.until
        return self.revision == revision and self.since <= now and not ended


_kept: OrderedDict[int, _Kept] = OrderedDict()


def changed() -> None:
    """Say that a tag changes. Within the caller's transaction: who sees this sees the change."""
    TagRevision.objects.update_or_create(pk=1, defaults={"value": uuid.uuid4().hex})


def etag_for(station: Station, now: dt.datetime) -> str:
    """Return the ETag of ``list_for``."""
    # Before the list: one that is newer than its revision is only made once more.
    revision = TagRevision.objects.filter(pk=1).values_list("value", flat=True).first()
    if revision is None:
        return list_for(station, now).etag
    kept = _kept.get(station.pk)
    if kept is None or not kept.holds(revision, now):
        made = list_for(station, now)
        kept = _kept[station.pk] = _Kept(revision, now, made.changes_at, made.etag)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return kept.etag


def list_for(station: Station, now: dt.datetime | None = None) -> TagList:
    """Return the tag list of a station: blocked ones as blocked, expired ones with their expiry.

    The ETag is a hash of the content: the same list, the same ETag, over restarts too.
    """
    now = now or timezone.now()
    places = Tag.stations.through.objects.filter(tag_id=OuterRef("pk"))
    here = Tag.objects.filter(Exists(places.filter(station_id=station.pk)) | ~Exists(places))
    flats, changes_at = _flats(here, now)
    tags: list[dict[str, Any]] = []
    found = here.order_by("uid").values_list("pk", "uid", "state", "expires_at")
    for pk, uid, state, expires_at in found:
        if pk not in flats and state != TagState.BLOCKED:
            continue
        tags.append(
            {
                "tag": uid,
                "status": TagState(state).value,
                "expires_at": rfc3339(expires_at) if expires_at else None,
                "group": group_of(flats.get(pk)),
            }
        )
    text = json.dumps(tags, sort_keys=True, separators=(",", ":"))
    return TagList(tags, f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"', changes_at)


def group_of(flat_id: Any) -> str | None:
    """Return the opaque name of an apartment: the same for all its tags, saying nothing else."""
    if flat_id is None:
        return None
    return salted_hmac("evcs.group", str(flat_id), algorithm="sha256").hexdigest()[:16]


def _flats(here: Any, now: dt.datetime) -> tuple[dict[int, Any], dt.datetime | None]:
    """Whose each tag is now, and when that changes by itself."""
    flats: dict[int, Any] = {}
    bounds = []
    rows = TagAssignment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=now), tag__in=here)
    for pk, flat_id, since, until in rows.values_list(
        "tag_id", "flat_id", "valid_from", "valid_to"
    ):
        if since is None or since <= now:
            flats[pk] = flat_id
        else:
            bounds.append(since)
        if until is not None:
            bounds.append(until)
    return flats, min(bounds, default=None)
