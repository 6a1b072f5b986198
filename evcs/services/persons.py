"""Whose data: an apartment's people within the time they lived there. Reads only.

An apartment has one tenant after another, and a tag goes from one to the next. What is told to a
person (person_export) or forgotten of them (person_forget) is theirs by these rules, and nobody
else's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from evcs.models import (
    Entry,
    QuarantineItem,
    RefusedStart,
    Resident,
    Session,
    StatementMail,
    StatementRecipient,
    TagAssignment,
    UnknownTag,
)
from evcs.times import first_moment


class Unclear(Exception):
    """It cannot be told who is meant; the text says what to add."""


@dataclass(frozen=True, slots=True)
class Span:
    """From ``since`` to the day before ``until``; None: no bound."""

    since: dt.date | None = None
    until: dt.date | None = None

    def at(self, field: str) -> Q:
        """Rows whose ``field`` is a moment of it."""
        # Never an empty Q: "or" would drop it, where it stands for everything.
        found = Q(pk__isnull=False)
        if self.since is not None:
            found &= Q(**{f"{field}__gte": _moment(self.since)})
        if self.until is not None:
            found &= Q(**{f"{field}__lt": _moment(self.until)})
        return found

    def months(self, field: str) -> Q:
        """Rows whose ``field``, the first day of a month, stands for a month that is all in it."""
        found = Q(pk__isnull=False)
        if self.since is not None:
            found &= Q(**{f"{field}__gte": self.since})
        if self.until is not None:
            found &= Q(**{f"{field}__lt": self.until.replace(day=1)})
        return found

    def has(self, moment: dt.datetime) -> bool:
        """Whether the moment lies in it."""
        return (self.since is None or moment >= _moment(self.since)) and (
            self.until is None or moment < _moment(self.until)
        )

    def meets(self, since: dt.datetime | None, until: dt.datetime | None) -> bool:
        """Whether it shares a moment with another time, that ends before ``until``."""
        return (self.until is None or since is None or since < _moment(self.until)) and (
            self.since is None or until is None or until > _moment(self.since)
        )

    def begins_in(self, other: Span) -> bool:
        """Whether it begins within the other one."""
        if self.since is None:
            return other.since is None
        return (other.since is None or self.since >= other.since) and (
            other.until is None or self.since < other.until
        )

    def cut(self, other: Span) -> Span | None:
        """What both have, if they have anything."""
        since = max((day for day in (self.since, other.since) if day), default=None)
        until = min((day for day in (self.until, other.until) if day), default=None)
        empty = since is not None and until is not None and since >= until
        return None if empty else Span(since, until)

    def __str__(self) -> str:
        return f"{self.since or '…'} to {self.until or '…'}"


@dataclass(frozen=True, slots=True)
class Person:
    """Who lived in an apartment in these times, and their logins."""

    flat_id: Any
    spans: tuple[Span, ...]
    residents: tuple[Resident, ...]

    def at(self, field: str) -> Q:
        """Rows whose ``field`` is a moment of their time."""
        return reduce(or_, (span.at(field) for span in self.spans))

    def months(self, field: str) -> Q:
        """Rows of months that are all in their time."""
        return reduce(or_, (span.months(field) for span in self.spans))

    def has(self, moment: dt.datetime) -> bool:
        """Whether they lived there then."""
        return any(span.has(moment) for span in self.spans)


def of(
    flat_id: Any,
    *,
    login: str | None = None,
    since: dt.date | None = None,
    until: dt.date | None = None,
) -> Person:
    """Return who is meant: those of ``login``, those of a time, or an apartment's only tenant.

    Raises Unclear if several lived there, or if ``login`` never did.
    """
    rows = list(Resident.objects.filter(flat_id=flat_id).select_related("user"))
    # Databases do not agree on where a row without a beginning stands.
    rows.sort(key=lambda row: (row.since or dt.date.min, row.pk))
    wanted = Span(since, until)
    if since is not None and until is not None and since >= until:
        raise Unclear(f"from {since} to the day before {until} there is no day")
    if login is not None:
        rows = [row for row in rows if row.user.get_username() == login]
        if not rows:
            raise Unclear(f"{login!r} is no resident of this apartment")
        spans = {span for row in rows if (span := _span(row).cut(wanted))}
        if not spans:
            raise Unclear(f"{login!r} did not live there from {wanted}")
    elif since is not None or until is not None:
        rows = [row for row in rows if _span(row).begins_in(wanted)]
        spans = {wanted}
    else:
        spans = {_span(row) for row in rows} or {wanted}
        if len(spans) > 1 and len({row.user_id for row in rows}) > 1:
            raise Unclear(
                "several people live or lived there; say whose data, by --login NAME or by "
                "--since and --until: "
                + ", ".join(f"{row.user.get_username()} {_span(row)}" for row in rows)
            )
    ordered = sorted(spans, key=lambda span: span.since or dt.date.min)
    return Person(flat_id, tuple(ordered), tuple(rows))


def others(person: Person) -> list[Resident]:
    """Return the apartment's residents that are somebody else."""
    mine = {row.pk for row in person.residents}
    found = Resident.objects.filter(flat_id=person.flat_id).select_related("user")
    return [row for row in found if row.pk not in mine]


