"""Prices: what a kWh costs on a day, and what energy at a price comes to. Money is Decimal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from evcs.models import ClosedMonth, Tariff
from evcs.services.errors import Noun, UsageError
from evcs.services.settlement import following
from evcs.services.transactions import in_transaction, lock_all_stations

CENT = Decimal("0.01")
PRICE_STEP = Decimal("0.00001")
PERCENT_STEP = Decimal("0.01")
PRICE_BELOW = Decimal(1000)
PERCENT_BELOW = Decimal(100)


@dataclass(frozen=True, slots=True)
class Price:
    """A tariff as a value: net price per kWh, VAT in percent on top."""

    valid_from: dt.date
    per_kwh: Decimal
    vat_percent: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Amount:
    """Money, rounded half up to cents: once for the net, once for the VAT."""

    net: Decimal
    vat: Decimal

    @property
    def gross(self) -> Decimal:
        """Both."""
        return self.net + self.vat


def prices() -> list[Price]:
    """Return all prices, the earliest first."""
    found = Tariff.objects.order_by("valid_from")
    return [
        Price(one.valid_from, one.price_per_kwh, one.vat_percent, one.currency) for one in found
    ]


def on(day: dt.date, among: Sequence[Price]) -> Price | None:
    """Return the price of a day of the house, None before the first one. Pure."""
    valid = [price for price in among if price.valid_from <= day]
    return valid[-1] if valid else None


def cost(energy_wh: int, price: Price) -> Amount:
    """Return what ``energy_wh`` comes to; negative energy is money back. Pure."""
    net = _cents(Decimal(energy_wh) * price.per_kwh / 1000)
    return Amount(net, _cents(net * price.vat_percent / 100))


@in_transaction
def set_price(
    valid_from: dt.date, per_kwh: Decimal, vat_percent: Decimal, currency: str = "EUR"
) -> Tariff:
    """Let a kWh cost ``per_kwh`` net from a day on; replaces a tariff of that very day.

    Raises UsageError as ``refuse`` does.
    """
    # As closing does it: a month is closed with this price, or this finds it closed.
    lock_all_stations()
    refuse(valid_from, per_kwh, vat_percent, currency)
    made, _ = Tariff.objects.update_or_create(
        valid_from=valid_from,
        defaults={"price_per_kwh": per_kwh, "vat_percent": vat_percent, "currency": currency},
    )
    return made


def refuse(valid_from: dt.date, per_kwh: Decimal, vat_percent: Decimal, currency: str) -> None:
    """Raise UsageError for a day in a closed month, a number that is no price, or a currency that
    is not that of the other tariffs: a statement has one sum."""
    _refuse_number(per_kwh, Noun("price per kWh"), PRICE_STEP, PRICE_BELOW)
    _refuse_number(vat_percent, Noun("VAT in percent"), PERCENT_STEP, PERCENT_BELOW)
    if len(currency) != 3 or not (currency.isascii() and currency.isupper()):
        raise UsageError("%(currency)s is no currency; write it as EUR", currency=f"{currency!r}")
    _refuse_closed(valid_from)
    others = Tariff.objects.exclude(valid_from=valid_from).exclude(currency=currency)
    if (other := others.first()) is not None:
        raise UsageError("all tariffs are in one currency, and there is %(other)s", other=other)


@in_transaction
def remove(valid_from: dt.date) -> None:
    """Take back a tariff. Raises UsageError if none begins on that day, or in a closed month."""
    lock_all_stations()
    _refuse_closed(valid_from)
    deleted, _ = Tariff.objects.filter(valid_from=valid_from).delete()
    if not deleted:
        raise UsageError("no tariff begins on %(day)s", day=valid_from)


def open_from() -> dt.date | None:
    """Return the first day that a tariff can begin on; None: any. What is closed is billed."""
    last = ClosedMonth.objects.order_by("-month").values_list("month", flat=True).first()
    return None if last is None else following(last)


def _refuse_closed(day: dt.date) -> None:
    first = open_from()
    if first is not None and day < first:
        raise UsageError(
            "%(month)s is closed and billed; a tariff can begin on %(day)s or later",
            month=f"{first - dt.timedelta(days=1):%Y-%m}",
            day=first,
        )


def _refuse_number(value: Decimal, name: Noun, step: Decimal, below: Decimal) -> None:
    if not value.is_finite() or not 0 <= value < below:
        raise UsageError(
            "%(name)s: %(value)s is outside 0 to %(below)s", name=name, value=value, below=below
        )
    if value != value.quantize(step):
        raise UsageError(
            "%(name)s: %(value)s has more decimals than %(step)s", name=name, value=value, step=step
        )


def _cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)
