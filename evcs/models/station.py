"""A charging station, what it last said of itself, and the keys it is known by."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from evcs.kinds import Phase, TimeQuality


class Station(models.Model):
    """One box. The fields after ``last_seq`` repeat its latest heartbeat."""

    name = models.CharField(
        max_length=20, unique=True, validators=[RegexValidator(r"\A[A-Za-z0-9._-]{1,20}\Z")]
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    last_seen = models.DateTimeField(null=True, blank=True)
    heartbeat_s = models.PositiveIntegerField(default=60)
    watched_until = models.DateTimeField(null=True, blank=True)
    last_seq = models.BigIntegerField(default=0)
    # Tells a repeated request for the highest seq from another session under the same seq.
    last_seq_uuid = models.UUIDField(null=True, blank=True)

    heartbeat_at = models.DateTimeField(null=True, blank=True)
    phase = models.CharField(max_length=16, choices=Phase.choices, blank=True)
    session_uuid = models.UUIDField(null=True, blank=True)
    boot_id = models.CharField(max_length=64, blank=True)
    # The one before it: a box never comes back to an earlier boot, two boxes in turn do.
    earlier_boot_id = models.CharField(max_length=64, blank=True)
    two_boxes_at = models.DateTimeField(null=True, blank=True)
    uptime_ms = models.BigIntegerField(null=True, blank=True)
    clock_offset_ms = models.BigIntegerField(null=True, blank=True)
    time_quality = models.CharField(max_length=12, choices=TimeQuality.choices, blank=True)
    software = models.CharField(max_length=100, blank=True)
    meter_serial = models.CharField(max_length=64, null=True, blank=True)
    meter_wh = models.BigIntegerField(null=True, blank=True)
    power_w = models.BigIntegerField(null=True, blank=True)
    pending = models.BigIntegerField(null=True, blank=True)
    quarantined = models.BigIntegerField(null=True, blank=True)
    faults = models.JSONField(default=list, blank=True)
    tags_etag = models.CharField(max_length=80, null=True, blank=True)

    class Meta:
        verbose_name = "Ladestation"
        verbose_name_plural = "Ladestationen"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class StationKey(models.Model):
    """A token of a station: its public prefix and the hash of all of it. Two may live at once."""

    station = models.ForeignKey(Station, models.PROTECT, related_name="keys")
    prefix = models.CharField(max_length=12, unique=True)
    sha512 = models.CharField(max_length=128)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "Schlüssel"
        verbose_name_plural = "Schlüssel"
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.station_id}/{self.prefix}"
