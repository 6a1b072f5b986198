"""The core's state, and what can be read off it: the phase, the background signal.

What changes it stands in charging.py, and only there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from station.rules.limits import Draw
from station.rules.liveness import Signs
from station.rules.plausibility import Track
from station.rules.settings import Settings
from station.rules.signals import Background, Outcome
from station.rules.values import (
    PREPARING_STAGES,
    EndReason,
    Fault,
    MeterFacts,
    Phase,
    Reading,
    Record,
    Session,
    Stage,
    TagList,
)
from station.rules.weld import Watch


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What an interrupted session can have drawn at most, in Wh of its register.

    Beyond it a line was left up while no daemon looked: that energy is nobody's, and told.
    """

    last_wh: int
    highest_wh: int


@dataclass(frozen=True, slots=True)
class State:
    """Everything the core remembers. Times ``*_s`` are monotonic seconds of this boot."""

    settings: Settings
    booted: bool = False
    session: Session | None = None
    stored: Record | None = None  # the last step of the session that is safe on disk
    store_retry_s: float | None = None  # when a failed store is tried again
    unsettled: Session | None = None  # ended by an estimate; its exact register is still wanted

    last_seq: int | None = None  # None: a new journal, the server has to be heard first
    tags: TagList = field(default_factory=TagList)

    # The contactor: what was commanded, and what was seen.
    closed: bool = False
    opened_at_s: float = 0.0
    switched_at_s: float | None = None
    closings_s: tuple[float, ...] = ()
    line_active: bool | None = None
    feedback_closed: bool | None = None
    feedback_seen_s: float | None = None
    feedback_closed_s: float | None = None  # the mirror contact: when it last may have been closed

    # The meter.
    track: Track = field(default_factory=Track)
    signs: Signs = field(default_factory=Signs)
    resting: tuple[Reading, ...] = ()  # good readings since the contactor opened, the newest two
    meter_problem: str | None = "no reading yet"
    meter_good_s: float = 0.0
    meter_misses: int = 0
    meter_doubt: str | None = None  # why the newest sample did not count
    sampling_s: float | None = None
    register_kept: MeterFacts | None = None  # what the next boot finds, if no session comes
    session_facts: MeterFacts | None = None  # the last good register of the running session
    draw: Draw | None = None
    weld: Watch = field(default_factory=Watch)
    supply_good_s: float | None = None  # since when the mains have been good without a break
    ceiling: Ceiling | None = None
    left_at: datetime | None = None  # the interrupted session's last sign of life
    left_because: EndReason = EndReason.POWER_LOSS
    foreign_samples: int = 0  # in a row, of another meter than the session's
    end_first: Reading | None = None  # after the contacts came to rest; stands if none agree
    end_candidate: Reading | None = None
    end_doubts: int = 0
    next_life_s: float = 0.0
    life_count: int = 0

    reader_problem: str | None = None
    journal_problem: str | None = None
    stop_pressed: bool = False
    stop_released_s: float | None = None
    undervoltage: bool = False
    disabled: bool = False
    synced: bool = False
    vehicle_present: bool | None = None
    faults: tuple[Fault, ...] = ()
    lapses_s: tuple[float, ...] = ()
    leaving: bool = False
    left: bool = False

    outcome: Outcome | None = None
    outcome_since_s: float = 0.0
    background_since_s: float = 0.0

    @property
    def power_w(self) -> float:
        return (self.track.last.power_w or 0.0) if self.track.last else 0.0


def unavailable_because(state: State, now_s: float) -> tuple[str, ...]:
    """Why the box takes no new session, in words; empty when it does. These end by themselves."""
    reasons = []
    if not state.booted:
        reasons.append("starting")
    if state.leaving:
        reasons.append("shutting down")
    if state.disabled:
        reasons.append("disabled by the server")
    if state.last_seq is None:
        reasons.append("new journal: the server has to be reached once before the first session")
    if state.meter_problem:
        reasons.append(f"meter: {state.meter_problem}")
    if state.reader_problem:
        reasons.append(f"reader: {state.reader_problem}")
    if state.journal_problem:
        reasons.append(f"journal: {state.journal_problem}")
    if too_many_closings(state, now_s):
        reasons.append("contactor: too many closings, resting for 10 minutes")
    return tuple(reasons)


# (closings, within seconds): so many, and the contactor rests.
WEAR = ((6, 600.0), (20, 3600.0))
REST_S = 600.0


def too_many_closings(state: State, now_s: float) -> bool:
    """Contacts wear: at most 6 closings in 10 minutes and 20 in an hour.

    Whoever reaches that waits for 10 minutes after the last of them, and as long as one more would
    be too many.
    """
    closings = state.closings_s
    for number, within_s in WEAR:
        if len(closings) < number:
            continue
        first, last = closings[-number], closings[-1]
        if now_s - first < within_s:
            return True
        if last - first < within_s and now_s - last < REST_S:
            return True
    return False


def phase(state: State, now_s: float) -> Phase:
    """OCPP's word for what the box does."""
    session = state.session
    if session is not None:
        if session.stage in PREPARING_STAGES:
            return Phase.PREPARING
        if session.stage in (Stage.RUNNING, Stage.RAMPING):
            drawing = state.draw is not None and state.draw.drawing
            return Phase.CHARGING if drawing else Phase.SUSPENDED_EV
        return Phase.FINISHING
    if state.faults:
        return Phase.FAULTED
    return Phase.UNAVAILABLE if unavailable_because(state, now_s) else Phase.AVAILABLE


def background(state: State, now_s: float) -> Background:
    """What the lamps show as long as nothing special happens."""
    match phase(state, now_s):
        case Phase.PREPARING:
            return Background.WAIT
        case Phase.CHARGING:
            return Background.CHARGING
        case Phase.SUSPENDED_EV:
            return Background.WAITING_FOR_CAR
        case Phase.FINISHING:
            return Background.OPENING
        case Phase.AVAILABLE:
            return Background.FREE
    if state.faults:
        return Background.BROKEN_CONTACTOR
    if state.meter_problem:
        return Background.BROKEN_METER
    if state.reader_problem:
        return Background.BROKEN_READER
    return Background.BROKEN_SUPPLY
