"""Making sure of the meter behind a port: its map, its model, its speed, its serial number.

A register that a firmware does not have proves nothing; one that says something else than it must
is another meter, or another map. One thread only (the meter worker's).
"""

from __future__ import annotations

import math

from drivers.errors import MeterGarbage, MeterRefused
from drivers.float32 import float32, step_wh
from drivers.modbus import IllegalRequest, RegisterReader
from drivers.registers import (
    BAUD_CODE,
    METER_CODE,
    MODELS,
    NODE_ADDRESS,
    SERIAL_NUMBER,
    Block,
    ModelTable,
    Quantity,
)

_NO_SERIAL = (0, 0xFFFFFFFF)
_GRID_STEPS = 2
# The meter itself counts 0.001 kWh; a young one's float32 is finer than that.
_COUNT_WH = 1.0
_WH_PER_KWH = 1000


def identify(reader: RegisterReader, table: ModelTable, baudrate: int) -> None:
    """Raises MeterRefused if this is not a ``table`` meter that is set to ``baudrate``.

    Also raises whatever ``reader`` raises, and MeterGarbage for energies that are no numbers.
    """
    # Neighbours differ in length or function here as in registers.py: the order matters.
    _check_own_address(reader)
    _check_meter_code(reader, table)
    _check_baud_code(reader, table, baudrate)
    _check_energies(reader, table)


def serial_number(reader: RegisterReader) -> str | None:
    """As printed on the meter; None when it does not tell. Raises what ``reader`` raises."""
    data = _read_if_there(reader, SERIAL_NUMBER)
    number = 0 if data is None else int.from_bytes(data, "big")
    return None if number in _NO_SERIAL else str(number)


def _check_own_address(reader: RegisterReader) -> None:
    """A register whose value is known tells map, word order and float format in one."""
    own = float32(reader.read(NODE_ADDRESS))
    if own != reader.address:
        raise MeterRefused(
            f"meter: {reader.where} says {own:g} where its own address should stand "
            f"(register {NODE_ADDRESS.start:04X}); check [meter] model"
        )


def _check_meter_code(reader: RegisterReader, table: ModelTable) -> None:
    data = _read_if_there(reader, METER_CODE)
    code = None if data is None else int.from_bytes(data, "big")
    if code is None or code in table.meter_codes:
        return
    for other in MODELS.values():
        if code in other.meter_codes:
            raise MeterRefused(
                f"meter: {reader.where} is a meter of model {other.name} (meter code {code:04X}), "
                f'not {table.name}; set [meter] model = "{other.name}", '
                "or check [meter] port and address"
            )
    expected = " or ".join(f"{known:04X}" for known in sorted(table.meter_codes))
    raise MeterRefused(
        f"meter: {reader.where} has meter code {code:04X}, which is none of {', '.join(MODELS)} "
        f"({table.name}: {expected}); check [meter] model, port and address"
    )


def _check_baud_code(reader: RegisterReader, table: ModelTable, baudrate: int) -> None:
    if not table.baud_codes:
        return
    data = _read_if_there(reader, BAUD_CODE)
    if data is None:
        return
    said = float32(data)
    if said != table.baud_codes.get(baudrate):
        speeds = [str(speed) for speed, code in table.baud_codes.items() if code == said]
        meant = f"{speeds[0]} baud" if speeds else "no speed that is known"
        raise MeterRefused(
            f"meter: {reader.where} answers at {baudrate} baud, but its register "
            f"{BAUD_CODE.start:04X} says {said:g} ({meant}); check [meter] model and baudrate, "
            "and switch the meter off and on if its speed was changed"
        )


def _check_energies(reader: RegisterReader, table: ModelTable) -> None:
    """Import and export make up the register of both: map and scale of what is booked from.

    They are read before and after it, because energy may flow meanwhile.
    """
    # Read in any case: the speed's register and the serial number's, before and after this, are of
    # one length.
    before = reader.read(table.energy[0])
    if table.import_and_export is None:
        return
    data = _read_if_there(reader, Block(table.import_and_export, 2))
    if data is None:
        return
    both = float32(data)
    sums = [
        _import_and_export_kwh(table, words) for words in (before, reader.read(table.energy[0]))
    ]
    if not all(map(math.isfinite, (both, *sums))):
        raise MeterGarbage(
            f"meter: the energy registers of {reader.where} hold no numbers; "
            "if that stays, the model is wrong or the meter is broken"
        )
    slack = _GRID_STEPS * max(step_wh(both), _COUNT_WH) / _WH_PER_KWH
    if not min(sums) - slack <= both <= max(sums) + slack:
        raise MeterRefused(
            f"meter: {reader.where} says {both:.3f} kWh where import and export should stand "
            f"together (register {table.import_and_export:04X}), but they are {sums[1]:.3f} kWh; "
            "check [meter] model"
        )


def _import_and_export_kwh(table: ModelTable, words: bytes) -> float:
    start = table.energy[0].start
    return sum(
        float32(words, 2 * (table.registers[quantity] - start))
        for quantity in (Quantity.IMPORT, Quantity.EXPORT)
    )


def _read_if_there(reader: RegisterReader, block: Block) -> bytes | None:
    try:
        return reader.read(block)
    except IllegalRequest:
        return None
