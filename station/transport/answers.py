"""The calls of a transport, and what came back, in the few kinds that the uplink distinguishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Kind(StrEnum):
    """The outcome of one attempt."""

    DONE = "done"
    UNCHANGED = "unchanged"  # 304: what we have is current
    REFUSED = "refused"  # the server's word against this START: nothing was opened
    WRONG = "wrong"  # this message will never be taken as it is
    UNKNOWN_SESSION = "unknown_session"
    TOO_LARGE = "too_large"
    UNAUTHORIZED = "unauthorized"  # the token is not valid
    LATER = "later"  # the server says: not now
    SILENT = "silent"  # nothing that carries the server's word


@dataclass(frozen=True, slots=True)
class Answer:
    """``detail`` is for people; ``retry_after_s`` what the server asked for, if it did.

    ``asked``: False if this way to the server has no such message. It is done with then, and
    nothing is known of the server.
    """

    kind: Kind
    body: Mapping[str, Any] = field(default_factory=dict)
    code: int | None = None
    detail: str = ""
    retry_after_s: float | None = None
    etag: str | None = None
    asked: bool = True

    @property
    def heard(self) -> bool:
        """Whether the server itself spoke."""
        return self.kind is not Kind.SILENT


class Transport(Protocol):
    """The way to the server. Every call ends within its timeout and raises nothing for it."""

    @property
    def end_tells_all(self) -> bool:
        """Whether an END says all that its START would have said, whatever its session was like."""
        ...

    def start(self, uuid: str, body: Mapping[str, Any]) -> Answer: ...
    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer: ...
    def readings(self, uuid: str, body: Mapping[str, Any]) -> Answer: ...
    def heartbeat(self, body: Mapping[str, Any]) -> Answer: ...
    def tags(self, etag: str | None) -> Answer: ...
    def quarantine(self, message_id: str, raw: str, reason: str) -> Answer: ...
    def close(self) -> None: ...
