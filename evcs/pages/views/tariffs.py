"""Prices: what a kilowatt-hour costs, from a day on."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from evcs.models import Tariff
from evcs.pages.forms import TariffForm
from evcs.pages.views.deciding import carried_out, carried_out_by
from evcs.services import tariffs
from evcs.templatetags.evcs_pages import day as shown_day


def listing(request: HttpRequest) -> HttpResponse:
    """Show all prices."""
    return _listed(request)


def set_price(request: HttpRequest) -> HttpResponse:
    """Let a kWh cost so much from a day on."""
    form = TariffForm(request.POST)

    def act() -> None:
        data = form.cleaned_data
        tariffs.set_price(
            data["valid_from"], data["price_per_kwh"], data["vat_percent"], data["currency"]
        )

    if carried_out_by(request, form, _("The price is set."), act):
        return redirect("evcs:tariffs")
    return _listed(request, form)


def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back a price that no closed month was billed with."""
    day = get_object_or_404(Tariff, pk=pk).valid_from
    carried_out(
        request,
        _("The price from %(day)s on is taken back.") % {"day": shown_day(day)},
        lambda: tariffs.remove(day),
    )
    return redirect("evcs:tariffs")


def _listed(request: HttpRequest, form: TariffForm | None = None) -> HttpResponse:
    rows = list(Tariff.objects.all())
    today = timezone.localdate()
    may_set = request.user.has_perm("evcs.add_tariff")
    context = {
        "title": _("Prices"),
        "rows": rows,
        "valid": next((row for row in rows if row.valid_from <= today), None),
        "open_from": tariffs.open_from() or dt.date.min,
        "may_remove": request.user.has_perm("evcs.delete_tariff"),
        "form": form or (TariffForm(initial=_initial(rows)) if may_set else None),
    }
    return render(request, "evcs/pages/tariffs.html", context, status=422 if form else 200)


def _initial(rows: list[Tariff]) -> dict[str, object]:
    if not rows:
        return {}
    return {"vat_percent": rows[0].vat_percent, "currency": rows[0].currency}
