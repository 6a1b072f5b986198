"""Months: all of them, one by apartment, and closing it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from evcs.models import ClosedMonth, Station
from evcs.pages import charts, queries
from evcs.pages.forms import CloseForm
from evcs.pages.views.deciding import carried_out_by
from evcs.people import name_of
from evcs.services import closing, open_points, statement_files
from evcs.services.reconciliation import reconcile
from evcs.services.settlement import following
from evcs.templatetags.evcs_pages import flat_name
from evcs.times import parse_month


def listing(request: HttpRequest) -> HttpResponse:
    """List all months."""
    context = {"title": _("Months"), "months": queries.months(), "now": queries.this_month()}
    return render(request, "evcs/pages/months.html", context)


def one(request: HttpRequest, month: str) -> HttpResponse:
    """Show a month by apartment, what its meters counted, and what is still open."""
    return _shown(request, _first_day(month))


def close(request: HttpRequest, month: str) -> HttpResponse:
    """Close a month for good."""
    first_day, form, by_name = _first_day(month), CloseForm(request.POST), name_of(request.user)

    def act() -> None:
        data = form.cleaned_data
        reason = data["reason"].strip()
        override = closing.Override(by_name, reason, data["seen"]) if reason else None
        closing.close(first_day, by_name, user=request.user, override=override)

    if carried_out_by(request, form, _("The month is closed; its statements are written."), act):
        return redirect("evcs:month", month)
    return _shown(request, first_day, form)


def _shown(request: HttpRequest, month: dt.date, form: CloseForm | None = None) -> HttpResponse:
    now = queries.this_month()
    closed = ClosedMonth.objects.filter(month=month).defer("content").first()
    rows = queries.by_flat(month)
    named = [(flat_name(row.flat), row.energy_wh) for row in rows]
    bars = charts.bars(named)
    lines = [
        (station, line) for station in Station.objects.all() for line in reconcile(station, month)
    ]
    over = month < now
    points = open_points.of(month) if over and closed is None else []
    shown = form or CloseForm()
    shown.shows(len(points))
    context: dict[str, Any] = {
        "month": month,
        "before": (month - dt.timedelta(days=1)).replace(day=1),
        "after": following(month) if over else None,
        "closed": closed,
        "over": over,
        "rows": rows,
        "total": {
            "sessions": sum(row.sessions for row in rows),
            "energy_wh": sum(row.energy_wh for row in rows),
        },
        "beside": any(row.late_wh or row.corrected_wh for row in rows),
        "bars": bars,
        "track": charts.TRACK,
        "most": queries.MOST_LISTED,
        "chart_px": len(bars) * charts.ROW_PX,
        "lines": lines,
        "points": points,
        "form": shown,
        "entries": queries.entries(month),
        "may_close": request.user.has_perm("evcs.add_closedmonth"),
        "statements": _statements(request, closed),
        "kinds": list(statement_files.FORMATS),
        "title": _("Month"),
    }
    return render(request, "evcs/pages/month.html", context, status=422 if form else 200)


def _statements(request: HttpRequest, closed: ClosedMonth | None) -> list[Any]:
    if closed is None or not request.user.has_perm("evcs.view_statement"):
        return []
    return list(closed.statements.select_related("flat").defer("content"))


def _first_day(text: str) -> dt.date:
    try:
        return parse_month(text)
    except ValueError as error:
        raise Http404 from error
