"""The one table of error codes, for MCSP and REST alike.

Source: the protocol's specification, section "Error codes". ``message`` is the fixed English text
(at most 60 characters) that travels on the line; REST puts it into ``title``.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Why a request was not carried out."""

    MALFORMED = 400
    KEY_NOT_REGISTERED = 401
    KEY_BLOCKED = 403
    SESSION_NOT_KNOWN = 404
    ACTION_NOT_KNOWN = 405
    STATION_NOT_REGISTERED = 406
    KEY_ALREADY_CHARGING = 409
    FACTS_DIFFER = 412
    OUT_OF_RANGE = 422
    INTERNAL = 500
    UNAVAILABLE = 503
    VERSION_NOT_SUPPORTED = 505

    @property
    def message(self) -> str:
        """The fixed text of this code."""
        return _MESSAGES[self]


_MESSAGES = {
    Code.MALFORMED: "Malformed message",
    Code.KEY_NOT_REGISTERED: "Key is not registered",
    Code.KEY_BLOCKED: "Key is blocked",
    Code.SESSION_NOT_KNOWN: "Session is not known",
    Code.ACTION_NOT_KNOWN: "Action is not known",
    Code.STATION_NOT_REGISTERED: "Station is not registered",
    Code.KEY_ALREADY_CHARGING: "Key is already charging",
    Code.FACTS_DIFFER: "Facts differ",
    Code.OUT_OF_RANGE: "Value is out of range",
    Code.INTERNAL: "Internal error",
    Code.UNAVAILABLE: "Server or database cannot be reached",
    Code.VERSION_NOT_SUPPORTED: "Version is not supported",
}
