"""Who lives where: the login that sees an apartment's charging."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from evcs.settings import evcs_settings


class Resident(models.Model):
    """A login belongs to an apartment from ``since`` to the day before ``until`` (null: no bound).

    It sees what was charged within that time, also afterwards, and nothing of who lived there
    before or lives there now.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="evcs_homes", verbose_name="Benutzer"
    )
    flat = models.ForeignKey(
        evcs_settings.FLAT_MODEL, models.CASCADE, related_name="+", verbose_name="Wohnung"
    )
    since = models.DateField("seit", null=True, blank=True, help_text="Leer: schon immer.")
    until = models.DateField(
        "bis", null=True, blank=True, help_text="Der erste Tag, an dem es nicht mehr gilt."
    )

    class Meta:
        verbose_name = "Bewohner"
        verbose_name_plural = "Bewohner"
        ordering = ["flat_id", "since", "pk"]

    def __str__(self) -> str:
        return f"{self.user_id} @ {self.flat_id}"
