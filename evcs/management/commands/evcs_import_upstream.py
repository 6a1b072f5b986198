"""``evcs_import_upstream``: what the original project recorded becomes sessions."""

from __future__ import annotations

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

from evcs.services import upstream_import
from evcs.services.errors import ServiceError, UsageError
from evcs.settings import evcs_settings


class Command(BaseCommand):
    """Imports the table evcs_chargingvalue, as often as one likes."""

    help = (
        "Import what the original project recorded (evcs_chargingvalue); a second run changes "
        "nothing. Exit status 1 if a row wants a person."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="where the table is")
        parser.add_argument("--zone", help="of the original's wall clock [TIME_ZONE]")
        parser.add_argument("--dry-run", action="store_true", help="only list the rows")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import them, a line for each row and the sums at the end."""
        alias = options["database"]
        if alias not in connections:
            raise CommandError(f"there is no database {alias!r} in DATABASES")
        try:
            name = options["zone"]
            zone = ZoneInfo(name) if name else ZoneInfo(str(timezone.get_default_timezone()))
            rows = upstream_import.read(alias)
        except (UsageError, ZoneInfoNotFoundError, ValueError) as error:
            raise CommandError(str(error)) from error
        if options["dry_run"]:
            for row in rows:
                self.stdout.write(f"row {row.id}: {row.rfid!r} {row.start_time} {row.end_time}")
            self.stdout.write(f"{len(rows)} row(s)")
            return
        counts: Counter[str] = Counter()
        wanted, energy_wh = 0, 0
        try:
            for taken in upstream_import.take(rows, _names(), upstream_import.serials(alias), zone):
                counts[taken.what] += 1
                energy_wh += taken.energy_wh
                wanted += bool(taken.problems)
                why = f": {'; '.join(taken.problems)}" if taken.problems else ""
                self.stdout.write(f"row {taken.row_id} {taken.what}, {taken.energy_wh} Wh{why}")
        except ServiceError as error:
            raise CommandError(f"{error}; run it again, what is there stays") from error
        told = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
        self.stdout.write(f"{len(rows)} row(s): {told or 'none'}; {energy_wh} Wh")
        if wanted:
            raise CommandError(f"{wanted} row(s) want a person: see above")


def _names() -> dict[Any, str]:
    flats = apps.get_model(evcs_settings.FLAT_MODEL)._default_manager
    return dict(flats.values_list("pk", evcs_settings.FLAT_NAME_FIELD))
