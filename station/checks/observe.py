"""The meter over a longer time: how often it renews its registers, and what the load takes at rest.

Data sheets do not tell the first, and every wallbox is different in the second; both
are keys of the config.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.errors import MeterError, MeterPortLost
from drivers.meter import Sample
from station.checks.meter import configured
from station.checks.probe import Probe, Result, Surroundings
from station.clock import monotonic
from station.rules.settings import Settings

# So many intervals between changes make their mean worth telling.
ENOUGH_GAPS = 3
FROZEN_AFTER_S = 30.0
UPDATE_TOLERANCE = 1.25
SLACK_S = 10.0


@dataclass(frozen=True, slots=True)
class Observation:
    """``update_s`` None: too few changes were seen. ``standby_w`` None: the model has no power."""

    samples: int
    missed: int
    seconds: float
    update_s: float | None
    standby_w: float | None
    highest_v: float | None


def probe(seconds: float) -> Probe:
    """Reads the meter as often as it answers, for so long."""
    return Probe("observe", seconds + SLACK_S, lambda around: look(around, seconds))


def look(around: Surroundings, seconds: float) -> Result:
    """Raises MeterError when the meter cannot be read at all."""
    if not around.alone:
        text = "observing needs the meter for itself: stop the daemon first"
        return Result("observe", False, text)
    meter = configured(around.config)
    try:
        meter.open()
        found = observe(meter.read_all, seconds, monotonic)
    finally:
        meter.close()
    return judge(found, around.config.rules)


def observe(
    read: Callable[[], Sample], seconds: float, monotonic: Callable[[], float]
) -> Observation:
    """Read again and again. Raises MeterPortLost."""
    samples: list[Sample] = []
    missed = 0
    began_s = monotonic()
    while monotonic() - began_s < seconds:
        try:
            samples.append(read())
        except MeterPortLost:
            raise
        except MeterError:
            missed += 1
    return observation(samples, missed)


def observation(samples: Sequence[Sample], missed: int) -> Observation:
    """Pure. A change of any measured value marks a renewal of the registers."""
    changes_s = [
        after.requested_at
        for before, after in itertools.pairwise(samples)
        if _measured(before) != _measured(after)
    ]
    # The readings' own pace hides in each gap between two changes, but not in their mean.
    gaps = len(changes_s) - 1
    powers_w = [sample.power_w for sample in samples if sample.power_w is not None]
    volts = [max(sample.voltage_v) for sample in samples if sample.voltage_v is not None]
    lasted_s = samples[-1].received_at - samples[0].requested_at if samples else 0.0
    return Observation(
        samples=len(samples),
        missed=missed,
        seconds=lasted_s,
        update_s=(changes_s[-1] - changes_s[0]) / gaps if gaps >= ENOUGH_GAPS else None,
        standby_w=statistics.fmean(powers_w) if powers_w else None,
        highest_v=max(volts, default=None),
    )


def _measured(sample: Sample) -> tuple[object, ...]:
    """What comes in one block: a renewal between two blocks would show up twice."""
    if sample.voltage_v is None:
        return (sample.power_w,)
    return (sample.voltage_v, sample.current_a, sample.phase_power_w)


def judge(found: Observation, settings: Settings) -> Result:
    """Pure. What the config should say."""
    if not found.samples:
        return Result("observe", False, f"all of {found.missed} readings failed; see meter above")
    shown = [f"{found.samples} readings in {found.seconds:.0f} s"]
    problems = []
    if found.missed:
        problems.append(f"{found.missed} readings failed: check the line's wiring and termination")
    if found.update_s is not None:
        shown.append(f"registers renewed every {found.update_s:.1f} s")
        if found.update_s > UPDATE_TOLERANCE * settings.update_s:
            advised = math.ceil(found.update_s * 10) / 10
            problems.append(f"set [meter] update_s = {advised:g} (it is {settings.update_s:g})")
    elif found.seconds >= FROZEN_AFTER_S and (found.highest_v or 0.0) > 0.0:
        problems.append("not one value changed: the meter is frozen; switch it off and on")
    else:
        shown.append("too short to tell how often the registers are renewed")
    if found.standby_w is not None:
        shown.append(f"{found.standby_w:.1f} W at rest")
        if found.standby_w > settings.standby_w:
            advised_w = math.ceil(found.standby_w)
            problems.append(
                f"set [contactor] standby_w = {advised_w} (it is {settings.standby_w:g}), if "
                "nothing was charging"
            )
    return Result("observe", not problems, "; ".join([", ".join(shown), *problems]))
