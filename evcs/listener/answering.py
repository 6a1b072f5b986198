"""One request of a line becomes one answer, by the same services as REST. Raises nothing."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import uuid4

from django.db import Error as DatabaseError
from django.db.models import QuerySet
from django.utils import timezone

from evcs.kinds import AuthorizedBy, EndReason, TimeQuality
from evcs.models import Session, Station
from evcs.services import ends, starts, stations
from evcs.services.errors import ServiceError
from evcs.services.messages import End, Register, Start
from mcsp.codes import Code
from mcsp.messages import Answer, EndRequest, Failure, Meter, Ok, PingRequest, Request, StartRequest
from mcsp.requests import Wrong

log = logging.getLogger(__name__)

# A START without Request-Id means the session that is there, if it is as young as that.
SAME_START = timedelta(seconds=60)


class _Refused(Exception):
    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def answer(request: Request | Wrong, station_name: str) -> Answer:
    """Carry out what came over the line that belongs to ``station_name``.

    OK means that it is committed. A database that is away is 503, a defect of ours 500: nothing
    that can arrive, and nothing that can fail behind it, ends the listener.
    """
    if isinstance(request, Wrong):
        log.info("%s: %d %s", station_name, request.code, request.detail)
        return Failure(int(request.code), request.code.message, request.request_id)
    try:
        return _carry_out(request, station_name)
    except (ServiceError, _Refused) as error:
        log.info("%s: %d %s", station_name, error.code, error)
        code = error.code
    except DatabaseError as error:
        log.warning("%s: database: %s", station_name, error)
        code = Code.UNAVAILABLE
    except Exception:
        log.exception("%s: an error of the server's own", station_name)
        code = Code.INTERNAL
    return Failure(int(code), code.message, request.request_id)


def _carry_out(request: Request, station_name: str) -> Answer:
    if request.name != station_name:
        raise _Refused(
            Code.STATION_NOT_REGISTERED, f"this line is {station_name}'s, not {request.name}'s"
        )
    station = Station.objects.filter(name=station_name).first()
    if station is None:
        raise _Refused(
            Code.STATION_NOT_REGISTERED,
            f"there is no station {station_name}; evcs_station makes one",
        )
    stations.heard_on_a_line(station, ping=isinstance(request, PingRequest))
    if isinstance(request, PingRequest):
        return Ok(request.request_id)
    if isinstance(request, StartRequest):
        return _start(request, station)
    return _end(request, station)


def _start(request: StartRequest, station: Station) -> Ok:
    now = timezone.now()
    key = request.request_id
    if key is None:
        # An older peer that did not hear the answer.
        young = _open(station, request.key).filter(received_at__gt=now - SAME_START).first()
        if young is not None:
            return Ok(None, str(young.pk))
        key = uuid4()
    message = Start(
        seq=request.seq or station.last_seq + 1,
        tag=request.key,
        started_at=request.time or now,
        time_quality=_quality(request.time_quality),
        meter=_register(request.meter),
        authorized_by=_authorized(request.authorized_by),
    )
    result = starts.start(station, key, message)
    return Ok(request.request_id, str(result.session_id))


def _end(request: EndRequest, station: Station) -> Ok:
    now = timezone.now()
    session = _session(request, station)
    if session is None and request.request_id is None:
        raise _Refused(Code.SESSION_NOT_KNOWN, "no session is meant by it")
    quality = _quality(request.time_quality)
    serial = request.meter.serial if request.meter else None
    if session is not None and request.meter_start_wh is None:
        # What it does not say again is as it was.
        start = Start(
            seq=session.seq,
            tag=request.key,
            started_at=request.started or session.started_at,
            time_quality=quality if request.started else TimeQuality(session.time_quality),
            meter=_stored_register(session),
            authorized_by=AuthorizedBy(session.authorized_by),
        )
    else:
        begin_wh = request.meter_start_wh
        start = Start(
            seq=request.seq or (session.seq if session else station.last_seq + 1),
            tag=request.key,
            started_at=request.started or request.time or now,
            time_quality=quality if request.started else TimeQuality.ESTIMATED,
            meter=None if begin_wh is None else Register(serial, begin_wh),
            authorized_by=_authorized(request.authorized_by),
        )
    reason = request.reason or ""
    message = End(
        start=start,
        ended_at=request.time or now,
        end_time_quality=quality if request.time else TimeQuality.ESTIMATED,
        end_reason=EndReason(reason) if reason in EndReason.values else EndReason.OTHER,
        meter_end=_register(request.meter),
        estimated=request.estimated or False,
    )
    key = session.uuid if session is not None else request.request_id
    assert key is not None
    ends.end(station, key, message)
    return Ok(request.request_id)


def _session(request: EndRequest, station: Station) -> Session | None:
    """The session that an END means: by Request-Id, by Session-Id, or the open one of its key."""
    mine = Session.objects.filter(station=station)
    if request.request_id is not None:
        found = mine.filter(uuid=request.request_id).first()
        if found is not None or request.session_id is None:
            return found
    if request.session_id is not None:
        text = request.session_id
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
        found = None if number is None else mine.filter(pk=number).first()
        if found is None and request.request_id is None:
            raise _Refused(Code.SESSION_NOT_KNOWN, f"no session {text} of this station")
        return found
    return _open(station, request.key).first()


def _open(station: Station, tag: str) -> QuerySet[Session]:
    return Session.objects.filter(station=station, tag_uid=tag, open_slot=1)


def _stored_register(session: Session) -> Register | None:
    if session.start_wh is None:
        return None
    return Register(session.start_serial, session.start_wh)


def _register(meter: Meter | None) -> Register | None:
    if meter is None:
        return None
    return Register(meter.serial, meter.import_wh, meter.l1_wh, meter.l2_wh, meter.l3_wh)


def _quality(word: str | None) -> TimeQuality:
    return TimeQuality.SYNCED if word == TimeQuality.SYNCED else TimeQuality.ESTIMATED


def _authorized(word: str | None) -> AuthorizedBy:
    if word is None:
        return AuthorizedBy.SERVER
    return AuthorizedBy(word) if word in AuthorizedBy.values else AuthorizedBy.OTHER
