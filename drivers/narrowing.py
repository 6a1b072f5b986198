"""Long blocks of registers in short pieces, for the units that refuse long ones. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from drivers.registers import NARROW_REGISTERS, Block


def narrowed(blocks: Iterable[Block], registers: Collection[int]) -> tuple[Block, ...]:
    """The parts of ``blocks`` that hold ``registers``, none longer than NARROW_REGISTERS.

    Neighbours differ in length, as in the tables; if need be with registers of the same block in
    them that nobody wants. ValueError if even that is not enough.
    """
    wanted = [
        (block, sorted({register for register in registers if register in block}))
        for block in blocks
    ]
    for unwanted_too in (False, True):
        parts = _divided(wanted, 0, unwanted_too)
        if parts is not None:
            return parts
    raise ValueError("these registers cannot be read in short blocks of different lengths")


def _divided(
    wanted: list[tuple[Block, list[int]]], previous: int, unwanted_too: bool
) -> tuple[Block, ...] | None:
    if not wanted:
        return ()
    (block, registers), others = wanted[0], wanted[1:]
    if not registers:
        return _divided(others, previous, unwanted_too)
    for count in range(NARROW_REGISTERS, 0, -2):
        for start in range(registers[0], registers[0] - count, -2):
            part = Block(start, count, block.function)
            left = [register for register in registers if register not in part]
            exact = count == 2 * (len(registers) - len(left))
            inside = block.start <= start and start + count <= block.start + block.count
            if count == previous or not inside or not (exact or unwanted_too):
                continue
            following = _divided([(block, left), *others], count, unwanted_too)
            if following is not None:
                return (part, *following)
    return None
