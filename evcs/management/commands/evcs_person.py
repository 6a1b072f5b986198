"""``evcs_person export|forget --flat NAME``: one person's data, told and forgotten."""

from __future__ import annotations

import datetime as dt
import json
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evcs.management.flats import find_flat
from evcs.services import person_export, person_forget, persons


class Command(BaseCommand):
    """The rights of whoever lives in an apartment, or lived there."""

    help = (
        "Export what is stored of an apartment's people, or forget who they were. If several "
        "tenants lived there: of one login, or of a time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("action", choices=["export", "forget"])
        parser.add_argument("--flat", required=True, metavar="NAME", help="its name or id")
        parser.add_argument("--login", metavar="NAME", help="of this resident only")
        parser.add_argument("--since", type=_day, metavar="DATE", help="the day of moving in")
        parser.add_argument(
            "--until", type=_day, metavar="DATE", help="the first day they no longer lived there"
        )
        parser.add_argument("--yes", action="store_true", help="forget: there is no way back")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export to standard output, or forget."""
        flat = find_flat(options["flat"])
        try:
            person = persons.of(
                flat.pk, login=options["login"], since=options["since"], until=options["until"]
            )
        except persons.Unclear as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"{flat}: {_who(person)}")
        if options["action"] == "export":
            exported = person_export.export(person)
            self.stdout.write(json.dumps(exported, ensure_ascii=False, indent=1))
            return
        if not options["yes"]:
            raise CommandError("there is no way back: export first, then say --yes")
        done = person_forget.forget(person)
        self.stdout.write(
            f"cleared: {done.labels} label(s), {done.addresses} address(es), {done.logins} "
            f"login(s), {done.mails} mail(s), {done.unknown_tags} unknown tag(s), "
            f"{done.refused_starts} refused start(s), {done.messages} refused message(s); "
            "what is billed stays"
        )
        for what in done.left:
            self.stdout.write(f"left: {what}")


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no day; write it as 2026-11-01") from error


def _who(person: persons.Person) -> str:
    logins = ", ".join(row.user.get_username() for row in person.residents) or "no login"
    return f"{logins}, {' and '.join(str(span) for span in person.spans)}"
