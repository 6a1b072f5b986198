"""Frames of ISO 14443-3 type A as the air carries them: bits, checksums, durations.

Pure. A frame is a tuple of bits in the order sent, each byte with its lowest bit first. Parity bits
are not listed; the durations count them.
"""

from __future__ import annotations

from collections.abc import Iterable

Bits = tuple[int, ...]

ETU_US = 128 / 13.56
"""Elementary time unit at 106 kbit/s: the duration of one bit."""

FRAME_DELAY_US = 1236 / 13.56
"""From the end of the reader's frame to the first bit of the card's answer."""

REQA = 0x26
WUPA = 0x52
HLTA = (0x50, 0x00)
SELECT_BY_LEVEL = (0x93, 0x95, 0x97)
CASCADE_TAG = 0x88


def bits_of(data: Iterable[int]) -> Bits:
    """The bits of whole bytes."""
    return tuple(byte >> bit & 1 for byte in data for bit in range(8))


def bytes_of(bits: Bits) -> bytes:
    """The bytes that ``bits`` fill; the last one is padded with zeros."""
    packed = bytearray((len(bits) + 7) // 8)
    for index, bit in enumerate(bits):
        packed[index // 8] |= bit << (index % 8)
    return bytes(packed)


def crc_a(data: Iterable[int], preset: int = 0x6363) -> bytes:
    """CRC_A, two bytes, low byte first (polynomial 0x8408 reflected, no final inversion)."""
    crc = preset
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def block_check(data: Iterable[int]) -> int:
    """BCC: the exclusive or of all bytes."""
    check = 0
    for byte in data:
        check ^= byte
    return check


def sent_frame_us(bits: int) -> float:
    """Duration of a reader's frame: start bit, data with a parity bit per whole byte, end."""
    return (bits + bits // 8 + 2) * ETU_US


def answered_frame_us(bits: int) -> float:
    """Duration of a card's frame: start bit, data with a parity bit per whole byte."""
    return (bits + bits // 8 + 1) * ETU_US
