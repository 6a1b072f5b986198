"""``evcs_verify``: are the closed months still what was closed?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evcs.services import closing


class Command(BaseCommand):
    """Holds each closed month and statement against its hash, and the hashes against each other."""

    help = "Hold the closed months against their hashes; exit status 1 if one was changed."

    def handle(self, *args: Any, **options: Any) -> None:
        """Check them."""
        wrong = closing.verify()
        for line in wrong:
            self.stdout.write(line)
        if wrong:
            raise CommandError("closed months were changed; restore them from a backup")
        self.stdout.write("all closed months are as they were closed")
