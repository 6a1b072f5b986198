"""What still speaks against closing a month. Reads only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from evcs.models import QuarantineItem, Session, Station
from evcs.services import reviews
from evcs.services.settlement import bounds


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """Something that may still change a month, or that nobody has looked at.

    ``kind``: silent_station, pending_messages, quarantine, open_session, provisional_session or
    review. ``detail`` says what to do, in English: it is for whoever closes.
    """

    kind: str
    station: str
    session_id: int | None
    detail: str


def of(month: dt.date) -> list[OpenPoint]:
    """Return what speaks against closing ``month`` (its first day)."""
    _, until = bounds(month, timezone.get_default_timezone())
    return [
        *_stations(until),
        *_quarantine(),
        *_sessions(month, until),
        *(
            OpenPoint(
                "review",
                session.station.name,
                session.pk,
                f"flagged {', '.join(session.flags)}; look at it, correct it or accept it",
            )
            for session in reviews.open_for(month)
        ),
    ]


def _stations(until: dt.datetime) -> list[OpenPoint]:
    points = []
    for station in Station.objects.filter(created_at__lt=until).order_by("name"):
        heard = station.heartbeat_at
        if heard is None and not station.enabled:
            continue
        if heard is None or heard < until:
            last = (
                "never" if heard is None else f"last on {timezone.localtime(heard):%Y-%m-%d %H:%M}"
            )
            points.append(
                OpenPoint(
                    "silent_station",
                    station.name,
                    None,
                    f"was heard {last}; what it charged may not be here yet",
                )
            )
        elif station.pending:
            points.append(
                OpenPoint(
                    "pending_messages",
                    station.name,
                    None,
                    f"has {station.pending} message(s) to deliver; wait until they are here",
                )
            )
    return points


def _quarantine() -> list[OpenPoint]:
    waiting = QuarantineItem.objects.filter(settled_at=None).select_related("station")
    return [
        OpenPoint(
            "quarantine",
            item.station.name,
            None,
            f"message {item.item_id} was refused: {item.reason}; look at it and settle it",
        )
        for item in waiting.order_by("pk")
    ]


def _sessions(month: dt.date, until: dt.datetime) -> list[OpenPoint]:
    running = Session.objects.filter(open_slot=1, started_effective__lt=until)
    waiting = Session.objects.filter(month=month, open_slot=None, end_received_at=None)
    return [
        OpenPoint(kind, session.station.name, session.pk, detail)
        for kind, found, detail in (
            ("open_session", running, "began before the month's end and has no end yet"),
            ("provisional_session", waiting, "ended provisionally; its own end may still come"),
        )
        for session in found.select_related("station").order_by("pk")
    ]
