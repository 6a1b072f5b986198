"""Tags: all of them, one with whose it was and is; entered, given away, limited, blocked."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from evcs.models import Tag, TagAssignment
from evcs.pages.forms import GiveForm, NewTagForm, ReleaseForm, TagForm
from evcs.pages.views.deciding import carried_out_by
from evcs.people import name_of
from evcs.services import tags, unknown_tags


def listing(request: HttpRequest) -> HttpResponse:
    """Show all tags and whose they are."""
    return _listed(request)


def create(request: HttpRequest) -> HttpResponse:
    """Enter a tag, and whose it is."""
    form, by_name = NewTagForm(request.POST), name_of(request.user)

    def act() -> None:
        data = form.cleaned_data
        flat_id = data["flat"].pk if data["flat"] else None
        unknown_tags.enter(data["uid"], flat_id, data["label"], by_name=by_name)

    if carried_out_by(request, form, _("The tag is entered."), act):
        return redirect("evcs:tags")
    return _listed(request, form)


def one(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a tag: whose it was, is and will be."""
    return _shown(request, get_object_or_404(Tag, pk=pk))


def give(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a tag to an apartment from a day on."""
    tag, form = get_object_or_404(Tag, pk=pk), GiveForm(request.POST)
    by_name = name_of(request.user)

    def act() -> None:
        flat, since = form.cleaned_data["flat"], form.cleaned_data["since"]
        unknown_tags.give(tag, flat.pk, by_name=by_name, since=since)

    if carried_out_by(request, form, _("It is noted whose the tag is."), act):
        return redirect("evcs:tag", pk)
    return _shown(request, tag, give=form)


def release(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a tag back from a day on: it is nobody's then."""
    tag = get_object_or_404(Tag, pk=pk)
    form = ReleaseForm(request.POST, auto_id="release_%s")
    what = _("It is noted from when on the tag is nobody's.")
    if carried_out_by(request, form, what, lambda: tags.release(tag, form.cleaned_data["since"])):
        return redirect("evcs:tag", pk)
    return _shown(request, tag, release=form)


def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Set what a tag is called, until when and where it is valid."""
    tag, form = get_object_or_404(Tag, pk=pk), TagForm(request.POST)

    def act() -> None:
        data = form.cleaned_data
        tags.describe(
            tag, label=data["label"], expires_at=form.expires_at, stations=data["stations"]
        )

    if carried_out_by(request, form, _("The tag is changed."), act):
        return redirect("evcs:tag", pk)
    return _shown(request, tag, edit=form)


def block(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a tag charge nowhere."""
    return _set_blocked(request, pk, True, _("Tag %(uid)s is blocked."))


def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a blocked tag charge again."""
    return _set_blocked(request, pk, False, _("Tag %(uid)s is accepted again."))


def _set_blocked(request: HttpRequest, pk: int, blocked: bool, what: str) -> HttpResponse:
    tag = get_object_or_404(Tag, pk=pk)
    tags.set_blocked(tag, blocked)
    messages.success(request, what % {"uid": tag.uid})
    return redirect("evcs:tags")


def _listed(request: HttpRequest, form: NewTagForm | None = None) -> HttpResponse:
    now = timezone.now()
    held = TagAssignment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=now))
    found = Tag.objects.prefetch_related(
        Prefetch("assignments", held.select_related("flat"), to_attr="held")
    )
    may_add = request.user.has_perm("evcs.add_tag")
    context = {
        "title": _("Tags"),
        "tags": list(found),
        "now": now,
        "may_change": request.user.has_perm("evcs.change_tag"),
        "new": form or (NewTagForm() if may_add else None),
    }
    return render(request, "evcs/pages/tags.html", context, status=422 if form else 200)


def _shown(request: HttpRequest, tag: Tag, **forms: Any) -> HttpResponse:
    held = tag.assignments.select_related("flat").order_by("-valid_from", "-pk")
    context = {
        "title": _("Tag %(uid)s") % {"uid": tag.uid},
        "tag": tag,
        # Without a beginning sorts last on one database and first on another.
        "held": sorted(held, key=lambda one: one.valid_from is None),
        "now": timezone.now(),
        "may_change": request.user.has_perm("evcs.change_tag"),
        "give": forms.get("give") or GiveForm(),
        "release": forms.get("release") or ReleaseForm(auto_id="release_%s"),
        "edit": forms.get("edit") or TagForm.of(tag),
    }
    return render(request, "evcs/pages/tag.html", context, status=422 if forms else 200)
