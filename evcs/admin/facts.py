"""Commands and refused messages: read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from evcs.admin.decisions import Decision, Decisions, NoteForm
from evcs.admin.readonly import ReadOnly
from evcs.models import Command, QuarantineItem
from evcs.people import name_of
from evcs.services import reviews


def _settle(item: QuarantineItem, data: dict[str, Any], user: Any) -> None:
    reviews.settle_quarantine(item, by_name=name_of(user), note=data["note"])


@admin.register(Command)
class CommandAdmin(ReadOnly, admin.ModelAdmin):
    """Commands and what became of them."""

    list_display = ["created_at", "station", "type", "session_uuid", "fault", "done_at", "result"]
    list_filter = ["station", "type", "result"]
    search_fields = ["id", "session_uuid"]


@admin.register(QuarantineItem)
class QuarantineAdmin(Decisions, ReadOnly, admin.ModelAdmin):
    """Messages that were refused, to be looked at by a person."""

    decisions = (Decision("settle", "Erledigt", NoteForm, _settle),)
    list_display = ["received_at", "station", "item_id", "reason", "settled_at", "settled_by"]
    list_filter = [("settled_at", admin.EmptyFieldListFilter), "station"]
    search_fields = ["item_id", "raw", "reason"]
