"""When a running charge ends by itself: finished, never begun, too long, too much, overloaded.

Pure: the draw of the charge is followed sample by sample, and one function says whether that ends
it. Durations are monotonic; missing samples prolong nothing and end nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from station.rules.settings import Settings
from station.rules.values import EndReason, Reading

FINISHED_AFTER_WH = 100
ABOVE_FOR_S = 60.0
OVERCURRENT = ((1.10, 600.0), (1.25, 60.0))


@dataclass(frozen=True, slots=True)
class Draw:
    """What the car did so far. ``over_since_s`` belongs to OVERCURRENT's rows."""

    since_s: float
    start_wh: int
    drawn_wh: int = 0
    last_s: float | None = None
    above_s: float = 0.0
    drawing: bool = False
    ever: bool = False
    below_since_s: float | None = None
    over_since_s: tuple[float | None, ...] = (None,) * len(OVERCURRENT)


def threshold_w(settings: Settings) -> float:
    """Below this the car draws nothing: what standby takes does not count."""
    return settings.standby_w + settings.finished_below_w


def observe(draw: Draw, reading: Reading, settings: Settings) -> Draw:
    """Take one good sample into account."""
    at = reading.received_at_s
    power = reading.power_w or 0.0
    drawing = power > threshold_w(settings)
    since_last = at - draw.last_s if draw.last_s is not None else 0.0
    amperes = max(reading.current_a[: settings.phases]) if reading.current_a else 0.0
    over = tuple(
        (before if before is not None else at)
        if amperes > factor * settings.max_current_a
        else None
        for before, (factor, _) in zip(draw.over_since_s, OVERCURRENT, strict=True)
    )
    return replace(
        draw,
        drawn_wh=reading.facts.import_wh - draw.start_wh,
        last_s=at,
        above_s=draw.above_s + (since_last if drawing and draw.drawing else 0.0),
        drawing=drawing,
        ever=draw.ever or drawing,
        below_since_s=None
        if drawing
        else (draw.below_since_s if draw.below_since_s is not None else at),
        over_since_s=over,
    )


def reached(draw: Draw, settings: Settings, now_s: float, present: bool | None) -> EndReason | None:
    """The limit that is reached, or None. ``present`` is the vehicle input, None if not fitted."""
    for since, (_, for_s) in zip(draw.over_since_s, OVERCURRENT, strict=True):
        if since is not None and draw.last_s is not None and draw.last_s - since >= for_s:
            return EndReason.OVERCURRENT
    if draw.drawn_wh >= settings.max_energy_wh:
        return EndReason.MAX_ENERGY
    if now_s - draw.since_s >= settings.max_duration_s:
        return EndReason.MAX_DURATION
    if _finished(draw, settings):
        return EndReason.EV_FINISHED
    no_energy_s = settings.no_energy_s
    if settings.has_vehicle_input and present is False:
        no_energy_s = min(no_energy_s, 30 * 60.0)
    if not draw.ever and now_s - draw.since_s >= no_energy_s:
        return EndReason.NO_ENERGY
    return None


def _finished(draw: Draw, settings: Settings) -> bool:
    """Low power counts as finished only after a charge worth the name."""
    if draw.below_since_s is None or draw.last_s is None or draw.drawn_wh < FINISHED_AFTER_WH:
        return False
    if draw.above_s < min(ABOVE_FOR_S, settings.finished_after_s):
        return False
    return draw.last_s - draw.below_since_s >= settings.finished_after_s
