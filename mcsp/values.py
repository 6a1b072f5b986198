"""The values of headers as text: read strictly, written in one way. Pure.

``Malformed`` has code 400 for a wrong shape and 422 for a right shape outside its range.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from uuid import UUID

from mcsp.codes import Code

NAME = re.compile(r"[A-Za-z0-9._-]{1,20}")
KEY = re.compile(r"(?:[0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{16}|[0-9A-F]{20})")
KWH = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,9})?")
NUMBER = re.compile(r"[0-9]{1,16}")
WORD = re.compile(r"[a-z_]{1,32}")
TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
UUID_SHAPE = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
TEXT = re.compile(r"[ -~]{1,200}")
LARGEST_WH = 10**13
LARGEST_SEQ = 2**53 - 1
LONGEST_SERIAL = 64


class Malformed(Exception):
    """A line or a message that cannot be taken; the text says what is wrong with it."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def _wrong(detail: str) -> Malformed:
    return Malformed(Code.MALFORMED, detail)


def name(text: str) -> str:
    """A station's name, exact."""
    if not NAME.fullmatch(text):
        raise _wrong("Name must be 1 to 20 of A-Z a-z 0-9 . _ -")
    return text


def key(text: str) -> str:
    """A tag's UID, canonical; blanks, colons and lower case are read."""
    found = re.sub(r"[ :]", "", text).upper()
    if not KEY.fullmatch(found):
        raise _wrong("Key must be 8, 14, 16 or 20 hexadecimal digits")
    return found


def energy_wh(text: str) -> int:
    """A register in kWh as whole Wh, half to even."""
    if not KWH.fullmatch(text):
        raise _wrong("a register is written in kWh, as 1234.567")
    wh = int((Decimal(text) * 1000).quantize(Decimal(1), ROUND_HALF_EVEN))
    if wh > LARGEST_WH:
        raise Malformed(Code.OUT_OF_RANGE, "a register has at most 10^13 Wh")
    return wh


def kwh(wh: int) -> str:
    """Whole Wh in kWh with three decimals."""
    return f"{wh // 1000}.{wh % 1000:03}"


def seq(text: str) -> int:
    """The number of a session, 1 to 2^53-1."""
    if not NUMBER.fullmatch(text):
        raise _wrong("Seq must be a whole number")
    number = int(text)
    if not 1 <= number <= LARGEST_SEQ:
        raise Malformed(Code.OUT_OF_RANGE, "Seq must be between 1 and 2^53-1")
    return number


def time(text: str) -> datetime:
    """An instant in UTC; digits beyond microseconds are cut off."""
    match = TIME.fullmatch(text)
    if not match:
        raise _wrong("a time is written as 2026-11-22T06:40:00Z")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    zone: tzinfo = UTC
    if match[8]:
        offset = timedelta(hours=int(match[9]), minutes=int(match[10]))
        if int(match[9]) > 23 or int(match[10]) > 59:
            raise _wrong("the offset of a time is none")
        zone = timezone(-offset if match[8] == "-" else offset)
    micro = int((match[7] or "0")[:6].ljust(6, "0"))
    try:
        local = datetime(year, month, day, hour, minute, second, micro, tzinfo=zone)
        found = local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _wrong("a time that the calendar does not have") from error
    if not 1970 <= found.year < 9999:
        raise Malformed(Code.OUT_OF_RANGE, "a time lies between 1970 and 9998")
    return found


def written_time(at: datetime) -> str:
    """An aware time in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def request_id(text: str) -> UUID:
    """A session's uuid."""
    if not UUID_SHAPE.fullmatch(text):
        raise _wrong("Request-Id must be a uuid")
    return UUID(text)


def word(text: str) -> str:
    """A word of a closed set, which the receiver knows."""
    if not WORD.fullmatch(text):
        raise _wrong("a word has small letters and underlines only")
    return text


def yes_no(text: str) -> bool:
    """true or false."""
    if text not in ("true", "false"):
        raise _wrong("must be true or false")
    return text == "true"


def opaque(text: str) -> str:
    """Text that is only compared."""
    if not TEXT.fullmatch(text):
        raise _wrong("must be 1 to 200 printable characters")
    return text


def serial(text: str) -> str:
    """A meter's serial number."""
    found = opaque(text)
    if len(found) > LONGEST_SERIAL:
        raise Malformed(Code.OUT_OF_RANGE, "Meter-Serial has at most 64 characters")
    return found
