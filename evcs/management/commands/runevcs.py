"""``runevcs --port DEVICE=STATION``: listens for MCSP/1.0 on lines."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evcs.listener import ports, service
from evcs.models import Station

LOOK_EVERY_S = 1.0


class Command(BaseCommand):
    """One service for several lines, until SIGTERM or SIGINT, or until a line's thread died."""

    help = "Listen for MCSP/1.0. Each line belongs to one station; another name on it is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--port",
            metavar="PORT=STATION",
            action="append",
            required=True,
            help="a serial device or tcp://127.0.0.1:PORT, and whose it is; may be repeated",
        )
        parser.add_argument("--baudrate", type=int, default=9600, help="of serial lines [9600]")

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen."""
        try:
            lines = [ports.parse(text) for text in options["port"]]
        except ValueError as error:
            raise CommandError(str(error)) from error
        for names in ([one.port for one in lines], [one.station for one in lines]):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise CommandError(f"named twice: {', '.join(sorted(twice))}")
        for one in lines:
            if not Station.objects.filter(name=one.station).exists():
                self.stderr.write(
                    f"there is no station {one.station} yet; until evcs_station makes it, "
                    "everything on its line is refused"
                )
        done = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: done.set())
        services = service.serve(lines, options["baudrate"])
        self.stdout.write(f"listening: {', '.join(options['port'])}")
        self.stdout.flush()
        while not done.wait(LOOK_EVERY_S):
            if dead := [one.name for one in services if not one.is_alive()]:
                # Whoever started this starts it anew, all lines of it.
                raise CommandError(f"ended by itself, see above: {', '.join(dead)}")
        for one in services:
            one.stop()
        for one in services:
            one.join()
