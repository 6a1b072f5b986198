"""Closed months, and energy that is booked beside its session."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from evcs.kinds import EntryKind
from evcs.models.session import Session
from evcs.settings import evcs_settings


class ClosedMonth(models.Model):
    """A month that is billed; ``month`` is its first day. What is booked in it stays.

    ``content`` is canonical JSON: what the meters counted, what was still open, the hashes of the
    statements and that of the month closed before; ``sha256`` is the hash of its bytes.
    ``override_by`` and ``override_reason`` say who closed it over open points, and why.
    """

    month = models.DateField("Monat", unique=True)
    closed_at = models.DateTimeField("abgeschlossen am")
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="abgeschlossen von",
    )
    override_by = models.CharField("trotz offener Punkte durch", max_length=100, blank=True)
    override_reason = models.CharField("Begründung dafür", max_length=500, blank=True)
    content = models.TextField("Inhalt", blank=True)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)

    class Meta:
        verbose_name = "Abgeschlossener Monat"
        verbose_name_plural = "Abgeschlossene Monate"
        ordering = ["-month"]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class Entry(models.Model):
    """Energy of a session that counts for ``flat`` (null: unassigned) in ``month`` on top of what
    the session itself counts there; negative where it takes away. Append-only."""

    session = models.ForeignKey(
        Session, models.PROTECT, related_name="entries", verbose_name="Ladevorgang"
    )
    flat = models.ForeignKey(
        evcs_settings.FLAT_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="Wohnung",
    )
    month = models.DateField("Monat")
    energy_wh = models.BigIntegerField("Energie (Wh)")
    kind = models.CharField("Art", max_length=12, choices=EntryKind.choices)
    reason = models.CharField("Grund", max_length=200)
    # Whoever made it, as called at that time; empty for what the server booked by itself.
    by_name = models.CharField("durch", max_length=100, blank=True)
    at = models.DateTimeField("Zeitpunkt")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="Benutzer",
    )

    class Meta:
        verbose_name = "Buchung"
        verbose_name_plural = "Buchungen"
        ordering = ["pk"]
        indexes = [models.Index(fields=["flat", "month"], name="evcs_entry_flat_month")]

    def __str__(self) -> str:
        return f"{self.session_id} {self.month:%Y-%m} {self.energy_wh:+d} Wh"
