"""What an apartment charged in a month. Reads only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum

from evcs.kinds import EntryKind
from evcs.models import Entry, Session


@dataclass(frozen=True, slots=True)
class Consumption:
    """What counts for an apartment in a month, Wh. ``sessions_wh`` is that of the ``sessions``
    (``provisional`` of them await their END); ``late_wh`` came after another month was closed,
    ``corrected_wh`` is what people corrected or moved."""

    flat_id: Any
    month: dt.date
    sessions: int
    provisional: int
    sessions_wh: int
    late_wh: int
    corrected_wh: int

    @property
    def energy_wh(self) -> int:
        """All of it."""
        return self.sessions_wh + self.late_wh + self.corrected_wh

    @property
    def energy_kwh(self) -> str:
        """All of it in kWh with three decimals, as text."""
        return f"{Decimal(self.energy_wh).scaleb(-3):.3f}"


def of_flat(flat_id: Any, month: dt.date) -> Consumption:
    """Return what counts for ``flat_id`` (None = unassigned) in ``month``, its first day.

    A session counts in the month, in the house's time, of its own or provisional end; in the next
    open one if that was closed when it ended.
    """
    sums = Session.objects.filter(flat_id=flat_id, month=month).aggregate(
        n=Count("pk"),
        provisional=Count("pk", filter=Q(end_received_at=None)),
        booked_wh=Sum("booked_wh"),
    )
    beside = Entry.objects.filter(flat_id=flat_id, month=month).aggregate(
        late=Sum("energy_wh", filter=Q(kind=EntryKind.LATE)),
        corrected=Sum("energy_wh", filter=~Q(kind=EntryKind.LATE)),
    )
    return Consumption(
        flat_id=flat_id,
        month=month,
        sessions=sums["n"],
        provisional=sums["provisional"],
        sessions_wh=int(sums["booked_wh"] or 0),
        late_wh=int(beside["late"] or 0),
        corrected_wh=int(beside["corrected"] or 0),
    )
