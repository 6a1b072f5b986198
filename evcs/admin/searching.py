"""The search field also takes what people call an apartment by."""

from __future__ import annotations

from typing import Any

from evcs.settings import evcs_settings


class FindsFlat:
    """Mixin of a ModelAdmin: adds the name of the apartment to ``search_fields``.

    ``flat_path``: the way from the model to the apartment. Asked for with each request, because the
    name's field is a setting.
    """

    flat_path = "flat"

    def get_search_fields(self, request: Any) -> list[str]:
        """Return where to look."""
        fields = super().get_search_fields(request)  # type: ignore[misc]
        return [*fields, f"{self.flat_path}__{evcs_settings.FLAT_NAME_FIELD}"]
