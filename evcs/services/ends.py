"""END: a charge is over. A fact, never refused for its tag, its clock or its plausibility."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from evcs.kinds import Flag, TimeQuality
from evcs.models import Session, Station
from evcs.services import bookkeeping, unknown_tags
from evcs.services.errors import FactsDiffer
from evcs.services.messages import End, Register
from evcs.services.starts import differing_facts, is_repair
from evcs.services.tags import look_up
from evcs.services.transactions import in_transaction, lock_station
from evcs.services.verdicts import Verdict
from evcs.times import rfc3339
from mcsp.codes import Code


@dataclass(frozen=True, slots=True)
class EndAnswer:
    """What the station is told. ``created`` is True if the START had never arrived."""

    session_id: int
    created: bool
    energy_wh: int
    flags: list[str]
    last_seq: int


def end(station: Station, uuid: UUID, message: End) -> EndAnswer:
    """Take an END; the same one again gives the same answer.

    Raises FactsDiffer if another END (other register or serial) is stored, SessionNotKnown if the
    uuid is another station's, Unavailable.
    """
    return _end(station.pk, uuid, message, timezone.now())


@in_transaction
def _end(station_id: int, uuid: UUID, message: End, now: dt.datetime) -> EndAnswer:
    station = lock_station(station_id)
    # Mostly its START came before.
    session = bookkeeping.known(station, uuid) or bookkeeping.find(station, uuid)
    created = session is None
    start_changed = created
    if session is None:
        effective = bookkeeping.effective_start(station, message.start, now)
        lookup = look_up(message.start.tag, station, effective)
        if lookup.verdict is Verdict.UNKNOWN:
            unknown_tags.keep(station, message.start.tag, now)
        session = bookkeeping.create(
            station, uuid, message.start, lookup, effective, now, opened=False
        )
        _store_end(session, message, now)
        cause = "END"
    elif session.end_received_at is None:
        start_changed = _compare_start(session, message, now)
        _store_end(session, message, now)
        cause = "END"
    else:
        replaces = _replaces_end(session, message, station)
        start_changed = _compare_start(session, message, now)
        _update_end(session, message, now, replaces=replaces)
        cause = "END again"
    bookkeeping.settle(session, cause, now)
    if start_changed:
        bookkeeping.resettle_before(session, now)
    bookkeeping.resettle_after(session, now)
    return EndAnswer(session.pk, created, session.energy_wh, session.flags, station.last_seq)


def _compare_start(session: Session, message: End, now: dt.datetime) -> bool:
    """Keep the stored START, flag what differs; return whether its time was replaced."""
    differing = differing_facts(session, message.start)
    repaired = is_repair(session, message.start)
    late_copy = (
        session.time_quality == TimeQuality.SYNCED
        and message.start.time_quality == TimeQuality.ESTIMATED
    )
    if repaired or late_copy:
        differing.discard("started_at")
    if differing:
        session.flags = {*session.flags, Flag.CONFLICT}
    if repaired:
        bookkeeping.repair_start_time(session, message.start, now)
    return repaired


def _store_end(session: Session, message: End, now: dt.datetime) -> None:
    session.open_slot = None
    session.end_received_at = now
    session.ended_at = message.ended_at
    session.end_time_quality = message.end_time_quality
    session.end_reason = message.end_reason
    session.end_estimated = message.estimated
    session.stop_tag = message.stop_tag
    session.interruptions = list(message.interruptions)
    bookkeeping.write_register(session, "end", message.meter_end)


def _replaces_end(session: Session, message: End, station: Station) -> bool:
    """Whether this END is the exact one after an estimated one; raise FactsDiffer if it is
    neither that nor the stored one."""
    exact = session.end_estimated and not message.estimated
    if not exact and _pair(bookkeeping.read_register(session, "end")) != _pair(message.meter_end):
        raise FactsDiffer(
            Code.FACTS_DIFFER,
            "another END of this session is stored",
            errors=_stored_end(session),
            last_seq=station.last_seq,
        )
    return exact


def _update_end(session: Session, message: End, now: dt.datetime, *, replaces: bool) -> None:
    if replaces:
        old = session.end_serial, session.end_wh
        new = _pair(message.meter_end)
        bookkeeping.record(session, "meter_end", old, new, "exact reading", now)
        bookkeeping.write_register(session, "end", message.meter_end)
        session.end_estimated = False
    synced = message.end_time_quality == TimeQuality.SYNCED
    if synced and session.end_time_quality == TimeQuality.ESTIMATED:
        bookkeeping.record(
            session, "ended_at", session.ended_at, message.ended_at, "clock set", now
        )
        session.ended_at = message.ended_at
        session.end_time_quality = message.end_time_quality
    elif synced and session.ended_at != message.ended_at:
        session.flags = {*session.flags, Flag.CONFLICT}


def _pair(register: Register | None) -> tuple[str | None, int | None]:
    return (register.serial, register.import_wh) if register else (None, None)


def _stored_end(session: Session) -> dict[str, Any]:
    return {
        "ended_at": rfc3339(session.ended_at),
        "end_time_quality": session.end_time_quality,
        "end_reason": session.end_reason,
        "estimated": session.end_estimated,
        "meter_end": {"serial": session.end_serial, "import_wh": session.end_wh},
    }
