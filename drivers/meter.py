"""The energy meter: samples of its registers over Modbus RTU. One thread only (the meter worker's).

What one reading can tell about itself is checked here; whether it fits the readings before it is
not (the station's rules do that).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers import serial_line
from drivers.errors import MeterError, MeterGarbage, MeterPortLost, MeterRefused
from drivers.fingerprint import identify, serial_number
from drivers.float32 import float32, step_wh, watt_hours
from drivers.modbus import IllegalRequest, MeterCounters, RegisterReader
from drivers.narrowing import narrowed
from drivers.registers import (
    CURRENTS,
    ENERGIES,
    MODELS,
    NARROW_REGISTERS,
    PHASE_IMPORTS,
    POWERS,
    SIGNED,
    VOLTAGES,
    Block,
    Quantity,
)

Three = tuple[float, float, float]
Values = dict[Quantity, float]

# A meter that was silent for longer may be another one.
_SAME_METER_S = 5.0
# Some units refuse long blocks, always; one refusal may be a forged or a garbled frame.
_REFUSALS = 2
# 10^13 Wh is the largest register that a server takes.
_MAX_KWH = 1e10
# Ten megavolt, megaampere or megawatt are no house's, and their sums need not fit anywhere.
_MAX_OTHER = 1e7
_SMALLEST_NORMAL = 2.0**-126
# The meter counts 0.001 kWh; less than a thousandth of that is no reading but left-over memory.
_SMALLEST_KWH = 1e-6


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of the meter; times are monotonic, in s.

    ``requested_at`` is just before the first request, so nothing here is older. ``import_wh`` and
    the like are the register's float32 kWh times 1000, rounded half to even; ``grid_wh`` is one
    step of that float32. None: the model does not measure it, or it was not asked for (an energy
    sample). On a single-phase meter L2 and L3 read 0.0. Power is negative when it flows back.
    """

    requested_at: float
    received_at: float
    serial: str | None
    import_wh: int
    phase_wh: tuple[int | None, int | None, int | None]
    grid_wh: float
    voltage_v: Three | None
    current_a: Three | None
    phase_power_w: Three | None
    power_w: float | None
    frequency_hz: float | None
    export_wh: int | None


