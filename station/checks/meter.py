"""The energy meter: does it answer, is it the one in the config, and does it sit where it should.

It has to be before the contactor: one behind it dies with it, and nothing can be booked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivers.errors import MeterGarbage, MeterNoAnswer
from drivers.meter import Meter, Sample
from station.checks.probe import Result, Surroundings, device, unavailable
from station.config import Config
from station.rules.closing import OPEN_POWER_MARGIN_W, VOLTAGE_V
from station.rules.settings import Settings

DEAD_BELOW_V = 50.0
BEHIND = (
    "if the meter is alive only while the box charges, it sits behind the contactor: it has to "
    "come before it"
)

SCAN = "evcs-station meter --scan tries addresses, baud rates and parities"


def look(around: Surroundings) -> Result:
    """Open the meter, read it twice, close it. The contactor is open. Raises MeterError."""
    meter = configured(around.config)
    try:
        meter.open()
        meter.read_all()
        sample = meter.read_all()
    except MeterNoAnswer as error:
        text = f"{error}; {SCAN}; {BEHIND}"
        return Result("meter", False, text)
    except MeterGarbage as error:
        if "local echo" in str(error):
            raise
        return Result("meter", False, f"{error}; a wrong baud rate looks like that too: {SCAN}")
    finally:
        meter.close()
    return judge(sample, around.config.rules, around.config.meter.model)


def configured(config: Config) -> Meter:
    """The meter as config.toml describes it, not opened."""
    port = config.meter
    return Meter(
        port.port,
        model=port.model,
        address=port.address,
        baudrate=port.baudrate,
        parity=port.parity,
        stopbits=port.stopbits,
    )


def judge(sample: Sample, settings: Settings, model: str) -> Result:
    """Pure. ``sample`` was taken with the contactor open."""
    shown = [f"{model}, serial {sample.serial or 'not told'}", f"{sample.import_wh / 1000:.3f} kWh"]
    problems = []
    if sample.voltage_v is not None:
        used = sample.voltage_v[: settings.phases]
        shown.append(" / ".join(f"{volts:.1f}" for volts in used) + " V")
        problems += voltage_problems(used)
    power_w = sample.power_w or 0.0
    if power_w > settings.standby_w + OPEN_POWER_MARGIN_W:
        problems.append(
            f"{power_w:.0f} W flow although the contactor is open: is something connected past "
            "it, are its contacts welded, or is [contactor] standby_w too low?"
        )
    return Result("meter", not problems, "; ".join([", ".join(shown), *problems]))


def voltage_problems(used: tuple[float, ...]) -> list[str]:
    """What the configured phases' voltages speak of, with the contactor open."""
    low, high = VOLTAGE_V
    if used and max(used) < DEAD_BELOW_V:
        return [f"no voltage: {BEHIND}"]
    wrong = [
        f"L{number} {volts:.0f} V"
        for number, volts in enumerate(used, 1)
        if not low <= volts <= high
    ]
    if not wrong:
        return []
    return [
        f"{', '.join(wrong)} is outside {low:.0f}-{high:.0f} V: check the fuse, the neutral and "
        "[contactor] phases"
    ]


def beside(config: Config, status: Mapping[str, Any]) -> Result:
    """The daemon's last reading, and its age."""
    problem = unavailable(status, "meter")
    seen = status["meter"]
    if problem is not None or seen["age_s"] is None:
        return Result("meter", False, problem or "the daemon has no reading of it yet; try again")
    shown = (
        f"serial {seen['serial'] or 'not told'}, {seen['import_wh'] / 1000:.3f} kWh, read "
        f"{seen['age_s']:.1f} s ago by the daemon"
    )
    problems = []
    if seen["age_s"] > config.rules.lost_after_s:
        problems.append("that is too long ago; the daemon's log says why")
    if seen["voltage_v"] is not None and not status["contactor"]["commanded_closed"]:
        problems += voltage_problems(tuple(seen["voltage_v"])[: config.rules.phases])
    return Result("meter", not problems, "; ".join([shown, *problems]))


PROBES = (device("meter", 8.0, look, beside),)
