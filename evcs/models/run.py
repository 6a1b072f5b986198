"""Jobs of which one run at a time may be at work, whatever started it."""

from __future__ import annotations

from django.db import models


class Run(models.Model):
    """One row for each job: who is at it and until when at most, and when it was done last.

    ``since``: from then on it was done again and again, without a gap.
    """

    name = models.CharField("Aufgabe", max_length=32, unique=True)
    holder = models.CharField("läuft als", max_length=32, blank=True)
    held_until = models.DateTimeField("läuft längstens bis", null=True, blank=True)
    since = models.DateTimeField("ohne Lücke seit", null=True, blank=True)
    done_at = models.DateTimeField("zuletzt fertig am", null=True, blank=True)

    class Meta:
        verbose_name = "Lauf"
        verbose_name_plural = "Läufe"

    def __str__(self) -> str:
        return self.name
