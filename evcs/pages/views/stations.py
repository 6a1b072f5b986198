"""One station: what it is, its tokens, what it was told; made, switched on and off, reset."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from evcs.kinds import CommandType
from evcs.models import Station
from evcs.pages import live
from evcs.pages.forms import StationForm
from evcs.pages.views.deciding import carried_out, tell_invalid
from evcs.services import commands, stations

COMMANDS_SHOWN = 20


def one(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a station."""
    return _page(request, get_object_or_404(Station, pk=pk))


def create(request: HttpRequest) -> HttpResponse:
    """Make a station, and show its token: now, and never again."""
    form = StationForm(request.POST)
    if not form.is_valid():
        tell_invalid(request)
        return redirect("evcs:live")
    made: list[tuple[Station, str]] = []
    name = form.cleaned_data["name"]
    what = _("Station %(name)s is made.") % {"name": name}
    if not carried_out(request, what, lambda: made.append(stations.create(name))):
        return redirect("evcs:live")
    return _page(request, *made[0])


def new_token(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a station a second token, and show it: now, and never again."""
    station = get_object_or_404(Station, pk=pk)
    made: list[str] = []
    what = _("%(name)s has a new token.") % {"name": station.name}
    if not carried_out(request, what, lambda: made.append(stations.rotate_key(station))):
        return redirect("evcs:station", pk)
    return _page(request, station, made[0])


def revoke_tokens(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave a station its newest token only."""
    station = get_object_or_404(Station, pk=pk)
    carried_out(
        request,
        _("Only the newest token of %(name)s is valid now.") % {"name": station.name},
        lambda: stations.revoke_old_keys(station),
    )
    return redirect("evcs:station", pk)


def enable(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a station begin charges, or not; what runs goes on."""
    station = get_object_or_404(Station, pk=pk)
    wanted = request.POST.get("enabled")
    if wanted not in ("0", "1"):
        tell_invalid(request)
        return redirect("evcs:station", pk)
    if wanted == "1":
        kind, what = CommandType.ENABLE, _("%(name)s begins charges again.")
    else:
        kind, what = CommandType.DISABLE, _("%(name)s begins no charge any more.")
    carried_out(
        request,
        what % {"name": station.name},
        lambda: commands.give(station, kind, user=request.user),
    )
    return redirect("evcs:station", pk)


def reset(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell a station to clear the fault that the person saw, and no other."""
    station = get_object_or_404(Station, pk=pk)
    seen = {"name": request.POST.get("fault"), "since": request.POST.get("since")}
    stands = any({key: fault.get(key) for key in seen} == seen for fault in station.faults)
    since = parse_datetime(str(seen["since"])) if stands else None
    if since is None:
        messages.error(request, _("This fault does not stand any more."))
        return redirect("evcs:station", pk)
    carried_out(
        request,
        _("Reset sent to %(name)s; what became of it shows below within seconds.")
        % {"name": station.name},
        lambda: commands.give(
            station, CommandType.RESET, fault=seen["name"], since=since, user=request.user
        ),
    )
    return redirect("evcs:station", pk)


def _page(request: HttpRequest, station: Station, token: str = "") -> HttpResponse:
    live.watch([station])
    told = station.commands.select_related("created_by").order_by("-created_at", "-pk")
    keys = list(station.keys.all())
    context: dict[str, Any] = {
        "title": station.name,
        "station": station,
        "silent": live.is_silent(station, timezone.now()),
        "token": token,
        "keys": keys,
        "several": sum(key.revoked_at is None for key in keys) > 1,
        "commands": list(told[:COMMANDS_SHOWN]),
        "may_change": request.user.has_perm("evcs.change_station"),
    }
    return render(request, "evcs/pages/station.html", context)
