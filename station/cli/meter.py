"""evcs-station meter: one full sample of the energy meter, from the daemon or from the meter."""

from __future__ import annotations

import json
from typing import Any

from drivers.meter import Sample
from station.checks.meter import configured
from station.cli.common import Problem, alone, daemon_says
from station.config import Config


def meter(config: Config, *, as_json: bool) -> int:
    """Raises Problem, and DriverError when the meter gives no good answer."""
    shown = daemon_says(config, "meter")
    if shown is None:
        with alone(config):
            shown = _from_meter(config)
    elif shown["age_s"] is None:
        raise Problem(
            "the daemon has no reading of the meter yet; evcs-station status says what is wrong"
        )
    print(json.dumps(shown) if as_json else text(shown))
    return 0


def _from_meter(config: Config) -> dict[str, Any]:
    found = configured(config)
    try:
        found.open()
        return {"age_s": 0.0, **sample_shown(found.read_all())}
    finally:
        found.close()


def sample_shown(sample: Sample) -> dict[str, Any]:
    """A sample for people and ``--json``: Wh, V, A, W, Hz; null where the model has none."""
    return {
        "serial": sample.serial,
        "import_wh": sample.import_wh,
        "phase_wh": sample.phase_wh,
        "export_wh": sample.export_wh,
        "voltage_v": sample.voltage_v,
        "current_a": sample.current_a,
        "power_w": sample.power_w,
        "frequency_hz": sample.frequency_hz,
    }


def text(shown: dict[str, Any]) -> str:
    """A line per quantity; what was not measured is left out."""
    age_s = shown["age_s"]
    age = f" ({age_s:.1f} s ago)" if age_s else ""
    rows = [
        ("serial", shown["serial"] or "not told by the meter"),
        ("import", f"{shown['import_wh'] / 1000:.3f} kWh{age}"),
        ("by phase", _three(shown.get("phase_wh"), "kWh", 3, 1000)),
        ("export", _one(shown.get("export_wh"), "kWh", 3, 1000)),
        ("power", _one(shown["power_w"], "W", 0)),
        ("voltage", _three(shown["voltage_v"], "V", 1)),
        ("current", _three(shown["current_a"], "A", 2)),
        ("frequency", _one(shown.get("frequency_hz"), "Hz", 2)),
    ]
    return "\n".join(f"{name:<10}{value}" for name, value in rows if value is not None)


def _one(value: float | None, unit: str, digits: int, per: int = 1) -> str | None:
    return None if value is None else f"{value / per:.{digits}f} {unit}"


def _three(values: Any, unit: str, digits: int, per: int = 1) -> str | None:
    if values is None or None in values:
        return None
    return " / ".join(f"{value / per:.{digits}f}" for value in values) + f" {unit}"
