"""mmetering's models as its tables have them, so that this project runs on a copy of its database.

Table and column names, lengths and nullability are the original's; spelling included. So are the
times in the columns: the wall clock of the house (localtime.py).
"""

from __future__ import annotations

from django.db import models

from server.mmetering.localtime import HostDateTimeField


class Flat(models.Model):
    """An apartment (or another consumer or producer of the house); the name is not unique."""

    MODES = [("IM", "Import"), ("EX", "Export")]

    name = models.CharField("Beschreibung", max_length=200, help_text="z.B. Wohnungsnummer")
    modus = models.CharField(max_length=2, choices=MODES, default="IM")

    class Meta:
        verbose_name = "Wohnung"
        verbose_name_plural = "Wohnungen"

    def __str__(self) -> str:
        return self.name


class Meter(models.Model):
    """A Modbus meter of an apartment; ``addresse`` is its Modbus address."""

    flat = models.ForeignKey(Flat, models.PROTECT, verbose_name="Wohnung")
    addresse = models.IntegerField(default=0)
    seriennummer = models.CharField(max_length=45)
    init_datetime = HostDateTimeField(auto_now_add=True)
    active = models.BooleanField("Aktivieren", default=False)
    available = models.BooleanField(default=False)
    start_datetime = HostDateTimeField("Laufzeit Start", null=True, blank=True)
    end_datetime = HostDateTimeField("Laufzeit Ende", null=True, blank=True)

    class Meta:
        verbose_name = "Zähler"
        verbose_name_plural = "Zähler"

    def __str__(self) -> str:
        return f"Zähler {self.seriennummer}"


class MeterData(models.Model):
    """A reading every 15 minutes, in kWh."""

    meter = models.ForeignKey(Meter, models.CASCADE)
    saved_time = HostDateTimeField(db_index=True)
    value = models.FloatField()
    value_l1 = models.FloatField(null=True, blank=True)
    value_l2 = models.FloatField(null=True, blank=True)
    value_l3 = models.FloatField(null=True, blank=True)

    class Meta:
        permissions = [
            ("can_download", "Can download MeterData"),
            ("can_view", "Can view MeterData"),
        ]

    def __str__(self) -> str:
        return f"{self.meter_id} {self.saved_time:%Y-%m-%d %H:%M} {self.value} kWh"


class Activities(models.Model):
    """What happened, for the overview page."""

    title = models.CharField(max_length=70)
    text = models.CharField(max_length=300)
    timestamp = HostDateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "Aktivität"
        verbose_name_plural = "Aktivitäten"

    def __str__(self) -> str:
        return self.title
