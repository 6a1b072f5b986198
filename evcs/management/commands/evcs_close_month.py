"""``evcs_close_month 2026-11``: closes a month for good."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evcs.services import months
from evcs.services.errors import ServiceError, UsageError
from evcs.times import parse_month


class Command(BaseCommand):
    """Closes a month: what is booked in it stays, what comes later goes to the next."""

    help = "Close a month that is over; energy that arrives later counts in the next open one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("month", metavar="MONTH", help="as 2026-11")

    def handle(self, *args: Any, **options: Any) -> None:
        """Close it."""
        try:
            closed = months.close(parse_month(options["month"]))
        except (ServiceError, UsageError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{closed} is closed")
