"""Which login sees which apartment."""

from __future__ import annotations

from django.contrib import admin

from evcs.models import Resident


@admin.register(Resident)
class ResidentAdmin(admin.ModelAdmin):
    """Residents; taking one away hides an apartment from a login and changes nothing else."""

    list_display = ["user", "flat", "since", "until"]
    list_filter = ["flat"]
    list_select_related = ["user", "flat"]
