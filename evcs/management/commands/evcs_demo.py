"""``evcs_demo``: fills the demo house."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evcs.services import demo
from evcs.services.errors import ServiceError, UsageError


class Command(BaseCommand):
    """Makes apartments, tags, a station and an administrator to try things with."""

    help = "Fill the demo house (safe to run again) and print a line for each thing in it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--station", default="Demo", metavar="NAME")
        parser.add_argument(
            "--token-file", type=Path, metavar="FILE", help="where the station's token is to be"
        )
        parser.add_argument("--password", metavar="PW", help="of the login admin")

    def handle(self, *args: Any, **options: Any) -> None:
        """Fill it."""
        try:
            for line in demo.fill(
                station_name=options["station"],
                token_file=options["token_file"],
                password=options["password"],
            ):
                self.stdout.write(line)
        except (ServiceError, UsageError, OSError) as error:
            raise CommandError(str(error)) from error
