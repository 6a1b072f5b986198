"""What a kilowatt-hour costs, from a day on."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models


class Tariff(models.Model):
    """The price of the sessions that end on ``valid_from`` or later, until the next tariff begins.

    ``price_per_kwh`` is net, in ``currency``; ``vat_percent`` comes on top.
    """

    valid_from = models.DateField("gültig ab", unique=True)
    price_per_kwh = models.DecimalField(
        "Preis je kWh (netto)", max_digits=8, decimal_places=5, validators=[MinValueValidator(0)]
    )
    vat_percent = models.DecimalField(
        "Umsatzsteuer (%)",
        max_digits=4,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0)],
    )
    currency = models.CharField("Währung", max_length=3, default="EUR")

    class Meta:
        verbose_name = "Tarif"
        verbose_name_plural = "Tarife"
        ordering = ["-valid_from"]

    @property
    def gross_per_kwh(self) -> Decimal:
        """Price and VAT of one kWh; what is billed is rounded once, in the sum."""
        return self.price_per_kwh * (100 + self.vat_percent) / 100

    def __str__(self) -> str:
        return f"{self.valid_from} {self.price_per_kwh} {self.currency}/kWh"
