"""Refused STARTs, noted for residents who asked to be told."""

from __future__ import annotations

import datetime as dt

from evcs.models import RefusedStart, StatementRecipient, Station
from evcs.services.tags import Lookup
from mcsp.codes import Code

# Somebody who holds the tag up again and again is told once.
ONCE_WITHIN = dt.timedelta(minutes=5)


def keep(station: Station, uid: str, lookup: Lookup, code: Code, now: dt.datetime) -> None:
    """Note it. Within the caller's transaction, station locked."""
    if lookup.flat_id is None:
        return
    wanting = StatementRecipient.objects.filter(flat_id=lookup.flat_id, session_mails=True)
    if not wanting.exclude(email="").exists():
        return
    lately = RefusedStart.objects.filter(station=station, tag_uid=uid, at__gt=now - ONCE_WITHIN)
    if not lately.exists():
        RefusedStart.objects.create(
            station=station, flat_id=lookup.flat_id, tag_uid=uid, code=code, at=now
        )
