"""What the original project recorded (table ``evcs_chargingvalue``) becomes sessions, row by row.

Each row is a transaction of its own and has a uuid made from its id: a run that is cut off is run
again, and what is there stays as it is. Registers were floats in kWh and times the naive wall clock
of the house; nothing said whose a tag was: the sessions are unassigned until a person moves them.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connections
from django.utils import timezone

from evcs.kinds import AuthorizedBy, EndReason, TimeQuality
from evcs.models import Session, Station
from evcs.services import ends, stations
from evcs.services.errors import UsageError
from evcs.services.messages import End, Register, Start
from evcs.services.tags import CANONICAL
from evcs.services.transactions import in_transaction

TABLE = "evcs_chargingvalue"
NAMESPACE = uuid.UUID("5b7e2f64-3c0a-4f5e-9d3c-6a1f0e8b7c21")
LARGEST_WH = 10**13
_COLUMNS = (
    "id", "rfid", "charging_station_id", "start_time", "end_time", "start_value", "end_value",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the original table; times as its wall clock."""

    id: int
    rfid: str
    station_flat: Any
    start_time: dt.datetime | None
    end_time: dt.datetime | None
    start_kwh: float | None
    end_kwh: float | None


@dataclass(slots=True)
class Taken:
    """What became of a row: ``imported``, ``there already`` or ``changed since``; with ``problems``
    it wants a person."""

    row_id: int
    what: str
    energy_wh: int = 0
    problems: list[str] = field(default_factory=list)


def read(alias: str = "default") -> list[Row]:
    """Return the original's rows. Raises UsageError if that database has no such table."""
    connection = connections[alias]
    if TABLE not in connection.introspection.table_names():
        raise UsageError(
            "database %(alias)s has no table %(table)s; name the original's with --database",
            alias=f"{alias!r}",
            table=TABLE,
        )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(_COLUMNS)} FROM {TABLE} ORDER BY id")
        found = cursor.fetchall()
    return [
        Row(row[0], row[1] or "", row[2], _naive(row[3]), _naive(row[4]), row[5], row[6])
        for row in found
    ]


def serials(alias: str = "default") -> dict[Any, list[tuple[Any, Any, str]]]:
    """Return the meters of each apartment: from, to (wall clock, None: no end), serial number."""
    connection = connections[alias]
    if "mmetering_meter" not in connection.introspection.table_names():
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT flat_id, start_datetime, end_datetime, seriennummer FROM mmetering_meter"
            " ORDER BY id"
        )
        found: dict[Any, list[tuple[Any, Any, str]]] = {}
        for flat, since, until, serial in cursor.fetchall():
            found.setdefault(flat, []).append((_naive(since), _naive(until), serial))
    return found


def take(
    rows: Iterable[Row],
    names: dict[Any, str],
    meters: dict[Any, list[tuple[Any, Any, str]]],
    zone: ZoneInfo,
) -> Iterator[Taken]:
    """Import rows, and yield what became of each, station by station in the order of their start.

    ``names``: what the original called each station (its apartment's name).
    """
    by_station: dict[Any, list[Row]] = {}
    for row in rows:
        by_station.setdefault(row.station_flat, []).append(row)
    for flat, mine in sorted(by_station.items(), key=lambda item: str(item[0])):
        mine.sort(key=lambda row: (_when(row) or dt.datetime.min, row.id))
        station = _station(flat, names.get(flat, ""), mine, zone)
        latest: dt.datetime | None = None
        for seq, row in enumerate(mine, 1):
            latest = _when(row) or latest
            yield _take(row, seq, station, meters.get(flat, []), zone, latest)


def key_of(row: Row) -> uuid.UUID:
    """Return the uuid of a row's session, the same in every run."""
    return uuid.uuid5(NAMESPACE, str(row.id))


def _take(
    row: Row,
    seq: int,
    station: Station,
    meters: Sequence[tuple[Any, Any, str]],
    zone: ZoneInfo,
    latest: dt.datetime | None,
) -> Taken:
    message, problems = _message(row, seq, meters, zone, latest)
    stored = Session.objects.filter(uuid=key_of(row)).first()
    if stored is not None:
        same = _facts(stored) == (
            message.start.tag,
            message.start.meter.import_wh if message.start.meter else None,
            message.meter_end.import_wh if message.meter_end else None,
        )
        if same:
            return Taken(row.id, "there already", stored.energy_wh, problems)
        return Taken(
            row.id,
            "changed since",
            stored.energy_wh,
            [*problems, "the original's row is another one now; what was imported stays"],
        )
    ends.end(station, key_of(row), message)
    made = Session.objects.get(uuid=key_of(row))
    return Taken(row.id, "imported", made.energy_wh, problems)


