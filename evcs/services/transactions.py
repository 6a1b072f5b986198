"""One way to the database: a transaction that is tried again when another one was in the way."""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import Error, IntegrityError, InterfaceError, OperationalError, connection
from django.db.transaction import atomic

from evcs.models import Station
from evcs.services.errors import Unavailable
from mcsp.codes import Code

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

TRIES = 4
PAUSE_S = 0.05
# Deadlock or serialization failure, by PostgreSQL's SQLSTATE and MariaDB's number: even at the
# commit they say that nothing was written.
ROLLED_BACK = {"40001", "40P01", 1213}
AWAY = "the database was busy or away; send the same message again"
UNKNOWN = (
    "the database was lost while it stored this; a station sends the same message again, "
    "a person looks first whether it is there"
)


def in_transaction(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` in a transaction of its own; when it returns, it is committed.

    A lock that was not to be had, a deadlock, a lost connection, and a unique value that another
    transaction wrote in between are tried again; after ``TRIES`` tries: Unavailable. A commit
    whose answer was lost is not tried again, since it may have happened: Unavailable at once. A
    station sends its message once more and finds it stored; a person has to look. Inside a
    caller's transaction there is one try, because only the caller could roll back.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        outermost = not connection.in_atomic_block
        tries = TRIES if outermost else 1
        for attempt in range(1, tries + 1):
            committing = False
            try:
                with atomic():
                    result = function(*args, **kwargs)
                    committing = True
                return result
            except (OperationalError, InterfaceError, IntegrityError) as error:
                if outermost:
                    # A connection that is broken stays so.
                    connection.close_if_unusable_or_obsolete()
                unknown = committing and not _rolled_back(error)
                if unknown or attempt == tries:
                    log.warning("%s: given up at try %d: %s", function.__name__, attempt, error)
                    raise Unavailable(Code.UNAVAILABLE, UNKNOWN if unknown else AWAY) from error
                time.sleep(PAUSE_S * attempt * (0.5 + random.random()))
        raise AssertionError("unreachable")

    return run


def lock_station(station_id: int) -> Station:
    """Return the station, locked until the transaction ends. One station's messages take turns.

    On SQLite the transaction itself is the lock (evcs.E004).
    """
    return Station.objects.select_for_update().get(pk=station_id)


def lock_all_stations() -> None:
    """Hold every station until the transaction ends: nobody is in the middle of a booking."""
    list(Station.objects.select_for_update().order_by("pk").values_list("pk"))


def _rolled_back(error: Error) -> bool:
    if isinstance(error, IntegrityError):
        return True
    codes = {getattr(error.__cause__, "sqlstate", None), *error.args[:1]}
    return bool(codes & ROLLED_BACK)
