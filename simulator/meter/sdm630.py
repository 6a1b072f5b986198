"""A simulated Eastron SDM630: Modbus requests in, replies out, by its protocol description V1.8.

Its smaller sisters are the same with fewer registers (meter_models.py).

Pure but for the clock and the source of quantities. One thread (the line's) may call ``answer``.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable, Mapping

from simulator.electrical import Electrical, only_l1
from simulator.meter.meter_faults import MeterFault, MeterFaults
from simulator.meter.meter_models import SDM630, MeterModel
from simulator.meter.meter_registers import MeterRegisters
from simulator.meter.modbus_rtu import ModbusException, exception_reply, frame, is_sound

READ_HOLDING = 3
READ_INPUT = 4

_HOLDING_RANGES = ((0x0000, 0x0020),)
_SYSTEM_TYPE = 0x000A
_PARITY = 0x0012
_NODE_ADDRESS = 0x0014
_BAUD_CODE = 0x001C
_SERIAL_NUMBER = 0xFC00
_METER_CODE = 0xFC02

_SYSTEM_TYPES = {1: 1.0, 3: 3.0}  # 1 phase 2 wires, 3 phases 4 wires
_NO_PARITY_ONE_STOP = 0.0

EXCHANGE_SILENT_S = 3.0
"""How long the line is silent for an exchange: nobody swaps a meter under voltage."""


class Sdm630:
    """The meter. ``source`` tells what flows; its energies are true counts in Wh.

    ``update_s``: the registers keep their values for that long; 0 refreshes at every request.
    ``meter_code``, ``max_registers``, ``baudrate``: the model's unless given. Blocks longer than
    ``max_registers`` are an illegal value; those of ``illegal_address_from`` registers on an
    illegal address, as some units have it from 51. ``baudrate`` only sets what holding register
    001C says; Refused if the model does not have it. A single-phase model measures L1 alone.
    """

    def __init__(
        self,
        source: Callable[[], Electrical],
        address: int = 1,
        serial: int = 21_487_365,
        meter_code: int | None = None,
        *,
        model: MeterModel = SDM630,
        update_s: float = 0.5,
        max_registers: int | None = None,
        illegal_address_from: int | None = None,
        baudrate: int | None = None,
        faults: MeterFaults | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source if model.phases == 3 else lambda: only_l1(source())
        self._model = model
        self._address = address
        self._serial = serial
        self._meter_code = model.meter_code if meter_code is None else meter_code
        self._update_s = update_s
        self._max_registers = model.max_registers if max_registers is None else max_registers
        self._illegal_address_from = illegal_address_from or math.inf
        self._monotonic = monotonic
        self._faults = faults or MeterFaults(monotonic)
        self._registers = MeterRegisters(self._faults)
        self._input: Mapping[int, bytes] = {}
        self._holding: Mapping[int, bytes] = {
            _SYSTEM_TYPE: _float32(_SYSTEM_TYPES[model.phases]),
            _PARITY: _float32(_NO_PARITY_ONE_STOP),
            _NODE_ADDRESS: _float32(address),
            _BAUD_CODE: _float32(model.baud_code(baudrate or model.baudrate)),
        }
        self._refreshed_at = -math.inf
        self._exchanged_since: float | None = None
        self._silent_until = -math.inf

    def answer(self, request: bytes) -> bytes | None:
        """The reply to one request frame, checksum included.

        None: damaged, not for this address (broadcasts are never answered), or the meter is out.
        """
        if not is_sound(request) or request[0] != self._address:
            return None
        self._notice_exchange()
        if self._monotonic() < self._silent_until:
            return None
        function = request[1]
        if function not in (READ_HOLDING, READ_INPUT):
            return exception_reply(self._address, function, ModbusException.ILLEGAL_FUNCTION)
        if len(request) != 8:
            return None
        start, count = struct.unpack(">HH", request[2:6])
        data = self._read(function, start, count)
        if isinstance(data, ModbusException):
            return exception_reply(self._address, function, data)
        return frame(bytes((self._address, function, len(data))) + data)

    def _read(self, function: int, start: int, count: int) -> bytes | ModbusException:
        if (function, start, count) == (READ_HOLDING, _SERIAL_NUMBER, 2):
            other = self._exchanged_since is not None
            return (self._serial + other).to_bytes(4, "big")
        if (function, start, count) == (READ_HOLDING, _METER_CODE, 1):
            return self._meter_code.to_bytes(2, "big")
        if count == 0 or count % 2 or count > self._max_registers:
            return ModbusException.ILLEGAL_DATA_VALUE
        ranges = self._model.input_ranges if function == READ_INPUT else _HOLDING_RANGES
        inside = any(low <= start and start + count <= high for low, high in ranges)
        if start % 2 or not inside or count >= self._illegal_address_from:
            return ModbusException.ILLEGAL_DATA_ADDRESS
        wanted = range(start, start + count, 2)
        if function == READ_INPUT and self._model.input_registers.isdisjoint(wanted):
            return ModbusException.ILLEGAL_DATA_ADDRESS
        image = self._input_image() if function == READ_INPUT else self._holding
        return b"".join(image.get(at, bytes(4)) for at in wanted)

    def _input_image(self) -> Mapping[int, bytes]:
        now = self._monotonic()
        frozen = self._input and MeterFault.FROZEN in self._faults.active
        if not frozen and now - self._refreshed_at >= self._update_s:
            values = self._registers.measure(self._source(), now)
            self._input = {
                register: _float32(value)
                for register, value in values.items()
                if register in self._model.input_registers
            }
            self._refreshed_at = now
        return self._input

    def _notice_exchange(self) -> None:
        since = self._faults.since(MeterFault.EXCHANGED)
        if since == self._exchanged_since:
            return
        self._exchanged_since = since
        self._registers.exchange(self._source(), other=since is not None)
        self._silent_until = self._monotonic() + EXCHANGE_SILENT_S


def _float32(value: float) -> bytes:
    return struct.pack(">f", value)
