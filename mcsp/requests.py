"""The server's side of a line: bytes in, requests or errors out. Bounded memory, no clock. Pure.

What is guaranteed: whatever came before, a well-formed request that begins at the beginning of a
line and arrives within its time is understood. Garbage that ends in the middle of a line costs the
request that is glued to it; after the next line end, or after the silence that drops what was
begun, all is well again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from uuid import UUID
from zlib import crc32

from mcsp import values
from mcsp.codes import Code
from mcsp.lines import Line, LineReader
from mcsp.messages import CHECK, MOST_HEADERS, PROTOCOL, Action, Request, request_of
from mcsp.values import Malformed

BETWEEN_LINES_S = 2.0
WHOLE_REQUEST_S = 5.0

_FIRST = re.compile(rf"{PROTOCOL}/([0-9]{{1,4}})\.([0-9]{{1,4}}) ([!-~]{{1,32}})")
_LENGTH = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A request that cannot be carried out, to be answered with an error."""

    code: Code
    detail: str
    request_id: UUID | None = None


@dataclass(slots=True)
class _Begun:
    """A request that is arriving."""

    since_s: float
    action: str
    fault: Wrong | None = None
    left: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    crc: int = 0


class RequestReader:
    """Feed it what arrives and when (monotonic seconds); ask it now and then about the time."""

    def __init__(self) -> None:
        self._lines = LineReader()
        self._begun: _Begun | None = None
        self._heard_s = 0.0
        self._line_since_s = 0.0

    def feed(self, data: bytes, now_s: float) -> list[Request | Wrong]:
        """What is complete now."""
        self.look_at_time(now_s)
        self._heard_s = now_s
        if self._lines.empty:
            self._line_since_s = now_s
        found: list[Request | Wrong] = []
        for line in self._lines.feed(data):
            found += self._take(line, self._line_since_s)
            self._line_since_s = now_s
        return found

    def look_at_time(self, now_s: float) -> bool:
        """Drop what has taken too long; whether there was something."""
        silent = now_s - self._heard_s > BETWEEN_LINES_S
        late = self._begun is not None and now_s - self._begun.since_s > WHOLE_REQUEST_S
        if not (silent or late) or (self._begun is None and self._lines.empty):
            return False
        self._begun = None
        self._lines.clear()
        return True

    def _take(self, line: Line, since_s: float) -> list[Request | Wrong]:
        begun = self._begun
        if line.text.startswith(f"{PROTOCOL}/"):
            # Also where a header was expected: then the one before is broken off.
            broken = [] if begun is None else [self._broken(begun, "the next request begins in it")]
            return [*broken, *self._begin(line, since_s)]
        if begun is None:
            return []
        if line.fault:
            return self._give_up(Wrong(Code.MALFORMED, line.fault, _request_id(begun)))
        if begun.left is None:
            return self._length(begun, line.text)
        return self._header(begun, line.text)

    def _begin(self, line: Line, since_s: float) -> list[Request | Wrong]:
        if line.fault:
            return self._give_up(Wrong(Code.MALFORMED, line.fault))
        match = _FIRST.fullmatch(line.text)
        if match is None:
            return self._give_up(
                Wrong(Code.MALFORMED, f"the first line must read {PROTOCOL}/1.0 and an action")
            )
        self._begun = _Begun(since_s, match[3], crc=_crc(line.text))
        if int(match[1]) != 1:
            detail = f"version {match[1]}.{match[2]}; this is 1.0"
            self._begun.fault = Wrong(Code.VERSION_NOT_SUPPORTED, detail)
        elif match[3] not in Action.__members__:
            self._begun.fault = Wrong(Code.ACTION_NOT_KNOWN, f"{match[3]} is no action of 1.0")
        return []

    def _length(self, begun: _Begun, text: str) -> list[Request | Wrong]:
        name, mark, value = text.partition(":")
        value = value.removeprefix(" ")
        if not mark or name.lower() != "content-length" or not _LENGTH.fullmatch(value):
            return self._give_up(Wrong(Code.MALFORMED, "the second line must be Content-Length"))
        if int(value) > MOST_HEADERS:
            return self._give_up(
                Wrong(Code.MALFORMED, f"Content-Length is at most {MOST_HEADERS} lines")
            )
        begun.left = int(value)
        begun.crc = _crc(text, begun.crc)
        return self._finish(begun) if begun.left == 0 else []

    def _header(self, begun: _Begun, text: str) -> list[Request | Wrong]:
        name, mark, value = text.partition(":")
        lower = name.lower()
        if not mark or not name or name != name.strip():
            return self._give_up(
                Wrong(Code.MALFORMED, "a header is written Name: value", _request_id(begun))
            )
        if lower in begun.headers:
            return self._give_up(
                Wrong(Code.MALFORMED, f"{name} stands there twice", _request_id(begun))
            )
        begun.headers[lower] = value.removeprefix(" ")
        if lower != CHECK.lower():
            begun.crc = _crc(text, begun.crc)
        assert begun.left is not None
        begun.left -= 1
        return self._finish(begun) if begun.left == 0 else []

    def _finish(self, begun: _Begun) -> list[Request | Wrong]:
        self._begun = None
        if begun.headers.get(CHECK.lower(), f"{begun.crc:08x}").lower() != f"{begun.crc:08x}":
            # Nothing in it can be believed; the client sends it again.
            return []
        known = _request_id(begun)
        if begun.fault is not None:
            return [Wrong(begun.fault.code, begun.fault.detail, known)]
        try:
            return [request_of(Action(begun.action), begun.headers)]
        except Malformed as error:
            return [Wrong(error.code, error.detail, known)]

    def _broken(self, begun: _Begun, why: str) -> Wrong:
        if begun.fault is not None:
            return Wrong(begun.fault.code, begun.fault.detail, _request_id(begun))
        return Wrong(Code.MALFORMED, why, _request_id(begun))

    def _give_up(self, wrong: Wrong) -> list[Request | Wrong]:
        self._begun = None
        return [wrong]


def _crc(text: str, so_far: int = 0) -> int:
    return crc32(f"{text}\n".encode("ascii"), so_far)


def _request_id(begun: _Begun) -> UUID | None:
    """What of it is known, so that the error can repeat it."""
    try:
        return values.request_id(begun.headers["request-id"])
    except (KeyError, Malformed):
        return None
