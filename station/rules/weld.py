"""Contacts that did not open, seen by the meter: watched in every phase in which they should be.

Honest claim: found within 15 s of 200 W or more flowing, within 10 min of 50 W. A weld without
current shows at the next draw. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from station.rules.liveness import UNDER_VOLTAGE_V
from station.rules.settings import Settings
from station.rules.values import Load, Reading

SETTLED_S = 5.0
SETTLED_ENABLE_S = 15.0
FAST_W, FAST_SAMPLES, FAST_S, FAST_A = 200.0, 3, 5.0, 0.5
# Settling and a sample or two come on top: together they are less than ten minutes.
SLOW_W, SLOW_S = 50.0, 570.0
CREEP_WH, CREEP_S, ANCHOR_EVERY_S = 50.0, 3600.0, 600.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What was seen since the contactor opened. ``flow_s``: when more than standby last flowed."""

    suspicious: tuple[Reading, ...] = ()
    slow_since_s: float | None = None
    anchors: tuple[Reading, ...] = ()  # of the last hour, ten minutes apart
    flow_s: float | None = None

    @property
    def alert(self) -> bool:
        """Worth looking at more often than at rest."""
        return bool(self.suspicious)


def observe(
    watch: Watch, reading: Reading, opened_at_s: float, settings: Settings
) -> tuple[Watch, str | None]:
    """Take a good reading with the contactor commanded open. Returns how the weld was seen."""
    settled_s = SETTLED_ENABLE_S if settings.load is Load.ENABLE else SETTLED_S
    if reading.requested_at_s < opened_at_s + settled_s:
        return Watch(), None
    if watch.anchors and watch.anchors[0].requested_at_s < opened_at_s:
        # Seen before the charge; what flowed since then flowed through closed contacts.
        watch = Watch()
    power = (reading.power_w or 0.0) - settings.standby_w
    at = reading.received_at_s
    suspicious = _suspicious(watch, reading) if flows(reading, settings) else ()
    slow_since = None
    if power > SLOW_W:
        slow_since = watch.slow_since_s if watch.slow_since_s is not None else at
    anchors = tuple(one for one in watch.anchors if at - one.received_at_s <= CREEP_S)
    if not anchors or at - anchors[-1].received_at_s >= ANCHOR_EVERY_S:
        anchors = (*anchors, reading)
    # The first and the newest suspicious readings are enough to tell how far the register moved.
    kept = suspicious if len(suspicious) <= FAST_SAMPLES else (suspicious[0], *suspicious[-2:])
    watch = replace(
        watch,
        suspicious=kept,
        slow_since_s=slow_since,
        anchors=anchors,
        flow_s=at if power > SLOW_W else watch.flow_s,
    )
    return watch, _welded(watch, reading, settings)


def flows(reading: Reading, settings: Settings) -> bool:
    """More than an open contactor lets through: a weld, or a reading of an earlier moment."""
    return (reading.power_w or 0.0) - settings.standby_w > FAST_W


def _suspicious(watch: Watch, reading: Reading) -> tuple[Reading, ...]:
    """Nothing flows without voltage, and a frozen meter proves nothing, whatever comes between."""
    seen = watch.suspicious
    volts = reading.voltage_v
    dead = volts is not None and max(volts) < UNDER_VOLTAGE_V
    repeats = any(_shown(reading) == _shown(earlier) for earlier in seen)
    return seen if dead or repeats else (*seen, reading)


def _should_have_moved(first: Reading, reading: Reading, settings: Settings) -> bool:
    """By its power the register would have made more than two steps: then it is no flow of now."""
    hours = (reading.received_at_s - first.received_at_s) / 3600
    least_w = min(first.power_w or 0.0, reading.power_w or 0.0)
    return least_w * hours * settings.energy_speed > 2 * (reading.grid_wh + 1)


def _shown(reading: Reading) -> tuple[object, ...]:
    return reading.facts, reading.voltage_v, reading.current_a, reading.power_w


def _welded(watch: Watch, reading: Reading, settings: Settings) -> str | None:
    at = reading.received_at_s
    seen = watch.suspicious
    if len(seen) >= FAST_SAMPLES and at - seen[0].requested_at_s >= FAST_S:
        moved = reading.facts.import_wh > seen[0].facts.import_wh
        # All phases together: 200 W on three of them are less than half an ampere on each.
        carries = reading.current_a is not None and sum(reading.current_a) > FAST_A
        if moved or (carries and not _should_have_moved(seen[0], reading, settings)):
            return f"{reading.power_w:.0f} W flow although the contactor is open"
    if watch.slow_since_s is not None and at - watch.slow_since_s >= SLOW_S:
        return f"{reading.power_w:.0f} W for minutes although the contactor is open"
    oldest = watch.anchors[0]
    hours = (at - oldest.received_at_s) / 3600
    standby_wh = settings.standby_w * hours * settings.energy_speed
    crept_wh = reading.facts.import_wh - oldest.facts.import_wh - standby_wh
    if crept_wh > CREEP_WH * settings.energy_speed + 2 * reading.grid_wh:
        return f"{crept_wh:.0f} Wh within an hour although the contactor is open"
    return None
