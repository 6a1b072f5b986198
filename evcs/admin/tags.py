"""Tags: entered, blocked, and given to an apartment from now on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin

from evcs.admin.readonly import NoDelete, ReadOnly
from evcs.models import Tag, TagAssignment
from evcs.services import tags
from evcs.services.errors import UsageError
from evcs.settings import evcs_settings


class TagForm(forms.ModelForm):
    """A tag, and the apartment it is to belong to."""

    flat = forms.ModelChoiceField(
        queryset=None,
        required=False,
        label="Wohnung ab jetzt",
        help_text="Leer: die Zuordnung bleibt, wie sie ist.",
    )

    class Meta:
        model = Tag
        fields = ["uid", "label", "state", "expires_at", "stations"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        manager = apps.get_model(evcs_settings.FLAT_MODEL)._default_manager
        self.fields["flat"].queryset = manager.all()

    def clean_uid(self) -> str:
        """Return the UID in canonical form."""
        try:
            return tags.canonical_uid(self.cleaned_data["uid"])
        except UsageError as error:
            raise forms.ValidationError(str(error)) from error


class AssignmentInline(ReadOnly, admin.TabularInline):
    """Whose the tag was and is."""

    model = TagAssignment
    extra = 0


@admin.register(Tag)
class TagAdmin(NoDelete, admin.ModelAdmin):
    """Tags."""

    form = TagForm
    list_display = ["uid", "label", "state", "expires_at"]
    list_filter = ["state", "stations"]
    search_fields = ["uid", "label"]
    filter_horizontal = ["stations"]
    inlines = [AssignmentInline]

    def save_model(self, request: Any, obj: Tag, form: Any, change: bool) -> None:
        """Write the tag, then its apartment."""
        tags.store(obj)
        if form.cleaned_data.get("flat"):
            tags.assign(obj, form.cleaned_data["flat"].pk)

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        """Write the stations; the assignments are not edited here."""
        for formset in formsets:
            # What the admin's log asks a formset for after it was saved.
            formset.new_objects = formset.changed_objects = formset.deleted_objects = []
        tags.set_stations(form.instance, form.cleaned_data["stations"])