def assignments(person: Person) -> list[TagAssignment]:
    """Return what gave tags to the apartment in the person's time."""
    held = TagAssignment.objects.filter(flat_id=person.flat_id).select_related("tag")
    return [
        one
        for one in held
        if any(span.meets(one.valid_from, one.valid_to) for span in person.spans)
    ]


def own_tags(person: Person) -> set[int]:
    """Return the tags that are nobody else's: last given to the apartment, in the person's time,
    and with no sign that another tenant of it had them. What they are called is the person's."""
    mine, strangers = set(), others(person)
    charged = Session.objects.filter(flat_id=person.flat_id).exclude(person.at("started_effective"))
    for one in assignments(person):
        given = TagAssignment.objects.filter(tag_id=one.tag_id)
        later = given.filter(valid_from__isnull=False).exclude(pk=one.pk)
        if one.valid_from is not None:
            later = later.filter(valid_from__gt=one.valid_from)
        shared = any(_span(row).meets(one.valid_from, one.valid_to) for row in strangers)
        if not (shared or later.exists() or charged.filter(tag_uid=one.tag.uid).exists()):
            mine.add(one.tag_id)
    return mine


def sessions(person: Person) -> QuerySet[Session]:
    """Return what the apartment charged in the person's time: booked for it, moved to it, or by one
    of its tags while nobody had entered that it was theirs."""
    moved = Entry.objects.filter(session_id=OuterRef("pk"), flat_id=person.flat_id)
    adopted = TagAssignment.objects.filter(
        Q(valid_from=None) | Q(valid_from__lte=OuterRef("started_effective")),
        Q(valid_to=None) | Q(valid_to__gt=OuterRef("started_effective")),
        flat_id=person.flat_id,
        tag__uid=OuterRef("tag_uid"),
    )
    mine = Q(flat_id=person.flat_id) | Q(Exists(moved)) | (Q(flat_id=None) & Q(Exists(adopted)))
    found = Session.objects.filter(mine).filter(person.at("started_effective"))
    return found.select_related("station").order_by("pk")


def refused(person: Person) -> QuerySet[RefusedStart]:
    """Return the starts of the apartment that were answered with no."""
    found = RefusedStart.objects.filter(person.at("at"), flat_id=person.flat_id)
    return found.select_related("station").order_by("pk")


def unknown_tags(person: Person) -> QuerySet[UnknownTag]:
    """Return where the person's tags were held to a box while nobody had entered them."""
    own = own_tags(person)
    uids = [one.tag.uid for one in assignments(person) if one.tag_id in own]
    found = UnknownTag.objects.filter(person.at("first_at"), uid__in=uids)
    return found.select_related("station").order_by("pk")


def quarantined(person: Person) -> list[tuple[QuarantineItem, set[str]]]:
    """Return the refused messages that name one of the apartment's tags, with the tags' UIDs."""
    found: dict[int, tuple[QuarantineItem, set[str]]] = {}
    for one in assignments(person):
        uid = one.tag.uid
        named = Q(raw__icontains=uid) | Q(note__icontains=uid) | Q(reason__icontains=uid)
        items = QuarantineItem.objects.filter(named, person.at("received_at"))
        if one.valid_from is not None:
            items = items.filter(received_at__gte=one.valid_from)
        if one.valid_to is not None:
            items = items.filter(received_at__lt=one.valid_to)
        for item in items.select_related("station").order_by("pk"):
            found.setdefault(item.pk, (item, set()))[1].add(uid)
    return [found[key] for key in sorted(found)]


def recipient(person: Person) -> StatementRecipient | None:
    """Return where the apartment's statements go, if that is the person's own address.

    It has no dates. It is theirs if a login of theirs has it or their statements went there; else
    if nobody else lives there now, and nobody else's statements went there.
    """
    found = StatementRecipient.objects.filter(flat_id=person.flat_id).first()
    if found is None:
        return None
    strangers = others(person)
    now = timezone.now()
    alone = person.has(now) and not any(_span(row).has(now) for row in strangers)
    if not found.email:
        return found if alone else None
    email = found.email.lower()
    mailed = StatementMail.objects.filter(statement__flat_id=person.flat_id, email=found.email)
    mine = person.months("statement__closed__month")
    if email in _emails(person.residents) or mailed.filter(mine).exists():
        return found
    strange = email in _emails(strangers) or mailed.exists()
    return found if alone and not strange else None


def mails(person: Person) -> QuerySet[StatementMail]:
    """Return the statements that were mailed to the person: those of whole months of theirs, and
    what went to an address of theirs."""
    to = _emails(person.residents)
    address = recipient(person)
    if address is not None and address.email:
        to.add(address.email.lower())
    found = StatementMail.objects.filter(statement__flat_id=person.flat_id)
    strange = _emails(others(person)) - to
    mine = set(found.filter(person.months("statement__closed__month")).values_list("pk", flat=True))
    keys = [
        pk
        for pk, email in found.values_list("pk", "email")
        if email.lower() in to or (pk in mine and email.lower() not in strange)
    ]
    return found.filter(pk__in=keys).select_related("statement__closed").order_by("pk")


def _emails(rows: Iterable[Resident]) -> set[str]:
    found = (str(getattr(row.user, "email", "") or "") for row in rows)
    return {email.lower() for email in found if email}


def _span(row: Resident) -> Span:
    return Span(row.since, row.until)


def _moment(day: dt.date) -> dt.datetime:
    return first_moment(day, timezone.get_default_timezone())
