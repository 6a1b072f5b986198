"""Is the server well: what a monitor asks every minute. Reads only; nothing of it is personal."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Q
from django.utils import timezone

from evcs.models import Alert
from evcs.services import alert_mails, alerts, runs
from evcs.times import rfc3339

# Alerts are looked for and told within a minute or two; after this the mail or what starts
# evcs_alerts has failed.
TELL_WITHIN = dt.timedelta(minutes=15)
# Not empty: this process has seen that no migration waits.
_seen: list[bool] = []


@dataclass(frozen=True, slots=True)
class Health:
    """``well`` is False when somebody has to do something about the server itself."""

    database: bool
    migrated: bool
    # When evcs_alerts last came to its end; null: never on this server.
    last_look: str | None = None
    looking: bool = False
    # Whether anybody is to be mailed alerts.
    recipients: bool = False
    open_alerts: int = 0
    untold_alerts: int = 0

    @property
    def well(self) -> bool:
        # A server whose alerts go to nobody need not look for any, but one that did has stopped.
        looks = self.looking or (self.last_look is None and not self.recipients)
        return self.database and self.migrated and looks and self.untold_alerts == 0


def health() -> Health:
    """Look. Raises nothing for a database that is away."""
    try:
        if not _is_migrated():
            return Health(True, False)
        now = timezone.now()
        looked_at = runs.done_at(alerts.JOB)
        return Health(
            True,
            True,
            last_look=None if looked_at is None else rfc3339(looked_at),
            # A time to come is of a clock that was set back: the next look has another.
            looking=looked_at is not None and abs(now - looked_at) <= TELL_WITHIN,
            recipients=alert_mails.anybody(),
            open_alerts=Alert.objects.filter(ended_at=None).count(),
            untold_alerts=_late(now),
        )
    except Error:
        return Health(False, False)


def _late(now: dt.datetime) -> int:
    """How many have not been told for so long, their beginning or their end."""
    if not alert_mails.anybody():
        return 0
    before = now - TELL_WITHIN
    late = Q(ended_at=None, gone_at=None, due_at__lt=before) | Q(ended_at__lt=before)
    return Alert.objects.filter(alert_mails.untold() & late).count()


def _is_migrated() -> bool:
    """Worked out until it is so once: it reads every migration there is, and anybody may ask."""
    if not _seen:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _seen.append(True)
    return True
