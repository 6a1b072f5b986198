"""What START and END share: the order of sessions, their creation, and settling them.

Called with the station locked, within the caller's transaction.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.utils import timezone

from evcs.kinds import Flag, TimeQuality
from evcs.models import Session, SessionChange, Station
from evcs.services import months, settlement
from evcs.services.errors import SessionNotKnown
from evcs.services.messages import Register, Start
from evcs.services.settlement import OwnEnd, Point
from evcs.services.tags import Lookup, look_up
from evcs.services.verdicts import FLAGS
from evcs.times import rfc3339
from mcsp.codes import Code

# Concluded anew whenever a session is settled; all others are set once and stay.
CONCLUDED = {
    Flag.CLOCK_FUTURE,
    Flag.METER_BACKWARDS,
    Flag.METER_EXCHANGED,
    Flag.NO_READING,
    Flag.IMPLICIT_END,
    Flag.ESTIMATED,
    Flag.ESTIMATED_TIME,
}
TAG_FLAGS = set(FLAGS.values())
# The width of SessionChange.old and new: an odd serial number is longer as it is written down.
CHANGE_TEXT_MAX = 100


def find(station: Station, uuid: UUID) -> Session | None:
    """Return the session, or None if it is new; another station's uuid is not known here."""
    # Most are new: a whole session is only asked for when there is one.
    owner = Session.objects.filter(uuid=uuid).values_list("station_id", flat=True)[:1]
    for station_id in owner:
        if station_id != station.pk:
            raise SessionNotKnown(
                Code.SESSION_NOT_KNOWN,
                "no session of this station has this uuid",
                last_seq=station.last_seq,
            )
        return known(station, uuid)
    return None


def known(station: Station, uuid: UUID) -> Session | None:
    """Return the session if it is this station's, else None."""
    session = Session.objects.filter(station=station, uuid=uuid).order_by().first()
    if session is not None:
        session.station = station
    return session


def is_history(station: Station, uuid: UUID, seq: int) -> bool:
    """Whether a new session comes after a higher seq, or after the same seq of another uuid."""
    return seq < station.last_seq or (seq == station.last_seq and uuid != station.last_seq_uuid)


def count_as_seen(station: Station, uuid: UUID, seq: int) -> None:
    """Raise the station's highest seq."""
    if seq > station.last_seq:
        station.last_seq, station.last_seq_uuid = seq, uuid
        station.save(update_fields=["last_seq", "last_seq_uuid"])


def effective_start(station: Station, start: Start, now: dt.datetime) -> dt.datetime:
    """Return the start time that counts for apartment and expiry."""
    previous = _last_event_before(station, start.seq)
    return settlement.clamp(start.started_at, start.time_quality, previous=previous, arrival=now)


def _last_event_before(station: Station, seq: int) -> dt.datetime:
    """When the station last told something under a lower seq. An end that was only concluded is
    nothing it told: it follows from what came after."""
    earlier = Session.objects.filter(station=station, seq__lt=seq).order_by("-seq", "-pk")
    row = earlier.values_list("end_received_at", "closed_at", "started_effective").first()
    if row is None:
        return station.created_at
    told_at, closed_at, started_effective = row
    event: dt.datetime = closed_at if told_at is not None else started_effective
    return event


def create(
    station: Station,
    uuid: UUID,
    start: Start,
    lookup: Lookup,
    effective: dt.datetime,
    now: dt.datetime,
    *,
    opened: bool,
) -> Session:
    """Make a session that is new; ``settle`` writes it. An open one ends the station's older one
    provisionally; one that is history is never open. ``effective``: the start time that counts."""
    history = is_history(station, uuid, start.seq)
    if not history:
        end_open(station)
    flags = {FLAGS[lookup.verdict]} if lookup.verdict in FLAGS else set()
    if history:
        flags.add(Flag.LATE_SEQ)
    session = Session(
        station=station,
        uuid=uuid,
        seq=start.seq,
        open_slot=1 if opened and not history else None,
        received_at=now,
        tag_uid=start.tag,
        tag=lookup.tag,
        flat_id=lookup.flat_id,
        authorized_by=start.authorized_by,
        started_at=start.started_at,
        time_quality=start.time_quality,
        started_effective=effective,
    )
    session.flags = flags
    write_register(session, "start", start.meter)
    count_as_seen(station, uuid, start.seq)
    return session


def end_open(station: Station) -> None:
    """End the station's open session for want of its END; ``resettle_before`` then books it."""
    Session.objects.filter(station=station, open_slot=1).update(open_slot=None)


def repair_start_time(session: Session, start: Start, now: dt.datetime) -> None:
    """Replace an estimated start time by the synced one; the apartment follows the true time,
    unless its month is closed or a person has decided."""
    record(session, "started_at", session.started_at, start.started_at, "clock set", now)
    session.started_at, session.time_quality = start.started_at, start.time_quality
    in_order = replace(start, seq=session.seq)
    session.started_effective = effective_start(session.station, in_order, now)
    _look_up_again(session, "clock set", now)


def _look_up_again(session: Session, cause: str, now: dt.datetime) -> None:
    """Find tag and apartment by another start time, and write them."""
    lookup = look_up(session.tag_uid, session.station, session.started_effective)
    session.tag = lookup.tag
    billed = session.month is not None and months.is_closed(session.month)
    # What a person booked beside it says where it is paid already.
    decided = session.entries.exists()
    if lookup.flat_id != session.flat_id and not billed and not decided:
        record(session, "flat", session.flat_id, lookup.flat_id, cause, now)
        session.flat_id = lookup.flat_id
    flags = set(session.flags) - TAG_FLAGS
    session.flags = flags | ({FLAGS[lookup.verdict]} if lookup.verdict in FLAGS else set())
    session.save()


