"""Field types that take JSON at its word: no text for a number, no 1.0 for 1, no naive time.

A wrong type has the code "invalid", a right type outside its range "out_of_range"; problems.py
makes 400 of the one and 422 of the other.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from evcs.services.tags import CANONICAL
from evcs.times import parse_rfc3339, rfc3339

WH_MAX = 10**13
SEQ_MAX = 2**53 - 1
POWER_MAX_W = 10**9
UUID_SHAPE = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def parse_uuid(text: str) -> UUID:
    """Return the uuid, written with hyphens in either case. Raises ValueError."""
    if not UUID_SHAPE.fullmatch(text):
        raise ValueError("not a uuid as 01234567-89ab-cdef-0123-456789abcdef")
    return UUID(text)


class WholeField(serializers.IntegerField):
    """A whole number within bounds that are part of the contract."""

    default_error_messages = {
        "invalid": "must be a whole number",
        "out_of_range": "must be between {low} and {high}",
    }

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        self.low, self.high = low, high
        super().__init__(min_value=low, max_value=high, **kwargs)
        # The bounds above describe the field in the schema; the check below has the right code.
        self.validators = []

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        if not self.low <= data <= self.high:
            self.fail("out_of_range", low=self.low, high=self.high)
        return data


class WhField(WholeField):
    """Energy: whole Wh, 0 to 10^13."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(0, WH_MAX, **kwargs)


class CountField(WholeField):
    """A count: 0 to 2^53-1."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(0, SEQ_MAX, **kwargs)


class PowerField(WholeField):
    """Power: whole W, either direction."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(-POWER_MAX_W, POWER_MAX_W, **kwargs)


class YesNoField(serializers.BooleanField):
    """true or false, nothing else."""

    default_error_messages = {"invalid": "must be true or false"}

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid")
        return data


class TextField(serializers.CharField):
    """Text that a database can hold. With ``cut`` what is too long is cut, not refused."""

    default_error_messages = {
        "invalid": "must be text",
        "unstorable": "must not contain NUL or half of a surrogate pair",
        "out_of_range": "must have at most {high} characters",
    }

    def __init__(self, high: int, *, cut: bool = False, **kwargs: Any) -> None:
        self.high, self.cut = high, cut
        kwargs.setdefault("allow_blank", True)
        super().__init__(max_length=None if cut else high, trim_whitespace=False, **kwargs)
        self.validators = []

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is not serializers.empty and data is not None and type(data) is not str:
            self.fail("invalid")
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if "\0" in data or any("\ud800" <= character <= "\udfff" for character in data):
            self.fail("unstorable")
        if len(data) > self.high:
            if not self.cut:
                self.fail("out_of_range", high=self.high)
            data = data[: self.high]
        return data


@extend_schema_field(OpenApiTypes.STR)
class RawField(serializers.Field):
    """Any text whatever; what no database can hold is written as an escape."""

    default_error_messages = {"invalid": "must be text"}

    def to_internal_value(self, data: Any) -> str:
        if type(data) is not str:
            self.fail("invalid")
        return data.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")

    def to_representation(self, value: str) -> str:
        return value


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "integer"}]})
class IdField(serializers.Field):
    """An id that the other side made: short text or a number, kept as text."""

    default_error_messages = {
        "invalid": "must be text or a whole number",
        "out_of_range": "must have 1 to 64 characters",
    }

    def to_internal_value(self, data: Any) -> str:
        if type(data) not in (str, int):
            self.fail("invalid")
        if type(data) is int and not 0 <= data <= SEQ_MAX:
            self.fail("out_of_range")
        text = str(data)
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            self.fail("invalid")
        if not 1 <= len(text) <= 64:
            self.fail("out_of_range")
        return text

    def to_representation(self, value: str) -> str:
        return value


@extend_schema_field({"type": "string", "pattern": "^([0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20})$"})
class TagField(serializers.Field):
    """A UID in canonical form; 16 digits are read, for old lists."""

    default_error_messages = {
        "invalid": "must be 8, 14 or 20 hexadecimal digits in upper case",
    }

    def to_internal_value(self, data: Any) -> str:
        if type(data) is not str or not CANONICAL.fullmatch(data):
            self.fail("invalid")
        return data

    def to_representation(self, value: str) -> str:
        return value


@extend_schema_field(OpenApiTypes.DATETIME)
class TimeField(serializers.Field):
    """RFC 3339 with an offset; UTC inside."""

    default_error_messages = {
        "invalid": "must be a time with offset, as 2026-11-22T06:40:00Z",
        "out_of_range": "must lie between 1970 and 9999",
    }

    def to_internal_value(self, data: Any) -> dt.datetime:
        if type(data) is not str:
            self.fail("invalid")
        try:
            return parse_rfc3339(data)
        except OverflowError:
            self.fail("out_of_range")
        except ValueError:
            self.fail("invalid")
        raise AssertionError("unreachable")

    def to_representation(self, value: dt.datetime) -> str:
        return rfc3339(value)


@extend_schema_field(OpenApiTypes.UUID)
class UuidField(serializers.Field):
    """A uuid with hyphens; upper case is folded."""

    default_error_messages = {"invalid": "must be a uuid"}

    def to_internal_value(self, data: Any) -> UUID:
        try:
            return parse_uuid(data if type(data) is str else "")
        except ValueError:
            self.fail("invalid")
        raise AssertionError("unreachable")

    def to_representation(self, value: UUID) -> str:
        return str(value)


class WordField(serializers.ChoiceField):
    """A word of a closed set; a word that is not in it reads as ``otherwise``."""

    default_error_messages = {"invalid": "must be text"}

    def __init__(self, kind: Any, otherwise: Any, **kwargs: Any) -> None:
        self.kind, self.otherwise = kind, otherwise
        super().__init__(choices=kind.choices, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if type(data) is not str:
            self.fail("invalid")
        return self.kind(data) if data in self.kind.values else self.otherwise
