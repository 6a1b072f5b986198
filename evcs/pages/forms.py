"""What people fill in. The rules stand in the services; these only read."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django import forms
from django.apps import apps
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evcs.kinds import Flag, SessionState
from evcs.models import Station, Tag
from evcs.models.years import refuse_slip
from evcs.pages import wording
from evcs.services import corrections, reviews
from evcs.services.errors import UsageError
from evcs.services.tags import canonical_uid
from evcs.settings import evcs_settings
from evcs.times import first_moment, parse_month

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


class UidField(forms.CharField):
    """The UID of a tag, as typed; cleaned to its canonical form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=30, **kwargs)

    def clean(self, value: Any) -> str:
        """Return the UID, empty if it may be."""
        text = super().clean(value)
        try:
            return canonical_uid(text) if text else ""
        except UsageError as error:
            raise forms.ValidationError(
                _("This is no tag: 8, 14 or 20 hexadecimal digits.")
            ) from error


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
    tag = UidField(label=_("Tag"), required=False)
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


class StationForm(forms.Form):
    """A new station."""

    name = forms.CharField(label=_("Name"), max_length=20)


def begin_of(day: dt.date | None) -> dt.datetime | None:
    """Return when a day of the house begins, None for none."""
    return day and first_moment(day, timezone.get_default_timezone())


class DayField(forms.DateField):
    """A day of the house."""

    def __init__(self, **kwargs: Any) -> None:
        # A browser sends ISO 8601 whatever it shows, and wants it so.
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        super().__init__(widget=widget, **kwargs)

    def clean(self, value: Any) -> dt.date | None:
        """Return the day. One at the ends of the calendar is a slip."""
        day: dt.date | None = super().clean(value)
        if day is not None:
            refuse_slip(day)
        return day


class NewTagForm(forms.Form):
    """A tag that is entered by its number."""

    uid = UidField(label=_("Number of the tag"), help_text=_("As 04 A3 C6 CA E2 61 80."))
    flat = FlatField(label=_("Apartment"), required=False, empty_label=_("no apartment"))
    label = forms.CharField(label=_("Label (optional)"), max_length=100, required=False)


class ReleaseForm(forms.Form):
    """From which day on a tag is nobody's."""

    since = DayField(label=_("From"), required=False, help_text=_("Empty: from now on."))

    def clean_since(self) -> dt.datetime | None:
        """Return the first moment of the day, None for now."""
        return begin_of(self.cleaned_data["since"])


class GiveForm(ReleaseForm):
    """Whose a tag is from a day on."""

    flat = FlatField(label=_("Apartment"), empty_label=_("choose"))
    field_order = ("flat", "since")


class TagForm(forms.Form):
    """What a tag is called, until when it is valid, and where."""

    label = forms.CharField(label=_("Label (optional)"), max_length=100, required=False)
    last_day = DayField(
        label=_("Valid until the end of"), required=False, help_text=_("Empty: without an end.")
    )
    stations = forms.ModelMultipleChoiceField(
        Station.objects.none(),
        label=_("Valid at these stations only"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: at all."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stations"].queryset = Station.objects.order_by("name")

    @classmethod
    def of(cls, tag: Tag) -> TagForm:
        """Return the form filled in as ``tag`` is."""
        last_day = tag.expires_at and timezone.localdate(tag.expires_at - dt.timedelta(seconds=1))
        values = {"label": tag.label, "last_day": last_day, "stations": tag.stations.all()}
        return cls(initial=values)

    @property
    def expires_at(self) -> dt.datetime | None:
        """The first moment at which the tag is not valid any more."""
        last_day = self.cleaned_data["last_day"]
        return begin_of(last_day and last_day + dt.timedelta(days=1))


class TariffForm(forms.Form):
    """What a kilowatt-hour costs from a day on."""

    valid_from = DayField(label=_("From"))
    price_per_kwh = forms.DecimalField(
        label=_("Price per kWh, net"), max_digits=8, decimal_places=5, min_value=0, localize=True
    )
    vat_percent = forms.DecimalField(
        label=_("VAT in percent"),
        max_digits=4,
        decimal_places=2,
        min_value=0,
        initial=0,
        localize=True,
    )
    currency = forms.CharField(label=_("Currency"), max_length=3, initial="EUR")


class NoteForm(forms.Form):
    """What was found."""

    note = forms.CharField(label=_("What was found"), max_length=reviews.LONGEST_NOTE)


class SeenForm(forms.Form):
    """``seen``: how much there was to be seen when the page was shown, so that a second click, or
    somebody else meanwhile, is noticed. None: not told."""

    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def shows(self, seen: int) -> None:
        """Let it be shown with what there is now, also once it was refused."""
        self.initial["seen"] = seen
        if self.is_bound:
            self.data = self.data.copy()
            self.data["seen"] = str(seen)


class CorrectionForm(SeenForm):
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


class MoveForm(SeenForm):
    """To which apartment, and why."""

    flat = FlatField(label=_("Apartment"), required=False, empty_label=_("no apartment"))
    reason = forms.CharField(label=_("Reason"), max_length=corrections.LONGEST_REASON)


class AdoptForm(forms.Form):
    """Whose the tag is."""

    flat = FlatField(label=_("Apartment"), empty_label=None)
    label = forms.CharField(label=_("Label"), max_length=100, required=False)
    before = forms.BooleanField(label=_("Also what it charged before"), required=False)


class CloseForm(SeenForm):
    """Closing a month for good; over open points with a reason."""

    sure = forms.BooleanField(label=_("I know that a closed month stays closed."))
    reason = forms.CharField(
        label=_("Reason to close over the open points"),
        max_length=LONGEST_OVERRIDE,
        required=False,
    )