def _facts(session: Session) -> tuple[str, int | None, int | None]:
    return session.tag_uid, session.start_wh, session.end_wh


def _message(
    row: Row,
    seq: int,
    meters: Sequence[tuple[Any, Any, str]],
    zone: ZoneInfo,
    latest: dt.datetime | None,
) -> tuple[End, list[str]]:
    problems: list[str] = []
    tag = _tag(row.rfid)
    if tag is None:
        problems.append(f"{row.rfid!r} is no tag")
    start_wh, end_wh = _wh(row.start_kwh, problems), _wh(row.end_kwh, problems)
    if row.start_kwh is None:
        problems.append("no register at the start")
    if row.end_kwh is None:
        problems.append("no register at the end")
    if start_wh is not None and end_wh is not None and end_wh < start_wh:
        problems.append("the register ran backwards")
    if row.start_time is None:
        problems.append("no time of the start")
    if row.end_time is None:
        problems.append("no time of the end")
    if row.start_time and row.end_time and row.end_time < row.start_time:
        problems.append("it ends before it begins")
    began = row.start_time or row.end_time or latest or dt.datetime(1970, 1, 1)
    ended = row.end_time or began
    serial = _serial(meters, began)
    start = Start(
        seq=seq,
        tag=tag or re.sub(r"[^!-~]", "", row.rfid).upper()[:20] or "?",
        started_at=_instant(began, zone),
        time_quality=_quality(row.start_time, zone),
        meter=None if start_wh is None else Register(serial, start_wh),
        authorized_by=AuthorizedBy.OTHER,
    )
    end = End(
        start=start,
        ended_at=_instant(ended, zone),
        end_time_quality=_quality(row.end_time, zone),
        end_reason=EndReason.OTHER,
        meter_end=None if end_wh is None else Register(serial, end_wh),
    )
    return end, problems


def _wh(kwh: float | None, problems: list[str]) -> int | None:
    """Whole Wh of a float in kWh, half to even."""
    if kwh is None:
        return None
    exact = Decimal(repr(float(kwh)))
    if not exact.is_finite() or not 0 <= exact * 1000 <= LARGEST_WH:
        problems.append(f"{kwh!r} kWh is no register")
        return None
    return int((exact * 1000).quantize(Decimal(1), ROUND_HALF_EVEN))


def _tag(rfid: str) -> str | None:
    """The UID in canonical form; what the original's pattern let through besides is dropped."""
    uid = re.sub(r"[\s:|-]", "", rfid).upper()
    return uid if CANONICAL.fullmatch(uid) else None


def _serial(meters: Sequence[tuple[Any, Any, str]], at: dt.datetime) -> str | None:
    for since, until, serial in meters:
        if (since is None or since <= at) and (until is None or at < until):
            return serial
    return None


def _instant(naive: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return naive.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)


def _quality(naive: dt.datetime | None, zone: ZoneInfo) -> TimeQuality:
    """A missing time, and one that the wall clock shows twice or not at all, are estimates."""
    if naive is None:
        return TimeQuality.ESTIMATED
    offsets = {naive.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    return TimeQuality.SYNCED if len(offsets) == 1 else TimeQuality.ESTIMATED


def _when(row: Row) -> dt.datetime | None:
    return row.start_time or row.end_time


def _naive(value: Any) -> dt.datetime | None:
    """A column's time as its wall clock. SQLite has it as text, and a driver may call it UTC."""
    if value is None or value == "":
        return None
    found = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.replace(tzinfo=None)


@in_transaction
def _station(flat: Any, name: str, rows: Sequence[Row], zone: ZoneInfo) -> Station:
    """The station that stands for the original's, disabled: no box has its token."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")
    wanted = f"old-{flat}-{plain}"[:20].rstrip("-")
    found = Station.objects.filter(name=wanted).first()
    if found is None:
        found, _ = stations.create(wanted)
        times = [when for row in rows if (when := _when(row)) is not None]
        since = _instant(min(times), zone) if times else timezone.now()
        Station.objects.filter(pk=found.pk).update(created_at=since, enabled=False)
        found.refresh_from_db()
    return found
