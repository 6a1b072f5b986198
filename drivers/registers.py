"""Register tables of the meters: what stands where, and which blocks are asked for. Pure data.

Registers are 0-based wire addresses; every quantity is a float32 in two registers, high word first,
read with function 4. Energy is in kWh, the rest in V, A, W, Hz. Source: Eastron's Modbus protocol
descriptions. A further model is one more table here: its registers, its blocks, its defaults. What
it does not measure is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

READ_HOLDING = 3
READ_INPUT = 4

NARROW_REGISTERS = 6
"""The longest block that every known unit answers; some refuse 51 registers, some more than 10."""


class Quantity(Enum):
    """What a register shows, in the words of error messages."""

    VOLTAGE_L1 = "voltage L1"
    VOLTAGE_L2 = "voltage L2"
    VOLTAGE_L3 = "voltage L3"
    CURRENT_L1 = "current L1"
    CURRENT_L2 = "current L2"
    CURRENT_L3 = "current L3"
    POWER_L1 = "power L1"
    POWER_L2 = "power L2"
    POWER_L3 = "power L3"
    POWER = "power"
    FREQUENCY = "frequency"
    IMPORT = "energy imported"
    EXPORT = "energy exported"
    IMPORT_L1 = "energy imported L1"
    IMPORT_L2 = "energy imported L2"
    IMPORT_L3 = "energy imported L3"


VOLTAGES = (Quantity.VOLTAGE_L1, Quantity.VOLTAGE_L2, Quantity.VOLTAGE_L3)
CURRENTS = (Quantity.CURRENT_L1, Quantity.CURRENT_L2, Quantity.CURRENT_L3)
POWERS = (Quantity.POWER_L1, Quantity.POWER_L2, Quantity.POWER_L3)
PHASE_IMPORTS = (Quantity.IMPORT_L1, Quantity.IMPORT_L2, Quantity.IMPORT_L3)
ENERGIES = frozenset((Quantity.IMPORT, Quantity.EXPORT, *PHASE_IMPORTS))
SIGNED = frozenset((Quantity.POWER, *POWERS))


@dataclass(frozen=True, slots=True)
class Block:
    """``count`` registers from ``start`` on, asked for in one request."""

    start: int
    count: int
    function: int = READ_INPUT

    def __str__(self) -> str:
        last = self.start + self.count - 1
        kind = "input" if self.function == READ_INPUT else "holding"
        return f"{kind} registers {self.start:04X}..{last:04X}"

    def __contains__(self, register: int) -> bool:
        """Whether both words of the value at ``register`` are in the block."""
        return self.start <= register <= self.start + self.count - 2


# Each of another length than its neighbour: a reply carries no register address, so a late one
# passes for the answer to the next request unless its length gives it away.
NODE_ADDRESS = Block(0x0014, 2, READ_HOLDING)
METER_CODE = Block(0xFC02, 1, READ_HOLDING)
SERIAL_NUMBER = Block(0xFC00, 2, READ_HOLDING)


@dataclass(frozen=True, slots=True)
class ModelTable:
    """One model of meter. ``energy`` and ``everything`` are the blocks of the two kinds of sample.

    ``meter_codes``: what holding register FC02 may say. ``turnaround_max_s``: the longest it may
    take from the end of a request to the start of the reply.
    """

    name: str
    meter_codes: frozenset[int]
    baudrate: int
    parity: str
    registers: Mapping[Quantity, int]
    energy: tuple[Block, ...]
    everything: tuple[Block, ...]
    turnaround_max_s: float = 0.2


def narrowed(blocks: Iterable[Block], registers: Collection[int]) -> tuple[Block, ...]:
    """The parts of ``blocks`` that hold ``registers``, none longer than NARROW_REGISTERS.

    Neighbours differ in length, as in the tables; if need be with registers of the same block in
    them that nobody wants. ValueError if even that is not enough.
    """
    wanted = [
        (block, sorted(register for register in registers if register in block)) for block in blocks
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


_SDM630 = ModelTable(
    name="sdm630",
    # Early units say 0.
    meter_codes=frozenset((0x0070, 0x0000)),
    baudrate=9600,
    parity="none",
    registers=MappingProxyType(
        {
            Quantity.VOLTAGE_L1: 0x0000,
            Quantity.VOLTAGE_L2: 0x0002,
            Quantity.VOLTAGE_L3: 0x0004,
            Quantity.CURRENT_L1: 0x0006,
            Quantity.CURRENT_L2: 0x0008,
            Quantity.CURRENT_L3: 0x000A,
            Quantity.POWER_L1: 0x000C,
            Quantity.POWER_L2: 0x000E,
            Quantity.POWER_L3: 0x0010,
            Quantity.POWER: 0x0034,
            Quantity.FREQUENCY: 0x0046,
            Quantity.IMPORT: 0x0048,
            Quantity.EXPORT: 0x004A,
            Quantity.IMPORT_L1: 0x015A,
            Quantity.IMPORT_L2: 0x015C,
            Quantity.IMPORT_L3: 0x015E,
        }
    ),
    energy=(Block(0x0048, 4), Block(0x015A, 6)),
    everything=(Block(0x0000, 18), Block(0x0034, 24), Block(0x015A, 6)),
)

MODELS: Mapping[str, ModelTable] = MappingProxyType({table.name: table for table in (_SDM630,)})
"""Every model that ``[meter] model`` may name."""
