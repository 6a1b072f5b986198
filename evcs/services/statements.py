"""What is billed to an apartment for a month, as one value. Reads only.

The value becomes canonical JSON when the month is closed, and every PDF, table and page is made
from that. Times are the house's own with their offset, energy is whole Wh, money is text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db.models import Q
from django.utils import timezone

from evcs.kinds import TimeQuality
from evcs.models import Entry, Session, StatementRecipient, TagAssignment
from evcs.services import tariffs
from evcs.services.settlement import bounds
from evcs.services.tariffs import Amount, Price
from evcs.settings import evcs_settings

FORMAT = "evcs-statement/1"


@dataclass(slots=True)
class _Bill:
    """The energy at each price, summed up before it is multiplied: one rounding a price."""

    prices: Sequence[Price]
    energy_wh: dict[Price, int] = field(default_factory=dict)
    unpriced_wh: int = 0

    def add(self, energy_wh: int, at: dt.datetime) -> int | None:
        """Count energy of a session that ended at ``at``; return which price it has."""
        price = tariffs.on(_local(at).date(), self.prices)
        if price is None:
            self.unpriced_wh += energy_wh
            return None
        self.energy_wh[price] = self.energy_wh.get(price, 0) + energy_wh
        return list(self.energy_wh).index(price)

    def lines(self) -> list[tuple[Price, int, Amount]]:
        return [
            (price, energy_wh, tariffs.cost(energy_wh, price))
            for price, energy_wh in self.energy_wh.items()
        ]


def build(flat_id: Any, month: dt.date, closed_at: dt.datetime) -> dict[str, Any]:
    """Return the statement of an apartment (None: what belongs to nobody), ready for canonical().

    ``month`` is the first day. The cost does not grow with what other months hold.
    """
    zone = timezone.get_default_timezone()
    since, until = bounds(month, zone)
    bill = _Bill(tariffs.prices())
    charged = _sessions(flat_id, month)
    elsewhere = _held_elsewhere(flat_id, charged, closed_at)
    sessions = [_session(one, bill, elsewhere) for one in charged]
    entries = [_entry(one, bill) for one in _entries(flat_id, month)]
    return {
        "format": FORMAT,
        "month": f"{month:%Y-%m}",
        "timezone": str(zone),
        "from": since.isoformat(),
        "to": until.isoformat(),
        "closed_at": _text(closed_at),
        "issuer": issuer(),
        "flat": flat(flat_id),
        "recipient": _recipient(flat_id),
        "sessions": sessions,
        "entries": entries,
        "tariffs": [_priced(*line) for line in bill.lines()],
        "total": _total(sessions, entries, bill),
    }


def issuer() -> dict[str, Any]:
    """Return EVCS["ISSUER"], whole."""
    given = evcs_settings.ISSUER
    return {
        "name": str(given.get("name", "")),
        "address": [str(line) for line in given.get("address", [])],
        "footer": [str(line) for line in given.get("footer", [])],
    }


def flat(flat_id: Any) -> dict[str, str] | None:
    """Return an apartment as statements name it."""
    if flat_id is None:
        return None
    model = apps.get_model(evcs_settings.FLAT_MODEL)
    found = model._default_manager.get(pk=flat_id)
    return {"id": str(flat_id), "name": str(getattr(found, evcs_settings.FLAT_NAME_FIELD))}


def _sessions(flat_id: Any, month: dt.date) -> Sequence[Session]:
    found = Session.objects.filter(flat_id=flat_id, month=month)
    return (
        found.select_related("station", "tag")
        .prefetch_related("reviews")
        .order_by("closed_at", "pk")
    )


def _entries(flat_id: Any, month: dt.date) -> Sequence[Entry]:
    found = Entry.objects.filter(flat_id=flat_id, month=month)
    return found.select_related("session__station").order_by("pk")


def _held_elsewhere(flat_id: Any, charged: Sequence[Session], at: dt.datetime) -> set[Any]:
    """The tags among those that charged which are another apartment's at ``at``: what they are
    called is theirs to know. What is nobody's is for the landlord, who knows."""
    if flat_id is None:
        return set()
    held = TagAssignment.objects.filter(tag_id__in={one.tag_id for one in charged})
    held = held.filter(Q(valid_from=None) | Q(valid_from__lte=at))
    held = held.filter(Q(valid_to=None) | Q(valid_to__gt=at))
    return set(held.exclude(flat_id=flat_id).values_list("tag_id", flat=True))


