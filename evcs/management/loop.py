"""A command that does its work again and again, as a service does, until it is told to end."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable

from django.core.management.base import CommandError
from django.db import Error, close_old_connections

from evcs.services.errors import Unavailable

# After a failure: a database that is away for a moment does not cost a day.
AGAIN_S = 60.0


def repeat(work: Callable[[], None], every_s: float, failed: Callable[[str], object]) -> None:
    """Call ``work`` every so many seconds until SIGTERM; what the database refused is told to
    ``failed`` and tried again after a minute. Raises CommandError for a time that is none."""
    if not every_s >= 1:
        raise CommandError(f"--loop {every_s:g}: give a second or more")
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    wait_s = 0.0
    while not done.wait(wait_s):
        wait_s = every_s
        try:
            close_old_connections()
            work()
        except (Unavailable, Error) as error:
            wait_s = min(every_s, AGAIN_S)
            failed(f"the database: {words(error)}; once more in {wait_s:g} s")
        # Also one that is broken: the next turn opens another.
        with contextlib.suppress(Error):
            close_old_connections()


def words(error: Exception) -> str:
    """What the database said; that the service gave up is known here."""
    said = error.__cause__ if isinstance(error, Unavailable) and error.__cause__ else error
    return " ".join(str(said).split()) or type(said).__name__
