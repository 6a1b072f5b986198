"""``evcs_health``: what GET health answers, for a monitor on this machine and for containers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evcs.services.health import health


class Command(BaseCommand):
    """Exit status 0 if the server is well, else 1."""

    help = "Say whether the server is well; exit status 1 if somebody has to do something."

    def handle(self, *args: Any, **options: Any) -> None:
        """Look."""
        found = health()
        told = ", ".join(f"{name}: {value}" for name, value in asdict(found).items())
        if not found.well:
            raise CommandError(told)
        self.stdout.write(told)
