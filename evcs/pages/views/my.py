"""My charging: what a resident sees of their own apartment, and of the stations free or busy."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.db.models import Min
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from evcs.models import Resident
from evcs.pages import homes, live, queries
from evcs.pages.views.downloads import as_file
from evcs.pages.views.sessions import facts
from evcs.services import statement_files, tags
from evcs.services.settlement import following
from evcs.times import parse_month

MOST_SESSIONS = 300
# Not what is for programs: in a spreadsheet the name of an apartment could be a formula.
FOR_PEOPLE = [kind for kind in statement_files.FORMATS if kind not in ("json", "csv")]


def overview(request: HttpRequest) -> HttpResponse:
    """Show one month, what runs now, tags and statements."""
    mine = homes.of(request.user)
    month = _month(request)
    own_tags = list(homes.tags(mine))
    labels = homes.labels(own_tags)
    charged = [
        (one, labels.get(one.tag_id) or one.tag_uid)
        for one in homes.sessions(mine).filter(month=month)[:MOST_SESSIONS]
    ]
    booked = list(homes.entries(mine).filter(month=month))
    first = homes.sessions(mine).aggregate(first=Min("month"))["first"]
    this = queries.this_month()
    last_year = this.replace(year=this.year - 1)
    by_month = homes.by_month(mine, min(month, last_year))
    year = [(one, wh) for one, wh in by_month if one >= last_year]
    most = max((wh for _, wh in year), default=0)
    context = _live(mine, labels) | {
        "title": _("My charging"),
        "homes": mine,
        "here": homes.current(mine),
        "month": month,
        "before": (month - dt.timedelta(days=1)).replace(day=1)
        if first and first < month
        else None,
        "after": following(month) if month < queries.this_month() else None,
        "year": [(one, wh, max(wh, 0) * 100 / most if most > 0 else 0.0) for one, wh in year],
        "sessions": charged,
        "most": MOST_SESSIONS if len(charged) == MOST_SESSIONS else 0,
        "entries": booked,
        # Not of what is listed: that may be the first of many.
        "energy_wh": dict(by_month).get(month, 0),
        "tags": own_tags,
        "statements": list(homes.statements(mine)),
        "kinds": FOR_PEOPLE,
    }
    return render(request, "evcs/pages/my.html", context)


def fragment(request: HttpRequest) -> HttpResponse:
    """Return what is live of it, for the script that refreshes it."""
    mine = homes.of(request.user)
    return render(
        request, "evcs/pages/my_fragment.html", _live(mine, homes.labels(homes.tags(mine)))
    )


def session(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one of the own sessions."""
    mine = homes.of(request.user)
    found = get_object_or_404(homes.sessions(mine), pk=pk)
    context = facts(found) | {
        "title": _("Charging session %(n)d") % {"n": found.pk},
        "label": homes.labels(homes.tags(mine)).get(found.tag_id, ""),
    }
    # What is booked to others because of it is theirs.
    context["entries"] = [one for one in context["entries"] if one.flat_id == found.flat_id]
    return render(request, "evcs/pages/my_session.html", context)


def statement(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """Send one of the own statements."""
    found = get_object_or_404(homes.statements(homes.of(request.user)), pk=pk)
    return as_file(found.content, found.sha256, kind)


def block(request: HttpRequest, pk: int) -> HttpResponse:
    """Block one of the own tags. Only the landlord accepts it again."""
    tag = get_object_or_404(homes.tags(homes.of(request.user)), pk=pk)
    tags.set_blocked(tag, True)
    messages.success(
        request,
        _("Tag %(uid)s is blocked. Only the landlord can accept it again.") % {"uid": tag.uid},
    )
    return redirect("evcs:my")


def _live(mine: list[Resident], labels: dict[Any, str]) -> dict[str, Any]:
    """What runs for the own apartment; of the stations nothing but their name and look."""
    here = homes.current(mine)
    own = set(homes.sessions(here).filter(open_slot=1).values_list("pk", flat=True))
    boards = live.boards() if here else []
    return {
        "running": [
            (board, labels.get(board.session.tag_id) or board.session.tag_uid)
            for board in boards
            if board.session and board.session.pk in own
        ],
        "stations": [(board.station.name, board.look) for board in boards],
        "refresh_s": live.REFRESH_S,
    }


def _month(request: HttpRequest) -> dt.date:
    text = request.GET.get("month")
    if not text:
        return queries.this_month()
    try:
        return parse_month(text)
    except ValueError as error:
        raise Http404 from error
