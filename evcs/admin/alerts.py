"""Alerts: what is wrong, what was, and whether somebody was told."""

from __future__ import annotations

from django.contrib import admin

from evcs.admin.readonly import ReadOnly
from evcs.models import Alert, AlertMail


class AlertMailInline(ReadOnly, admin.TabularInline):
    """Who was told of it."""

    model = AlertMail
    extra = 0


@admin.register(Alert)
class AlertAdmin(ReadOnly, admin.ModelAdmin):
    """Alerts, the latest first."""

    list_display = ["station", "kind", "detail", "since", "told_at", "ended_at", "end_told_at"]
    list_filter = ["kind", "station"]
    list_select_related = ["station"]
    search_fields = ["station__name", "detail"]
    inlines = [AlertMailInline]
