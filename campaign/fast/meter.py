"""Samples of the box's register as the driver gives them, and the lies that meters tell.

What the driver finds out by itself (CRC, NaN, late answers) is a sample that is missing; what
passes it is here: values of another moment, scale or meter.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from drivers.float32 import step_wh, watt_hours
from simulator.world.box import Box
from station.rules.messages import MeterMissed, MeterRead
from station.rules.values import MeterFacts, Reading

TAKES_S = 0.2
TIMEOUT_S = 1.2
UPDATE_S = 1.0


class Lie(StrEnum):
    """What can be wrong with a meter, and for how long it stays so is the life's to say."""

    SILENT = "meter silent"
    PATCHY = "every other sample is missing"
    ZERO = "register reads zero"
    TWO_TO_32 = "register shows 2^32 too much"
    TIMES_1000 = "register shows a thousand times too much"
    JUMP = "register jumps, for one sample"
    BACKWARDS = "register shows less than before"
    PHASES = "the phases' registers are of another moment"
    STALE = "registers are those of half a minute ago"
    FROZEN = "the same values for ever"
    REVERSED = "the current flows backwards"
    SAG = "voltage of a phase is missing"


@dataclass(frozen=True, slots=True)
class Meter:
    """Which meter hangs on the line, and how far its registers, L1 to L3, are from the box's."""

    serial: str
    phase_offsets_wh: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def offset_wh(self) -> float:
        return sum(self.phase_offsets_wh)


class Line:
    """``lie`` None: it tells the truth. ``sample`` gives an event and how long it took.

    ``update_s``: how often the meter renews its registers.
    """

    def __init__(self, box: Box, dice: random.Random, update_s: float = UPDATE_S) -> None:
        self._box = box
        self._dice = dice
        self._update_s = update_s
        self.meter = Meter("11223344")
        self.lie: Lie | None = None
        self.answers = 0
        self._image: list[tuple[float, Reading]] = []

    def exchange(self) -> None:
        """An electrician puts another meter in: another number, another register."""
        register_wh = self._box.rail.register_wh
        shown_wh = self._dice.choice((0.0, 12.0, 5_000_000.0, register_wh + 3000.0))
        one, two, three = (shown_wh / 3 - wh for wh in self._box.rail.phase_wh)
        self.meter = Meter(str(self._dice.randint(10**7, 10**8 - 1)), (one, two, three))
        self._image.clear()

    def sample(self, now_s: float) -> tuple[MeterRead | MeterMissed, float]:
        """What the meter thread posts for a sample that is asked for now, and after how long."""
        self.answers += 1
        missing = self.lie is Lie.SILENT or (self.lie is Lie.PATCHY and self.answers % 2)
        if missing or not self._box.rail.mains.on:
            return MeterMissed("meter: no answer", now_s), TIMEOUT_S
        self._refresh(now_s)
        newest = self._image[-1][1]
        reading = replace(newest, requested_at_s=now_s, received_at_s=now_s + TAKES_S)
        lying = _LIES.get(self.lie) if self.lie else None
        if lying is not None:
            reading = lying(self, reading)
        if self.lie is Lie.JUMP:
            self.lie = None
        return MeterRead(reading), TAKES_S

    def _refresh(self, now_s: float) -> None:
        """The meter renews its registers by its own clock."""
        if self._image and (
            now_s - self._image[-1][0] < self._update_s or self.lie in (Lie.FROZEN, Lie.STALE)
        ):
            return
        flows = self._box.rail.electrical()
        offsets_wh = self.meter.phase_offsets_wh
        shown = [wh + by_wh for wh, by_wh in zip(flows.import_wh, offsets_wh, strict=True)]
        total_kwh = _float32(sum(shown) / 1000)
        one, two, three = (watt_hours(_float32(wh / 1000)) for wh in shown)
        unrest = self._dice.uniform(-0.5, 0.5)
        volts_1, volts_2, volts_3 = flows.voltage_v
        image = Reading(
            requested_at_s=now_s,
            received_at_s=now_s + TAKES_S,
            facts=MeterFacts(self.meter.serial, watt_hours(total_kwh), (one, two, three)),
            grid_wh=step_wh(total_kwh),
            voltage_v=(volts_1 + unrest, volts_2 - unrest, volts_3),
            current_a=flows.current_a,
            power_w=sum(flows.power_w),
        )
        self._image = [*self._image[-60:], (now_s, image)]

    # -- the lies; each makes another reading of a true one

    def shifted(self, reading: Reading, change: Callable[[int], int]) -> Reading:
        facts = reading.facts
        return replace(reading, facts=replace(facts, import_wh=change(facts.import_wh)))

    def _zero(self, reading: Reading) -> Reading:
        return replace(reading, facts=replace(reading.facts, import_wh=0, phase_wh=(0, 0, 0)))

    def _jump(self, reading: Reading) -> Reading:
        by_wh = self._dice.choice((100, 3000, 5000, -200, 10**6))
        return self.shifted(reading, lambda wh: max(0, wh + by_wh))

    def _phases(self, reading: Reading) -> Reading:
        old = self._image[0][1].facts.phase_wh
        one, two, three = old
        # No lower than zero: what no register can show the driver refuses, and is no lie.
        lower = (one and max(0, one - 500), two, three)
        return replace(reading, facts=replace(reading.facts, phase_wh=lower))

    def _reversed(self, reading: Reading) -> Reading:
        power_w = -(reading.power_w or 0.0)
        return replace(reading, power_w=power_w)

    def _sag(self, reading: Reading) -> Reading:
        _, two, three = reading.voltage_v or (0.0, 0.0, 0.0)
        return replace(reading, voltage_v=(self._dice.uniform(40, 130), two, three))


_LIES: dict[Lie, Callable[[Line, Reading], Reading]] = {
    Lie.ZERO: Line._zero,
    Lie.TWO_TO_32: lambda line, reading: line.shifted(reading, lambda wh: wh + 2**32),
    Lie.TIMES_1000: lambda line, reading: line.shifted(reading, lambda wh: wh * 1000),
    Lie.BACKWARDS: lambda line, reading: line.shifted(reading, lambda wh: max(0, wh - 300)),
    Lie.JUMP: Line._jump,
    Lie.PHASES: Line._phases,
    Lie.REVERSED: Line._reversed,
    Lie.SAG: Line._sag,
}


def _float32(value: float) -> float:
    found: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return found
