"""Sessions, commands and refused messages: read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from evcs.admin.readonly import ReadOnly
from evcs.kinds import Flag, SessionState
from evcs.models import ClosedMonth, Command, Entry, QuarantineItem, Session, SessionChange


class FlagFilter(admin.SimpleListFilter):
    """Sessions with a flag."""

    title = "Flag"
    parameter_name = "flag"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the flags."""
        return [(flag.value, flag.value) for flag in Flag]

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
        return [(state.value, state.value) for state in SessionState]

    def queryset(self, request: Any, queryset: QuerySet[Session]) -> QuerySet[Session]:
        """Return the sessions in the chosen one."""
        if self.value() == SessionState.OPEN:
            return queryset.filter(open_slot=1)
        if self.value() == SessionState.ENDED:
            return queryset.filter(end_received_at__isnull=False)
        if self.value() == SessionState.PROVISIONAL:
            return queryset.filter(open_slot=None, end_received_at=None)
        return queryset


class ChangeInline(ReadOnly, admin.TabularInline):
    """What was replaced in a session."""

    model = SessionChange
    extra = 0


class EntryInline(ReadOnly, admin.TabularInline):
    """What is booked beside a session."""

    model = Entry
    extra = 0


@admin.register(ClosedMonth)
class ClosedMonthAdmin(ReadOnly, admin.ModelAdmin):
    """Months that are billed."""

    list_display = ["month", "closed_at", "closed_by"]


@admin.register(Session)
class SessionAdmin(ReadOnly, admin.ModelAdmin):
    """Sessions."""

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
        "flags_text",
    ]
    list_filter = [StateFilter, FlagFilter, "station", "month", "authorized_by", "end_reason"]
    list_select_related = ["station", "flat"]
    search_fields = ["uuid", "tag_uid", "start_serial", "station__name"]
    date_hierarchy = "started_effective"
    inlines = [EntryInline, ChangeInline]

    @admin.display(description="kWh", ordering="energy_wh")
    def kwh(self, session: Session) -> str:
        """Return the energy as people read it."""
        return f"{session.energy_kwh:.3f}"

    @admin.display(description="Stand")
    def stand(self, session: Session) -> str:
        """Return where the session stands."""
        return session.state.value


@admin.register(Command)
class CommandAdmin(ReadOnly, admin.ModelAdmin):
    """Commands and what became of them."""

    list_display = ["created_at", "station", "type", "session_uuid", "fault", "done_at", "result"]
    list_filter = ["station", "type", "result"]
    search_fields = ["id", "session_uuid"]


@admin.register(QuarantineItem)
class QuarantineAdmin(ReadOnly, admin.ModelAdmin):
    """Messages that were refused, to be looked at by a person."""

    list_display = ["received_at", "station", "item_id", "reason"]
    list_filter = ["station"]
    search_fields = ["item_id", "raw", "reason"]
