"""Who is told at once that something is wrong with a station, and that it is over.

Every look compares the stations as they are with the alerts that are open: nothing depends on
being there when it happened, and a look that fails is made good by the next. All that is new goes
to each person in one mail. It counts as told when the mail server has taken it: a run that is cut
off may tell it once more, and loses none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from smtplib import SMTPException
from typing import Any

from django.core.mail import EmailMessage
from django.db.models import Q
from django.utils import timezone

from evcs.kinds import AlertKind, Phase
from evcs.models import Alert, QuarantineItem, Station
from evcs.services import reconciliation
from evcs.services.settlement import month_of
from evcs.services.transactions import in_transaction
from evcs.settings import evcs_settings

# What the electrician is told as well.
_OF_THE_BOX = {AlertKind.FAULT, AlertKind.UNAVAILABLE, AlertKind.SILENT}
# A copied token is told until the boxes have not come in turn for so long.
_TWO_BOXES_FOR = dt.timedelta(days=1)
_LONGEST_DETAIL = 300

Found = dict[tuple[str, str], str]


@dataclass(slots=True)
class Outcome:
    """What a look came to. ``failed``: by address, what the mail server said."""

    begun: int = 0
    ended: int = 0
    mailed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def look() -> Outcome:
    """Compare every station with its open alerts, and tell what is new. Raises Unavailable."""
    now, outcome = timezone.now(), Outcome()
    for station in Station.objects.order_by("pk"):
        _note(station, now, outcome)
    _tell(now, outcome)
    return outcome


def wrong_with(station: Station, now: dt.datetime) -> Found:
    """Return what is wrong with a station now: (kind, subject) and words for it. Reads only."""
    return {(kind, subject): words for kind, subject, words in _wrong(station, now)}


def _wrong(station: Station, now: dt.datetime) -> Iterator[tuple[str, str, str]]:
    if station.last_seen is None:
        return
    after = max(evcs_settings.SILENT_AFTER_S, 3 * station.heartbeat_s)
    silent = now - station.last_seen > dt.timedelta(seconds=after)
    if silent:
        yield AlertKind.SILENT, "", f"zuletzt gehört {_local(station.last_seen)}"
    else:
        for fault in station.faults:
            if isinstance(fault, dict) and isinstance(fault.get("name"), str):
                name = fault["name"][:100]
                yield AlertKind.FAULT, name, f"{name}, seit {fault.get('since')}"
        if station.phase == Phase.UNAVAILABLE:
            yield (
                AlertKind.UNAVAILABLE,
                "",
                "nimmt keinen Ladevorgang an (Zähler, Leser, Speicher?)",
            )
    if station.two_boxes_at is not None and now - station.two_boxes_at < _TWO_BOXES_FOR:
        words = "zwei Geräte melden sich abwechselnd mit demselben Schlüssel"
        yield AlertKind.TWO_BOXES, "", words
    refused = QuarantineItem.objects.filter(station=station, settled_at=None).count()
    if refused:
        yield AlertKind.QUARANTINE, "", f"{refused} zurückgewiesene Meldung(en) zu prüfen"
    month = month_of(now, timezone.get_default_timezone())
    for line in reconciliation.reconcile(station, month):
        if line.unassigned_wh > evcs_settings.UNASSIGNED_ALERT_WH:
            subject = f"{month:%Y-%m} {line.serial or ''}".strip()
            yield (
                AlertKind.UNASSIGNED,
                subject,
                (f"{line.unassigned_wh} Wh ohne Ladevorgang, Zähler {line.serial}, {month:%Y-%m}"),
            )


@in_transaction
def _note(station: Station, now: dt.datetime, outcome: Outcome) -> None:
    found = wrong_with(station, now)
    open_now = {(one.kind, one.subject): one for one in station.alerts.filter(ended_at=None)}
    for (kind, subject), words in found.items():
        if (kind, subject) not in open_now:
            Alert.objects.create(
                station=station,
                kind=kind,
                subject=subject,
                detail=words[:_LONGEST_DETAIL],
                since=now,
            )
            outcome.begun += 1
    for key, alert in open_now.items():
        if key in found:
            continue
        if alert.told_at is None:
            # Over before it was worth a mail.
            alert.delete()
            continue
        Alert.objects.filter(pk=alert.pk).update(ended_at=now)
        outcome.ended += 1


def _tell(now: dt.datetime, outcome: Outcome) -> None:
    untold = Q(told_at=None) | Q(ended_at__isnull=False, end_told_at=None)
    waiting = Alert.objects.filter(untold).select_related("station").order_by("since", "pk")
    due = [one for one in waiting if one.told_at is not None or _lasts(one, now)]
    if not due:
        return
    told_to_somebody = False
    refused = False
    for address, alerts in _recipients(due).items():
        try:
            _mail(address, alerts)
        except (SMTPException, OSError) as error:
            outcome.failed[address] = str(error)
            refused = True
        else:
            outcome.mailed.append(address)
            told_to_somebody = True
    if told_to_somebody and not refused:
        _note_told(due, now)


def _lasts(alert: Alert, now: dt.datetime) -> bool:
    after_s = evcs_settings.UNAVAILABLE_AFTER_S if alert.kind == AlertKind.UNAVAILABLE else 0
    return now - alert.since >= dt.timedelta(seconds=after_s)


@in_transaction
def _note_told(alerts: Iterable[Alert], now: dt.datetime) -> None:
    for alert in alerts:
        told: dict[str, Any] = {"told_at": alert.told_at or now}
        if alert.ended_at is not None:
            told["end_told_at"] = now
        Alert.objects.filter(pk=alert.pk).update(**told)


def _recipients(alerts: list[Alert]) -> dict[str, list[Alert]]:
    found: dict[str, list[Alert]] = {}
    if evcs_settings.LANDLORD_EMAIL:
        found[evcs_settings.LANDLORD_EMAIL] = alerts
    if evcs_settings.ELECTRICIAN_EMAIL:
        mine = [one for one in alerts if one.kind in _OF_THE_BOX]
        if mine:
            found.setdefault(evcs_settings.ELECTRICIAN_EMAIL, mine)
    return found


def _mail(address: str, alerts: list[Alert]) -> None:
    lines = [_line(one) for one in alerts]
    subject = lines[0] if len(lines) == 1 else f"{lines[0]} (und {len(lines) - 1} weitere)"
    body = "\n".join(["Guten Tag,", "", *lines, "", "Diese Nachricht wurde automatisch erstellt."])
    EmailMessage(" ".join(subject.split())[:200], f"{body}\n", to=[address]).send()


def _line(alert: Alert) -> str:
    kind = AlertKind(alert.kind).label
    if alert.ended_at is not None and alert.told_at is not None:
        return f"{alert.station.name}: vorbei um {_local(alert.ended_at)}: {kind} {alert.subject}"
    return f"{alert.station.name}: {kind}: {alert.detail}"


def _local(at: dt.datetime) -> str:
    return f"{timezone.localtime(at):%d.%m.%Y %H:%M}"
