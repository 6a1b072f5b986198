"""A meter's float32 kilowatt-hours as whole watt-hours, and how finely they count. Pure."""

from __future__ import annotations

import math
import struct

_MANTISSA_BITS = 24
_LOWEST_EXPONENT = -125  # of the smallest normal float32, as math.frexp counts
_WH_PER_KWH = 1000


def float32(data: bytes, offset: int = 0) -> float:
    """The value in four bytes from ``offset`` on, high word first."""
    (value,) = struct.unpack_from(">f", data, offset)
    return float(value)


def watt_hours(kwh: float) -> int:
    """A finite float32 in kWh as whole Wh, a half to the even side.

    Exact: 24 bits of mantissa times 1000 (7 bits, beside the power of two) fit into a double.
    """
    return round(kwh * _WH_PER_KWH)


def step_wh(kwh: float) -> float:
    """Distance in Wh from a finite float32 in kWh to the next one away from zero."""
    exponent = math.frexp(kwh)[1] if kwh else _LOWEST_EXPONENT
    return math.ldexp(_WH_PER_KWH, max(exponent, _LOWEST_EXPONENT) - _MANTISSA_BITS)
