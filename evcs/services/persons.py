"""One person's data: everything that is stored of an apartment's tags, and forgetting who it was.

What is billed stays: register values, times, the number of the tag, the frozen statements. What
says who it was goes: labels, addresses, the login's hold on the apartment. A tag's number without
its label names nobody; the statements are kept as long as the law on books wants them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evcs.models import (
    Reading,
    Resident,
    Session,
    Statement,
    StatementRecipient,
    Tag,
    TagAssignment,
    UnknownTag,
)
from evcs.services import tag_lists
from evcs.services.transactions import in_transaction
from evcs.times import rfc3339


def export(flat_id: Any) -> dict[str, Any]:
    """Return everything that is stored of an apartment's people, as JSON can carry it."""
    held = TagAssignment.objects.filter(flat_id=flat_id).select_related("tag")
    recipient = StatementRecipient.objects.filter(flat_id=flat_id).first()
    sessions = Session.objects.filter(flat_id=flat_id).select_related("station").order_by("pk")
    readings: dict[int, list[Any]] = {}
    kept = Reading.objects.filter(session__flat_id=flat_id).order_by("session_id", "n")
    for session_id, at, import_wh, power_w in kept.values_list(
        "session_id", "at", "import_wh", "power_w"
    ):
        readings.setdefault(session_id, []).append([rfc3339(at), import_wh, power_w])
    return {
        "flat": str(flat_id),
        "tags": [
            {
                "tag": one.tag.uid,
                "label": one.tag.label,
                "from": _text(one.valid_from),
                "until": _text(one.valid_to),
            }
            for one in held
        ],
        "logins": [
            {"login": str(one.user), "since": _text(one.since), "until": _text(one.until)}
            for one in Resident.objects.filter(flat_id=flat_id).select_related("user")
        ],
        "address": recipient.address if recipient else "",
        "email": recipient.email if recipient else "",
        "sessions": [
            {
                "uuid": str(one.uuid),
                "station": one.station.name,
                "tag": one.tag_uid,
                "started_at": rfc3339(one.started_at),
                "ended_at": _text(one.ended_at),
                "energy_wh": one.energy_wh,
                "readings": readings.get(one.pk, []),
            }
            for one in sessions
        ],
        "statements": [
            one.content for one in Statement.objects.filter(flat_id=flat_id).order_by("pk")
        ],
    }


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many of each were cleared."""

    labels: int
    addresses: int
    logins: int
    unknown_tags: int


@in_transaction
def forget(flat_id: Any) -> Forgotten:
    """Clear what says who an apartment's people were. Whoever lives there now is entered again."""
    mine = TagAssignment.objects.filter(flat_id=flat_id).values_list("tag_id", flat=True)
    tags = Tag.objects.filter(pk__in=list(mine))
    uids = list(tags.values_list("uid", flat=True))
    labels = tags.exclude(label="").update(label="")
    addresses = StatementRecipient.objects.filter(flat_id=flat_id)
    cleared = addresses.exclude(address="", email="").update(address="", email="")
    logins, _ = Resident.objects.filter(flat_id=flat_id).delete()
    unknown, _ = UnknownTag.objects.filter(uid__in=uids).delete()
    tag_lists.changed()
    return Forgotten(labels, cleared, logins, unknown)


def _text(value: Any) -> str | None:
    return None if value is None else value.isoformat()
