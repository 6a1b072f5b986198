"""``evcs_retention``: deletes what need not be kept. Every night, or as a service (``--loop``)."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from evcs.management.loop import repeat
from evcs.services import retention


class Command(BaseCommand):
    """Minute readings, settled unknown tags and messages, alerts and commands long over."""

    help = "Delete what is older than EVCS[...KEPT_DAYS]; never anything that is billed from."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--dry-run", action="store_true", help="only say how many")
        parser.add_argument(
            "--loop",
            type=float,
            metavar="SECONDS",
            help="at once and then every so many seconds (86400: a day), until SIGTERM",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete."""
        once = partial(self._once, dry_run=options["dry_run"])
        if options["loop"] is None:
            once()
        else:
            repeat(once, options["loop"], self.stderr.write)

    def _once(self, *, dry_run: bool) -> None:
        for name, count in retention.apply(dry_run=dry_run).items():
            self.stdout.write(f"{name}: {count}")
