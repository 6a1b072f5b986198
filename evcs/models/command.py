"""What the server tells a station, and what a station could not get accepted."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from evcs.kinds import CommandResult, CommandType
from evcs.models.station import Station


class Command(models.Model):
    """An order to a station; listed in the answer to every heartbeat until ``done_at``.

    The key is random: a station remembers the ids it carried out, and a number would come again
    after a database was restored.
    """

    id = models.UUIDField("Nummer", primary_key=True, default=uuid.uuid4, editable=False)
    station = models.ForeignKey(
        Station, models.PROTECT, related_name="commands", verbose_name="Station"
    )
    type = models.CharField("Art", max_length=10, choices=CommandType.choices)
    session_uuid = models.UUIDField("UUID des Ladevorgangs", null=True, blank=True)
    fault = models.CharField("Störung", max_length=64, null=True, blank=True)
    since = models.DateTimeField("seit", null=True, blank=True)
    created_at = models.DateTimeField("angelegt am")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="angelegt von",
    )
    expires_at = models.DateTimeField("gilt bis")
    done_at = models.DateTimeField("erledigt am", null=True, blank=True)
    result = models.CharField("Ergebnis", max_length=12, choices=CommandResult.choices, blank=True)

    class Meta:
        verbose_name = "Befehl"
        verbose_name_plural = "Befehle"
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.type} {self.station_id}"


class QuarantineItem(models.Model):
    """A message that the server refused and the station set aside, as text."""

    station = models.ForeignKey(
        Station, models.PROTECT, related_name="quarantine_items", verbose_name="Station"
    )
    item_id = models.CharField("Nummer an der Station", max_length=64)
    raw = models.TextField("Meldung im Wortlaut")
    reason = models.TextField("Grund")
    received_at = models.DateTimeField("eingegangen am")
    # A person has looked at it.
    settled_at = models.DateTimeField("erledigt am", null=True, blank=True)
    settled_by = models.CharField("erledigt von", max_length=100, blank=True)
    note = models.CharField("Notiz", max_length=200, blank=True)

    class Meta:
        verbose_name = "Zurückgewiesene Meldung"
        verbose_name_plural = "Zurückgewiesene Meldungen"
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(fields=["station", "item_id"], name="evcs_quarantine_once")
        ]

    def __str__(self) -> str:
        return f"{self.station_id}/{self.item_id}"
