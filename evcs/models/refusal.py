"""A START that was answered with no, for a resident who wants to hear of it."""

from __future__ import annotations

from django.db import models

from evcs.models.station import Station
from evcs.settings import evcs_settings


class RefusedStart(models.Model):
    """Kept only for an apartment whose resident asked for mails; ``code`` is that of the answer."""

    station = models.ForeignKey(Station, models.PROTECT, related_name="+", verbose_name="Station")
    flat = models.ForeignKey(
        evcs_settings.FLAT_MODEL, models.CASCADE, related_name="+", verbose_name="Wohnung"
    )
    tag_uid = models.CharField("Kartennummer", max_length=20)
    code = models.SmallIntegerField("Code")
    at = models.DateTimeField("Zeitpunkt")
    mailed_at = models.DateTimeField("gemailt am", null=True, blank=True)

    class Meta:
        verbose_name = "Abgelehnter Ladevorgang"
        verbose_name_plural = "Abgelehnte Ladevorgänge"
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.station_id} {self.tag_uid} {self.code}"
