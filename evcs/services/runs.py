"""One run of a job at a time, on whatever machine: a lease in the database that ends by itself."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import Error
from django.utils import timezone

from evcs.models import Run
from evcs.services.errors import Unavailable
from evcs.services.transactions import in_transaction

log = logging.getLogger(__name__)

# A run renews it before each mail, and no mail server takes that long to refuse one.
LEASE = dt.timedelta(minutes=5)
# A job may be done every so often at least; later than GAP it was not done "again and again".
SLOWEST = dt.timedelta(minutes=5)
GAP = SLOWEST + dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lease:
    """This run's hold on a job, which was done without a gap since ``since``."""

    name: str
    holder: str
    since: dt.datetime

    def renew(self) -> bool:
        """Hold it for another while; False if another run has it by now."""
        return _renew(self, timezone.now())

    def done(self) -> None:
        """Note that the job is done."""
        _done(self, timezone.now())


@contextlib.contextmanager
def only_one(name: str) -> Iterator[Lease | None]:
    """Hold a job, or None if another run is at it. Raises Unavailable."""
    lease = _take(name, uuid.uuid4().hex, timezone.now())
    try:
        yield lease
    finally:
        if lease is not None:
            # Not to be given back to a database that is away; it ends by itself.
            with contextlib.suppress(Unavailable, Error):
                _give_back(lease)


def done_at(name: str) -> dt.datetime | None:
    """When a job was done last, None if never."""
    return Run.objects.filter(name=name).values_list("done_at", flat=True).first()


@in_transaction
def _take(name: str, holder: str, now: dt.datetime) -> Lease | None:
    Run.objects.get_or_create(name=name)
    run = Run.objects.select_for_update().get(name=name)
    # One that ends later than any could is of a clock that was set back since. Not a little later:
    # that one began while this one waited for the row, or on a machine whose clock is ahead.
    if run.held_until is not None and now < run.held_until <= now + 2 * LEASE:
        log.info("%s: another run is at it until %s", name, run.held_until)
        return None
    run.holder, run.held_until = holder, now + LEASE
    run.since = _without_gap(run, now)
    run.save()
    return Lease(name, holder, run.since)


def _without_gap(run: Run, now: dt.datetime) -> dt.datetime:
    if run.since is None or run.done_at is None or abs(now - run.done_at) > GAP:
        return now
    return min(run.since, now)


@in_transaction
def _renew(lease: Lease, now: dt.datetime) -> bool:
    mine = Run.objects.filter(name=lease.name, holder=lease.holder)
    return bool(mine.update(held_until=now + LEASE))


@in_transaction
def _done(lease: Lease, now: dt.datetime) -> None:
    Run.objects.filter(name=lease.name, holder=lease.holder).update(done_at=now)


@in_transaction
def _give_back(lease: Lease) -> None:
    mine = Run.objects.filter(name=lease.name, holder=lease.holder)
    mine.update(holder="", held_until=None)
