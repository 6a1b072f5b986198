"""What waits for a person: doubtful charges, unknown tags, refused messages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from evcs.models import QuarantineItem, UnknownTag
from evcs.pages import queries
from evcs.pages.forms import AdoptForm, NoteForm, flats
from evcs.pages.views.deciding import carried_out, tell_invalid
from evcs.people import name_of
from evcs.services import reviews, unknown_tags


def listing(request: HttpRequest) -> HttpResponse:
    """Show all that waits."""
    lists: dict[str, list[Any]] = {
        "doubtful": queries.doubtful(),
        "provisional": queries.provisional(),
        "unknown": queries.unknown_tags(),
        "quarantine": queries.quarantine(),
    }
    context = lists | {
        "title": _("To be looked at"),
        "more": any(len(rows) == queries.MOST_LISTED for rows in lists.values()),
        "flats": list(flats()),
        "may_adopt": request.user.has_perm("evcs.change_unknowntag"),
        "may_move": request.user.has_perm("evcs.change_session"),
        "may_settle": request.user.has_perm("evcs.change_quarantineitem"),
        "most": queries.MOST_LISTED,
    }
    return render(request, "evcs/pages/review.html", context)


def adopt(request: HttpRequest, pk: int) -> HttpResponse:
    """Give an unknown tag to an apartment."""
    row = get_object_or_404(UnknownTag, pk=pk)
    form = AdoptForm(request.POST)
    if not form.is_valid():
        tell_invalid(request)
        return redirect("evcs:review")
    data, by_name = form.cleaned_data, name_of(request.user)
    flat = form.fields["flat"].label_from_instance(data["flat"])

    moves = data["before"] and request.user.has_perm("evcs.change_session")
    past = _("Tag was adopted later") if moves else ""

    def act() -> None:
        unknown_tags.adopt(
            row.uid, data["flat"].pk, data["label"], by_name=by_name, past=past, user=request.user
        )

    what = _("Tag %(uid)s belongs to %(flat)s now.") % {"uid": row.uid, "flat": flat}
    carried_out(request, what, act)
    return redirect("evcs:review")


def set_aside(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an unknown tag off the list."""
    row = get_object_or_404(UnknownTag, pk=pk)
    by_name = name_of(request.user)
    carried_out(
        request,
        _("Tag %(uid)s is set aside.") % {"uid": row.uid},
        lambda: unknown_tags.set_aside(row.uid, by_name=by_name),
    )
    return redirect("evcs:review")


def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """Note that a refused message is dealt with."""
    item = get_object_or_404(QuarantineItem, pk=pk)
    form = NoteForm(request.POST)
    if not form.is_valid():
        tell_invalid(request)
        return redirect("evcs:review")
    note, by_name = form.cleaned_data["note"], name_of(request.user)
    carried_out(
        request,
        _("The message is settled."),
        lambda: reviews.settle_quarantine(item, by_name=by_name, note=note),
    )
    return redirect("evcs:review")
