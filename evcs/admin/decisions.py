"""Pages on which a person decides something about a fact: a form, then one call of a service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html_join

from evcs.services import reviews
from evcs.services.errors import ServiceError, UsageError


class NoteForm(forms.Form):
    """What was found."""

    note = forms.CharField(label="Befund", max_length=reviews.LONGEST_NOTE)


def _nothing(row: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Decision:
    """``carry_out`` gets the row, the form's values and the user, and may raise UsageError.

    ``initial`` says what stands in the form of a row when it is shown: also what the row was like
    then, for a service that refuses what was decided about something else.
    """

    name: str
    title: str
    form: type[forms.Form]
    carry_out: Callable[[Any, dict[str, Any], Any], object]
    initial: Callable[[Any], dict[str, Any]] = _nothing


class Decisions:
    """Mixin of a ModelAdmin: ``decisions`` about one of its rows, for who may change the model.

    The row itself stays read-only; a form that is opened by GET changes nothing. Who may only look
    sees no links to what would be refused.
    """

    decisions: tuple[Decision, ...] = ()
    model: Any
    admin_site: Any

    def get_urls(self) -> list[Any]:
        """Add an address for each decision."""
        mine = [
            path(
                f"<int:pk>/{one.name}/",
                self.admin_site.admin_view(self._view(one)),
                name=self._url_name(one),
            )
            for one in self.decisions
        ]
        return [*mine, *super().get_urls()]  # type: ignore[misc]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show the links below the facts."""
        fields = super().get_readonly_fields(request, obj)  # type: ignore[misc]
        return [*fields, "decide"] if self._may_decide(request) else [*fields]

    def decide(self, row: Any) -> str:
        """Return the links to the decisions about a row."""
        links = (
            (reverse(f"admin:{self._url_name(one)}", args=[row.pk]), one.title)
            for one in self.decisions
        )
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    decide.short_description = "Entscheiden"  # type: ignore[attr-defined]

    def _url_name(self, decision: Decision) -> str:
        return f"evcs_{self.model._meta.model_name}_{decision.name}"

    def _may_decide(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(f"evcs.change_{self.model._meta.model_name}"))

    def _view(self, decision: Decision) -> Callable[..., HttpResponse]:
        back = f"admin:evcs_{self.model._meta.model_name}_change"

        def view(request: HttpRequest, pk: int) -> HttpResponse:
            if not self._may_decide(request):
                raise PermissionDenied
            row = self.model._default_manager.filter(pk=pk).first()
            if row is None:
                raise Http404
            sent = request.POST if request.method == "POST" else None
            form = decision.form(sent, initial=decision.initial(row))
            if form.is_valid():
                try:
                    decision.carry_out(row, form.cleaned_data, request.user)
                except (UsageError, ServiceError) as error:
                    form.add_error(None, error.told())
                else:
                    messages.success(request, f"{decision.title}: {row}")
                    return HttpResponseRedirect(reverse(back, args=[pk]))
            context = self.admin_site.each_context(request) | {
                "title": decision.title,
                "subject": str(row),
                "back": reverse(back, args=[pk]),
                "form": form,
            }
            return TemplateResponse(request, "evcs/decision.html", context)

        return view
