"""Heartbeats: the state of a station, its orphaned session, its commands."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from django.utils import timezone

from evcs.kinds import Action, Phase
from evcs.models import Command, Session, Station
from evcs.services import bookkeeping, commands, tag_lists
from evcs.services.messages import Heartbeat
from evcs.services.starts import action_for
from evcs.services.transactions import in_transaction, lock_station
from evcs.settings import evcs_settings

ORPHAN_AGE = dt.timedelta(seconds=60)
ORPHAN_STRIKES = 2
# A box never comes back to an earlier boot; boxes that share a token do, in turn. So many boots
# before the present one are known, as many as Station.earlier_boot_id has room for.
SHORT, EARLIER_BOOTS = 8, 7
BUSY = {Phase.PREPARING, Phase.CHARGING, Phase.SUSPENDED_EV, Phase.FINISHING}


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    """What the station is told; ``commands`` are those without a result."""

    heartbeat_s: int
    last_seq: int
    tags_etag: str
    action: Action
    commands: list[Command]


def take(station: Station, message: Heartbeat) -> HeartbeatAnswer:
    """Store the station's state and answer with what it is to do."""
    return _take(station.pk, message, timezone.now())


@in_transaction
def _take(station_id: int, message: Heartbeat, now: dt.datetime) -> HeartbeatAnswer:
    station = lock_station(station_id)
    commands.take_done(station, message.done, now)
    _count_orphan(station, message, now)
    _store_state(station, message, now)
    session = None
    if message.session is not None:
        session = Session.objects.filter(station=station, uuid=message.session).first()
    return HeartbeatAnswer(
        heartbeat_s=station.heartbeat_s,
        last_seq=station.last_seq,
        tags_etag=tag_lists.etag_for(station, now),
        action=action_for(session) if session else Action.CONTINUE,
        commands=commands.listed(station),
    )


def _count_orphan(station: Station, message: Heartbeat, now: dt.datetime) -> None:
    """End the open session provisionally when the station knows nothing of it, twice in a row."""
    session = Session.objects.filter(station=station, open_slot=1).first()
    if session is None:
        return
    given_up = (
        message.pending == 0
        and message.session != session.uuid
        and now - session.received_at > ORPHAN_AGE
    )
    strikes = session.orphan_strikes + 1 if given_up else 0
    if strikes == session.orphan_strikes:
        return
    session.orphan_strikes = strikes
    if session.orphan_strikes >= ORPHAN_STRIKES:
        session.open_slot = None
        session.orphan_at = now
        session.orphan_serial = message.meter.serial if message.meter else None
        session.orphan_wh = message.meter.import_wh if message.meter else None
    session.save()
    if session.open_slot is None:
        bookkeeping.settle(session, "orphan", now)


def _short(boot_id: str) -> str:
    """A boot's name short enough that the column holds several."""
    return hashlib.sha256(boot_id.encode()).hexdigest()[:SHORT]


def _store_state(station: Station, message: Heartbeat, now: dt.datetime) -> None:
    watched = station.watched_until is not None and station.watched_until > now
    busy = watched or message.session is not None or message.phase in BUSY
    station.heartbeat_s = evcs_settings.HEARTBEAT_BUSY_S if busy else evcs_settings.HEARTBEAT_REST_S
    station.heartbeat_at = station.last_seen = now
    station.phase = message.phase
    station.session_uuid = message.session
    if message.boot_id != station.boot_id:
        earlier = [word for word in station.earlier_boot_id.split() if len(word) == SHORT]
        if _short(message.boot_id) in earlier:
            station.two_boxes_at = now
        known = [_short(station.boot_id), *earlier] if station.boot_id else earlier
        station.earlier_boot_id = " ".join(dict.fromkeys(known[:EARLIER_BOOTS]))
    station.boot_id = message.boot_id
    station.uptime_ms = message.uptime_ms
    station.clock_offset_ms = (message.now - now) // dt.timedelta(milliseconds=1)
    station.time_quality = message.time_quality
    station.software = message.software
    station.meter_serial = message.meter.serial if message.meter else None
    station.meter_wh = message.meter.import_wh if message.meter else None
    station.power_w = message.power_w
    station.pending = message.pending
    station.quarantined = message.quarantined
    station.faults = list(message.faults)
    station.tags_etag = message.tags_etag
    station.save()
