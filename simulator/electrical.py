"""What flows through the meter at one moment: the quantities that its registers show."""

from __future__ import annotations

from dataclasses import dataclass

Phases = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Electrical:
    """Per phase L1, L2, L3. Energy is the register's true count in Wh, before float32 rounding."""

    voltage_v: Phases
    current_a: Phases
    power_w: Phases
    import_wh: Phases
    export_wh: float = 0.0
    frequency_hz: float = 50.0
