"""Telling of alerts: to each person all that is new to them in one mail, each thing once.

It counts as told to an address when the mail server has taken its mail: a run that is cut off may
tell it once more, and loses none. What one address does not get is tried again with that one.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.core.mail import EmailMessage
from django.db.models import Q
from django.utils import timezone

from evcs.kinds import AlertKind
from evcs.models import Alert, AlertMail
from evcs.services.postbox import Postbox
from evcs.services.runs import Lease
from evcs.services.transactions import in_transaction
from evcs.settings import evcs_settings

# What the electrician is told as well.
_OF_THE_BOX = {AlertKind.FAULT, AlertKind.UNAVAILABLE, AlertKind.SILENT}


@dataclass(slots=True)
class Told:
    """``failed``: by address, what the mail server said. ``lost``: another run took over."""

    mailed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    lost: bool = False


def anybody() -> bool:
    """Whether there is anybody to tell."""
    return bool(evcs_settings.LANDLORD_EMAIL or evcs_settings.ELECTRICIAN_EMAIL)


def addresses(alert: Alert) -> set[str]:
    """Who is to be told of an alert: the landlord, the electrician of what is the box's; whoever
    is alone is told everything."""
    landlord, electrician = evcs_settings.LANDLORD_EMAIL, evcs_settings.ELECTRICIAN_EMAIL
    wanted = {landlord}
    if alert.kind in _OF_THE_BOX or not landlord:
        wanted.add(electrician)
    return wanted - {""}


def untold() -> Q:
    """What somebody has not been told yet, its beginning or its end."""
    begun = Q(told_at=None)
    return Q(only_listed=False) & (begun | Q(ended_at__isnull=False, end_told_at=None))


def tell(now: dt.datetime, lease: Lease) -> Told:
    """Mail what is new and due. Raises Unavailable."""
    outcome = Told()
    waiting = Alert.objects.filter(untold()).select_related("station").prefetch_related("mails")
    due = [one for one in waiting.order_by("since", "pk") if _is_due(one, now)]
    with Postbox() as post:
        for address in (evcs_settings.LANDLORD_EMAIL, evcs_settings.ELECTRICIAN_EMAIL):
            new = [one for one in due if address in addresses(one) and _is_new(one, address)]
            if not new or address in outcome.mailed or address in outcome.failed:
                continue
            if not lease.renew():
                outcome.lost = True
                return outcome
            refused = post.deliver(_mail(address, new))
            if refused:
                outcome.failed[address] = refused
            else:
                outcome.mailed.append(address)
                _note_told(new, address, now)
    _note_complete([one.pk for one in due], now)
    return outcome


def _is_due(alert: Alert, now: dt.datetime) -> bool:
    if alert.ended_at is not None:
        return True
    return alert.gone_at is None and alert.due_at <= now


def _told(alert: Alert, address: str) -> AlertMail | None:
    return next((one for one in alert.mails.all() if one.address == address), None)


def _knows(alert: Alert, address: str) -> bool:
    """Whether this address was told that it began; an alert that all were told of counts for an
    address that was entered later, too."""
    return alert.told_at is not None or _told(alert, address) is not None


def _is_new(alert: Alert, address: str) -> bool:
    told = _told(alert, address)
    if alert.ended_at is not None:
        return told is None or not told.over
    return not _knows(alert, address)


@in_transaction
def _note_told(alerts: list[Alert], address: str, now: dt.datetime) -> None:
    for alert in alerts:
        told = {"at": now, "over": alert.ended_at is not None}
        alert.mails.update_or_create(address=address, defaults=told)


@in_transaction
def _note_complete(keys: list[int], now: dt.datetime) -> None:
    """Note what everybody was told; also when one who was not is nobody to tell any more."""
    for alert in Alert.objects.filter(pk__in=keys).prefetch_related("mails"):
        wanted = addresses(alert)
        told = {one.address: one.over for one in alert.mails.all()}
        if not wanted:
            continue
        if alert.told_at is None and wanted <= set(told):
            alert.told_at = now
        if alert.ended_at is not None and all(told.get(one) for one in wanted):
            alert.end_told_at = now
        alert.save(update_fields=["told_at", "end_told_at"])


def _mail(address: str, alerts: list[Alert]) -> EmailMessage:
    lines = [_line(one, _knows(one, address)) for one in alerts]
    subject = lines[0] if len(lines) == 1 else f"{lines[0]} (und {len(lines) - 1} weitere)"
    body = "\n".join(["Guten Tag,", "", *lines, "", "Diese Nachricht wurde automatisch erstellt."])
    return EmailMessage(" ".join(subject.split())[:200], f"{body}\n", to=[address])


def _line(alert: Alert, known: bool) -> str:
    name, kind = alert.station.name, AlertKind(alert.kind).label
    if alert.ended_at is None:
        return f"{name}: {kind}: {alert.detail}"
    if known:
        return f"{name}: vorbei um {_local(alert.ended_at)}: {kind} {alert.subject}"
    span = f"von {_local(alert.since)} bis {_local(alert.ended_at)}, vorbei"
    return f"{name}: {kind} {span}: {alert.detail}"


def _local(at: dt.datetime) -> str:
    return f"{timezone.localtime(at):%d.%m.%Y %H:%M}"
