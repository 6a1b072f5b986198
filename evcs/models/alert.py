"""What somebody has to be told at once, once when it begins and once when it is over."""

from __future__ import annotations

from django.db import models

from evcs.kinds import AlertKind
from evcs.models.station import Station


class Alert(models.Model):
    """Something that is wrong with a station, from ``since`` to ``ended_at``.

    ``told_at`` and ``end_told_at`` are set when the mail server has taken the mail.
    """

    station = models.ForeignKey(
        Station, models.PROTECT, related_name="alerts", verbose_name="Station"
    )
    kind = models.CharField("Art", max_length=16, choices=AlertKind.choices)
    # Tells two of one kind apart: the fault's name, the month and meter of the energy.
    subject = models.CharField("betrifft", max_length=100, blank=True)
    detail = models.CharField("Einzelheiten", max_length=300, blank=True)
    since = models.DateTimeField("seit")
    told_at = models.DateTimeField("gemeldet am", null=True, blank=True)
    ended_at = models.DateTimeField("Ende", null=True, blank=True)
    end_told_at = models.DateTimeField("Ende gemeldet am", null=True, blank=True)

    class Meta:
        verbose_name = "Alarm"
        verbose_name_plural = "Alarme"
        ordering = ["-since", "-pk"]
        indexes = [models.Index(fields=["ended_at", "end_told_at"], name="evcs_alert_untold")]

    def __str__(self) -> str:
        return f"{self.station_id} {self.kind} {self.subject}".strip()
