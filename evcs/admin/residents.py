"""Which login sees which apartment."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model

from evcs.admin.searching import FindsFlat
from evcs.models import Resident


@admin.register(Resident)
class ResidentAdmin(FindsFlat, admin.ModelAdmin):
    """Residents; taking one away hides an apartment from a login and changes nothing else."""

    list_display = ["user", "flat", "since", "until"]
    list_filter = ["flat"]
    list_select_related = ["user", "flat"]

    def get_search_fields(self, request: Any) -> list[str]:
        """Return where to look: the project's logins need not be Django's."""
        login = get_user_model().USERNAME_FIELD
        return [f"user__{login}", *super().get_search_fields(request)]
