"""Readings within a session."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from evcs.kinds import Action
from evcs.models import Reading, Session, Station
from evcs.services import bookkeeping
from evcs.services.errors import SessionNotKnown
from evcs.services.messages import ReadingTaken
from evcs.services.starts import action_for
from evcs.services.transactions import in_transaction, lock_station
from mcsp.codes import Code


@in_transaction
def store(station: Station, uuid: UUID, readings: Sequence[ReadingTaken]) -> tuple[int, Action]:
    """Store the readings that are new by their ``n``; return how many, and whether to go on.

    A stored reading stays as it is. Raises SessionNotKnown if the session is not this station's.
    """
    station = lock_station(station.pk)
    session = bookkeeping.known(station, uuid)
    if session is None:
        raise SessionNotKnown(Code.SESSION_NOT_KNOWN, "no session has this uuid; send START first")
    new = {reading.n: reading for reading in reversed(readings)}
    there = Reading.objects.filter(session=session, n__in=list(new)).order_by()
    for n in list(there.values_list("n", flat=True)):
        del new[n]
    Reading.objects.bulk_create(
        Reading(session=session, n=r.n, at=r.at, import_wh=r.import_wh, power_w=r.power_w)
        for r in sorted(new.values(), key=lambda reading: reading.n)
    )
    return len(new), action_for(session)


def latest(session: Session) -> Reading | None:
    """Return the reading with the highest ``n``."""
    return session.readings.order_by("-n").first()
