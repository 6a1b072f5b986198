"""What the input registers of the simulated SDM630 show: quantities, counters and their faults.

One thread (the meter's) may call it. Energies go in as true counts in Wh, and out in kWh.
"""

from __future__ import annotations

import math

from simulator.electrical import Electrical, Phases
from simulator.meter.meter_faults import MeterFault, MeterFaults

TOTAL_POWER = 0x0034
FREQUENCY = 0x0046
IMPORT_ENERGY = 0x0048
EXPORT_ENERGY = 0x004A
TOTAL_ENERGY = 0x0156
PHASE_IMPORT = 0x015A
PHASE_EXPORT = 0x0160
PHASE_TOTAL = 0x0166
RESETTABLE_TOTAL = 0x0180
RESETTABLE_IMPORT = 0x0184
RESETTABLE_EXPORT = 0x0186

RESTART_ZERO_S = 3.0
"""How long the energy registers read 0.0 after a restart."""

# A register wrapped in unsigned arithmetic is too high by 2^32 Wh.
_WRAPPED_KWH = 2.0**32 / 1000
_OTHER_METER_WH = (41_000.0, 42_000.0, 43_000.0)


class MeterRegisters:
    """The counters of the meter, and of the other one that ``exchange`` puts in its place."""

    def __init__(self, faults: MeterFaults) -> None:
        self._faults = faults
        self._previous: Electrical | None = None
        self._counted_as_export_wh = [0.0, 0.0, 0.0]
        self._base_wh = [0.0, 0.0, 0.0]

    def exchange(self, raw: Electrical, other: bool) -> None:
        """Count from now on where the other meter stands, or as the first one did."""
        self._base_wh = [0.0, 0.0, 0.0]
        if other:
            shown_wh = self._import_wh(raw)
            self._base_wh = [
                there - here for there, here in zip(_OTHER_METER_WH, shown_wh, strict=True)
            ]

    def measure(self, raw: Electrical, now: float) -> dict[int, float]:
        """Register address to value, for every register that the box knows a value for."""
        active = self._faults.active
        backwards = MeterFault.REVERSED in active
        if backwards and self._previous is not None:
            for phase in range(3):
                drawn_wh = raw.import_wh[phase] - self._previous.import_wh[phase]
                self._counted_as_export_wh[phase] += drawn_wh
        self._previous = raw
        values = _instantaneous(raw, -1 if backwards else 1)
        energy = self._energy(raw)
        restarted_at = self._faults.since(MeterFault.RESTART)
        if restarted_at is not None and now - restarted_at < RESTART_ZERO_S:
            energy = dict.fromkeys(energy, 0.0)
        if MeterFault.X1000 in active:
            energy = {register: kwh * 1000 for register, kwh in energy.items()}
        if MeterFault.TWO_TO_32 in active:
            for register in (IMPORT_ENERGY, TOTAL_ENERGY, PHASE_IMPORT, PHASE_TOTAL):
                energy[register] += _WRAPPED_KWH
        values |= energy
        if MeterFault.NAN in active:
            values |= dict.fromkeys((TOTAL_POWER, *energy), math.nan)
        return values

    def _import_wh(self, raw: Electrical) -> list[float]:
        return [
            raw.import_wh[phase] - self._counted_as_export_wh[phase] + self._base_wh[phase]
            for phase in range(3)
        ]

    def _energy(self, raw: Electrical) -> dict[int, float]:
        import_wh = self._import_wh(raw)
        export_wh = [raw.export_wh / 3 + missed for missed in self._counted_as_export_wh]
        values = {
            IMPORT_ENERGY: sum(import_wh) / 1000,
            EXPORT_ENERGY: sum(export_wh) / 1000,
            TOTAL_ENERGY: (sum(import_wh) + sum(export_wh)) / 1000,
        }
        # Nobody ever resets them here: the box's meter takes no writes.
        values[RESETTABLE_TOTAL] = values[TOTAL_ENERGY]
        values[RESETTABLE_IMPORT] = values[IMPORT_ENERGY]
        values[RESETTABLE_EXPORT] = values[EXPORT_ENERGY]
        for phase in range(3):
            values[PHASE_IMPORT + 2 * phase] = import_wh[phase] / 1000
            values[PHASE_EXPORT + 2 * phase] = export_wh[phase] / 1000
            values[PHASE_TOTAL + 2 * phase] = (import_wh[phase] + export_wh[phase]) / 1000
        return values


def _instantaneous(raw: Electrical, sign: int) -> dict[int, float]:
    values: dict[int, float] = {}
    by_phase: dict[int, Phases] = {0x0000: raw.voltage_v, 0x0006: raw.current_a}
    for start, phases in by_phase.items():
        values |= {start + 2 * phase: value for phase, value in enumerate(phases)}
    values |= {0x000C + 2 * phase: sign * watts for phase, watts in enumerate(raw.power_w)}
    values[TOTAL_POWER] = sign * sum(raw.power_w)
    values[FREQUENCY] = raw.frequency_hz
    return values
