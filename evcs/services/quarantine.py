"""What a station set aside because the server refused it, kept for a person to look at."""

from __future__ import annotations

from django.utils import timezone

from evcs.models import QuarantineItem, Station
from evcs.services.transactions import in_transaction, lock_station


@in_transaction
def keep(station: Station, item_id: str, raw: str, reason: str) -> bool:
    """Keep a refused message as text; return False if this ``item_id`` was kept before."""
    station = lock_station(station.pk)
    _, created = QuarantineItem.objects.get_or_create(
        station=station,
        item_id=item_id,
        defaults={"raw": raw, "reason": reason, "received_at": timezone.now()},
    )
    return created
