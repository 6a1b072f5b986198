"""What a sample of the meter does to the state: counted or not, resting or running, lost or back.

No command is given here; charging.py acts on what is found. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from station.rules import closing, limits, liveness, plausibility, weld
from station.rules.state import State
from station.rules.values import Now, Reading, Session, Stage

LOST_MIN_MISSES = 3
# How long one try takes at most, whatever it waits for: a bound, not a measure.
TRY_S = 20.0
BLANK_S = 0.5
SETTLE_S = 3.0


def blanked(state: State, requested_at_s: float) -> bool:
    """Contacts and coil spoil what is on the wires just then: such samples are nothing at all."""
    switched = state.switched_at_s
    return switched is not None and switched - BLANK_S < requested_at_s < switched + BLANK_S


def take(state: State, reading: Reading, now: Now) -> tuple[State, str | None]:
    """Judge a sample and, if it counts, take it in. Returns why it does not count, or None."""
    signs, problem = liveness.observe(state.signs, reading)
    state = replace(state, signs=signs)
    if problem is None and _stood_still_since_opening(state):
        problem = "frozen: voltage, current and power are those of before the contactor opened"
    if problem is not None:
        return state, problem
    session = state.session
    track, problem = plausibility.observe(
        state.track, reading, state.settings, may_rebase=session is None
    )
    if problem is not None:
        if track.last is reading:
            # What lies between the two pasts did not flow through the contacts.
            state = replace(state, resting=(), weld=weld.Watch(flow_s=state.weld.flow_s))
        return replace(state, track=track), problem
    state = replace(state, track=track, meter_good_s=now.mono_s, meter_misses=0, meter_doubt=None)
    state = _watch_supply(state, reading, now)
    if state.closed:
        return _take_closed(state, session, reading), None
    if weld.flows(reading, state.settings):
        return state, None
    if session is not None and session.stage is Stage.FINAL_READING:
        state = _take_word(state)
    if at_rest(state, reading):
        state = replace(state, resting=(*state.resting, reading)[-2:])
        if state.meter_problem and _agrees(state):
            state = replace(state, meter_problem=None)
    return state, None


def at_rest(state: State, reading: Reading) -> bool:
    """Whether contacts, car and registers had come to rest when it was asked for."""
    rest_s = max(SETTLE_S, 2 * state.settings.update_s)
    return reading.requested_at_s >= state.opened_at_s + rest_s


def watch_weld(state: State, reading: Reading) -> tuple[State, str | None]:
    """With the contactor commanded open: does current flow all the same?"""
    if state.closed:
        return replace(state, weld=weld.Watch()), None
    watch, seen = weld.observe(state.weld, reading, state.opened_at_s, state.settings)
    return replace(state, weld=watch), seen


def miss(state: State, problem: str, now: Now) -> tuple[State, bool]:
    """A sample that did not come or does not count. Returns whether the meter counts as lost."""
    state = replace(state, meter_misses=state.meter_misses + 1, meter_doubt=problem)
    silent_s = now.mono_s - state.meter_good_s
    if state.meter_misses < LOST_MIN_MISSES or silent_s < state.settings.lost_after_s:
        return state, False
    return lose(state, problem), True


def lose(state: State, problem: str) -> State:
    """The meter counts as lost: nothing that it said before is held to be so now."""
    return replace(state, meter_problem=problem, resting=(), supply_good_s=None)


def silence(state: State, now: Now) -> str | None:
    """By the clock alone: a thread that hangs tells of no miss, and must not pass for a meter.

    Only after more than three tries can take, so it is never sooner than the misses are.
    """
    silent_s = now.mono_s - state.meter_good_s
    tries_s = LOST_MIN_MISSES * (state.settings.sample_s + TRY_S)
    if silent_s <= state.settings.lost_after_s + tries_s:
        return None
    return f"neither a reading nor a miss counted for {silent_s:.0f} s"


def _stood_still_since_opening(state: State) -> bool:
    """A meter that repeats what it said with the contactor closed does not speak of the end."""
    since_s = state.signs.still_since_s
    return not state.closed and since_s is not None and since_s <= state.opened_at_s


def _agrees(state: State) -> bool:
    return len(state.resting) == 2 and plausibility.agree(*state.resting, state.settings)


def _take_closed(state: State, session: Session | None, reading: Reading) -> State:
    if session is None or session.stage not in (Stage.RUNNING, Stage.RAMPING):
        return state
    if state.draw is not None:
        state = replace(state, draw=limits.observe(state.draw, reading, state.settings))
    return _take_word(state)


def _take_word(state: State) -> State:
    """The meter may fall silent or be exchanged: then its last word ends the session.

    One that the next reading did not contradict, so it is always the one before the newest.
    """
    known, before = state.session_facts, state.track.before
    if known is None or before is None:
        return state
    newer = before.facts.import_wh >= known.import_wh
    confirmed = newer and plausibility.same_meter(known, before.facts)
    return replace(state, session_facts=before.facts) if confirmed else state


def _watch_supply(state: State, reading: Reading, now: Now) -> State:
    good = not closing.voltage_problems(reading, state) and not state.undervoltage
    if not good:
        return replace(state, supply_good_s=None)
    if state.supply_good_s is None:
        return replace(state, supply_good_s=now.mono_s)
    return state
