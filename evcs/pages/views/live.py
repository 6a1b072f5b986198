"""The stations live, and stopping a charge from afar."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from evcs.kinds import CommandType
from evcs.models import Session, Station
from evcs.pages import live
from evcs.pages.forms import StationForm
from evcs.pages.views.deciding import carried_out
from evcs.services import commands


def home(request: HttpRequest) -> HttpResponse:
    """Send landlords to the stations and everybody else to their own charging."""
    return redirect("evcs:live" if request.user.has_perm("evcs.view_session") else "evcs:my")


def board(request: HttpRequest) -> HttpResponse:
    """Show all stations."""
    return render(request, "evcs/pages/live.html", _context(request))


def fragment(request: HttpRequest) -> HttpResponse:
    """Return what is live of it, for the script that refreshes it."""
    return render(request, "evcs/pages/live_fragment.html", _context(request))


def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell a station to end the session that the person saw running."""
    station = get_object_or_404(Station, pk=pk)
    uuid = _uuid(request.POST.get("session", ""))
    running = Session.objects.filter(station=station, uuid=uuid, open_slot=1).exists()
    if uuid is None or not running:
        messages.error(request, _("This charge is not running any more."))
        return redirect("evcs:live")
    carried_out(
        request,
        _("Stop sent to %(name)s; what became of it shows below within seconds.")
        % {"name": station.name},
        lambda: commands.give(station, CommandType.STOP, session=uuid, user=request.user),
    )
    return redirect("evcs:live")


def _context(request: HttpRequest) -> dict[str, Any]:
    boards = live.boards()
    live.watch(board.station for board in boards)
    return {
        "boards": boards,
        "refresh_s": live.REFRESH_S,
        "may_stop": request.user.has_perm("evcs.change_station"),
        "new": StationForm() if request.user.has_perm("evcs.add_station") else None,
        "title": _("Stations"),
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
