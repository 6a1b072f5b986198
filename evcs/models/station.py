"""A charging station, what it last said of itself, and the keys it is known by."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from evcs.kinds import Phase, TimeQuality


class Station(models.Model):
    """One box. The fields after ``last_seq`` repeat its latest heartbeat."""

    name = models.CharField(
        "Name", max_length=20, unique=True, validators=[RegexValidator(r"\A[A-Za-z0-9._-]{1,20}\Z")]
    )
    enabled = models.BooleanField("in Betrieb", default=True)
    created_at = models.DateTimeField("angelegt am")
    last_seen = models.DateTimeField("zuletzt gehört", null=True, blank=True)
    # Of one on a line, which sends no heartbeats. One that sends neither may be silent for days.
    pinged_at = models.DateTimeField("letztes PING", null=True, blank=True)
    heartbeat_s = models.PositiveIntegerField("meldet sich alle (s)", default=60)
    watched_until = models.DateTimeField("beobachtet bis", null=True, blank=True)
    last_seq = models.BigIntegerField("höchste laufende Nummer", default=0)
    # Tells a repeated request for the highest seq from another session under the same seq.
    last_seq_uuid = models.UUIDField("UUID dazu", null=True, blank=True)

    heartbeat_at = models.DateTimeField("letzte Meldung", null=True, blank=True)
    phase = models.CharField("Zustand", max_length=16, choices=Phase.choices, blank=True)
    session_uuid = models.UUIDField("UUID des Ladevorgangs", null=True, blank=True)
    boot_id = models.CharField("Start des Geräts", max_length=64, blank=True)
    # Those before it, shortened, between blanks (services.heartbeats).
    earlier_boot_id = models.CharField("Start davor", max_length=64, blank=True)
    two_boxes_at = models.DateTimeField("zwei Geräte bemerkt am", null=True, blank=True)
    uptime_ms = models.BigIntegerField("läuft seit (ms)", null=True, blank=True)
    clock_offset_ms = models.BigIntegerField("Uhr geht vor (ms)", null=True, blank=True)
    time_quality = models.CharField(
        "Uhrzeit", max_length=12, choices=TimeQuality.choices, blank=True
    )
    software = models.CharField("Software", max_length=100, blank=True)
    meter_serial = models.CharField("Zähler", max_length=64, null=True, blank=True)
    meter_wh = models.BigIntegerField("Zählerstand (Wh)", null=True, blank=True)
    power_w = models.BigIntegerField("Leistung (W)", null=True, blank=True)
    pending = models.BigIntegerField("wartende Meldungen", null=True, blank=True)
    quarantined = models.BigIntegerField("zurückgewiesene Meldungen", null=True, blank=True)
    faults = models.JSONField("Störungen", default=list, blank=True)
    tags_etag = models.CharField("Stand der Kartenliste", max_length=80, null=True, blank=True)

    class Meta:
        verbose_name = "Ladestation"
        verbose_name_plural = "Ladestationen"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class StationKey(models.Model):
    """A token of a station: its public prefix and the hash of all of it. Two may live at once."""

    station = models.ForeignKey(
        Station, models.PROTECT, related_name="keys", verbose_name="Station"
    )
    prefix = models.CharField("Anfang des Schlüssels", max_length=12, unique=True)
    sha512 = models.CharField("SHA-512", max_length=128)
    created_at = models.DateTimeField("angelegt am")
    revoked_at = models.DateTimeField("ungültig seit", null=True, blank=True)
    last_used_at = models.DateTimeField("zuletzt benutzt", null=True, blank=True)

    class Meta:
        verbose_name = "Schlüssel"
        verbose_name_plural = "Schlüssel"
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.station_id}/{self.prefix}"
