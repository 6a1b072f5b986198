"""The messages of MCSP/1.0 as values, and the headers that carry them. Pure.

A request is an action and counted headers; an answer is OK or ERROR and lines whose number follows
from what was asked. ``request_id`` is None for peers that do not know it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from mcsp import values
from mcsp.codes import Code
from mcsp.values import Malformed

PROTOCOL = "MMETERING"
VERSION = "1.0"
MOST_HEADERS = 32
CHECK = "Check"


class Action(StrEnum):
    """What a client asks for."""

    START = "START"
    END = "END"
    PING = "PING"


@dataclass(frozen=True, slots=True)
class Meter:
    """A register: import in Wh, in total and by phase where the meter has them."""

    import_wh: int
    serial: str | None = None
    l1_wh: int | None = None
    l2_wh: int | None = None
    l3_wh: int | None = None


@dataclass(frozen=True, slots=True)
class StartRequest:
    """May this key charge, or: it does already (``authorized_by`` other than ``server``)."""

    name: str
    key: str
    request_id: UUID | None = None
    meter: Meter | None = None
    time: datetime | None = None
    time_quality: str | None = None
    seq: int | None = None
    authorized_by: str | None = None


@dataclass(frozen=True, slots=True)
class EndRequest:
    """A charge is over. ``meter`` and ``time`` are those of the end; ``meter_start_wh``,
    ``started``, ``seq`` and ``authorized_by`` are of its START again."""

    name: str
    key: str
    session_id: str | None = None
    request_id: UUID | None = None
    meter: Meter | None = None
    time: datetime | None = None
    time_quality: str | None = None
    meter_start_wh: int | None = None
    started: datetime | None = None
    seq: int | None = None
    authorized_by: str | None = None
    reason: str | None = None
    estimated: bool | None = None


@dataclass(frozen=True, slots=True)
class PingRequest:
    """Is anybody there?"""

    name: str
    request_id: UUID | None = None


Request = StartRequest | EndRequest | PingRequest


@dataclass(frozen=True, slots=True)
class Ok:
    """Done, and on disk. ``session_id`` for START, opaque text."""

    request_id: UUID | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Not done. ``code`` is None, and ``message`` empty, where an older peer gives none."""

    code: int | None
    message: str = ""
    request_id: UUID | None = None


Answer = Ok | Failure

_METER: dict[str, tuple[str, Callable[[str], Any], Callable[[Any], str]]] = {
    "Meter": ("import_wh", values.energy_wh, values.kwh),
    "Meter-L1": ("l1_wh", values.energy_wh, values.kwh),
    "Meter-L2": ("l2_wh", values.energy_wh, values.kwh),
    "Meter-L3": ("l3_wh", values.energy_wh, values.kwh),
    "Meter-Serial": ("serial", values.serial, str),
}
_PLAIN: dict[str, tuple[str, Callable[[str], Any], Callable[[Any], str]]] = {
    "Name": ("name", values.name, str),
    "Session-Id": ("session_id", values.opaque, str),
    "Key": ("key", values.key, str),
    "Request-Id": ("request_id", values.request_id, str),
    "Time": ("time", values.time, values.written_time),
    "Time-Quality": ("time_quality", values.word, str),
    "Meter-Start": ("meter_start_wh", values.energy_wh, values.kwh),
    "Started": ("started", values.time, values.written_time),
    "Seq": ("seq", values.seq, str),
    "Authorized-By": ("authorized_by", values.word, str),
    "Reason": ("reason", values.word, str),
    "Estimated": ("estimated", values.yes_no, lambda value: "true" if value else "false"),
}
_TYPES: dict[Action, type[Request]] = {
    Action.START: StartRequest,
    Action.END: EndRequest,
    Action.PING: PingRequest,
}
_NEEDED = {Action.START: ("Name", "Key"), Action.END: ("Name", "Key"), Action.PING: ("Name",)}


def action_of(request: Request) -> Action:
    """What a request asks for."""
    return next(action for action, kind in _TYPES.items() if isinstance(request, kind))


def headers_of(request: Request) -> list[tuple[str, str]]:
    """The headers of a request, in the order in which they are written."""
    found = []
    for header, (field, _, write) in _PLAIN.items():
        value = getattr(request, field, None)
        if value is not None:
            found.append((header, write(value)))
        if header == "Request-Id" and (meter := getattr(request, "meter", None)) is not None:
            found += [
                (name, write_value(value))
                for name, (attribute, _, write_value) in _METER.items()
                if (value := getattr(meter, attribute)) is not None
            ]
    return found


def request_of(action: Action, headers: Mapping[str, str]) -> Request:
    """The request of these headers, names in lower case. Raises Malformed."""
    for needed in _NEEDED[action]:
        if needed.lower() not in headers:
            raise Malformed(Code.MALFORMED, f"{needed} is missing")
    kind = _TYPES[action]
    known = kind.__dataclass_fields__
    given = {
        field: _read(header, read, headers)
        for header, (field, read, _) in _PLAIN.items()
        if field in known and header.lower() in headers
    }
    if "meter" in known:
        meter = {
            field: _read(header, read, headers)
            for header, (field, read, _) in _METER.items()
            if header.lower() in headers
        }
        if "import_wh" in meter:
            given["meter"] = Meter(**meter)
    return kind(**given)


def _read(header: str, read: Callable[[str], Any], headers: Mapping[str, str]) -> Any:
    try:
        return read(headers[header.lower()])
    except Malformed as error:
        raise Malformed(error.code, f"{header}: {error.detail}") from error
