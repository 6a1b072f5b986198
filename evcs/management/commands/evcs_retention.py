"""``evcs_retention``: deletes what need not be kept. Every night."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from evcs.services import retention


class Command(BaseCommand):
    """Minute readings, settled unknown tags, alerts and commands that are long over."""

    help = "Delete what is older than EVCS[...KEPT_DAYS]; never anything that is billed from."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--dry-run", action="store_true", help="only say how many")

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete."""
        for name, count in retention.apply(dry_run=options["dry_run"]).items():
            self.stdout.write(f"{name}: {count}")
