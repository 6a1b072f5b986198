"""Who is told at once that something is wrong with a station, and that it is over.

Every look compares the stations as they are with the alerts that are open: nothing depends on
being there when it happened, and a look that fails is made good by the next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field

from django.utils import timezone

from evcs.kinds import AlertKind
from evcs.models import Alert, Station
from evcs.services import alert_mails, findings, runs, unassigned
from evcs.services.findings import Finding, Key
from evcs.services.transactions import in_transaction, lock_station
from evcs.settings import evcs_settings

# The name that the looks go by among the runs.
JOB = "alerts"
_LONGEST_DETAIL = 300
# Further ahead than clocks of one server's machines differ: this one was set back.
_SET_BACK = dt.timedelta(minutes=1)


@dataclass(slots=True)
class Outcome:
    """What a look came to. ``failed``: by address, what the mail server said. ``busy``: another
    run is looking, this one did nothing (more)."""

    begun: int = 0
    ended: int = 0
    mailed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    busy: bool = False


def look() -> Outcome:
    """Compare every station with its open alerts, and tell what is new. Raises Unavailable."""
    outcome = Outcome()
    with runs.only_one(JOB) as lease:
        if lease is None:
            outcome.busy = True
            return outcome
        now = timezone.now()
        for station_id in Station.objects.order_by("pk").values_list("pk", flat=True):
            begun, ended = _note(station_id, now, lease.since)
            outcome.begun += begun
            outcome.ended += ended
        told = alert_mails.tell(now, lease)
        outcome.mailed, outcome.failed, outcome.busy = told.mailed, told.failed, told.lost
        if not told.lost:
            lease.done()
    return outcome


@in_transaction
def _note(station_id: int, now: dt.datetime, looking_since: dt.datetime) -> tuple[int, int]:
    """Store what begins and what ends; how many of each."""
    station = lock_station(station_id)
    _correct_last_seen(station, now)
    known = {(one.kind, one.subject): one for one in station.alerts.filter(ended_at=None)}
    found = findings.of(station, now, looking_since, known)
    begun = ended = 0
    for key, alert in list(known.items()):
        if key not in found and _becomes_another(alert, found, known):
            known[alert.kind, alert.subject] = known.pop(key)
    for key, finding in found.items():
        if not finding.certain:
            continue
        if key in known:
            _goes_on(known[key], finding, now)
        else:
            _begin(station, finding, now)
            begun += 1
    for key, alert in known.items():
        if key not in found:
            ended += _is_gone(station, alert, found, now)
    return begun, ended


def _correct_last_seen(station: Station, now: dt.datetime) -> None:
    """A time that is still to come was of a clock that was set back since: as if heard now, so that
    silence does not wait for that time."""
    if station.last_seen is not None and station.last_seen > now + _SET_BACK:
        station.last_seen = now
        station.save(update_fields=["last_seen"])


def _begin(station: Station, finding: Finding, now: dt.datetime) -> None:
    Alert.objects.create(
        station=station,
        kind=finding.kind,
        subject=finding.subject,
        detail=finding.words[:_LONGEST_DETAIL],
        since=now,
        due_at=now + _patience(finding.kind),
        newest=finding.newest,
    )


def _goes_on(alert: Alert, finding: Finding, now: dt.datetime) -> None:
    before = alert.detail, alert.gone_at, alert.newest
    alert.detail, alert.gone_at = finding.words[:_LONGEST_DETAIL], None
    if finding.newest is not None:
        newer = alert.newest is not None and finding.newest > alert.newest
        alert.newest = max(finding.newest, alert.newest or 0)
        if newer:
            alert.told_at, alert.due_at = None, now
            alert.mails.all().delete()
    if (alert.detail, alert.gone_at, alert.newest) != before:
        alert.save()


def _becomes_another(alert: Alert, found: Collection[Key], known: Collection[Key]) -> bool:
    """Give an alert of energy that a session end moved into a month that month's name: it is told
    already, and not over."""
    if alert.kind != AlertKind.UNASSIGNED:
        return False
    months = [subject for kind, subject in found if kind == AlertKind.UNASSIGNED]
    month = unassigned.month_after(alert.subject, months)
    if month is None or (AlertKind.UNASSIGNED, month) in known:
        return False
    alert.subject = month
    alert.save(update_fields=["subject"])
    return True


def _is_gone(station: Station, alert: Alert, found: Collection[Key], now: dt.datetime) -> bool:
    """End an alert that is not found any more, once that is certain; whether it did."""
    past = alert.kind == AlertKind.UNASSIGNED and _is_past(station, alert, found)
    if past and alert.told_at is None and alert_mails.anybody():
        # Its end is not told, so its beginning has to be before.
        return False
    if alert.gone_at is None:
        alert.gone_at = now
        alert.save(update_fields=["gone_at"])
    if now - alert.gone_at < _patience(alert.kind):
        return False
    if alert.told_at is None and alert.gone_at < alert.due_at and not alert.mails.exists():
        # Over before it was worth a mail.
        alert.delete()
        return False
    alert.ended_at = alert.gone_at
    alert.only_listed = past or not alert_mails.anybody()
    alert.save(update_fields=["ended_at", "only_listed"])
    return True


def _is_past(station: Station, alert: Alert, found: Collection[Key]) -> bool:
    """Whether energy of no session is told elsewhere from now on, or not to be had any more."""
    months = [subject for kind, subject in found if kind == AlertKind.UNASSIGNED]
    return (
        unassigned.is_past(station, alert.subject)
        or unassigned.month_after(alert.subject, months) is not None
    )


def _patience(kind: str) -> dt.timedelta:
    """How long a thing lasts before it is told, and how long it is gone before it is over: one
    that is lost again and again would otherwise never be told, or again and again."""
    unavailable = kind == AlertKind.UNAVAILABLE
    return dt.timedelta(seconds=evcs_settings.UNAVAILABLE_AFTER_S if unavailable else 0)
