"""``evcs_tariff --from 2027-01-01 --price 0.35 --vat 19``: what a kWh costs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evcs.services import tariffs
from evcs.services.errors import ServiceError, UsageError


class Command(BaseCommand):
    """Sets, removes and lists tariffs."""

    help = "Let a kWh cost so much from a day on; without options: list the tariffs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--from", dest="day", metavar="DATE", help="first day, as 2027-01-01")
        parser.add_argument("--price", metavar="NUMBER", help="net per kWh, as 0.35")
        parser.add_argument("--vat", metavar="PERCENT", default="0", help="as 19 [0]")
        parser.add_argument("--currency", default="EUR", help="[EUR]")
        parser.add_argument("--remove", action="store_true", help="take back the tariff of a day")

    def handle(self, *args: Any, **options: Any) -> None:
        """Carry it out."""
        try:
            if options["day"] is not None:
                self._change(dt.date.fromisoformat(options["day"]), options)
        except (ServiceError, UsageError, ValueError, InvalidOperation) as error:
            raise CommandError(str(error) or "a price is a number, as 0.35") from error
        for price in tariffs.prices():
            self.stdout.write(
                f"from {price.valid_from}: {price.per_kwh} {price.currency}/kWh net, "
                f"{price.vat_percent} % VAT"
            )

    def _change(self, day: dt.date, options: dict[str, Any]) -> None:
        if options["remove"]:
            tariffs.remove(day)
        elif options["price"] is None:
            raise CommandError("say the price: --price 0.35")
        else:
            tariffs.set_price(
                day, Decimal(options["price"]), Decimal(options["vat"]), options["currency"]
            )
