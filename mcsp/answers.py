"""The client's side of a line: what comes back to the one request that is under way. Pure.

An answer carries no length: how many lines it has follows from the request. One with another
Request-Id is a late one and is no answer to this request. After a timeout the line must be silent
for SILENCE_S before anything is sent again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID

from mcsp import values
from mcsp.lines import Line, LineReader
from mcsp.messages import PROTOCOL, Action, Answer, Failure, Ok
from mcsp.values import Malformed

ANSWER_S = 3.0
SILENCE_S = 6.0
# An older peer's answer is over when no other line follows it for so long.
LEGACY_GAP_S = 0.3

_FIRST = re.compile(rf"{PROTOCOL}/1\.[0-9]{{1,4}} (OK|ERROR)")
_CODE = re.compile(r"[0-9]{3}")


class AnswerReader:
    """Waits for the answer to ``action``. ``request_id`` None: the peer is an older one."""

    def __init__(self, action: Action, request_id: UUID | None) -> None:
        self._action = action
        self._request_id = request_id
        self._lines = LineReader()
        self._status: str | None = None
        self._headers: list[str] = []
        self._heard_s = 0.0

    def feed(self, data: bytes, now_s: float) -> Answer | None:
        """The answer, as soon as it is whole. ``now_s`` is monotonic; ask without data, too."""
        if (over := self._over(now_s)) is not None:
            return over
        for line in self._lines.feed(data):
            self._heard_s = now_s
            if (found := self._take(line)) is not None:
                return found
        return None

    def _take(self, line: Line) -> Answer | None:
        match = _FIRST.fullmatch(line.text) if not line.fault else None
        if match is not None:
            self._status, self._headers = match[1], []
        elif self._status is None or line.fault or ":" not in line.text:
            self._status = None
            return None
        else:
            self._headers.append(line.text)
        if len(self._headers) < self._most_lines():
            return None
        return self._whole()

    def _most_lines(self) -> int:
        """How many lines follow the first one."""
        lines = 2 if self._status == "ERROR" else int(self._action is Action.START)
        if self._request_id is not None:
            return lines + 1
        # An older server's OK to END may bring a Session-Id.
        return 1 if self._status == "OK" and self._action is not Action.PING else lines

    def _over(self, now_s: float) -> Answer | None:
        """An older peer's short answer, once nothing follows it."""
        if self._status is None or self._request_id is not None:
            return None
        if now_s - self._heard_s < LEGACY_GAP_S or not self._lines.empty:
            return None
        if self._status == "OK" and self._action is Action.START and not self._headers:
            self._status = None
            return None
        return self._whole()

    def _whole(self) -> Answer | None:
        status, lines = self._status, self._headers
        self._status, self._headers = None, []
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.removeprefix(" ")
        try:
            return self._answer(status, headers)
        except Malformed:
            return None

    def _answer(self, status: str | None, headers: Mapping[str, str]) -> Answer | None:
        known = None
        if self._request_id is not None:
            known = values.request_id(headers.get("request-id", ""))
            if known != self._request_id:
                return None
        if status == "OK":
            session = headers.get("session-id")
            if self._action is Action.START and session is None:
                return None
            return Ok(known, values.opaque(session) if session is not None else None)
        code = headers.get("code", "")
        if self._request_id is not None and not _CODE.fullmatch(code):
            return None
        number = int(code) if _CODE.fullmatch(code) else None
        return Failure(number, headers.get("message", ""), known)
