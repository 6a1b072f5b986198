"""``evcs_statement 2026-11``: writes the statements of a closed month as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evcs.models import ClosedMonth
from evcs.services import statement_files
from evcs.times import parse_month


class Command(BaseCommand):
    """Renders the statements of a month, and the report of the house."""

    help = "Write the statements of a closed month, and its report, into a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("month", metavar="MONTH", help="as 2026-11")
        parser.add_argument("--to", metavar="FOLDER", default=".", help="[.]")
        parser.add_argument("--format", choices=statement_files.FORMATS, default="pdf")
        parser.add_argument("--language", choices=statement_files.LANGUAGES, default="de")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write them."""
        try:
            month = parse_month(options["month"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        closed = ClosedMonth.objects.filter(month=month).exclude(content="").first()
        if closed is None:
            raise CommandError(f"{month:%Y-%m} is not closed; evcs_close_month closes it")
        folder = Path(options["to"])
        folder.mkdir(parents=True, exist_ok=True)
        written: set[str] = set()
        for text, sha256 in [
            (closed.content, closed.sha256),
            *closed.statements.values_list("content", "sha256"),
        ]:
            name, data = statement_files.of(text, sha256, options["format"], options["language"])
            if name in written:
                # Names of apartments need not be unique.
                name = f"{sha256[:8]}-{name}"
            written.add(name)
            (folder / name).write_bytes(data)
            self.stdout.write(str(folder / name))
