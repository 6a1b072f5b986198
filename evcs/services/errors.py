"""What a service may refuse, by the one table of codes. Nothing is stored unless it says so."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.formats import localize
from django.utils.translation import gettext

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

    def told(self) -> str:
        """Return it for a person in front of a page, in the active language where there is one."""
        return self.detail


class Refused(ServiceError):
    """A START that asks is answered with no; its seq counts as seen, nothing is opened."""


class FactsDiffer(ServiceError):
    """The session is stored with other facts, which stand in ``errors``; nothing was changed."""


class SessionNotKnown(ServiceError):
    """No session of this station has that uuid."""


class Unavailable(ServiceError):
    """The database could not be written; the same request may succeed later."""

    def told(self) -> str:
        """Return what a person does about it."""
        return gettext("the database was busy; look whether it was done, then try again")


class UsageError(Exception):
    """An administrator asked for something that cannot be; the text says what to do instead.

    ``template``: an English sentence, with the ``values`` as ``%(name)s`` in it; the catalogue of
    the pages has it in the other languages (tools.messages collects it from the calls). ``str`` is
    English, for logs, commands and the API.
    """

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template % values if values else template)
        self.template = template
        self.values = values

    def told(self) -> str:
        """Return the sentence in the active language, for a person in front of a page."""
        values = {name: _told(value) for name, value in self.values.items()}
        return gettext(self.template) % values if values else gettext(self.template)


def _told(value: object) -> object:
    if isinstance(value, Noun):
        return gettext(value)
    return localize(value) if isinstance(value, Decimal) else value


class Noun(str):
    """What a UsageError is about, a value that is translated with its sentence."""

    __slots__ = ()


LONGEST_NAME = 100


def refuse_long(text: str, what: Noun, most: int = LONGEST_NAME) -> None:
    """Raise UsageError for text that its column cannot hold: SQLite would take it, others fail."""
    if len(text) > most:
        raise UsageError("%(what)s has at most %(most)s characters", what=what, most=most)
