"""Register tables of the meters: what stands where, and which blocks are asked for. Pure data.

Registers are 0-based wire addresses; every quantity is a float32 in two registers, high word first,
read with function 4. Energy is in kWh, the rest in V, A, W, Hz. Source: Eastron's Modbus protocol
descriptions. A further model is one more table here: its registers, its blocks, its defaults. What
it does not measure is left out; docs/meters.md tells what that switches off, and shows an example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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


# fingerprint.py asks for them in an order in which no two neighbours are alike in length and
# function: a reply carries no register address, so a late one passes for the answer to the next
# request unless one of these gives it away.
NODE_ADDRESS = Block(0x0014, 2, READ_HOLDING)
METER_CODE = Block(0xFC02, 1, READ_HOLDING)
BAUD_CODE = Block(0x001C, 2, READ_HOLDING)
SERIAL_NUMBER = Block(0xFC00, 2, READ_HOLDING)

BAUD_CODES: Mapping[int, int] = MappingProxyType(
    {2400: 0, 4800: 1, 9600: 2, 19200: 3, 38400: 4, 1200: 5}
)
"""What holding register 001C says, as a float32, at which baud rate."""


@dataclass(frozen=True, slots=True)
class ModelTable:
    """One model of meter. ``energy`` and ``everything`` are the blocks of the two kinds of sample.

    ``meter_codes``: what holding register FC02 may say. ``baudrate`` and ``parity``: as delivered.
    ``phases``: 1 or 3, those it counts. ``import_and_export``: the register of both energies in
    one, None where it may mean something else; with it, ``energy[0]`` holds the two single ones.
    ``baud_codes``: empty where 001C is something else. ``pause_s``: the rest that the meter needs
    from a reply to the next request. ``turnaround_max_s``: the longest it may take from the end of
    a request to the start of the reply.
    """

    name: str
    meter_codes: frozenset[int]
    baudrate: int
    parity: str
    registers: Mapping[Quantity, int]
    energy: tuple[Block, ...]
    everything: tuple[Block, ...]
    phases: int = 3
    import_and_export: int | None = None
    baud_codes: Mapping[int, int] = field(default_factory=lambda: BAUD_CODES)
    pause_s: float = 0.0
    turnaround_max_s: float = 0.2


_IMPORT_AND_EXPORT: Mapping[Quantity, int] = MappingProxyType(
    {Quantity.IMPORT: 0x0048, Quantity.EXPORT: 0x004A}
)
_THREE_PHASES: Mapping[Quantity, int] = MappingProxyType(
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
    }
)

_SDM630 = ModelTable(
    name="sdm630",
    # Early units say 0.
    meter_codes=frozenset((0x0070, 0x0000)),
    baudrate=9600,
    parity="none",
    registers=MappingProxyType(
        {
            **_THREE_PHASES,
            **_IMPORT_AND_EXPORT,
            Quantity.IMPORT_L1: 0x015A,
            Quantity.IMPORT_L2: 0x015C,
            Quantity.IMPORT_L3: 0x015E,
        }
    ),
    energy=(Block(0x0048, 4), Block(0x015A, 6)),
    everything=(Block(0x0000, 18), Block(0x0034, 24), Block(0x015A, 6)),
    import_and_export=0x0156,
)

_SDM72 = ModelTable(
    name="sdm72",
    meter_codes=frozenset((0x0084,)),
    baudrate=9600,
    parity="none",
    registers=MappingProxyType({Quantity.POWER: 0x0034, **_IMPORT_AND_EXPORT}),
    energy=(Block(0x0048, 4),),
    everything=(Block(0x0034, 2), Block(0x0048, 4)),
    import_and_export=0x0156,
    # Asked faster than that it may start anew, and its registers read zero meanwhile.
    pause_s=0.5,
)

_SDM72V2 = ModelTable(
    name="sdm72v2",
    meter_codes=frozenset((0x0089,)),
    baudrate=9600,
    parity="none",
    registers=MappingProxyType({**_THREE_PHASES, **_IMPORT_AND_EXPORT}),
    # It takes 60 registers at most.
    energy=(Block(0x0048, 4),),
    everything=(Block(0x0000, 18), Block(0x0034, 24)),
    import_and_export=0x0156,
)

_SDM120 = ModelTable(
    name="sdm120",
    meter_codes=frozenset((0x0020,)),
    baudrate=2400,
    parity="none",
    registers=MappingProxyType(
        {
            Quantity.VOLTAGE_L1: 0x0000,
            Quantity.CURRENT_L1: 0x0006,
            Quantity.POWER_L1: 0x000C,
            Quantity.POWER: 0x000C,
            Quantity.FREQUENCY: 0x0046,
            **_IMPORT_AND_EXPORT,
        }
    ),
    energy=(Block(0x0048, 4),),
    everything=(Block(0x0000, 14), Block(0x0046, 6)),
    phases=1,
    # 0156 is import, sum or difference, as holding register F920 has it: nothing to compare with.
)

MODELS: Mapping[str, ModelTable] = MappingProxyType(
    {table.name: table for table in (_SDM630, _SDM72, _SDM72V2, _SDM120)}
)
"""Every model that ``[meter] model`` may name."""
