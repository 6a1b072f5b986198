"""Prices: which one a day has, what energy costs, and which tariffs are refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from evcs.models import ClosedMonth, Tariff
from evcs.services import tariffs
from evcs.services.errors import UsageError
from evcs.services.tariffs import Price
from tests.server.server_rig import NOW

JANUARY, JULY = dt.date(2026, 1, 1), dt.date(2026, 7, 1)
CHEAP = Price(JANUARY, Decimal("0.30000"), Decimal(19), "EUR")
DEAR = Price(JULY, Decimal("0.40000"), Decimal(19), "EUR")


@pytest.mark.parametrize(
    ("day", "price"),
    [
        (dt.date(2025, 12, 31), None),
        (JANUARY, CHEAP),
        (dt.date(2026, 6, 30), CHEAP),
        (JULY, DEAR),
        (dt.date(2030, 1, 1), DEAR),
    ],
)
def test_the_latest_tariff_that_has_begun_counts(day: dt.date, price: Price | None) -> None:
    assert tariffs.on(day, [CHEAP, DEAR]) == price


@pytest.mark.parametrize(
    ("energy_wh", "per_kwh", "vat", "net", "gross"),
    [
        (11_240, "0.30000", "19", "3.37", "4.01"),
        (1, "0.30000", "19", "0.00", "0.00"),
        (50, "0.10000", "19", "0.01", "0.01"),  # half a cent goes up
        (-11_240, "0.30000", "19", "-3.37", "-4.01"),
        (1_000_000, "0.00000", "19", "0.00", "0.00"),
        (33_333, "0.29999", "0", "10.00", "10.00"),
    ],
)
def test_what_energy_costs(energy_wh: int, per_kwh: str, vat: str, net: str, gross: str) -> None:
    amount = tariffs.cost(energy_wh, Price(JANUARY, Decimal(per_kwh), Decimal(vat), "EUR"))
    assert (str(amount.net), str(amount.gross)) == (net, gross)


@settings(max_examples=300, derandomize=True)
@given(
    energy_wh=st.integers(-(10**10), 10**10),
    price=st.decimals(0, Decimal("999.99999"), places=5),
    vat=st.decimals(0, Decimal("99.99"), places=2),
)
def test_never_further_than_half_a_cent_from_the_truth(
    energy_wh: int, price: Decimal, vat: Decimal
) -> None:
    amount = tariffs.cost(energy_wh, Price(JANUARY, price, vat, "EUR"))
    exact = Decimal(energy_wh) * price / 1000
    assert abs(amount.net - exact) <= Decimal("0.005")
    assert abs(amount.vat - amount.net * vat / 100) <= Decimal("0.005")
    back = tariffs.cost(-energy_wh, Price(JANUARY, price, vat, "EUR"))
    assert (back.net, back.vat) == (-amount.net, -amount.vat)


@pytest.mark.django_db
class TestSetting:
    """What the landlord enters."""

    def test_set_and_replaced(self) -> None:
        tariffs.set_price(JANUARY, Decimal("0.30"), Decimal(19))
        tariffs.set_price(JULY, Decimal("0.4"), Decimal(19))
        assert tariffs.prices() == [CHEAP, DEAR]
        tariffs.set_price(JULY, Decimal("0.35"), Decimal(19))
        assert [str(price.per_kwh) for price in tariffs.prices()] == ["0.30000", "0.35000"]
        tariffs.remove(JULY)
        assert tariffs.prices() == [CHEAP]

    @pytest.mark.parametrize(
        ("price", "vat", "currency", "told"),
        [
            ("-0.01", "19", "EUR", "outside"),
            ("1000", "19", "EUR", "outside"),
            ("NaN", "19", "EUR", "outside"),
            ("Infinity", "19", "EUR", "outside"),
            ("0.300001", "19", "EUR", "decimals"),
            ("0.3", "100", "EUR", "outside"),
            ("0.3", "19.001", "EUR", "decimals"),
            ("0.3", "19", "eur", "currency"),
            ("0.3", "19", "EURO", "currency"),
        ],
    )
    def test_refused(self, price: str, vat: str, currency: str, told: str) -> None:
        with pytest.raises(UsageError, match=told):
            tariffs.set_price(JANUARY, Decimal(price), Decimal(vat), currency)
        assert not Tariff.objects.exists()

    def test_one_currency(self) -> None:
        tariffs.set_price(JANUARY, Decimal("0.3"), Decimal(19))
        with pytest.raises(UsageError, match="one currency"):
            tariffs.set_price(JULY, Decimal("0.3"), Decimal(19), "CHF")
        # The only one may become another.
        tariffs.set_price(JANUARY, Decimal("0.3"), Decimal(19), "CHF")

    def test_nothing_changes_in_what_is_billed(self) -> None:
        ClosedMonth.objects.create(month=dt.date(2026, 6, 1), closed_at=NOW)
        for day in (JANUARY, dt.date(2026, 6, 30)):
            with pytest.raises(UsageError, match="2026-07-01 or later"):
                tariffs.set_price(day, Decimal("0.3"), Decimal(19))
        tariffs.set_price(JULY, Decimal("0.3"), Decimal(19))

    def test_removing_none(self) -> None:
        with pytest.raises(UsageError, match="no tariff begins"):
            tariffs.remove(JULY)

    def test_the_command(self) -> None:
        out = StringIO()
        call_command(
            "evcs_tariff", "--from", "2026-07-01", "--price", "0.4", "--vat", "19", stdout=out
        )
        assert out.getvalue() == "from 2026-07-01: 0.40000 EUR/kWh net, 19.00 % VAT\n"

    @pytest.mark.parametrize(
        "options",
        [
            ["--from", "yesterday", "--price", "0.4"],
            ["--from", "2026-07-01", "--price", "cheap"],
            ["--from", "2026-07-01"],
            ["--from", "2026-07-01", "--remove"],
        ],
    )
    def test_the_command_says_what_is_wrong(self, options: list[str]) -> None:
        with pytest.raises(CommandError, match=r"\w"):
            call_command("evcs_tariff", *options, stdout=StringIO())
        assert not Tariff.objects.exists()
