"""Stations and the keys they are known by."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from dataclasses import dataclass

from django.db.models import F
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from evcs.models import Station, StationKey
from evcs.services.errors import UsageError
from evcs.services.transactions import in_transaction, lock_all_stations, lock_station

NAME = re.compile(r"[A-Za-z0-9._-]{1,20}")
TOKEN = re.compile(r"evcs_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
LIVE_KEYS = 2
HEARD_STEP = dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: a station, known by one of its keys. Stands where Django expects a user."""

    station: Station
    key: StationKey
    is_authenticated: bool = True
    is_active: bool = True

    @property
    def pk(self) -> str:
        """What a throttle counts by."""
        return f"station-{self.station.pk}"


def digest(token: str) -> str:
    """Return what is stored of a token. It is random and long: a plain hash cannot be guessed."""
    return hashlib.sha512(token.encode()).hexdigest()


def authenticate(token: str) -> Principal | None:
    """Return the station that ``token`` belongs to, or None. Writes nothing."""
    match = TOKEN.fullmatch(token)
    if not match:
        return None
    key = StationKey.objects.select_related("station").filter(prefix=match[1]).first()
    stored = key.sha512 if key else digest("")
    if not constant_time_compare(stored, digest(token)) or key is None or key.revoked_at:
        return None
    return Principal(key.station, key)


def heard(principal: Principal) -> None:
    """Note that a station called. Calls within a second of each other are one."""
    now = timezone.now()
    last = principal.station.last_seen
    if last is None or not dt.timedelta() <= now - last < HEARD_STEP:
        _note_heard(principal, now)


def heard_on_a_line(station: Station, *, ping: bool = False) -> None:
    """Note that a station spoke on the line that is bound to it. ``ping``: of its own accord."""
    now = timezone.now()
    last = station.last_seen
    if ping or last is None or not dt.timedelta() <= now - last < HEARD_STEP:
        _note_seen(station.pk, {"last_seen": now} | ({"pinged_at": now} if ping else {}))


@in_transaction
def create(name: str) -> tuple[Station, str]:
    """Return a new station and its token, which is nowhere to be read afterwards.

    Raises UsageError if the name is taken or is no name.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            "%(name)s is no station name; 1 to 20 of A-Z a-z 0-9 . _ -", name=f"{name!r}"
        )
    if Station.objects.filter(name=name).exists():
        raise UsageError(
            "station %(name)s exists; give it a new token instead (--rotate-token)", name=name
        )
    # A month that is being closed holds all stations that there are: this one must not book in it.
    lock_all_stations()
    station = Station.objects.create(name=name, created_at=timezone.now())
    return station, _issue(station)


@in_transaction
def rotate_key(station: Station) -> str:
    """Return a new token; the one that was used last stays valid beside it, so that one that
    nobody wrote down costs the box nothing; others end."""
    lock_station(station.pk)
    return _issue(station)


@in_transaction
def revoke_old_keys(station: Station) -> int:
    """End all keys but the newest one; return how many ended."""
    live = StationKey.objects.filter(station=station, revoked_at=None)
    newest = live.first()
    if newest is None:
        return 0
    return live.exclude(pk=newest.pk).update(revoked_at=timezone.now())


@in_transaction
def set_enabled(station: Station, enabled: bool) -> None:
    """Let a station begin sessions, or not. What it reports is taken either way."""
    Station.objects.filter(pk=station.pk).update(enabled=enabled)


@in_transaction
def watch(station: Station, seconds: int = 60) -> None:
    """Somebody looks at this station: heartbeats come faster for a while."""
    until = timezone.now() + dt.timedelta(seconds=seconds)
    Station.objects.filter(pk=station.pk).update(watched_until=until)


@in_transaction
def watch_all(seconds: int = 60) -> None:
    """Somebody looks at all stations: heartbeats come faster for a while."""
    until = timezone.now() + dt.timedelta(seconds=seconds)
    Station.objects.update(watched_until=until)


@in_transaction
def _note_seen(station_id: int, seen: dict[str, dt.datetime]) -> None:
    Station.objects.filter(pk=station_id).update(**seen)


@in_transaction
def _note_heard(principal: Principal, now: dt.datetime) -> None:
    Station.objects.filter(pk=principal.station.pk).update(last_seen=now)
    StationKey.objects.filter(pk=principal.key.pk).update(last_used_at=now)


def _issue(station: Station) -> str:
    prefix = secrets.token_hex(4)
    token = f"evcs_{prefix}_{secrets.token_urlsafe(32)}"
    now = timezone.now()
    live = StationKey.objects.filter(station=station, revoked_at=None)
    used_last = live.order_by(F("last_used_at").desc(nulls_last=True), "-created_at", "-pk")
    kept = [key.pk for key in used_last[: LIVE_KEYS - 1]]
    live.exclude(pk__in=kept).update(revoked_at=now)
    StationKey.objects.create(station=station, prefix=prefix, sha512=digest(token), created_at=now)
    return token
