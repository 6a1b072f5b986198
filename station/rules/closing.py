"""May the contactor close? All conditions in one place. Pure.

The lease is the one condition that is not here: the contactor driver checks it itself, under the
guard's lock, at the moment of closing.
"""

from __future__ import annotations

from dataclasses import dataclass

from station.rules import plausibility
from station.rules.state import State, too_many_closings
from station.rules.values import Now, Reading, Record, Stage

READING_MAX_AGE_S = 15.0
OPEN_POWER_MARGIN_W = 50.0
VOLTAGE_V = (200.0, 260.0)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the contactor may not close now. ``passes``: waiting may help."""

    why: str
    passes: bool


def why_not_close(state: State, now: Now) -> tuple[Obstacle, ...]:
    """Every obstacle; empty means the contactor may close."""
    found = []
    settings = state.settings

    def obstacle(why: str, *, passes: bool) -> None:
        found.append(Obstacle(why, passes))

    session = state.session
    if session is None or session.stage is not Stage.CLOSING or state.stored is not Record.ACCEPTED:
        obstacle("no session is stored as accepted", passes=False)
    if state.faults:
        obstacle(f"fault {state.faults[0].name} is latched", passes=False)
    if state.stop_pressed:
        obstacle("the stop input is pressed", passes=False)
    if state.leaving:
        obstacle("the daemon is leaving", passes=False)
    if state.undervoltage:
        obstacle("the Pi's supply is too low", passes=True)
    if state.line_active is None:
        obstacle("the contactor line was not read back yet", passes=True)
    elif state.line_active:
        obstacle("the contactor line reads active", passes=False)
    if settings.has_feedback and state.feedback_closed is not False:
        obstacle("feedback does not say open", passes=state.feedback_closed is None)
    if too_many_closings(state, now.mono_s):
        obstacle("too many closings", passes=False)
    if now.mono_s - state.opened_at_s < settings.min_off_s:
        obstacle("opened less than min_off_s ago", passes=True)
    readings = resting_readings(state, now)
    if readings is None:
        obstacle("no two fresh agreeing meter readings", passes=True)
    else:
        found.extend(Obstacle(why, passes=True) for why in supply_problems(readings[1], state))
    return tuple(found)


def supply_problems(reading: Reading, state: State) -> list[str]:
    """What speaks against the supply: its voltage, or a flow while the contactor is open."""
    found = voltage_problems(reading, state)
    if (reading.power_w or 0.0) > state.settings.standby_w + OPEN_POWER_MARGIN_W:
        found.append("power flows although the contactor is open")
    return found


def voltage_problems(reading: Reading, state: State) -> list[str]:
    """Every configured phase within 200-260 V, where the meter measures it."""
    low, high = VOLTAGE_V
    used = (reading.voltage_v or ())[: state.settings.phases]
    if all(low <= volts <= high for volts in used):
        return []
    shown = ", ".join(f"{volts:.0f}" for volts in used)
    return [f"phase voltage out of range: {shown} V"]


def resting_readings(state: State, now: Now) -> tuple[Reading, Reading] | None:
    """The two newest readings since the contactor opened, if they are fresh and agree."""
    if len(state.resting) < 2:
        return None
    first, second = state.resting[-2:]
    if now.mono_s - first.requested_at_s > READING_MAX_AGE_S:
        return None
    return (first, second) if plausibility.agree(first, second, state.settings) else None
