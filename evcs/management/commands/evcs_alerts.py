"""``evcs_alerts``: looks at the stations and mails what is new; once, or again and again.

Residents who want it hear of their own charges by the same run.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from evcs.management.loop import repeat, words
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
                failed = f"the database: {words(error)}"
            if failed:
                raise CommandError(f"{failed}; what is new is told at the next look")
            return
        longest_s = runs.SLOWEST.total_seconds()
        if not 1 <= every_s <= longest_s:
            raise CommandError(
                f"--loop {every_s:g}: give 1 to {longest_s:g} s; with longer pauses nobody could "
                "tell a silent station from a server that was off"
            )
        repeat(self._look_and_tell, every_s, self.stderr.write)

    def _look_and_tell(self) -> None:
        failed = self._look()
        if failed:
            self.stderr.write(failed)

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
