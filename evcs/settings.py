"""The app's settings: the dict EVCS of the project over the defaults below.

``evcs_settings.NAME`` reads one; a name that does not exist raises, in code and in the project.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

DEFAULTS: dict[str, Any] = {
    # The model of an apartment, "app.Model". Part of the migrations: choose before `migrate`.
    "FLAT_MODEL": "mmetering.Flat",
    # The field of that model which people call an apartment by.
    "FLAT_NAME_FIELD": "name",
    # Seconds between heartbeats: at rest, and while charging or while somebody watches.
    "HEARTBEAT_REST_S": 60,
    "HEARTBEAT_BUSY_S": 10,
    # Requests per station, as "600/min"; None = no limit.
    "THROTTLE_RATE": None,
    # Sessions per page of the list for people.
    "PAGE_SIZE": 100,
    # Whose statements these are: a name, the lines of its address, and of the foot of each page.
    "ISSUER": {"name": "", "address": [], "footer": []},
    # Who gets the report of a closed month, and all alerts; empty: nobody.
    "LANDLORD_EMAIL": "",
    # Who also gets the alerts about the boxes themselves; empty: nobody.
    "ELECTRICIAN_EMAIL": "",
    # So many Wh of a month that no session accounts for are told at once.
    "UNASSIGNED_ALERT_WH": 2000,
    # For so long a station may say nothing, or take no charge, before somebody is told.
    "SILENT_AFTER_S": 600,
    "UNAVAILABLE_AFTER_S": 300,
    # evcs_retention deletes what is older. Readings draw the power curve and are billed from by
    # nobody; a season is enough to answer a question about a charge.
    "READINGS_KEPT_DAYS": 90,
    "UNKNOWN_TAGS_KEPT_DAYS": 180,
    # Settled ones; they hold what a station said word for word, with the numbers of tags.
    "QUARANTINE_KEPT_DAYS": 180,
    "ALERTS_KEPT_DAYS": 400,
    "COMMANDS_KEPT_DAYS": 400,
    # Calls with a wrong token that are answered from one address, as "30/min"; None = no limit.
    "WRONG_TOKEN_RATE": "30/min",
}


class EvcsSettings:
    """Attribute access to EVCS; read at first use, read again when a test overrides it."""

    def __init__(self) -> None:
        self._values: dict[str, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name not in DEFAULTS:
            raise AttributeError(f"evcs has no setting {name!r}; there are {', '.join(DEFAULTS)}")
        if self._values is None:
            given = getattr(settings, "EVCS", {})
            unknown = sorted(set(given) - set(DEFAULTS))
            if unknown:
                raise ImproperlyConfigured(
                    f"EVCS: {', '.join(unknown)} unknown; allowed are {', '.join(DEFAULTS)}"
                )
            self._values = DEFAULTS | given
        return self._values[name]

    def reload(self) -> None:
        """Forget what was read."""
        self._values = None


evcs_settings = EvcsSettings()


def _reload(*, setting: str, **_: Any) -> None:
    if setting == "EVCS":
        evcs_settings.reload()


setting_changed.connect(_reload)
