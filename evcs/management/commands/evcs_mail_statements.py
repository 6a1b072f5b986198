"""``evcs_mail_statements 2026-11``: mails the statements of a closed month."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evcs.services import mails
from evcs.services.errors import ServiceError, UsageError
from evcs.times import parse_month


class Command(BaseCommand):
    """Mails each statement once to the address of its apartment."""

    help = "Mail the statements of a closed month; what was mailed before is not mailed again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("month", metavar="MONTH", help="as 2026-11")
        parser.add_argument("--report", action="store_true", help="also the landlord's report")

    def handle(self, *args: Any, **options: Any) -> None:
        """Mail them."""
        try:
            sent = mails.send(parse_month(options["month"]), report=options["report"])
        except (ServiceError, UsageError, ValueError) as error:
            raise CommandError(str(error)) from error
        for address in sent.sent:
            self.stdout.write(f"mailed to {address}")
        if sent.already:
            self.stdout.write(f"{sent.already} mailed before")
        for name in sent.without_address:
            self.stdout.write(f"{name}: no address; enter one as its recipient")
        if sent.failed:
            told = "; ".join(f"{address}: {why}" for address, why in sent.failed.items())
            raise CommandError(f"not sent, run it again: {told}")
