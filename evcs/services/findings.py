"""What is wrong with a station by what it last said and what it did not say. Reads only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db.models import Count, Max
from django.utils import timezone

from evcs.kinds import AlertKind, Phase
from evcs.models import QuarantineItem, Station
from evcs.services import unassigned
from evcs.settings import evcs_settings

# A copied token is told until the boxes have not come in turn for so long.
_TWO_BOXES_FOR = dt.timedelta(days=1)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with words for it.

    ``newest``: the key of the newest of several things that it is about. Not ``certain``: nothing
    can be said of it now; an alert that is open stays so, and none is begun.
    """

    kind: str
    subject: str
    words: str
    newest: int | None = None
    certain: bool = True

    @property
    def key(self) -> Key:
        """Tells two of a station apart."""
        return self.kind, self.subject


def of(
    station: Station, now: dt.datetime, looking_since: dt.datetime, known: Collection[Key]
) -> dict[Key, Finding]:
    """Return what is wrong with a station. ``looking_since``: from when on it was looked without a
    gap; ``known``: what is open."""
    subjects = [subject for kind, subject in known if kind == AlertKind.UNASSIGNED]
    found = (
        *_silence(station, now, looking_since),
        *_last_said(station),
        *_two_boxes(station, now),
        *_refused(station),
        *_energy(station, now, subjects),
    )
    return {one.key: one for one in found}


def _silence(station: Station, now: dt.datetime, looking_since: dt.datetime) -> Iterator[Finding]:
    heard = station.last_seen
    # One that reports nothing but charges, over a line, is silent between them.
    if heard is None or (station.heartbeat_at is None and station.pinged_at is None):
        return
    after = dt.timedelta(seconds=max(evcs_settings.SILENT_AFTER_S, 3 * station.heartbeat_s))
    if now - heard <= after:
        return
    # While nobody looked the server may have been off, so that no station could be heard.
    certain = now - max(heard, looking_since) > after
    words = f"zuletzt gehört {timezone.localtime(heard):%d.%m.%Y %H:%M}"
    yield Finding(AlertKind.SILENT, "", words, certain=certain)


def _last_said(station: Station) -> Iterator[Finding]:
    """What it last said holds until it says something else: silence opens no contactor."""
    for fault in station.faults:
        if isinstance(fault, dict) and isinstance(fault.get("name"), str):
            name = fault["name"][:100]
            yield Finding(AlertKind.FAULT, name, f"{name}, seit {fault.get('since')}")
    if station.phase == Phase.UNAVAILABLE:
        words = "nimmt keinen Ladevorgang an (Zähler, Leser, Speicher?)"
        yield Finding(AlertKind.UNAVAILABLE, "", words)


def _two_boxes(station: Station, now: dt.datetime) -> Iterator[Finding]:
    if station.two_boxes_at is not None and now - station.two_boxes_at < _TWO_BOXES_FOR:
        words = "zwei Geräte melden sich abwechselnd mit demselben Schlüssel"
        yield Finding(AlertKind.TWO_BOXES, "", words)


def _refused(station: Station) -> Iterator[Finding]:
    waiting = QuarantineItem.objects.filter(station=station, settled_at=None)
    refused = waiting.aggregate(count=Count("pk"), newest=Max("pk"))
    if refused["count"]:
        words = f"{refused['count']} zurückgewiesene Meldung(en) zu prüfen"
        yield Finding(AlertKind.QUARANTINE, "", words, newest=refused["newest"])


def _energy(station: Station, now: dt.datetime, subjects: Collection[str]) -> Iterator[Finding]:
    for energy in unassigned.too_much(station, now, subjects):
        yield Finding(AlertKind.UNASSIGNED, energy.subject, energy.words)
    for subject in subjects:
        if unassigned.undecided(station, subject):
            yield Finding(AlertKind.UNASSIGNED, subject, "", certain=False)
