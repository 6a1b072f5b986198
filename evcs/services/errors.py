"""What a service may refuse, by the one table of codes. Nothing is stored unless it says so."""

from __future__ import annotations

from typing import Any

from mcsp.codes import Code


class ServiceError(Exception):
    """Root: a request that was understood and is not carried out.

    ``detail`` is a sentence for a person; ``errors`` names fields or stored facts; ``last_seq`` is
    the station's highest seq when the request was about a session.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        errors: dict[str, Any] | None = None,
        last_seq: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors or {}
        self.last_seq = last_seq


class Refused(ServiceError):
    """A START that asks is answered with no; its seq counts as seen, nothing is opened."""


class FactsDiffer(ServiceError):
    """The session is stored with other facts, which stand in ``errors``; nothing was changed."""


class SessionNotKnown(ServiceError):
    """No session of this station has that uuid."""


class Unavailable(ServiceError):
    """The database could not be written; the same request may succeed later."""


class UsageError(Exception):
    """An administrator asked for something that cannot be; the text says what to do instead."""


LONGEST_NAME = 100


def refuse_long(text: str, what: str, most: int = LONGEST_NAME) -> None:
    """Raise UsageError for text that its column cannot hold: SQLite would take it, others fail."""
    if len(text) > most:
        raise UsageError(f"{what} has at most {most} characters")
