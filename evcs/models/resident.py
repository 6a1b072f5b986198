"""Who lives where: the login that sees an apartment's charging."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext

from evcs.models.years import refuse_slip
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

    def clean(self) -> None:
        """Refuse a time that nobody can have lived here."""
        for name in ("since", "until"):
            day = getattr(self, name)
            if day is not None:
                try:
                    refuse_slip(day)
                except ValidationError as error:
                    raise ValidationError({name: error}) from error
        if self.since and self.until and self.since >= self.until:
            raise ValidationError({"until": gettext("The end must come after the beginning.")})
