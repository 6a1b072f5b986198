"""Readings are suspects until cleared: which sample of the meter may count.

A CRC only says that the bytes arrived as they were sent. The answer to an earlier question, a
register that reads zero after a restart, 2^32, a factor of 1000, all pass it. Here each sample is
held against the last good one; what cannot be is treated as if it had not come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from station.rules.settings import Settings
from station.rules.values import MeterFacts, Reading

BASELINE_SAMPLES = 3
SLACK_WH = 10.0


@dataclass(frozen=True, slots=True)
class Track:
    """The last good reading and the suspects since, oldest first."""

    last: Reading | None = None
    suspects: tuple[Reading, ...] = ()


def observe(
    track: Track, reading: Reading, settings: Settings, *, may_rebase: bool
) -> tuple[Track, str | None]:
    """Judge one sample. Returns the new track and, when the sample does not count, why.

    ``may_rebase``: no session depends on the past, so three suspects in a row that agree with each
    other (and not with it) become the new baseline: the past was the error, or the meter is new.
    The third of them still does not count; the track then has no last reading it would doubt.
    """
    problem = _problem(track.last, reading, settings) if track.last else None
    if problem is None:
        return Track(last=reading), None
    suspects = track.suspects
    if suspects and _problem(suspects[-1], reading, settings) is not None:
        suspects = ()
    suspects = (*suspects, reading)[-BASELINE_SAMPLES:]
    if may_rebase and len(suspects) == BASELINE_SAMPLES:
        return Track(last=reading), f"new baseline at {reading.facts.import_wh} Wh ({problem})"
    return replace(track, suspects=suspects), problem


def _problem(last: Reading, reading: Reading, settings: Settings) -> str | None:
    if not same_meter(last.facts, reading.facts):
        return f"meter exchanged: serial {reading.facts.serial}, was {last.facts.serial}"
    step_wh = reading.facts.import_wh - last.facts.import_wh
    grid_wh = max(reading.grid_wh, last.grid_wh)
    if step_wh < -(grid_wh + 1):
        return f"register ran backwards by {-step_wh} Wh"
    hours = max(0.0, reading.received_at_s - last.requested_at_s) / 3600
    slack_wh = SLACK_WH * settings.energy_speed
    limit_wh = 1.2 * settings.fuse_w * hours * settings.energy_speed + 2 * grid_wh + slack_wh
    if step_wh > limit_wh:
        return f"register jumped by {step_wh} Wh, at most {limit_wh:.1f} Wh can have flowed"
    apart_wh = _phases_apart_wh(last.facts, reading.facts)
    if apart_wh is not None and apart_wh > max(0.02 * step_wh, 4 * grid_wh + slack_wh):
        return f"total and phases moved {apart_wh} Wh apart"
    return None


def _phases_apart_wh(last: MeterFacts, now: MeterFacts) -> int | None:
    """How far the total's step is from the sum of the phases'; None where there are no phases."""
    steps = [
        after - before
        for before, after in zip(last.phase_wh, now.phase_wh, strict=True)
        if before is not None and after is not None
    ]
    if len(steps) < 3:
        return None
    return abs(now.import_wh - last.import_wh - sum(steps))


def same_meter(a: MeterFacts, b: MeterFacts) -> bool:
    """A meter without a serial number cannot be told from another one."""
    return None in (a.serial, b.serial) or a.serial == b.serial


def agree(a: Reading, b: Reading, settings: Settings) -> bool:
    """Whether two readings taken with the contactor open say the same.

    The register may move by one step of its float32 grid, by 1 Wh of rounding, and by what a
    load's standby takes in the time between them.
    """
    if not same_meter(a.facts, b.facts):
        return False
    hours = abs(b.received_at_s - a.requested_at_s) / 3600
    standby_wh = 2 * settings.standby_w * hours * settings.energy_speed
    allowed_wh = max(a.grid_wh, b.grid_wh) + 1 + standby_wh
    return abs(b.facts.import_wh - a.facts.import_wh) <= allowed_wh
