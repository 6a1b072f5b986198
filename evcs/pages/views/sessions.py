"""Sessions: the list, one of them with its history, and what people decide about it."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from evcs.kinds import SessionState
from evcs.models import Session
from evcs.pages import curves, queries
from evcs.pages.forms import CorrectionForm, FilterForm, MoveForm, NoteForm
from evcs.pages.views.deciding import carried_out_by
from evcs.people import name_of
from evcs.services import corrections, reviews

PAGE_SIZE = 50


def listing(request: HttpRequest) -> HttpResponse:
    """List sessions by filter and page."""
    form = FilterForm(request.GET)
    found = queries.filtered(form.cleaned_data) if form.is_valid() else Session.objects.none()
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "title": _("Charging sessions"),
        "form": form,
        "page": page,
        "query": query.urlencode(),
    }
    return render(request, "evcs/pages/sessions.html", context)


def one(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a session whole."""
    return _shown(request, _session(pk))


def correct(request: HttpRequest, pk: int) -> HttpResponse:
    """Book a difference."""
    session, form = _session(pk), CorrectionForm(request.POST, auto_id="correct_%s")
    by_name = name_of(request.user)
    if carried_out_by(
        request,
        form,
        _("The correction is booked."),
        lambda: corrections.correct(
            session,
            form.difference_wh,
            form.cleaned_data["reason"],
            by_name=by_name,
            user=request.user,
            entries_seen=form.cleaned_data["seen"],
        ),
    ):
        return redirect("evcs:session", pk)
    return _shown(request, session, correction=form)


def move(request: HttpRequest, pk: int) -> HttpResponse:
    """Give it to another apartment."""
    session, form = _session(pk), MoveForm(request.POST, auto_id="move_%s")
    by_name = name_of(request.user)

    def act() -> None:
        flat = form.cleaned_data["flat"]
        corrections.reassign(
            session,
            flat.pk if flat else None,
            form.cleaned_data["reason"],
            by_name=by_name,
            user=request.user,
            entries_seen=form.cleaned_data["seen"],
        )

    if carried_out_by(request, form, _("The charge is moved."), act):
        return redirect("evcs:session", pk)
    return _shown(request, session, move=form)


def review(request: HttpRequest, pk: int) -> HttpResponse:
    """Note that somebody has looked at it."""
    session, form = _session(pk), NoteForm(request.POST)
    by_name = name_of(request.user)
    if carried_out_by(
        request,
        form,
        _("Noted as looked at."),
        lambda: reviews.review(session, by_name=by_name, note=form.cleaned_data["note"]),
    ):
        return redirect("evcs:session", pk)
    return _shown(request, session, review=form)


def facts(session: Session) -> dict[str, Any]:
    """Return what the landlord's and the resident's page of a session share."""
    curve = curves.of(session)
    end = session.closed_at
    latest = None
    if end is None and session.start_wh is not None:
        latest = session.readings.order_by("-n").values_list("import_wh", flat=True).first()
    own = session.state == SessionState.ENDED
    return {
        "session": session,
        "curve": curve,
        "end_wh": session.end_wh if own else session.provisional_wh,
        "so_far_wh": None if latest is None else latest - session.start_wh,
        "entries": list(session.entries.select_related("flat")),
        "duration_s": (end - session.started_effective).total_seconds() if end else None,
    }


def _session(pk: int) -> Session:
    found = Session.objects.select_related("station", "flat", "tag").prefetch_related("reviews")
    session: Session = get_object_or_404(found, pk=pk)
    return session


def _shown(request: HttpRequest, session: Session, **forms: Any) -> HttpResponse:
    context = facts(session)
    correction = forms.get("correction") or CorrectionForm(auto_id="correct_%s")
    move = forms.get("move") or MoveForm(auto_id="move_%s")
    for form in (correction, move):
        form.shows(len(context["entries"]))
    context |= {
        "label": session.tag.label if session.tag else "",
        "title": _("Charging session %(n)d") % {"n": session.pk},
        "changes": list(session.changes.all()),
        "doubts": sorted(reviews.doubts(session)),
        "may_change": request.user.has_perm("evcs.change_session"),
        "correction": correction,
        "move": move,
        "review": forms.get("review") or NoteForm(),
        "opened": next(iter(forms), None),
    }
    return render(request, "evcs/pages/session.html", context, status=422 if forms else 200)
