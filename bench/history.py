"""Years of a house, written straight into the tables, for what depends on how much there is.

Sessions as the services leave them when all went well: ended, settled, booked. Stations, flats and
tags are real ones; only the sessions are written in bulk.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.apps import apps
from django.utils import timezone

from evcs.models import Session, Station, Tag
from evcs.services import stations, tags
from evcs.services.settlement import month_of
from evcs.settings import evcs_settings

BATCH = 2000
# Of each station: twenty-five charges a month for twenty months.
SESSIONS_EACH = 500
MONTHS = 20


@dataclass(slots=True)
class House:
    """Who is there: per station its key, token, tag and apartment."""

    stations: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    flats: list[Any] = field(default_factory=list)


def grow(house: House, count: int) -> None:
    """Make stations until there are ``count``, each with an apartment whose tag is valid there."""
    model = apps.get_model(evcs_settings.FLAT_MODEL)
    for number in range(len(house.stations), count):
        flat = model.objects.create(name=f"Wohnung {number}")
        station, token = stations.create(f"box-{number}")
        tag = tags.register(f"{0x04000000 + number:08X}")
        tags.assign(tag, flat.pk)
        tags.set_stations(tag, [station])
        house.stations.append(station.pk)
        house.tokens.append(token)
        house.tags.append(tag.uid)
        house.flats.append(flat.pk)


def fill(house: House, first: int) -> None:
    """Give each station from the ``first`` on its charges, the last one yesterday."""
    rows = (row for place in range(first, len(house.stations)) for row in _charges(house, place))
    while batch := list(islice(rows, BATCH)):
        Session.objects.bulk_create(batch)
    Station.objects.filter(pk__in=house.stations[first:]).update(
        last_seq=SESSIONS_EACH, created_at=timezone.now() - dt.timedelta(days=3650)
    )


def _charges(house: House, place: int) -> Iterator[Session]:
    rng = random.Random(place)
    zone, now = timezone.get_default_timezone(), timezone.now()
    tag = Tag.objects.get(uid=house.tags[place])
    apart = dt.timedelta(days=30 * MONTHS) / SESSIONS_EACH
    register = rng.randrange(1_000_000)
    for seq in range(1, SESSIONS_EACH + 1):
        started = now - dt.timedelta(days=1) - apart * (SESSIONS_EACH - seq + 1)
        ended = started + dt.timedelta(hours=2)
        energy_wh = rng.randrange(1000, 30_000)
        month = month_of(ended, zone)
        yield Session(
            station_id=house.stations[place],
            uuid=uuid.UUID(int=rng.getrandbits(128), version=4),
            seq=seq,
            received_at=started,
            tag_uid=tag.uid,
            tag_id=tag.pk,
            flat_id=house.flats[place],
            authorized_by="server",
            started_at=started,
            time_quality="synced",
            started_effective=started,
            start_serial=str(place),
            start_wh=register,
            end_received_at=ended,
            ended_at=ended,
            end_time_quality="synced",
            end_reason="local",
            end_serial=str(place),
            end_wh=register + energy_wh,
            energy_wh=energy_wh,
            closed_at=ended,
            ended_month=month,
            month=month,
            booked_wh=energy_wh,
        )
        register += energy_wh + rng.randrange(3)
