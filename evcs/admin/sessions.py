"""Sessions: read-only, with what a person may decide about one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet

from evcs.admin.decisions import Decision, Decisions, NoteForm
from evcs.admin.readonly import ReadOnly
from evcs.admin.tags import FlatField
from evcs.kinds import Flag, SessionState
from evcs.models import Entry, Session, SessionChange, SessionReview
from evcs.people import name_of
from evcs.rendering.words import named, words
from evcs.services import corrections, reviews


def called(flag: str) -> str:
    """Return what people call a flag."""
    return named("flag", flag, words("de"))


class Remarks:
    """Mixin of an admin: shows the flags of its rows by what people call them."""

    exclude = ["flags_text"]
    readonly_fields = ["remarks"]

    @admin.display(description="Bemerkungen", ordering="flags_text")
    def remarks(self, row: Any) -> str:
        """Return the flags."""
        return ", ".join(called(name) for name in row.flags_text.split(",") if name) or "–"


class FlagFilter(admin.SimpleListFilter):
    """Sessions with a flag."""

    title = "Bemerkung"
    parameter_name = "flag"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the flags."""
        return [(flag.value, called(flag.value)) for flag in Flag]

    def queryset(self, request: Any, queryset: QuerySet[Session]) -> QuerySet[Session]:
        """Return the sessions that carry the chosen one."""
        if self.value():
            return queryset.filter(flags_text__contains=f",{self.value()},")
        return queryset


class StateFilter(admin.SimpleListFilter):
    """Sessions by where they stand."""

    title = "Stand"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return SessionState.choices

    def queryset(self, request: Any, queryset: QuerySet[Session]) -> QuerySet[Session]:
        """Return the sessions in the chosen one."""
        if self.value() == SessionState.OPEN:
            return queryset.filter(open_slot=1)
        if self.value() == SessionState.ENDED:
            return queryset.filter(end_received_at__isnull=False)
        if self.value() == SessionState.PROVISIONAL:
            return queryset.filter(open_slot=None, end_received_at=None)
        return queryset


class EntriesSeenForm(forms.Form):
    """How many entries the session had when the form was shown: one that is sent twice, or that
    was opened before somebody else's correction, is refused instead of booked on top."""

    entries_seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class CorrectionForm(EntriesSeenForm):
    """By how much, and why."""

    difference_wh = forms.IntegerField(label="Änderung in Wh", help_text="Abzug mit Minuszeichen")
    reason = forms.CharField(label="Grund", max_length=corrections.LONGEST_REASON)


class MoveForm(EntriesSeenForm):
    """To which apartment, and why."""

    flat = FlatField(required=False, label="Wohnung", help_text="Leer: keiner Wohnung zugeordnet")
    reason = forms.CharField(label="Grund", max_length=corrections.LONGEST_REASON)


def _seen(session: Session) -> dict[str, Any]:
    return {"entries_seen": session.entries.count()}


def _correct(session: Session, data: dict[str, Any], user: Any) -> None:
    corrections.correct(
        session,
        data["difference_wh"],
        data["reason"],
        by_name=name_of(user),
        user=user,
        entries_seen=data["entries_seen"],
    )


def _move(session: Session, data: dict[str, Any], user: Any) -> None:
    corrections.reassign(
        session,
        data["flat"].pk if data["flat"] else None,
        data["reason"],
        by_name=name_of(user),
        user=user,
        entries_seen=data["entries_seen"],
    )


def _review(session: Session, data: dict[str, Any], user: Any) -> None:
    reviews.review(session, by_name=name_of(user), note=data["note"])


class ReviewInline(Remarks, ReadOnly, admin.TabularInline):
    """Who looked at a session."""

    model = SessionReview
    extra = 0


class ChangeInline(ReadOnly, admin.TabularInline):
    """What was replaced in a session."""

    model = SessionChange
    extra = 0


class EntryInline(ReadOnly, admin.TabularInline):
    """What is booked beside a session."""

    model = Entry
    extra = 0

    def get_queryset(self, request: Any) -> QuerySet[Entry]:
        """Return them with what their rows name."""
        return super().get_queryset(request).select_related("flat", "user")


class SessionList(ChangeList):
    """The list by month, also where the calendar ends."""

    def get_filters(self, request: Any) -> Any:
        """Read the address; Django counts on from a year 9999 there."""
        try:
            return super().get_filters(request)
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(error) from error


@admin.register(Session)
class SessionAdmin(Decisions, Remarks, ReadOnly, admin.ModelAdmin):
    """Sessions."""

    decisions = (
        Decision("correct", "Korrigieren", CorrectionForm, _correct, _seen),
        Decision("move", "Umbuchen", MoveForm, _move, _seen),
        Decision("review", "Geprüft", NoteForm, _review),
    )

    list_display = [
        "pk",
        "station",
        "seq",
        "flat",
        "tag_uid",
        "started_at",
        "ended_at",
        "kwh",
        "stand",
        "remarks",
    ]
    list_filter = [StateFilter, FlagFilter, "station", "month", "authorized_by", "end_reason"]
    list_select_related = ["station", "flat"]
    search_fields = ["uuid", "tag_uid", "start_serial", "station__name"]
    # A date: times are cut by zone, for which MariaDB wants tables that Debian leaves empty.
    date_hierarchy = "month"
    inlines = [EntryInline, ReviewInline, ChangeInline]

    def get_changelist(self, request: Any, **kwargs: Any) -> type[ChangeList]:
        """Return the list that takes any address."""
        return SessionList

    @admin.display(description="kWh", ordering="energy_wh")
    def kwh(self, session: Session) -> str:
        """Return the energy as people read it."""
        return f"{session.energy_kwh:.3f}"

    @admin.display(description="Stand")
    def stand(self, session: Session) -> str:
        """Return where the session stands."""
        return session.state.label
