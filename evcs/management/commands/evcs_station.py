"""``evcs_station NAME``: makes a station and shows its token, once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evcs.models import Station
from evcs.services import stations
from evcs.services.errors import ServiceError, UsageError


class Command(BaseCommand):
    """Creates a station or rotates its token. The token alone goes to standard output."""

    help = "Create a station and print its token once; --rotate-token gives an existing one a new."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("name", metavar="NAME")
        parser.add_argument(
            "--rotate-token",
            action="store_true",
            help="print a new token; the one that was used last stays valid beside it",
        )
        parser.add_argument(
            "--revoke-old", action="store_true", help="end all tokens but the newest one"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Carry it out."""
        name = options["name"]
        try:
            if options["rotate_token"] or options["revoke_old"]:
                station = Station.objects.filter(name=name).first()
                if station is None:
                    raise CommandError(f"there is no station {name}; leave the options away")
                if options["rotate_token"]:
                    self._show(f"station {name}: new token", stations.rotate_key(station))
                if options["revoke_old"]:
                    ended = stations.revoke_old_keys(station)
                    self.stderr.write(f"station {name}: {ended} old token(s) ended")
            else:
                station, token = stations.create(name)
                self._show(f"station {station.name} created; its token", token)
        except (ServiceError, UsageError) as error:
            raise CommandError(str(error)) from error

    def _show(self, what: str, token: str) -> None:
        self.stderr.write(f"{what}, shown only now:")
        self.stdout.write(token)
