"""The server over a line of text, MCSP/1.0. The uplink thread only.

The same messages from the same journal as over REST, each with its session's uuid as Request-Id: a
repeated one books once. After an answer that did not come in time the line has to be silent for
SILENCE_S before anything is sent again, so that a late answer is never taken for the next one;
until then every call is silence.

What the line cannot carry is not there: readings and reports of quarantine are taken as done here,
the tag list is always the one that we have (none).
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from drivers.errors import LinePortLost
from mcsp import writer
from mcsp.answers import ANSWER_S, SILENCE_S, AnswerReader
from mcsp.codes import Code
from mcsp.messages import (
    Action,
    EndRequest,
    Failure,
    Meter,
    Ok,
    PingRequest,
    Request,
    StartRequest,
    action_of,
)
from station.transport.answers import Answer, Kind

_POLL_S = 0.1
_REMEMBERED = 16
# Our messages are well-formed: what the server finds wrong about one was garbled on the line, as
# long as it does not find so three times.
_DOUBTED = 3
_REFUSALS = {Code.KEY_NOT_REGISTERED, Code.KEY_BLOCKED, Code.KEY_ALREADY_CHARGING}
_PAUSES = {Code.STATION_NOT_REGISTERED, Code.VERSION_NOT_SUPPORTED}
_NOT_CARRIED = Answer(Kind.DONE, asked=False)
_SERIAL = re.compile(r"[ -~]{1,64}")


class Line(Protocol):
    """What drivers.text_line gives. Everything but ``close`` raises LinePortLost."""

    @property
    def is_open(self) -> bool: ...
    def open(self) -> None: ...
    def read(self, within_s: float) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class McspTransport:
    """``name``: the station's. ``legacy``: the server is an older one, without Request-Id."""

    # The first register of a meter that was exchanged, and an older server's name of the session,
    # are told by START alone.
    end_tells_all = False

    def __init__(
        self,
        line: Line,
        name: str,
        *,
        legacy: bool = False,
        timeout_s: float = ANSWER_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line = line
        self._name = name
        self._legacy = legacy
        self._timeout_s = max(timeout_s, ANSWER_S)
        self._monotonic = monotonic
        # When the last byte came after which nothing was understood; None: the line is clean.
        self._noise_s: float | None = None
        # What the server called our sessions: an older one wants it again. Lost with the process.
        self._session_ids: OrderedDict[str, str] = OrderedDict()
        self._found_wrong = ("", 0)

    def start(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        """START. REFUSED carries the code of the table in MCSP."""
        request = StartRequest(
            name=self._name,
            key=body["tag"],
            request_id=self._request_id(uuid),
            meter=_meter(body["meter"]),
            time=_time(body["started_at"]),
            time_quality=body["time_quality"],
            seq=body["seq"],
            authorized_by=body["authorized_by"],
        )
        answer, session_id = self._ask(request)
        answer = self._doubt(f"start {uuid}", answer)
        if answer.kind is Kind.DONE and session_id is not None:
            self._session_ids[uuid] = session_id
            while len(self._session_ids) > _REMEMBERED:
                self._session_ids.popitem(last=False)
        return answer

    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        """END, with all of its START again."""
        begin, finish = body["meter"], body["meter_end"]
        one_meter = begin is not None and finish is not None and begin["serial"] == finish["serial"]
        estimated = "estimated" in (body["time_quality"], body["end_time_quality"])
        request = EndRequest(
            name=self._name,
            key=body["tag"],
            session_id=self._session_ids.get(uuid),
            request_id=self._request_id(uuid),
            meter=_meter(finish),
            time=_time(body["ended_at"]),
            time_quality="estimated" if estimated else "synced",
            # The line has one serial number for both: with an exchanged meter the START has to do.
            meter_start_wh=begin["import_wh"] if one_meter else None,
            started=_time(body["started_at"]),
            seq=body["seq"],
            authorized_by=body["authorized_by"],
            reason=body["end_reason"],
            estimated=body["estimated"],
        )
        answer, _ = self._ask(request)
        if answer.kind is Kind.REFUSED:
            answer = Answer(Kind.WRONG, code=answer.code, detail=answer.detail)
        return self._doubt(f"end {uuid}", answer)

    def heartbeat(self, body: Mapping[str, Any]) -> Answer:
        """PING. The line tells no ``last_seq``: a box with a new journal begins at 1."""
        answer, _ = self._ask(PingRequest(self._name, uuid4()))
        return replace(answer, body={"last_seq": 0}) if answer.kind is Kind.DONE else answer

    def hello(self) -> Answer:
        """Is the server there?"""
        return self._ask(PingRequest(self._name, uuid4()))[0]

    def readings(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        """The line carries none."""
        return _NOT_CARRIED

    def tags(self, etag: str | None) -> Answer:
        """The line carries none."""
        return _NOT_CARRIED

    def quarantine(self, message_id: str, raw: str, reason: str) -> Answer:
        """The line carries none: it stays visible here."""
        return _NOT_CARRIED

    def close(self) -> None:
        self._line.close()

    def _doubt(self, what: str, answer: Answer) -> Answer:
        """The same message is found wrong so often before it is set aside."""
        if answer.kind not in (Kind.WRONG, Kind.UNKNOWN_SESSION) or self._legacy:
            return answer
        before, times = self._found_wrong
        times = times + 1 if before == what else 1
        self._found_wrong = what, times
        if times < _DOUBTED:
            return Answer(Kind.SILENT, code=answer.code, detail=f"{answer.detail}; again")
        return answer

    def _request_id(self, uuid: str) -> UUID | None:
        return None if self._legacy else UUID(uuid)

    def _ask(self, request: Request) -> tuple[Answer, str | None]:
        """The outcome, and the Session-Id if there is one."""
        if self._legacy and isinstance(request, PingRequest):
            # The original has no PING: whether anybody is there shows at the next START.
            return _NOT_CARRIED, None
        try:
            data = writer.request(request)
        except ValueError as error:
            return Answer(Kind.WRONG, code=422, detail=f"MCSP cannot carry it: {error}"), None
        try:
            if not self._line.is_open:
                self._line.open()
                self._noise_s = None
            if not self._is_silent():
                return Answer(Kind.SILENT, detail="waiting for silence after a lost answer"), None
            self._line.write(data)
            return self._await(action_of(request), request.request_id)
        except LinePortLost as error:
            return Answer(Kind.SILENT, detail=str(error)), None

    def _is_silent(self) -> bool:
        """Read away what is late; whether it has been quiet for long enough."""
        now_s = self._monotonic()
        if self._line.read(0.0):
            self._noise_s = now_s
        if self._noise_s is not None and now_s - self._noise_s < SILENCE_S:
            return False
        self._noise_s = None
        return True

    def _await(self, action: Action, request_id: UUID | None) -> tuple[Answer, str | None]:
        reader = AnswerReader(action, request_id)
        deadline_s = self._monotonic() + self._timeout_s
        while (left_s := deadline_s - self._monotonic()) > 0:
            data = self._line.read(min(left_s, _POLL_S))
            found = reader.feed(data, self._monotonic())
            if isinstance(found, Ok):
                return Answer(Kind.DONE), found.session_id
            if isinstance(found, Failure):
                return _judge(found), None
        self._noise_s = self._monotonic()
        return Answer(Kind.SILENT, detail=f"no answer within {self._timeout_s:g} s"), None


def _judge(found: Failure) -> Answer:
    code = found.code
    detail = f"code {code}: {found.message}" if code is not None else "ERROR, without a code"
    if code is None or code in _REFUSALS:
        return Answer(Kind.REFUSED, code=code, detail=detail)
    if code in _PAUSES:
        return Answer(Kind.UNAUTHORIZED, code=code, detail=detail)
    if code == Code.SESSION_NOT_KNOWN:
        return Answer(Kind.UNKNOWN_SESSION, code=code, detail=detail)
    if code >= Code.INTERNAL:
        return Answer(Kind.LATER, code=code, detail=detail)
    return Answer(Kind.WRONG, code=code, detail=detail)


def _meter(facts: Mapping[str, Any] | None) -> Meter | None:
    if facts is None:
        return None
    serial = facts["serial"]
    told = serial if serial is not None and _SERIAL.fullmatch(serial) else None
    return Meter(facts["import_wh"], told, facts["l1_wh"], facts["l2_wh"], facts["l3_wh"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
