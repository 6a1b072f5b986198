"""What people fill in. The rules stand in the services; these only read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.apps import apps
from django.utils.translation import gettext_lazy as _

from evcs.kinds import Flag, SessionState
from evcs.models import Station
from evcs.pages import wording
from evcs.services import corrections, reviews
from evcs.services.errors import UsageError
from evcs.services.tags import canonical_uid
from evcs.settings import evcs_settings
from evcs.times import parse_month

NOBODY = "none"
LONGEST_OVERRIDE = 500


def flats() -> Any:
    """Return all apartments by name."""
    model = apps.get_model(evcs_settings.FLAT_MODEL)
    return model._default_manager.order_by(evcs_settings.FLAT_NAME_FIELD, "pk")


class FlatField(forms.ModelChoiceField):
    """One of the apartments, by the name people call it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(flats(), **kwargs)

    def label_from_instance(self, flat: Any) -> str:
        """Return the name."""
        return str(getattr(flat, evcs_settings.FLAT_NAME_FIELD))


class FilterForm(forms.Form):
    """Which sessions. What does not fit is told and leaves the list empty."""

    month = forms.CharField(
        label=_("Month"),
        required=False,
        max_length=7,
        widget=forms.TextInput(attrs={"type": "month", "placeholder": "2026-11"}),
    )
    station = forms.ModelChoiceField(
        Station.objects.none(), label=_("Station"), required=False, empty_label=_("all")
    )
    flat = forms.ChoiceField(label=_("Apartment"), required=False)
    tag = forms.CharField(label=_("Tag"), required=False, max_length=30)
    flag = forms.ChoiceField(label=_("Remark"), required=False)
    state = forms.ChoiceField(label=_("State"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["station"].queryset = Station.objects.order_by("name")
        rows = flats().values_list("pk", evcs_settings.FLAT_NAME_FIELD)
        named = [(str(pk), name) for pk, name in rows]
        self.fields["flat"].choices = [("", _("all")), (NOBODY, _("no apartment")), *named]
        self.fields["flag"].choices = [
            ("", _("all")),
            ("any", _("any remark")),
            *((one.value, wording.flag(one.value)) for one in Flag),
        ]
        self.fields["state"].choices = [
            ("", _("all")),
            *((one.value, wording.STATES[one]) for one in SessionState),
        ]

    def clean_month(self) -> Any:
        """Return the first day of the month."""
        text = self.cleaned_data["month"]
        try:
            return parse_month(text) if text else None
        except ValueError as error:
            raise forms.ValidationError(_("Write the month as 2026-11.")) from error

    def clean_tag(self) -> str:
        """Return the UID in canonical form."""
        text = self.cleaned_data["tag"]
        try:
            return canonical_uid(text) if text else ""
        except UsageError as error:
            raise forms.ValidationError(
                _("This is no tag: 8, 14 or 20 hexadecimal digits.")
            ) from error


class StationForm(forms.Form):
    """A new station."""

    name = forms.CharField(label=_("Name"), max_length=20)


class NoteForm(forms.Form):
    """What was found."""

    note = forms.CharField(label=_("What was found"), max_length=reviews.LONGEST_NOTE)


class CorrectionForm(forms.Form):
    """By how much, and why."""

    difference = forms.DecimalField(
        label=_("Difference in kWh"),
        help_text=_("With a minus sign to take away."),
        max_digits=10,
        decimal_places=3,
        localize=True,
    )
    reason = forms.CharField(label=_("Reason"), max_length=corrections.LONGEST_REASON)

    @property
    def difference_wh(self) -> int:
        """The difference in whole Wh."""
        return int(self.cleaned_data["difference"] * Decimal(1000))


class MoveForm(forms.Form):
    """To which apartment, and why."""

    flat = FlatField(label=_("Apartment"), required=False, empty_label=_("no apartment"))
    reason = forms.CharField(label=_("Reason"), max_length=corrections.LONGEST_REASON)


class AdoptForm(forms.Form):
    """Whose the tag is."""

    flat = FlatField(label=_("Apartment"), empty_label=None)
    label = forms.CharField(label=_("Label"), max_length=100, required=False)
    before = forms.BooleanField(label=_("Also what it charged before"), required=False)


class CloseForm(forms.Form):
    """Closing a month for good; over open points with a reason."""

    sure = forms.BooleanField(label=_("I know that a closed month stays closed."))
    reason = forms.CharField(
        label=_("Reason to close over the open points"),
        max_length=LONGEST_OVERRIDE,
        required=False,
    )
