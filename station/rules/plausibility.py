"""Readings are suspects until cleared: which sample of the meter may count.

A CRC only says that the bytes arrived as they were sent. The answer to an earlier question, a
register that reads zero after a restart, 2^32, a factor of 1000, all pass it. Here each sample is
held against the last good one; what cannot be is treated as if it had not come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from station.rules import liveness
from station.rules.settings import Settings
from station.rules.values import MeterFacts, Reading

BASELINE_SAMPLES = 3
BASELINE_S = 600.0
SLACK_WH = 10.0
FUSE_MARGIN = 1.2
# A register of the journal whose age nobody can tell: as old as the longest outage that is likely.
OLDEST_S = 31 * 86_400.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the journal knows of the register: not less than that, and what ``age_s`` may add."""

    facts: MeterFacts
    age_s: float | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """The last good reading, the good one before it, and the suspects since, oldest first.

    Of the suspects the first and the newest two. ``remembered`` counts as long as there is no last.
    """

    last: Reading | None = None
    before: Reading | None = None
    suspects: tuple[Reading, ...] = ()
    remembered: Remembered | None = None


def observe(
    track: Track, reading: Reading, settings: Settings, *, may_rebase: bool
) -> tuple[Track, str | None]:
    """Judge one sample. Returns the new track and, when the sample does not count, why.

    ``may_rebase``: no session depends on the past, so suspects in a row that agree with each other
    (and not with it) become the new baseline: three of another meter, and ten minutes of the same
    one, whose register cannot have gone elsewhere, but must not lock the box for good. The last of
    them still does not count; the track then has no last reading it would doubt.

    One wrong reading may pass, by less than what could have flowed. Three suspects in a row that
    agree with each other and with the good reading before the last tell that the last was it.
    """
    if track.last is not None:
        problem = _problem(track.last, reading, settings)
    else:
        problem = _unlike_remembered(track.remembered, reading, settings)
    if problem is None:
        return Track(last=reading, before=track.last), None
    suspects = track.suspects
    if suspects and _problem(suspects[-1], reading, settings) is not None:
        suspects = ()
    suspects = (*suspects, reading)
    if len(suspects) > BASELINE_SAMPLES:
        suspects = (suspects[0], *suspects[2:])
    before = track.before
    if (
        before is not None
        and len(suspects) == BASELINE_SAMPLES
        and _problem(before, reading, settings) is None
    ):
        return Track(last=reading, before=suspects[-2]), None
    if may_rebase and len(suspects) == BASELINE_SAMPLES and _settled(track, suspects):
        return Track(last=reading), f"new baseline at {reading.facts.import_wh} Wh ({problem})"
    return replace(track, suspects=suspects), problem


def _settled(track: Track, suspects: tuple[Reading, ...]) -> bool:
    """Whether suspects that agree with each other may stand for a new past."""
    past = track.last or track.remembered
    newest = suspects[-1]
    if past is not None and not same_meter(past.facts, newest.facts):
        return True
    return newest.received_at_s - suspects[0].requested_at_s >= BASELINE_S


def _unlike_remembered(
    remembered: Remembered | None, reading: Reading, settings: Settings
) -> str | None:
    """The first reading of a boot against what the journal has of the same meter."""
    if remembered is None or not same_meter(remembered.facts, reading.facts):
        return None
    step_wh = reading.facts.import_wh - remembered.facts.import_wh
    if step_wh < -(reading.grid_wh + 1):
        return f"register is {-step_wh} Wh below what the journal has of this meter"
    age_s = remembered.age_s if remembered.age_s is not None else OLDEST_S
    limit_wh = _most_wh(age_s, reading.grid_wh, settings)
    if step_wh > limit_wh:
        return (
            f"register is {step_wh} Wh above what the journal has of this meter, at most "
            f"{limit_wh:.1f} Wh can have flowed"
        )
    return None


def _most_wh(seconds: float, grid_wh: float, settings: Settings) -> float:
    """What the register can have moved by in a time, with its slack."""
    flow_wh = FUSE_MARGIN * settings.fuse_w * seconds / 3600
    return (flow_wh + SLACK_WH) * settings.energy_speed + 2 * grid_wh


def may_replace(
    estimate: MeterFacts, reading: Reading, unseen_s: float, settings: Settings
) -> bool:
    """Whether a register at rest can be the exact one of an estimated end.

    ``unseen_s``: for how long energy can have flowed after the reading that was taken for it.
    """
    step_wh = reading.facts.import_wh - estimate.import_wh
    return -(reading.grid_wh + 1) <= step_wh <= _most_wh(unseen_s, reading.grid_wh, settings)


def _problem(last: Reading, reading: Reading, settings: Settings) -> str | None:
    if not same_meter(last.facts, reading.facts):
        return f"meter exchanged: serial {reading.facts.serial}, was {last.facts.serial}"
    step_wh = reading.facts.import_wh - last.facts.import_wh
    grid_wh = max(reading.grid_wh, last.grid_wh)
    if step_wh < -(grid_wh + 1):
        return f"register ran backwards by {-step_wh} Wh"
    seconds = max(0.0, reading.received_at_s - last.requested_at_s)
    limit_wh = _most_wh(seconds, grid_wh, settings)
    if step_wh > limit_wh:
        return f"register jumped by {step_wh} Wh, at most {limit_wh:.1f} Wh can have flowed"
    apart_wh = _phases_apart_wh(last.facts, reading.facts)
    slack_wh = SLACK_WH * settings.energy_speed
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

    They have to be two: a meter that repeats itself confirms nothing.
    The register may move by one step of its float32 grid, by 1 Wh of rounding, and by what a
    load's standby takes in the time between them.
    """
    if not same_meter(a.facts, b.facts) or liveness.repeats(a, b):
        return False
    hours = abs(b.received_at_s - a.requested_at_s) / 3600
    standby_wh = 2 * settings.standby_w * hours * settings.energy_speed
    allowed_wh = max(a.grid_wh, b.grid_wh) + 1 + standby_wh
    return abs(b.facts.import_wh - a.facts.import_wh) <= allowed_wh
