"""Alerts: what is wrong, what was, and whether somebody was told."""

from __future__ import annotations

from django.contrib import admin

from evcs.admin.readonly import ReadOnly
from evcs.models import Alert


@admin.register(Alert)
class AlertAdmin(ReadOnly, admin.ModelAdmin):
    """Alerts, the latest first."""

    list_display = ["station", "kind", "detail", "since", "told_at", "ended_at"]
    list_filter = ["kind", "station"]
    list_select_related = ["station"]
    search_fields = ["station__name", "detail"]
