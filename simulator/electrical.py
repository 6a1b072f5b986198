"""What flows through the meter at one moment: the quantities that its registers show."""

from __future__ import annotations

from dataclasses import dataclass, replace

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


def only_l1(flowing: Electrical) -> Electrical:
    """The same as a meter sees it that is wired into L1 alone."""
    return replace(
        flowing,
        voltage_v=(flowing.voltage_v[0], 0.0, 0.0),
        current_a=(flowing.current_a[0], 0.0, 0.0),
        power_w=(flowing.power_w[0], 0.0, 0.0),
        import_wh=(flowing.import_wh[0], 0.0, 0.0),
        export_wh=flowing.export_wh / 3,
    )
