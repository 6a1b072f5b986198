"""The models of meter that the box can have: which registers each has, how much it takes at once.

All of one family: what a model has stands where the SDM630 has it. Pure data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from simulator.errors import Refused

Ranges = tuple[tuple[int, int], ...]

_BAUD_CODES: Mapping[int, float] = MappingProxyType(
    {2400: 0.0, 4800: 1.0, 9600: 2.0, 19200: 3.0, 38400: 4.0}
)


def registers_in(ranges: Iterable[tuple[int, int]]) -> frozenset[int]:
    """The addresses of all values in ``ranges`` (each up to its end, exclusive)."""
    return frozenset(register for low, high in ranges for register in range(low, high, 2))


@dataclass(frozen=True, slots=True)
class MeterModel:
    """What tells one model from another.

    ``input_ranges``: a block must lie within one of them. Inside, it may cross registers that are
    not in ``input_registers``, which read 0.0; a block of nothing else is refused. ``baud_codes``:
    what holding register 001C says at which speed. ``baudrate``: as delivered.
    """

    name: str
    meter_code: int
    input_ranges: Ranges
    input_registers: frozenset[int]
    max_registers: int
    phases: int = 3
    baudrate: int = 9600
    baud_codes: Mapping[int, float] = field(default_factory=lambda: _BAUD_CODES)

    def baud_code(self, baudrate: int) -> float:
        """Raises Refused for a speed at which this model cannot be."""
        if baudrate not in self.baud_codes:
            speeds = ", ".join(map(str, sorted(self.baud_codes)))
            raise Refused(f"meter: an {self.name} has no {baudrate} baud; it has {speeds}")
        return self.baud_codes[baudrate]


def _model(name: str, meter_code: int, input_ranges: Ranges, max_registers: int) -> MeterModel:
    """A three-phase model without holes in its ranges."""
    return MeterModel(
        name, meter_code, input_ranges, registers_in(input_ranges), max_registers=max_registers
    )


_LINE_VOLTAGES = (0x00C8, 0x00D0)
_RESETTABLE = ((0x0180, 0x0182), (0x0184, 0x0188))

SDM630 = _model(
    "sdm630",
    0x0070,
    ((0x0000, 0x006C), _LINE_VOLTAGES, (0x00E0, 0x0110), (0x014E, 0x0180)),
    max_registers=80,
)
SDM72 = _model(
    "sdm72",
    0x0084,
    ((0x0034, 0x0036), (0x0048, 0x004C), (0x0156, 0x0158), *_RESETTABLE),
    max_registers=60,
)
SDM72V2 = _model(
    "sdm72v2",
    0x0089,
    ((0x0000, 0x0050), _LINE_VOLTAGES, (0x00E0, 0x00E2), (0x0156, 0x015A), *_RESETTABLE),
    max_registers=60,
)
SDM120 = replace(
    _model("sdm120", 0x0020, ((0x0000, 0x0060), (0x0102, 0x010A), (0x0156, 0x015A)), 80),
    # The places of L2 and L3 are empty.
    input_registers=frozenset(range(0x0000, 0x0025, 6))
    | registers_in(((0x0046, 0x0050), (0x0054, 0x0060), (0x0156, 0x015A)))
    | {0x0102, 0x0108},
    phases=1,
    baudrate=2400,
    baud_codes=MappingProxyType({2400: 0.0, 4800: 1.0, 9600: 2.0, 1200: 5.0}),
)

METER_MODELS: Mapping[str, MeterModel] = MappingProxyType(
    {model.name: model for model in (SDM630, SDM72, SDM72V2, SDM120)}
)
"""By the names of ``evcs-simbox serve --meter-model``."""
