"""The arguments of one request, checked: whatever came over the socket, only Refused comes out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from simulator.errors import Refused

_UID_LENGTHS = (4, 7, 10)


class Arguments:
    """Named values of a request. A missing or ill-typed value raises Refused naming it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Refused(f"{name}: a number is needed")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise Refused(f"{name}: a finite number is needed")
        return number

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refused(f"{name}: a whole number is needed")
        return value

    def level(self, name: str) -> int:
        """0 or 1."""
        value = self.integer(name)
        if value not in (0, 1):
            raise Refused(f"{name}: 0 or 1 is needed")
        return value

    def number_or_none(self, name: str) -> float | None:
        """A finite number, None when there is none."""
        return None if self._values.get(name) is None else self.number(name)

    def flag(self, name: str, default: bool | None = None) -> bool:
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise Refused(f"{name}: true or false is needed")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        value = self._get(name, default)
        if not isinstance(value, str):
            raise Refused(f"{name}: a text is needed")
        return value

    def octets(self, name: str) -> bytes:
        """Bytes, sent as hex digits."""
        try:
            return bytes.fromhex(self.text(name))
        except ValueError:
            raise Refused(f"{name}: hex digits are needed, two for each byte") from None

    def uids(self, name: str) -> tuple[bytes, ...]:
        """One or more card UIDs, sent as a list of hex texts."""
        values = self._get(name, None)
        if not isinstance(values, list) or not values:
            raise Refused(f"{name}: a list of one UID or more is needed")
        return tuple(uid(value) for value in values)

    def _get(self, name: str, default: Any) -> Any:
        value = self._values.get(name, default)
        if value is None:
            raise Refused(f"{name}: is missing")
        return value


def uid(text: object) -> bytes:
    """A card's UID: 8, 14 or 20 hex digits, colons and spaces allowed. Raises Refused."""
    try:
        value = bytes.fromhex(str(text).replace(":", " "))
    except ValueError:
        value = b""
    if len(value) not in _UID_LENGTHS:
        raise Refused(f"`{text}` is no UID; a UID has 8, 14 or 20 hex digits")
    return value
