"""START: a station asks whether a tag may charge, or reports that it does."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from evcs.kinds import Action, AuthorizedBy, Flag, TimeQuality
from evcs.models import Session, Station
from evcs.services import bookkeeping, refusals, unknown_tags
from evcs.services.errors import FactsDiffer, Refused
from evcs.services.messages import Start
from evcs.services.tag_lists import group_of
from evcs.services.tags import look_up
from evcs.services.transactions import in_transaction, lock_station
from evcs.services.verdicts import Verdict, action, refusal
from evcs.times import rfc3339
from mcsp.codes import Code

HEARD_HEARTBEATS = 3


@dataclass(frozen=True, slots=True)
class StartAnswer:
    """What the station is told. ``created`` is False for a repeated START."""

    session_id: int
    created: bool
    group: str | None
    action: Action
    flags: list[str]
    last_seq: int


def start(station: Station, uuid: UUID, message: Start) -> StartAnswer:
    """Take a START; the same one again gives the same answer.

    Raises Refused (only if it asks; the seq is counted), FactsDiffer if the uuid is stored with
    other facts, SessionNotKnown if it is another station's, Unavailable.
    """
    outcome = _start(station.pk, uuid, message, timezone.now())
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


@in_transaction
def _start(station_id: int, uuid: UUID, message: Start, now: dt.datetime) -> StartAnswer | Refused:
    station = lock_station(station_id)
    session = bookkeeping.find(station, uuid)
    if session is not None:
        return _again(station, session, message, now)

    effective = bookkeeping.effective_start(station, message, now)
    lookup = look_up(message.tag, station, effective, lock=True)
    if lookup.verdict is Verdict.UNKNOWN:
        unknown_tags.keep(station, message.tag, now)
    elsewhere = Session.objects.filter(tag_uid=message.tag, open_slot=1).exclude(station=station)
    others = list(elsewhere.values_list("station__last_seen", "station__heartbeat_s").order_by())
    if message.authorized_by == AuthorizedBy.SERVER:
        refused = refusal(
            station_enabled=station.enabled,
            verdict=lookup.verdict,
            charging_elsewhere=any(_heard_lately(*other, now) for other in others),
        )
        if refused is not None:
            bookkeeping.count_as_seen(station, uuid, message.seq)
            refusals.keep(station, message.tag, lookup, refused[0], now)
            return Refused(*refused, last_seq=station.last_seq)

    session = bookkeeping.create(station, uuid, message, lookup, effective, now, opened=True)
    if others and session.open_slot:
        session.flags = {*session.flags, Flag.OVERLAP}
    bookkeeping.settle(session, "START", now)
    bookkeeping.resettle_before(session, now)
    bookkeeping.resettle_after(session, now)
    return StartAnswer(
        session_id=session.pk,
        created=True,
        group=group_of(session.flat_id),
        action=action(lookup.verdict, session.authorized_by),
        flags=session.flags,
        last_seq=station.last_seq,
    )


def _again(station: Station, session: Session, message: Start, now: dt.datetime) -> StartAnswer:
    if session.end_received_at is not None:
        told = Action.STOP
    else:
        differing = differing_facts(session, message)
        repaired = is_repair(session, message)
        if differing - ({"started_at"} if repaired else set()):
            raise FactsDiffer(
                Code.FACTS_DIFFER,
                f"the session is stored with another {', '.join(sorted(differing))}",
                errors=stored_facts(session),
                last_seq=station.last_seq,
            )
        if repaired:
            bookkeeping.repair_start_time(session, message, now)
            bookkeeping.settle(session, "clock set", now)
            bookkeeping.resettle_before(session, now)
            bookkeeping.resettle_after(session, now)
        told = action_for(session)
    return StartAnswer(
        session_id=session.pk,
        created=False,
        group=group_of(session.flat_id),
        action=told,
        flags=session.flags,
        last_seq=station.last_seq,
    )


def action_for(session: Session) -> Action:
    """Return whether a stored session may go on, by the tag list as it is now."""
    lookup = look_up(session.tag_uid, session.station, session.started_effective)
    return action(lookup.verdict, session.authorized_by)


def differing_facts(session: Session, message: Start) -> set[str]:
    """Return which facts of a START are not the stored ones: tag, meter, started_at."""
    stored = bookkeeping.read_register(session, "start")
    given = message.meter
    differing = set()
    if session.tag_uid != message.tag:
        differing.add("tag")
    if (stored is None) != (given is None) or (
        stored is not None
        and given is not None
        and (stored.serial, stored.import_wh) != (given.serial, given.import_wh)
    ):
        differing.add("meter")
    if session.started_at != message.started_at:
        differing.add("started_at")
    return differing


def is_repair(session: Session, message: Start) -> bool:
    """Whether the message brings the synced time in place of a stored estimated one."""
    return (
        session.time_quality == TimeQuality.ESTIMATED and message.time_quality == TimeQuality.SYNCED
    )


def stored_facts(session: Session) -> dict[str, Any]:
    """Return the facts of the stored START as they travel."""
    return {
        "tag": session.tag_uid,
        "started_at": rfc3339(session.started_at),
        "time_quality": session.time_quality,
        "meter": {"serial": session.start_serial, "import_wh": session.start_wh},
    }


def _heard_lately(last_seen: dt.datetime | None, heartbeat_s: int, now: dt.datetime) -> bool:
    if last_seen is None:
        return False
    return now - last_seen <= HEARD_HEARTBEATS * dt.timedelta(seconds=heartbeat_s)
