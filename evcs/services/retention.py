"""What is not kept for ever: nothing that anything is billed from. Each rule by its setting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from evcs.models import Alert, Command, QuarantineItem, Reading, RefusedStart, UnknownTag
from evcs.services.transactions import in_transaction
from evcs.settings import evcs_settings

# In one transaction; a station's messages do not wait longer for it.
BATCH = 5000


def _rules() -> dict[str, tuple[int, Callable[[dt.datetime], QuerySet[Any]]]]:
    """By name: days, and what is older than a moment."""
    days = evcs_settings
    return {
        "readings": (
            days.READINGS_KEPT_DAYS,
            # Of sessions that have their own END: nothing is worked out from them any more.
            lambda old: Reading.objects.filter(at__lt=old, session__end_received_at__lt=old),
        ),
        "settled unknown tags": (
            days.UNKNOWN_TAGS_KEPT_DAYS,
            lambda old: UnknownTag.objects.filter(settled_at__lt=old),
        ),
        "settled refused messages": (
            days.QUARANTINE_KEPT_DAYS,
            lambda old: QuarantineItem.objects.filter(settled_at__lt=old),
        ),
        "alerts that are over": (
            days.ALERTS_KEPT_DAYS,
            lambda old: Alert.objects.filter(ended_at__lt=old),
        ),
        "refused starts": (
            days.ALERTS_KEPT_DAYS,
            lambda old: RefusedStart.objects.filter(at__lt=old),
        ),
        "commands that are done": (
            days.COMMANDS_KEPT_DAYS,
            lambda old: Command.objects.filter(done_at__lt=old),
        ),
    }


def apply(*, dry_run: bool = False) -> dict[str, int]:
    """Delete what is older than its days; how many of each. ``dry_run`` only counts."""
    now, found = timezone.now(), {}
    for name, (days, older_than) in _rules().items():
        old = older_than(now - dt.timedelta(days=days))
        if dry_run:
            found[name] = old.count()
            continue
        found[name] = 0
        while gone := _delete_some(old):
            found[name] += gone
    return found


@in_transaction
def _delete_some(old: QuerySet[Any]) -> int:
    some = list(old.values_list("pk", flat=True).order_by("pk")[:BATCH])
    old.model._default_manager.filter(pk__in=some).delete()
    return len(some)
