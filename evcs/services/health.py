"""Is the server well: what a monitor asks every minute. Reads only; nothing of it is personal."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Q
from django.utils import timezone

from evcs.models import Alert
from evcs.settings import evcs_settings

# Alerts are told within a minute or two; after this the mail or the timer has failed.
TELL_WITHIN = dt.timedelta(minutes=15)
# Not empty: this process has seen that no migration waits.
_seen: list[bool] = []


@dataclass(frozen=True, slots=True)
class Health:
    """``well`` is False when somebody has to do something about the server itself."""

    database: bool
    migrated: bool
    open_alerts: int
    untold_alerts: int

    @property
    def well(self) -> bool:
        return self.database and self.migrated and self.untold_alerts == 0


def health() -> Health:
    """Look. Raises nothing for a database that is away."""
    try:
        if not _is_migrated():
            return Health(True, False, 0, 0)
        alerts = Alert.objects.filter(ended_at=None)
        late = Q(told_at=None, since__lt=timezone.now() - TELL_WITHIN)
        # Without anybody to tell, nothing is late.
        untold = alerts.filter(late).count() if _somebody() else 0
        return Health(True, True, alerts.count(), untold)
    except Error:
        return Health(False, False, 0, 0)


def _is_migrated() -> bool:
    """Worked out until it is so once: it reads every migration there is, and anybody may ask."""
    if not _seen:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _seen.append(True)
    return True


def _somebody() -> bool:
    return bool(evcs_settings.LANDLORD_EMAIL or evcs_settings.ELECTRICIAN_EMAIL)
