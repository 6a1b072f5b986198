"""Modbus RTU frames as a slave sees them: checksum, lengths, exception replies. Pure, any thread.

Source: MODBUS over Serial Line V1.02, section 6.2.2 (CRC); MODBUS Application Protocol V1.1b3,
section 7 (exception codes).
"""

from __future__ import annotations

from enum import IntEnum

_POLYNOMIAL = 0xA001  # 0x8005, bit-reversed: the line sends the low bit first
_READS_AND_SINGLE_WRITES = range(1, 7)
_MULTIPLE_WRITES = (15, 16)


class ModbusException(IntEnum):
    """The codes that a slave puts into an exception reply."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_DATA_ADDRESS = 2
    ILLEGAL_DATA_VALUE = 3
    DEVICE_FAILURE = 4
    ACKNOWLEDGE = 5
    DEVICE_BUSY = 6


def _table_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ _POLYNOMIAL if byte & 1 else byte >> 1
    return byte


_TABLE = tuple(_table_entry(byte) for byte in range(256))


def crc16(data: bytes) -> bytes:
    """The two checksum bytes as they follow ``data`` on the wire, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def frame(body: bytes) -> bytes:
    """``body`` (address, function, data) with its checksum."""
    return body + crc16(body)


def is_sound(data: bytes) -> bool:
    """Whether ``data`` is a whole frame with a right checksum."""
    return len(data) >= 4 and crc16(data[:-2]) == data[-2:]


def exception_reply(address: int, function: int, code: int) -> bytes:
    """The five bytes with which a slave refuses ``function``."""
    return frame(bytes((address, function | 0x80, code)))


def request_length(start: bytes) -> int | None:
    """Length in bytes of the request that begins with ``start``.

    None while too little has come to tell, and for functions whose requests only silence ends.
    """
    if len(start) < 2:
        return None
    if start[1] in _READS_AND_SINGLE_WRITES:
        return 8
    if start[1] in _MULTIPLE_WRITES and len(start) >= 7:
        return 9 + start[6]
    return None
