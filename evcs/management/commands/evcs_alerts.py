"""``evcs_alerts``: looks at the stations and mails what is new; once, or again and again.

Residents who want it hear of their own charges by the same run.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, close_old_connections

from evcs.services import alerts, runs, session_mails
from evcs.services.errors import Unavailable


class Command(BaseCommand):
    """For a timer every minute, or with ``--loop`` as a service."""

    help = "Mail the landlord and the electrician what is newly wrong with a station, and over."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--loop",
            type=float,
            metavar="SECONDS",
            help="look every so many seconds, until SIGTERM",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Look."""
        every_s = options["loop"]
        if every_s is None:
            try:
                failed = self._look()
            except (Unavailable, Error) as error:
                failed = f"the database: {_words(error)}"
            if failed:
                raise CommandError(f"{failed}; what is new is told at the next look")
            return
        longest_s = runs.SLOWEST.total_seconds()
        if not 1 <= every_s <= longest_s:
            raise CommandError(
                f"--loop {every_s:g}: give 1 to {longest_s:g} s; with longer pauses nobody could "
                "tell a silent station from a server that was off"
            )
        done = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: done.set())
        while True:
            try:
                close_old_connections()
                failed = self._look()
            except (Unavailable, Error) as error:
                failed = f"the database: {_words(error)}; the next look tries again"
            if failed:
                self.stderr.write(failed)
            # Also one that is broken: the next look opens another.
            with contextlib.suppress(Error):
                close_old_connections()
            if done.wait(every_s):
                return

    def _look(self) -> str:
        outcome = alerts.look()
        if outcome.begun or outcome.ended or outcome.mailed:
            self.stdout.write(
                f"{outcome.begun} new, {outcome.ended} over, mailed to "
                f"{', '.join(outcome.mailed) or 'nobody'}"
            )
        if outcome.busy:
            self.stdout.write("another run is looking; it tells what is new")
        to_residents = session_mails.send()
        if to_residents.sent:
            self.stdout.write(f"{to_residents.sent} mail(s) to residents")
        failed = outcome.failed | to_residents.failed
        return "; ".join(f"{address}: {text}" for address, text in failed.items())


def _words(error: Exception) -> str:
    """What the database said; that the service gave up is known here."""
    said = error.__cause__ if isinstance(error, Unavailable) and error.__cause__ else error
    return " ".join(str(said).split()) or type(said).__name__
