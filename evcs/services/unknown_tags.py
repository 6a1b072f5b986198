"""Tags that belong to nobody and were held to a box: kept, listed, adopted or set aside."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import F
from django.utils import timezone

from evcs.models import Station, Tag, UnknownTag
from evcs.services import corrections, tags
from evcs.services.errors import Noun, UsageError, refuse_long
from evcs.services.transactions import in_transaction, lock_all_stations

# A box that is out of its mind, or in wrong hands, must not fill the disk.
MOST = 1000


def keep(station: Station, uid: str, now: dt.datetime) -> None:
    """Note that ``uid`` was held to ``station``. Within the caller's transaction, station locked.

    One that was settled is listed again; of more than MOST of a station the oldest go.
    """
    known = UnknownTag.objects.filter(station=station, uid=uid)
    if known.update(last_at=now, times=F("times") + 1, settled_at=None, settled_by=""):
        return
    UnknownTag.objects.create(station=station, uid=uid, first_at=now, last_at=now)
    mine = UnknownTag.objects.filter(station=station).order_by("-last_at", "-pk")
    too_old = list(mine.values_list("pk", flat=True)[MOST : 2 * MOST])
    if too_old:
        UnknownTag.objects.filter(pk__in=too_old).delete()


def listed() -> list[UnknownTag]:
    """Return what waits for a person, the latest first."""
    return list(UnknownTag.objects.filter(settled_at=None).select_related("station"))


@in_transaction
def adopt(
    uid: str,
    flat_id: Any,
    label: str,
    *,
    by_name: str,
    since: dt.datetime | None = None,
    past: str = "",
    user: Any = None,
) -> Tag:
    """Register an unknown tag and give it to an apartment, by default from the very beginning.

    With ``past``, a reason, what it charged while it was nobody's goes there as well
    (corrections.claim); else sessions that are stored stay where they are. All of it or nothing.
    Raises UsageError without a name, or if the tag is assigned already.
    """
    _refuse_blank(by_name)
    # All of them: a charge with this tag that arrives meanwhile would not be claimed, not find the
    # tag either, and list it as unknown once more. Before the tag, as START does it.
    lock_all_stations()
    if past:
        corrections.claim(uid, flat_id, past, by_name=by_name, user=user)
    tag = tags.register(uid, label=label)
    if label and not tag.label:
        # It was entered before, as nobody's.
        tags.set_label(tag, label)
    tags.assign(tag, flat_id, since=since, first=since is None)
    _settle(uid, by_name)
    return tag


@in_transaction
def enter(uid: str, flat_id: Any, label: str, *, by_name: str) -> Tag:
    """Register a new tag by its ``uid`` (canonical); ``flat_id`` None leaves it nobody's.

    Raises UsageError without a name, or if it is registered already.
    """
    tag = tags.register_new(uid, label=label)
    if flat_id is not None:
        give(tag, flat_id, by_name=by_name)
    return tag


@in_transaction
def give(
    tag: Tag,
    flat_id: Any,
    *,
    by_name: str,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> None:
    """As tags.assign; a tag that was held to a box while it was nobody's waits no longer."""
    _refuse_blank(by_name)
    tags.assign(tag, flat_id, since=since, until=until)
    _settle(tag.uid, by_name)


@in_transaction
def set_aside(uid: str, *, by_name: str) -> None:
    """Take a tag off the list without adopting it. Raises UsageError without a name, or if it is
    not on the list."""
    _refuse_blank(by_name)
    if not _settle(uid, by_name):
        raise UsageError("tag %(uid)s is not on the list of unknown tags", uid=uid)


def _settle(uid: str, by_name: str) -> int:
    waiting = UnknownTag.objects.filter(uid=uid, settled_at=None)
    return int(waiting.update(settled_at=timezone.now(), settled_by=by_name.strip()))


def _refuse_blank(by_name: str) -> None:
    if not by_name.strip():
        raise UsageError("say who decides it")
    refuse_long(by_name, Noun("a name"))