def _session(session: Session, bill: _Bill, elsewhere: set[Any]) -> dict[str, Any]:
    own = session.end_received_at is not None
    assert session.closed_at is not None
    return {
        "id": session.pk,
        "uuid": str(session.uuid),
        "station": session.station.name,
        "tag": session.tag_uid,
        "tag_label": session.tag.label if session.tag and session.tag_id not in elsewhere else "",
        "started_at": _text(session.started_effective),
        "ended_at": _text(session.closed_at),
        "started_estimated": session.time_quality == TimeQuality.ESTIMATED,
        "ended_estimated": not own or session.end_time_quality == TimeQuality.ESTIMATED,
        "meter_serial": session.start_serial,
        "end_meter_serial": session.end_serial if own else session.start_serial,
        "start_wh": session.start_wh,
        "end_wh": session.end_wh if own else session.provisional_wh,
        "energy_wh": session.booked_wh,
        "register_estimated": own and session.end_estimated,
        "provisional": not own,
        "flags": session.flags,
        "reviews": [{"by": one.by_name, "note": one.note} for one in session.reviews.all()],
        "tariff": bill.add(session.booked_wh, session.closed_at),
    }


def _entry(entry: Entry, bill: _Bill) -> dict[str, Any]:
    session = entry.session
    assert session.closed_at is not None
    return {
        "kind": entry.kind,
        "session_id": session.pk,
        "session_month": f"{session.month:%Y-%m}",
        "station": session.station.name,
        "started_at": _text(session.started_effective),
        "ended_at": _text(session.closed_at),
        "energy_wh": entry.energy_wh,
        "reason": entry.reason,
        "by": entry.by_name,
        "at": _text(entry.at),
        "tariff": bill.add(entry.energy_wh, session.closed_at),
    }


def _priced(price: Price, energy_wh: int, amount: Amount) -> dict[str, Any]:
    return {
        "valid_from": price.valid_from.isoformat(),
        "price_per_kwh": str(price.per_kwh),
        "currency": price.currency,
        "vat_percent": str(price.vat_percent),
        "energy_wh": energy_wh,
        "net": str(amount.net),
        "vat": str(amount.vat),
        "gross": str(amount.gross),
    }


def _total(sessions: list[Any], entries: list[Any], bill: _Bill) -> dict[str, Any]:
    energy_wh = sum(one["energy_wh"] for one in [*sessions, *entries])
    amounts = [amount for _, _, amount in bill.lines()]
    priced = bool(amounts)
    return {
        "sessions": len(sessions),
        "energy_wh": energy_wh,
        "energy_kwh": f"{Decimal(energy_wh).scaleb(-3):.3f}",
        "unpriced_wh": bill.unpriced_wh,
        "currency": next(iter(bill.energy_wh)).currency if priced else None,
        "net": str(sum(one.net for one in amounts)) if priced else None,
        "vat": str(sum(one.vat for one in amounts)) if priced else None,
        "gross": str(sum(one.gross for one in amounts)) if priced else None,
    }


def _recipient(flat_id: Any) -> list[str]:
    if flat_id is None:
        return []
    found = StatementRecipient.objects.filter(flat_id=flat_id).first()
    return [line for line in found.address.splitlines() if line.strip()] if found else []


def _local(at: dt.datetime) -> dt.datetime:
    return at.astimezone(timezone.get_default_timezone())


def _text(at: dt.datetime) -> str:
    return _local(at).isoformat()
