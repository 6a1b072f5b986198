"""Making sure of the meter behind a port: its map, its model, its serial number.

One thread only (the meter worker's).
"""

from __future__ import annotations

from drivers.errors import MeterRefused
from drivers.float32 import float32
from drivers.modbus import IllegalRequest, RegisterReader
from drivers.registers import METER_CODE, NODE_ADDRESS, SERIAL_NUMBER, ModelTable

_NO_SERIAL = (0, 0xFFFFFFFF)


def identify(reader: RegisterReader, table: ModelTable) -> None:
    """Raises MeterRefused if this is not a ``table`` meter, and whatever ``reader`` raises."""
    # A register whose value is known tells map, word order and float format in one.
    own = float32(reader.read(NODE_ADDRESS))
    if own != reader.address:
        raise MeterRefused(
            f"meter: {reader.where} says {own:g} where its own address should stand "
            f"(register {NODE_ADDRESS.start:04X}); check [meter] model"
        )
    try:
        code = int.from_bytes(reader.read(METER_CODE), "big")
    except IllegalRequest:
        # Not every firmware has the register; the address has told enough.
        return
    if code not in table.meter_codes:
        expected = " or ".join(f"{known:04X}" for known in sorted(table.meter_codes))
        raise MeterRefused(
            f"meter: {reader.where} has meter code {code:04X}, a {table.name} {expected}; "
            "check [meter] model"
        )


def serial_number(reader: RegisterReader) -> str | None:
    """As printed on the meter; None when it does not tell. Raises what ``reader`` raises."""
    try:
        number = int.from_bytes(reader.read(SERIAL_NUMBER), "big")
    except IllegalRequest:
        return None
    return None if number in _NO_SERIAL else str(number)
