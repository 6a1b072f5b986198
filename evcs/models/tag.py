"""RFID tags and the apartments they belong to, each for a period."""

from __future__ import annotations

from django.db import models

from evcs.kinds import TagState
from evcs.models.station import Station
from evcs.settings import evcs_settings


class Tag(models.Model):
    """A tag by its UID: upper-case hex, first byte first, 8, 14, 16 or 20 digits."""

    uid = models.CharField("Kartennummer", max_length=20, unique=True)
    label = models.CharField("Bezeichnung", max_length=100, blank=True)
    state = models.CharField(
        "Stand", max_length=10, choices=TagState.choices, default=TagState.ACCEPTED
    )
    expires_at = models.DateTimeField("gilt bis", null=True, blank=True)
    stations = models.ManyToManyField(
        Station,
        blank=True,
        help_text="Nur an diesen Stationen gültig; leer: an allen.",
        verbose_name="Stationen",
    )

    class Meta:
        verbose_name = "RFID-Karte"
        verbose_name_plural = "RFID-Karten"
        ordering = ["uid"]

    def __str__(self) -> str:
        return self.uid


class TagAssignment(models.Model):
    """A tag belongs to an apartment, half-open, ``valid_from`` to ``valid_to`` (null: none).

    Periods of one tag do not overlap; services.tags sees to it under a lock.
    """

    tag = models.ForeignKey(Tag, models.PROTECT, related_name="assignments", verbose_name="Karte")
    flat = models.ForeignKey(
        evcs_settings.FLAT_MODEL, models.PROTECT, related_name="+", verbose_name="Wohnung"
    )
    valid_from = models.DateTimeField("gültig ab", null=True, blank=True)
    valid_to = models.DateTimeField("gültig bis", null=True, blank=True)

    class Meta:
        verbose_name = "Zuordnung"
        verbose_name_plural = "Zuordnungen"
        ordering = ["tag_id", "valid_from"]

    def __str__(self) -> str:
        return f"{self.tag_id} -> {self.flat_id}"


class TagRevision(models.Model):
    """One row, another value after every change of a tag: the stations' lists are made anew only
    then (services.tag_lists)."""

    value = models.CharField("Wert", max_length=32)

    class Meta:
        verbose_name = "Stand der RFID-Karten"
        verbose_name_plural = "Stand der RFID-Karten"

    def __str__(self) -> str:
        return self.value


class UnknownTag(models.Model):
    """A tag that nobody registered, and the station it was held to: one row for each pair.

    It stays listed until a person adopts it (gives it to an apartment) or sets it aside.
    """

    uid = models.CharField("Kartennummer", max_length=20)
    station = models.ForeignKey(
        Station, models.PROTECT, related_name="unknown_tags", verbose_name="Station"
    )
    first_at = models.DateTimeField("zuerst am")
    last_at = models.DateTimeField("zuletzt am")
    times = models.PositiveIntegerField("wie oft", default=1)
    settled_at = models.DateTimeField("erledigt am", null=True, blank=True)
    settled_by = models.CharField("erledigt von", max_length=100, blank=True)

    class Meta:
        verbose_name = "Unbekannte Karte"
        verbose_name_plural = "Unbekannte Karten"
        ordering = ["-last_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["uid", "station"], name="evcs_unknown_tag_once")
        ]

    def __str__(self) -> str:
        return f"{self.uid} @ {self.station_id}"