def resettle_after(session: Session, now: dt.datetime) -> None:
    """Clamp again what came under higher seqs before: a start that is estimated or in the future
    is not before this session's events."""
    station, seq = session.station, session.seq
    while seq < station.last_seq:
        later = Session.objects.filter(station=station, seq__gt=seq).order_by("seq", "pk")
        keys = later.values_list("pk", "seq").first()
        if keys is None:
            return
        seq = keys[1]
        for one in later.filter(seq=seq):
            one.station = station
            effective = settlement.clamp(
                one.started_at,
                one.time_quality,
                previous=_last_event_before(station, seq),
                arrival=one.received_at,
            )
            if effective == one.started_effective:
                return
            one.started_effective = effective
            _look_up_again(one, "order", now)
            settle(one, "order", now)
            resettle_before(one, now)


def resettle_before(session: Session, now: dt.datetime) -> None:
    """Settle again what ended provisionally under a lower seq: its end register may be this
    session's start register."""
    waiting = Session.objects.filter(
        station_id=session.station_id,
        seq__lt=session.seq,
        open_slot=None,
        end_received_at=None,
    )
    # Mostly none: their many columns are only asked for when there are some.
    for pk in list(waiting.order_by("seq").values_list("pk", flat=True)):
        settle(Session.objects.get(pk=pk), "order", now)


def settle(session: Session, cause: str, now: dt.datetime) -> None:
    """Conclude energy, month and flags from the stored facts, and write them."""
    flags = set(session.flags) - CONCLUDED
    if settlement.is_future(session.started_at, session.received_at):
        flags.add(Flag.CLOCK_FUTURE)
    if session.time_quality == TimeQuality.ESTIMATED:
        flags.add(Flag.ESTIMATED_TIME)
    if session.open_slot:
        if session.start_wh is None:
            flags.add(Flag.NO_READING)
        session.flags = flags
        session.save()
        return
    if session.end_received_at is not None:
        settled = settlement.settle_own(read_register(session, "start"), _own_end(session))
        if settlement.is_future(session.ended_at, session.end_received_at):
            flags.add(Flag.CLOCK_FUTURE)
        if session.end_time_quality == TimeQuality.ESTIMATED:
            flags.add(Flag.ESTIMATED_TIME)
    else:
        start = Point(session.started_effective, read_register(session, "start"))
        settled = settlement.settle_provisional(start, _next_start(session), _orphan(session))
        session.provisional_at, session.provisional_wh = settled.closed_at, settled.end_wh
    if session.closed_at is not None and session.energy_wh != settled.energy_wh:
        record(session, "energy_wh", session.energy_wh, settled.energy_wh, cause, now)
    before = session.month
    session.energy_wh = settled.energy_wh
    session.closed_at = settled.closed_at
    session.flags = flags | settled.flags
    month = settlement.month_of(settled.closed_at, timezone.get_default_timezone())
    session.ended_month = month
    if months.book(session, settled.energy_wh, month, now) and before not in (None, session.month):
        record(session, "month", before, session.month, cause, now)
    session.save()


def record(session: Session, field: str, old: Any, new: Any, cause: str, now: dt.datetime) -> None:
    """Keep a value that is being replaced."""
    SessionChange.objects.create(
        session=session, at=now, field=field, old=_text(old), new=_text(new), cause=cause
    )


def write_register(session: Session, which: str, register: Register | None) -> None:
    """Put a register into the ``start_`` or ``end_`` columns."""
    setattr(session, f"{which}_serial", register.serial if register else None)
    setattr(session, f"{which}_wh", register.import_wh if register else None)
    for phase in ("l1_wh", "l2_wh", "l3_wh"):
        setattr(session, f"{which}_{phase}", getattr(register, phase) if register else None)


def read_register(session: Session, which: str) -> Register | None:
    """Return the register of the ``start_``, ``end_`` or ``orphan_`` columns."""
    import_wh = getattr(session, f"{which}_wh")
    return None if import_wh is None else Register(getattr(session, f"{which}_serial"), import_wh)


def _own_end(session: Session) -> OwnEnd:
    at = settlement.clamp(
        session.ended_at,
        session.end_time_quality,
        previous=session.started_effective,
        arrival=session.end_received_at,
    )
    point = Point(at, read_register(session, "end"))
    return OwnEnd(point, session.end_reason, session.end_estimated)


def _next_start(session: Session) -> Point | None:
    after = Session.objects.filter(
        station_id=session.station_id, seq__gt=session.seq, start_wh__isnull=False
    )
    if session.start_serial is None:
        after = after.filter(start_serial=None)
    else:
        after = after.filter(start_serial=session.start_serial)
    first = after.order_by("seq", "start_wh").first()
    return Point(first.started_effective, read_register(first, "start")) if first else None


def _orphan(session: Session) -> Point | None:
    if session.orphan_at is None:
        return None
    return Point(session.orphan_at, read_register(session, "orphan"))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = rfc3339(value) if isinstance(value, dt.datetime) else str(value)
    return text[:CHANGE_TEXT_MAX]
