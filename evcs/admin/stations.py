"""Stations: made here with a token that is shown once; switched on and off; told nothing else."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet

from evcs.admin.readonly import NoDelete, ReadOnly
from evcs.kinds import CommandType
from evcs.models import Station, StationKey
from evcs.services import commands, stations


class KeyInline(ReadOnly, admin.TabularInline):
    """The keys of a station, without their secret."""

    model = StationKey
    extra = 0
    fields = ["prefix", "created_at", "last_used_at", "revoked_at"]


@admin.register(Station)
class StationAdmin(NoDelete, admin.ModelAdmin):
    """Stations and what they last said."""

    list_display = ["name", "enabled", "phase", "last_seen", "power_w", "pending", "quarantined"]
    list_filter = ["enabled", "phase"]
    search_fields = ["name", "meter_serial", "software"]
    inlines = [KeyInline]
    actions = ["disable", "enable", "rotate_token"]

    def get_fields(self, request: Any, obj: Station | None = None) -> list[str]:
        """A new station is a name; the rest it says itself."""
        return ["name"] if obj is None else super().get_fields(request, obj)

    def get_readonly_fields(self, request: Any, obj: Station | None = None) -> list[str]:
        """An existing station is looked at."""
        return [] if obj is None else [field.name for field in Station._meta.fields]

    def save_model(self, request: Any, obj: Station, form: Any, change: bool) -> None:
        """Create the station and show its token."""
        if change:
            return
        made, token = stations.create(obj.name)
        obj.pk = made.pk
        obj.created_at = made.created_at
        self._show(request, made, token)

    @admin.action(description="Sperren (laufende Vorgänge enden nicht)", permissions=["change"])
    def disable(self, request: Any, queryset: QuerySet[Station]) -> None:
        """Let the chosen stations begin no sessions."""
        for station in queryset:
            commands.give(station, CommandType.DISABLE, user=request.user)

    @admin.action(description="Freigeben", permissions=["change"])
    def enable(self, request: Any, queryset: QuerySet[Station]) -> None:
        """Let the chosen stations begin sessions again."""
        for station in queryset:
            commands.give(station, CommandType.ENABLE, user=request.user)

    @admin.action(description="Neuen Schlüssel erzeugen", permissions=["change"])
    def rotate_token(self, request: Any, queryset: QuerySet[Station]) -> None:
        """Give the chosen stations a new token each, and show it."""
        for station in queryset:
            self._show(request, station, stations.rotate_key(station))

    def _show(self, request: Any, station: Station, token: str) -> None:
        text = f"Station {station.name}, Schlüssel (nur jetzt zu sehen): {token}"
        self.message_user(request, text, messages.WARNING)
