"""One way to the database: a transaction that is tried again when another one was in the way."""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction

from evcs.models import Station
from evcs.services.errors import Unavailable
from mcsp.codes import Code

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

TRIES = 4
PAUSE_S = 0.05


def in_transaction(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` in a transaction of its own; when it returns, it is committed.

    A lock that was not to be had, a deadlock, and a unique value that another transaction wrote in
    between are tried again; after ``TRIES`` tries: Unavailable. Inside a caller's transaction
    there is one try, because only the caller could roll back.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        tries = 1 if connection.in_atomic_block else TRIES
        for attempt in range(1, tries + 1):
            try:
                with transaction.atomic():
                    return function(*args, **kwargs)
            except (OperationalError, IntegrityError) as error:
                if attempt == tries:
                    log.warning("%s: given up after %d tries: %s", function.__name__, tries, error)
                    raise Unavailable(
                        Code.UNAVAILABLE,
                        "the database was busy or away; send the same message again",
                    ) from error
                time.sleep(PAUSE_S * attempt * (0.5 + random.random()))
        raise AssertionError("unreachable")

    return run


def lock_station(station_id: int) -> Station:
    """Return the station, locked until the transaction ends. One station's messages take turns.

    On SQLite the transaction itself is the lock (evcs.E004).
    """
    return Station.objects.select_for_update().get(pk=station_id)
