"""``evcs_person export|forget --flat NAME``: one person's data, told and forgotten."""

from __future__ import annotations

import json
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

from evcs.services import persons
from evcs.settings import evcs_settings


class Command(BaseCommand):
    """The rights of whoever lives in an apartment."""

    help = "Export what is stored of an apartment's people, or forget who they were."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("action", choices=["export", "forget"])
        parser.add_argument("--flat", required=True, metavar="NAME", help="the apartment")
        parser.add_argument("--yes", action="store_true", help="forget: there is no way back")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export to standard output, or forget."""
        model = apps.get_model(evcs_settings.FLAT_MODEL)
        wanted = {evcs_settings.FLAT_NAME_FIELD: options["flat"]}
        found = list(model._default_manager.filter(**wanted)[:2])
        if len(found) != 1:
            raise CommandError(f"{len(found) or 'no'} apartment(s) are called {options['flat']!r}")
        if options["action"] == "export":
            exported = persons.export(found[0].pk)
            self.stdout.write(json.dumps(exported, ensure_ascii=False, indent=1))
            return
        if not options["yes"]:
            raise CommandError("there is no way back: export first, then say --yes")
        done = persons.forget(found[0].pk)
        self.stdout.write(
            f"cleared: {done.labels} label(s), {done.addresses} address(es), {done.logins} "
            f"login(s), {done.unknown_tags} unknown tag(s); what is billed stays"
        )
