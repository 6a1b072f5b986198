"""``evcs_close_month 2026-11``: closes a month for good and writes its statements."""

from __future__ import annotations

import datetime as dt
import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from evcs.services import closing, mails, open_points
from evcs.services.closing import Override, StillOpen
from evcs.services.errors import ServiceError, UsageError
from evcs.services.open_points import OpenPoint
from evcs.services.settlement import month_of
from evcs.times import parse_month


class Command(BaseCommand):
    """Closes a month: what is booked in it stays, what comes later goes to the next."""

    help = (
        "Close a month that is over and write its statements; energy that arrives later counts in "
        "the next open one. Lists what is still open, and then closes only with --over."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("month", metavar="MONTH", nargs="?", help="as 2026-11")
        which.add_argument("--last", action="store_true", help="the month before this one")
        parser.add_argument("--check", action="store_true", help="only list what is still open")
        parser.add_argument("--by", metavar="NAME", help="who closes it [the user of the system]")
        parser.add_argument(
            "--over", metavar="REASON", help="close over what is still open, for this reason"
        )
        parser.add_argument("--mail", action="store_true", help="then mail the statements")

    def handle(self, *args: Any, **options: Any) -> None:
        """Close it."""
        by = options["by"] or getpass.getuser()
        override = Override(by, options["over"]) if options["over"] is not None else None
        try:
            month = _last() if options["last"] else parse_month(options["month"])
            if options["check"]:
                self._check(open_points.of(month))
                return
            closed = closing.close(month, by, override=override)
            count = closed.statements.count()
            self.stdout.write(f"{closed} is closed: {count} statement(s), {closed.sha256}")
            if options["mail"]:
                self._mail(month)
        except StillOpen as error:
            self._tell(error.points)
            raise CommandError(
                f'{error}: --over "REASON" --by "NAME"' if options["over"] is None else str(error)
            ) from error
        except (ServiceError, UsageError, ValueError) as error:
            raise CommandError(str(error)) from error

    def _check(self, points: list[OpenPoint]) -> None:
        self._tell(points)
        if points:
            raise CommandError(f"{len(points)} open point(s)")
        self.stdout.write("nothing is open")

    def _tell(self, points: list[OpenPoint]) -> None:
        for point in points:
            session = f", session {point.session_id}" if point.session_id else ""
            self.stdout.write(f"{point.kind}: {point.station}{session}: {point.detail}")

    def _mail(self, month: dt.date) -> None:
        sent = mails.send(month, report=True)
        for address in sent.sent:
            self.stdout.write(f"mailed to {address}")
        if sent.failed:
            told = "; ".join(f"{address}: {why}" for address, why in sent.failed.items())
            raise CommandError(
                f"closed, but not all mails went out ({told}); "
                f"send the rest with evcs_mail_statements {month:%Y-%m}"
            )


def _last() -> dt.date:
    this = month_of(timezone.now(), timezone.get_default_timezone())
    return month_of(
        dt.datetime.combine(this, dt.time(), timezone.get_default_timezone())
        - dt.timedelta(days=1),
        timezone.get_default_timezone(),
    )
