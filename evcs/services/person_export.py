"""Everything that is stored of a person (persons), as JSON can carry it. Reads only.

Rows are told whole, field by field, so that a field that is added later is told as well.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Model

from evcs.models import Entry, Reading, Session, Statement
from evcs.services import persons
from evcs.services.persons import Person
from evcs.times import rfc3339


def export(person: Person) -> dict[str, Any]:
    """Return it. What was also somebody else's is not told: the statement of a month in which the
    tenant changed, what another tenant calls a tag, an address that is not theirs."""
    address = persons.recipient(person)
    sessions = list(persons.sessions(person))
    statements, shared = _statements(person, {one.pk for one in sessions})
    return {
        "flat": str(person.flat_id),
        "times": [str(span) for span in person.spans],
        "tags": _tags(person),
        "logins": [
            {
                "login": one.user.get_username(),
                "since": _plain(one.since),
                "until": _plain(one.until),
            }
            for one in person.residents
        ],
        "address": address.address if address else "",
        "email": address.email if address else "",
        "language": address.language if address else "",
        "session_mails": address.session_mails if address else False,
        "sessions": _sessions(person, sessions),
        "refused_starts": [_row(one, at=one.station.name) for one in persons.refused(person)],
        "unknown_tags": [_row(one, at=one.station.name) for one in persons.unknown_tags(person)],
        "refused_messages": [
            _row(one, at=one.station.name) for one, _ in persons.quarantined(person)
        ],
        "statements": statements,
        "statements_shared_with_others": shared,
        "mailed_statements": [
            {"month": f"{one.statement.closed}", "email": one.email, "at": rfc3339(one.at)}
            for one in persons.mails(person)
        ],
    }


def _tags(person: Person) -> list[dict[str, Any]]:
    own = persons.own_tags(person)
    return [
        {
            "tag": one.tag.uid,
            "label": one.tag.label if one.tag_id in own else "",
            "from": _plain(one.valid_from),
            "until": _plain(one.valid_to),
            "state": one.tag.state,
            "expires_at": _plain(one.tag.expires_at),
        }
        for one in persons.assignments(person)
    ]


def _sessions(person: Person, sessions: list[Session]) -> list[dict[str, Any]]:
    keys = [one.pk for one in sessions]
    readings: dict[int, list[Any]] = {}
    kept = Reading.objects.filter(session_id__in=keys).order_by("session_id", "n")
    for session_id, at, import_wh, power_w in kept.values_list(
        "session_id", "at", "import_wh", "power_w"
    ):
        readings.setdefault(session_id, []).append([rfc3339(at), import_wh, power_w])
    entries: dict[int, list[Any]] = {}
    for entry in Entry.objects.filter(session_id__in=keys, flat_id=person.flat_id):
        entries.setdefault(entry.session_id, []).append(entry)
    return [
        _row(one, at=one.station.name)
        | {
            "tag": one.tag_uid,
            "entries": _rows(entries.get(one.pk, [])),
            "reviews": _rows(one.reviews.all()),
            "changes": _rows(one.changes.all()),
            "mails": _rows(one.mails.all()),
            "readings": readings.get(one.pk, []),
        }
        for one in sessions
    ]


def _statements(person: Person, keys: set[int]) -> tuple[list[Any], list[str]]:
    """Those of the person alone, as they were frozen; the months of the others."""
    found = Statement.objects.filter(flat_id=person.flat_id).select_related("closed")
    mine = set(found.filter(person.months("closed__month")).order_by().values_list("pk", flat=True))
    told, shared = [], []
    for one in found.order_by("pk"):
        content = json.loads(one.content)
        sessions = {session["id"] for session in content["sessions"]}
        sessions |= {entry["session_id"] for entry in content["entries"]}
        if one.pk not in mine or not sessions <= keys:
            if sessions & keys:
                shared.append(f"{one.closed}")
            continue
        if not person.has(one.closed.closed_at):
            # It may be the address of whoever lived there when the month was closed.
            content["recipient"] = []
        told.append(content | {"sha256": one.sha256})
    return told, shared


def _rows(found: Iterable[Model]) -> list[dict[str, Any]]:
    return [_row(one) for one in found]


def _row(row: Model, *, at: str | None = None) -> dict[str, Any]:
    """A row by its fields; with ``at`` its station by name."""
    fields = {
        field.attname: _plain(field.value_from_object(row)) for field in row._meta.concrete_fields
    }
    return fields if at is None else {"station": at} | fields


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return rfc3339(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID | Decimal) else value
