"""One damaged serial number, its checksum right, is not another meter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.errors import MeterGarbage
from simulator.meter.modbus_rtu import frame
from tests.drivers.meter_rig import (
    READ_SERIAL_NUMBER,
    SERIAL,
    Clock,
    Replies,
    sdm630,
    virtual_meter,
)


def told(numbers: list[int], clock: Clock) -> Callable[[bytes], Replies]:
    """A meter that tells these serial numbers, then its own."""
    meter = sdm630(clock=clock)

    def replies(request: bytes) -> Replies:
        reply = meter.answer(request)
        assert reply is not None
        if request == READ_SERIAL_NUMBER and numbers:
            reply = frame(reply[:3] + numbers.pop(0).to_bytes(4, "big"))
        return [(0.0, reply)]

    return replies


def test_a_serial_number_that_is_told_once_is_refused() -> None:
    clock = Clock()
    with virtual_meter(told([SERIAL, SERIAL ^ 0x400], clock), clock=clock) as (meter, _):
        meter.open()
        clock.sleep(10)
        with pytest.raises(MeterGarbage, match="two serial numbers"):
            meter.read_all()
        assert meter.read_all().serial == str(SERIAL)


def test_a_serial_number_that_is_told_twice_is_another_meter() -> None:
    clock = Clock()
    other = SERIAL + 1
    with virtual_meter(told([SERIAL, other, other], clock), clock=clock) as (meter, _):
        meter.open()
        clock.sleep(10)
        assert meter.read_all().serial == str(other)