class Meter:
    """One meter on one serial port. ``baudrate`` and ``parity`` are the model's unless given.

    ``parity`` is none, even or odd. Nothing is opened before ``open``. ValueError: a model or
    parity that does not exist.
    """

    def __init__(
        self,
        port: str,
        *,
        model: str = "sdm630",
        address: int = 1,
        baudrate: int | None = None,
        parity: str | None = None,
        stopbits: int = 1,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if model not in MODELS:
            raise ValueError(f"meter: no model {model}; there are {', '.join(MODELS)}")
        self._table = MODELS[model]
        self._parity = self._table.parity if parity is None else parity
        if self._parity not in serial_line.PARITIES:
            raise ValueError(f"meter: no parity {parity}; there are none, even, odd")
        self._port = port
        self._address = address
        self._baudrate = self._table.baudrate if baudrate is None else baudrate
        self._stopbits = stopbits
        self._monotonic = monotonic
        self._sleep = sleep
        self.counters = MeterCounters()
        self.serial: str | None = None
        self._line: serial_line.SerialLine | None = None
        self._reader: RegisterReader | None = None
        self._good_at: float | None = None
        self._refusals = 0

    def open(self) -> None:
        """Open the port for ourselves alone, and make sure of the meter behind it.

        Closed again when that fails. Raises MeterPortLost, MeterNoAnswer, MeterGarbage, and
        MeterRefused when it is not the meter that was configured.
        """
        self.close()
        self._line = serial_line.open_line(
            self._port, baudrate=self._baudrate, parity=self._parity, stopbits=self._stopbits
        )
        self._reader = RegisterReader(
            self._line,
            self._address,
            turnaround_max_s=self._table.turnaround_max_s,
            pause_s=self._table.pause_s,
            counters=self.counters,
            monotonic=self._monotonic,
            sleep=self._sleep,
        )
        self._refusals = 0
        try:
            identify(self._reader, self._table, self._baudrate)
            self.serial = self._told_serial(self._reader)
        except MeterError:
            self.close()
            raise
        self._good_at = self._monotonic()

    def close(self) -> None:
        """Give the port back. Never raises; closed already is fine."""
        if self._line is not None:
            self._line.close()
        self._line = self._reader = self._good_at = None

    def read_energy(self) -> Sample:
        """The registers that are booked from: import, in total and per phase, and export.

        Raises the Meter errors. After MeterPortLost only ``open`` helps.
        """
        return self._sample(self._table.energy)

    def read_all(self) -> Sample:
        """Everything the model measures. Raises as ``read_energy``."""
        return self._sample(self._table.everything)

    def _sample(self, blocks: tuple[Block, ...]) -> Sample:
        reader = self._reader
        if reader is None:
            raise MeterPortLost(f"meter: {self._port} is not open")
        good_at, self._good_at = self._good_at, None
        try:
            failed = reader.start_sample()
            requested_at = self._monotonic()
            if failed or good_at is None or requested_at - good_at > _SAME_METER_S:
                self._check_serial(reader)
            values = self._values(reader, blocks)
        except MeterPortLost:
            self.close()
            raise
        self._good_at = received_at = self._monotonic()
        imported = values[Quantity.IMPORT]
        exported = values.get(Quantity.EXPORT)
        l1, l2, l3 = (values.get(quantity) for quantity in PHASE_IMPORTS)
        return Sample(
            requested_at=requested_at,
            received_at=received_at,
            serial=self.serial,
            import_wh=watt_hours(imported),
            phase_wh=(_wh(l1), _wh(l2), _wh(l3)),
            grid_wh=step_wh(imported),
            voltage_v=_three(values, VOLTAGES),
            current_a=_three(values, CURRENTS),
            phase_power_w=_three(values, POWERS),
            power_w=values.get(Quantity.POWER),
            frequency_hz=values.get(Quantity.FREQUENCY),
            export_wh=_wh(exported),
        )

    def _check_serial(self, reader: RegisterReader) -> None:
        """Another serial number is told, not refused; one that is no longer told is no other."""
        serial = self._told_serial(reader)
        if serial is None and self.serial is not None:
            raise MeterRefused(
                f"meter: {reader.where} no longer tells its serial number; "
                "if that stays, it may be another meter"
            )
        self.serial = serial

    def _told_serial(self, reader: RegisterReader) -> str | None:
        """The serial number; one that is not the known one counts when it is told twice."""
        serial = serial_number(reader)
        if self.serial is not None and serial != self.serial and serial_number(reader) != serial:
            self.counters.implausible += 1
            raise MeterGarbage(
                f"meter: {reader.where} tells two serial numbers, one after the other; check that "
                "nobody else answers at this address"
            )
        return serial

    def _values(self, reader: RegisterReader, blocks: tuple[Block, ...]) -> Values:
        if max(block.count for block in blocks) <= NARROW_REGISTERS:
            return self._read_blocks(reader, blocks)
        if self._refusals < _REFUSALS:
            try:
                values = self._read_blocks(reader, blocks)
            except IllegalRequest:
                pass
            else:
                self._refusals = 0
                return values
        values = self._read_blocks(reader, narrowed(blocks, self._table.registers.values()))
        self._refusals += 1
        return values

    def _read_blocks(self, reader: RegisterReader, blocks: tuple[Block, ...]) -> Values:
        values: Values = {}
        for block in blocks:
            data = reader.read(block)
            for quantity, register in self._table.registers.items():
                if register in block:
                    value = float32(data, 2 * (register - block.start))
                    self._check(quantity, register, value)
                    values[quantity] = value
        return values

    def _check(self, quantity: Quantity, register: int, value: float) -> None:
        """Refuse what no meter can measure, whatever was read before."""
        energy = quantity in ENERGIES
        smallest = _SMALLEST_KWH if energy else _SMALLEST_NORMAL
        if (
            not math.isfinite(value)
            or (value < 0 and quantity not in SIGNED)
            or 0 < abs(value) < smallest
            or abs(value) > (_MAX_KWH if energy else _MAX_OTHER)
        ):
            self.counters.implausible += 1
            raise MeterGarbage(
                f"meter: register {register:04X} ({quantity.value}) at address {self._address} "
                f"on {self._port} reads {value:g}; if that stays, the model is wrong or the "
                "meter is broken"
            )


def _wh(kwh: float | None) -> int | None:
    return None if kwh is None else watt_hours(kwh)


def _three(values: Values, quantities: tuple[Quantity, ...]) -> Three | None:
    l1, l2, l3 = (values.get(quantity) for quantity in quantities)
    return None if l1 is None else (l1, l2 or 0.0, l3 or 0.0)
