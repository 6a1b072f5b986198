"""``evcs_tag UID --flat NAME``: gives a tag to an apartment."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

from evcs.kinds import TagState
from evcs.services import tags
from evcs.services.errors import ServiceError, UsageError
from evcs.settings import evcs_settings


class Command(BaseCommand):
    """Registers a tag, gives it to an apartment from now on, blocks or accepts it."""

    help = "Give the tag UID to the apartment NAME from now on; block it or accept it again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("uid", metavar="UID")
        parser.add_argument("--flat", metavar="NAME", help="name or id of the apartment")
        parser.add_argument("--label", default="")
        state = parser.add_mutually_exclusive_group()
        state.add_argument("--block", action="store_true")
        state.add_argument("--accept", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Carry it out."""
        if not (options["flat"] or options["block"] or options["accept"]):
            raise CommandError("say what to do with the tag: --flat NAME, --block or --accept")
        try:
            uid = tags.canonical_uid(options["uid"])
            flat = _flat(options["flat"]) if options["flat"] else None
            tag = tags.register(uid, label=options["label"])
            if flat is not None:
                tags.assign(tag, flat.pk)
                self.stdout.write(f"tag {uid} belongs to {flat}")
            if options["block"] or options["accept"]:
                state = TagState.BLOCKED if options["block"] else TagState.ACCEPTED
                tags.set_state(tag, state, tag.expires_at)
                self.stdout.write(f"tag {uid} is {state.value}")
        except (ServiceError, UsageError) as error:
            raise CommandError(str(error)) from error


def _flat(name: str) -> Any:
    flats = apps.get_model(evcs_settings.FLAT_MODEL)._default_manager
    found = list(flats.filter(**{evcs_settings.FLAT_NAME_FIELD: name})[:2])
    if not found and name.isascii() and name.isdigit():
        found = list(flats.filter(pk=int(name)))
    if not found:
        raise UsageError(f"there is no apartment {name!r}; make it in the admin first")
    if len(found) > 1:
        raise UsageError(f"several apartments are called {name!r}; give the id instead")
    return found[0]
