"""The host's naive local times, converted where they enter and leave, and nowhere else.

mmetering runs with ``USE_TZ = False``: its columns hold the wall clock of the house. This project
runs with ``USE_TZ = True``, by which Django takes what a column holds for UTC.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import models
from django.utils import timezone


def from_local(naive: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """Return the instant that a wall clock means, in UTC.

    Of the hour that comes twice in autumn the first one is meant; a time of the hour that is left
    out in spring is moved forward by it.
    """
    return naive.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)


def is_ambiguous(naive: dt.datetime, zone: dt.tzinfo) -> bool:
    """Whether a wall clock shows this time twice."""
    return (
        naive.replace(tzinfo=zone, fold=0).utcoffset()
        > naive.replace(  # type: ignore[operator]
            tzinfo=zone, fold=1
        ).utcoffset()
    )


class HostDateTimeField(models.DateTimeField):
    """Aware in Python, the wall clock of ``TIME_ZONE`` in the column.

    To the migrations it is a DateTimeField: the column does not change. Comparisons and ordering
    work; lookups of parts of a time (``__date``, ``__hour``) would be the database's own idea of
    the zone and are not for these fields.
    """

    def deconstruct(self) -> Any:
        """Return it as what its column is."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DateTimeField", args, kwargs

    def from_db_value(self, value: Any, *_: Any) -> dt.datetime | None:
        """Read the column: what Django took for UTC is the wall clock."""
        if value is None:
            return None
        return from_local(value.replace(tzinfo=None), timezone.get_default_timezone())

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Write the wall clock, in the clothes of UTC."""
        if not prepared:
            value = self.get_prep_value(value)
        if isinstance(value, dt.datetime) and timezone.is_aware(value):
            local = value.astimezone(timezone.get_default_timezone())
            value = local.replace(tzinfo=dt.UTC, fold=0)
        return super().get_db_prep_value(value, connection, prepared=True)
