"""What somebody has to be told at once, once when it begins and once when it is over."""

from __future__ import annotations

from django.db import models

from evcs.kinds import AlertKind
from evcs.models.station import Station


class Alert(models.Model):
    """Something that is wrong with a station, from ``since`` to ``ended_at``.

    It is worth a mail from ``due_at`` on. ``told_at`` and ``end_told_at`` are set when the mail
    server has taken the mails to everybody who is to have them; ``mails`` says who has.
    """

    station = models.ForeignKey(
        Station, models.PROTECT, related_name="alerts", verbose_name="Station"
    )
    kind = models.CharField("Art", max_length=16, choices=AlertKind.choices)
    # Tells two of one kind apart: the fault's name, the month and meter of the energy.
    subject = models.CharField("betrifft", max_length=100, blank=True)
    detail = models.CharField("Einzelheiten", max_length=300, blank=True)
    since = models.DateTimeField("seit")
    due_at = models.DateTimeField("zu melden ab")
    told_at = models.DateTimeField("gemeldet am", null=True, blank=True)
    # Not found any more since then, but not for long enough to be over.
    gone_at = models.DateTimeField("weg seit", null=True, blank=True)
    ended_at = models.DateTimeField("Ende", null=True, blank=True)
    end_told_at = models.DateTimeField("Ende gemeldet am", null=True, blank=True)
    # The key of the newest thing that it is about: a newer one is told anew.
    newest = models.BigIntegerField("neueste Meldung", null=True, blank=True)
    # Its end is nothing to tell anybody: there was nobody to tell, or it was settled otherwise.
    only_listed = models.BooleanField("nur gelistet", default=False)

    class Meta:
        verbose_name = "Alarm"
        verbose_name_plural = "Alarme"
        ordering = ["-since", "-pk"]
        indexes = [models.Index(fields=["ended_at", "end_told_at"], name="evcs_alert_untold")]

    def __str__(self) -> str:
        return f"{self.station_id} {self.kind} {self.subject}".strip()


class AlertMail(models.Model):
    """Who was told of an alert; with ``over`` also that it is over."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="mails", verbose_name="Alarm")
    address = models.CharField("Adresse", max_length=254)
    at = models.DateTimeField("zuletzt am")
    over = models.BooleanField("auch das Ende", default=False)

    class Meta:
        verbose_name = "Alarmmail"
        verbose_name_plural = "Alarmmails"
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["alert", "address"], name="evcs_alert_mailed_once")
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} -> {self.address}"
