"""Tags: entered, blocked, and given to an apartment from now on."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.utils import timezone

from evcs.admin.decisions import Decision, Decisions
from evcs.admin.readonly import NoDelete, ReadOnly
from evcs.kinds import TagState
from evcs.models import Tag, TagAssignment, UnknownTag
from evcs.models.years import refuse_slip
from evcs.people import name_of
from evcs.services import tags, unknown_tags
from evcs.services.errors import UsageError
from evcs.settings import evcs_settings


class FlatField(forms.ModelChoiceField):
    """One of the apartments."""

    def __init__(self, **kwargs: Any) -> None:
        model = apps.get_model(evcs_settings.FLAT_MODEL)
        super().__init__(model._default_manager.all(), **kwargs)


class TagForm(forms.ModelForm):
    """A tag, and the apartment it is to belong to."""

    flat = FlatField(
        required=False,
        label="Wohnung ab jetzt",
        help_text="Leer: die Zuordnung bleibt, wie sie ist.",
    )

    class Meta:
        model = Tag
        fields = ["uid", "label", "state", "expires_at", "stations"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "state" in self.fields:
            # A resident may block a lost tag while this form is open: what counts as chosen here is
            # what differs from what the form showed, not from what is stored by now.
            self.fields["state"].show_hidden_initial = True

    def clean_uid(self) -> str:
        """Return the UID in canonical form."""
        try:
            return tags.canonical_uid(self.cleaned_data["uid"])
        except UsageError as error:
            raise forms.ValidationError(error.told()) from error

    def clean_expires_at(self) -> dt.datetime | None:
        """Return the end."""
        expires_at: dt.datetime | None = self.cleaned_data["expires_at"]
        if expires_at is not None:
            refuse_slip(expires_at)
        return expires_at

    def clean(self) -> dict[str, Any]:
        """Tell what the service would refuse."""
        data = super().clean()
        if data.get("flat") and self.instance.pk:
            try:
                tags.refuse_later(self.instance, timezone.now())
            except UsageError as error:
                self.add_error("flat", error.told())
        return data


class AssignmentInline(ReadOnly, admin.TabularInline):
    """Whose the tag was and is."""

    model = TagAssignment
    extra = 0

    def get_queryset(self, request: Any) -> QuerySet[TagAssignment]:
        """Return them with what their rows name."""
        return super().get_queryset(request).select_related("flat")


@admin.register(Tag)
class TagAdmin(NoDelete, admin.ModelAdmin):
    """Tags."""

    form = TagForm
    list_display = ["uid", "label", "state", "expires_at"]
    list_filter = ["state", "stations"]
    search_fields = ["uid", "label"]
    filter_horizontal = ["stations"]
    inlines = [AssignmentInline]
    fields = ["uid", "label", "state", "expires_at", "stations", "flat"]

    def get_readonly_fields(self, request: Any, obj: Tag | None = None) -> list[str]:
        """Another number is another card: what was charged with this one points here."""
        return ["uid"] if obj else []

    def save_model(self, request: Any, obj: Tag, form: Any, change: bool) -> None:
        """Write the tag, then its apartment. Who did not touch the state does not decide it."""
        if change:
            stations = form.cleaned_data["stations"]
            tags.describe(obj, label=obj.label, expires_at=obj.expires_at, stations=stations)
            if "state" in form.changed_data:
                tags.set_blocked(obj, obj.state == TagState.BLOCKED)
        else:
            tags.store(obj)
        if form.cleaned_data.get("flat"):
            flat_id = form.cleaned_data["flat"].pk
            unknown_tags.give(obj, flat_id, by_name=name_of(request.user))

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        """Write a new tag's stations; the assignments are not edited here."""
        for formset in formsets:
            # What the admin's log asks a formset for after it was saved.
            formset.new_objects = formset.changed_objects = formset.deleted_objects = []
        if not change:
            tags.set_stations(form.instance, form.cleaned_data["stations"])


class AdoptForm(forms.Form):
    """Whose the tag is."""

    flat = FlatField(label="Wohnung")
    label = forms.CharField(label="Bezeichnung", max_length=100, required=False)


def _adopt(row: UnknownTag, data: dict[str, Any], user: Any) -> None:
    unknown_tags.adopt(row.uid, data["flat"].pk, data["label"], by_name=name_of(user))


def _set_aside(row: UnknownTag, data: dict[str, Any], user: Any) -> None:
    unknown_tags.set_aside(row.uid, by_name=name_of(user))


@admin.register(UnknownTag)
class UnknownTagAdmin(Decisions, ReadOnly, admin.ModelAdmin):
    """Tags that nobody registered."""

    decisions = (
        Decision("adopt", "Übernehmen", AdoptForm, _adopt),
        Decision("aside", "Zurückstellen", forms.Form, _set_aside),
    )
    list_display = ["uid", "station", "times", "last_at", "settled_at", "settled_by"]
    list_filter = [("settled_at", admin.EmptyFieldListFilter), "station"]
    search_fields = ["uid"]
