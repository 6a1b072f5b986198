"""The step: everything that closes or opens the contactor, and the way of a session.

    step(state, event, now) -> (state, commands)

Pure: no I/O, no clock, no randomness. The order of the commands is the safety case:

* record first, close after: CloseContactor is given in one place (`_close_when_allowed`), only for
  a session whose ``accepted`` record the journal has confirmed, and only if `why_not_close` is
  empty;
* open first, record after: `_end` gives OpenContactor before it gives StoreSession;
* a register is booked only when it stands still: readings that count are taken with the contactor
  open, twice and agreeing.

docs/architecture.md has the table of stages; the names of the stages are in values.Stage.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from station.rules import authorization, limits, plausibility
from station.rules.authorization import Refusal
from station.rules.messages import (
    Announce,
    AskServer,
    Booted,
    CloseContactor,
    CloseRefused,
    Command,
    ContactorObserved,
    Event,
    JournalStateChanged,
    LeaseLapsed,
    Leave,
    MeterMissed,
    MeterRead,
    OpenContactor,
    ReaderStateChanged,
    SampleMeter,
    ServerAnswered,
    ServerHeard,
    SessionStored,
    SeveralTagsPresented,
    ShutdownRequested,
    StopInputChanged,
    StopRequested,
    StoreFault,
    StoreLifeSign,
    StoreSession,
    StoringFailed,
    TagListConfirmed,
    TagListReceived,
    TagPresented,
    Ticked,
    VehicleInputChanged,
    Verdict,
)
from station.rules.signals import Outcome
from station.rules.state import State, background, too_many_closings, unavailable_because
from station.rules.values import (
    PREPARING_STAGES,
    EndReason,
    Fault,
    MeterFacts,
    Now,
    Reading,
    Record,
    Session,
    Stage,
    TimeQuality,
)

IDLE_SAMPLING_S = 5.0
READING_MAX_AGE_S = 15.0
READING_PATIENCE_S = 20.0
CLOSING_PATIENCE_S = 90.0
DOUBLE_TAP_S = 5.0
LIFE_SIGN_S = 30.0
FEEDBACK_WITHIN_S = 0.5
SETTLE_S = 3.0
END_DOUBTS = 5
STORE_RETRY_S = 5.0
LOST_MIN_MISSES = 3
OPEN_POWER_MARGIN_W = 50.0
VOLTAGE_V = (200.0, 260.0)
EMERGENCY_STOP = "emergency_stop"  # follows its input over a reboot, unlike every other fault


# --- may the contactor close? -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the contactor may not close now. ``passes``: waiting may help."""

    why: str
    passes: bool


def why_not_close(state: State, now: Now) -> tuple[Obstacle, ...]:
    """All conditions for closing, in one place; empty means the contactor may close.

    The lease is the one condition that is not here: the contactor driver checks it itself, under
    the guard's lock, at the moment of closing.
    """
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
    readings = _start_readings(state, now)
    if readings is None:
        obstacle("no two fresh agreeing meter readings", passes=True)
    else:
        found.extend(_supply_obstacles(readings[1], state))
    return tuple(found)


def _supply_obstacles(reading: Reading, state: State) -> list[Obstacle]:
    found = []
    low, high = VOLTAGE_V
    if reading.voltage_v is not None:
        used = reading.voltage_v[: state.settings.phases]
        if any(not low <= volts <= high for volts in used):
            shown = ", ".join(f"{volts:.0f}" for volts in used)
            found.append(Obstacle(f"phase voltage out of range: {shown} V", passes=True))
    if (reading.power_w or 0.0) > state.settings.standby_w + OPEN_POWER_MARGIN_W:
        found.append(Obstacle("power flows although the contactor is open", passes=True))
    return found


def _start_readings(state: State, now: Now) -> tuple[Reading, Reading] | None:
    """The two newest readings since the contactor opened, if they are fresh and agree."""
    if len(state.resting) < 2:
        return None
    first, second = state.resting[-2:]
    if now.mono_s - first.requested_at_s > READING_MAX_AGE_S:
        return None
    return (first, second) if plausibility.agree(first, second, state.settings) else None


# --- the step ---------------------------------------------------------------------------------


def step(state: State, event: Event, now: Now) -> tuple[State, tuple[Command, ...]]:
    """Take one event into account. Total: every event is defined in every state."""
    course = _Course(state, now)
    before = background(state, now.mono_s)
    course.handle(event)
    course.progress()
    if background(course.state, now.mono_s) is not before:
        course.set(background_since_s=now.mono_s)
    return course.state, tuple(course.commands)


class _Course:
    """One step under way: the state so far and the commands so far. Lives for one event."""

    def __init__(self, state: State, now: Now) -> None:
        self.state = state
        self.now = now
        self.commands: list[Command] = []

    # -- small tools

    def set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    def give(self, command: Command) -> None:
        self.commands.append(command)

    def tell(self, outcome: Outcome) -> None:
        self.set(outcome=outcome, outcome_since_s=self.now.mono_s)

    @property
    def session(self) -> Session | None:
        return self.state.session

    def move(self, session: Session, stage: Stage, **changes: Any) -> Session:
        """Put the session into another stage."""
        moved = replace(session, stage=stage, stage_since_s=self.now.mono_s, **changes)
        self.set(session=moved)
        return moved

    def store(
        self, session: Session, record: Record, announce: Announce = Announce.NOTHING
    ) -> None:
        self.set(store_retry_s=None)
        self.give(StoreSession(session, record, announce))

    # -- events

    def handle(self, event: Event) -> None:
        match event:
            case Ticked():
                pass
            case MeterRead(reading):
                self.on_reading(reading)
            case MeterMissed(problem):
                self.on_missed(problem)
            case TagPresented(tag, session_uuid):
                self.on_tag(tag, session_uuid)
            case SeveralTagsPresented():
                self.tell(Outcome.ONE_CARD)
            case SessionStored(uuid, record):
                self.on_stored(uuid, record)
            case StoringFailed(uuid, record, problem):
                self.on_storing_failed(uuid, record, problem)
            case ServerAnswered():
                self.on_answer(event)
            case ServerHeard(last_seq):
                self.set(last_seq=max(last_seq, self.state.last_seq or 0))
            case TagListReceived(tags):
                self.set(tags=tags)
            case TagListConfirmed():
                self.set(tags=replace(self.state.tags, confirmed_at_s=self.now.mono_s))
            case StopRequested(reason, uuid):
                if self.session is not None and uuid in (None, self.session.uuid):
                    self.stop(self.session, reason)
            case ShutdownRequested():
                self.set(leaving=True)
                if self.session is not None:
                    self.stop(self.session, EndReason.SHUTDOWN)
            case StopInputChanged(pressed):
                self.set(stop_pressed=pressed)
                if pressed:
                    self.fault(EMERGENCY_STOP, "the stop input is open")
            case VehicleInputChanged(present):
                self.on_vehicle(present)
            case ContactorObserved(line_active, feedback_closed):
                self.on_observed(line_active, feedback_closed)
            case LeaseLapsed():
                self.on_lapse()
            case CloseRefused(uuid, problem):
                self.on_close_refused(uuid, problem)
            case ReaderStateChanged(problem):
                self.set(reader_problem=problem)
            case JournalStateChanged(problem):
                self.set(journal_problem=problem)
            case Booted():
                self.on_boot(event)

    # -- the tag

    def on_tag(self, tag: str, session_uuid: str) -> None:
        session = self.session
        if session is None:
            self.begin(tag, session_uuid)
        elif session.stage is Stage.RUNNING:
            self.tap_while_running(session, tag)
        elif self.may_end(session, tag):
            ending = session.stage in (Stage.FINAL_READING, Stage.STORING_END)
            self.tell(Outcome.OPENED if ending else Outcome.ACKNOWLEDGED)
        else:
            self.tell(Outcome.BUSY)

    def begin(self, tag: str, session_uuid: str) -> None:
        """A tap on a free box. Nothing is stored before the start register is known."""
        state = self.state
        if state.faults or (
            unavailable_because(state, self.now.mono_s) and state.last_seq is not None
        ):
            self.tell(Outcome.BROKEN)
            return
        if state.last_seq is None:
            self.tell(Outcome.CANNOT_ASK)
            return
        self.tell(Outcome.ACKNOWLEDGED)
        seq = state.last_seq + 1
        session = Session(
            uuid=session_uuid,
            seq=seq,
            tag=tag,
            started_at=self.now.utc,
            time_quality=self.now.quality,
            stage=Stage.READING,
            stage_since_s=self.now.mono_s,
        )
        self.set(session=session, stored=None, session_facts=None, draw=None)

    def tap_while_running(self, session: Session, tag: str) -> None:
        if not self.may_end(session, tag):
            self.tell(Outcome.BUSY)
        elif session.closed_at_s is not None and self.now.mono_s - session.closed_at_s < (
            DOUBLE_TAP_S
        ):
            self.tell(Outcome.GO)
        else:
            self.end(session, EndReason.LOCAL, stop_tag=tag)

    def may_end(self, session: Session, tag: str) -> bool:
        """The same tag, or one of the same apartment that is not blocked."""
        if tag == session.tag:
            return True
        entry = self.state.tags.entries.get(tag)
        return (
            entry is not None
            and entry.accepted
            and session.group is not None
            and entry.group == session.group
        )

    # -- on the way to the closed contactor

    def ask_when_read(self, session: Session) -> None:
        """READING: take the later of two agreeing readings as the start register, store, ask."""
        readings = _start_readings(self.state, self.now)
        if readings is not None:
            facts = readings[1].facts
            self.set(last_seq=session.seq, session_facts=facts)
            session = self.move(session, Stage.STORING_ASKED, start=facts)
            self.store(session, Record.ASKED)
        elif self.waited(session) > READING_PATIENCE_S:
            self.tell(Outcome.BROKEN)
            self.forget()

    def on_answer(self, answer: ServerAnswered) -> None:
        session = self.session
        if session is None or session.uuid != answer.uuid or session.stage is not Stage.ASKING:
            return
        state = self.state
        decision = authorization.decide(
            answer.verdict, session.tag, state.tags, state.settings, self.now
        )
        if decision.authorized_by is not None:
            entry = state.tags.entries.get(session.tag)
            group = answer.group or (entry.group if entry else None)
            online = answer.verdict is not Verdict.SILENT
            session = self.move(
                session,
                Stage.STORING_ACCEPTED,
                authorized_by=decision.authorized_by,
                group=group,
            )
            self.store(session, Record.ACCEPTED, Announce.NOTHING if online else Announce.START)
            return
        self.tell(_TOLD[decision.refusal or Refusal.CANNOT_ASK])
        if decision.open_at_server:
            self.end_unused(session)
        else:
            self.store(self.move(session, Stage.DROPPING), Record.DROPPED)

    def close_when_allowed(self, session: Session) -> None:
        """CLOSING: the one place that closes the contactor."""
        obstacles = why_not_close(self.state, self.now)
        if not obstacles:
            now_s = self.now.mono_s
            start = session.start
            self.move(session, Stage.RUNNING, closed_at_s=now_s)
            self.set(
                closed=True,
                resting=(),
                closings_s=(*(at for at in self.state.closings_s if now_s - at < 3600), now_s),
                draw=limits.Draw(since_s=now_s, start_wh=start.import_wh if start else 0),
                next_life_s=now_s + LIFE_SIGN_S,
                life_count=0,
            )
            self.tell(Outcome.GO)
            self.give(CloseContactor(session.uuid))
        elif (
            any(not o.passes for o in obstacles)
            or self.waited(session) > self.state.settings.min_off_s + CLOSING_PATIENCE_S
        ):
            self.tell(Outcome.BROKEN)
            self.end_unused(session)

    def on_close_refused(self, uuid: str, problem: str) -> None:
        """The driver did not close: the session ends as it would by any contactor fault."""
        session = self.session
        if session is not None and session.uuid == uuid and session.stage is Stage.RUNNING:
            self.tell(Outcome.BROKEN)
            self.end(session, EndReason.CONTACTOR_FAULT)

    # -- the end

    def stop(self, session: Session, reason: EndReason) -> None:
        """End the session wherever it stands: the contactor first, if it may be closed."""
        match session.stage:
            case Stage.RUNNING:
                self.end(session, reason)
            case Stage.READING:
                self.forget()
            case Stage.STORING_ASKED | Stage.ASKING | Stage.STORING_ACCEPTED | Stage.CLOSING:
                self.end_unused(session)

    def end(self, session: Session, reason: EndReason, stop_tag: str | None = None) -> None:
        """Open, then decide, then read: whatever ends a running session comes through here."""
        self.give(OpenContactor())
        self.set(
            closed=False,
            opened_at_s=self.now.mono_s,
            resting=(),
            end_candidate=None,
            end_doubts=0,
        )
        session = self.move(
            session,
            Stage.FINAL_READING,
            reason=reason,
            ended_at=self.now.utc,
            end_time_quality=self.now.quality,
            stop_tag=stop_tag,
        )
        self.store(session, Record.ENDING)
        if reason is not EndReason.CONTACTOR_FAULT:
            self.tell(Outcome.OPENED)

    def end_unused(self, session: Session) -> None:
        """A START that may be open at the server and was not used: END ``not_started``, 0 Wh."""
        session = self.move(
            session,
            Stage.STORING_END,
            reason=EndReason.NOT_STARTED,
            ended_at=self.now.utc,
            end_time_quality=self.now.quality,
            end=session.start,
        )
        self.store(session, Record.ENDED, Announce.END)

    def read_end(self, session: Session, reading: Reading) -> None:
        """FINAL_READING: the first good reading after the contacts came to rest, confirmed."""
        settings = self.state.settings
        rest_s = max(SETTLE_S, 2 * settings.update_s)
        if reading.requested_at_s < self.state.opened_at_s + rest_s:
            return
        candidate = self.state.end_candidate
        if candidate is None:
            self.set(end_candidate=reading)
            return
        if reading.requested_at_s < candidate.requested_at_s + settings.update_s:
            return
        doubts = self.state.end_doubts
        if not plausibility.agree(candidate, reading, settings) and doubts < END_DOUBTS:
            self.set(end_doubts=doubts + 1)
            return
        self.settle(session, candidate.facts, estimated=False)

    def settle(self, session: Session, facts: MeterFacts, *, estimated: bool) -> None:
        start = session.start
        exchanged = start is not None and None not in (start.serial, facts.serial)
        if exchanged and start is not None and start.serial != facts.serial:
            facts, estimated = self.state.session_facts or start, True
            session = replace(session, exact_wanted=False)
        session = self.move(session, Stage.STORING_END, end=facts, estimated=estimated)
        self.store(session, Record.ENDED, Announce.END)

    def give_up_final_reading(self, session: Session) -> None:
        """The meter stayed away: book the last good register as an estimate, for now."""
        facts = self.state.session_facts or session.start
        if facts is not None:
            self.settle(session, facts, estimated=True)

    def settle_estimate(self, reading: Reading) -> None:
        """The meter is back after an estimated END: the exact register replaces it, once."""
        session = self.state.unsettled
        if session is None or session.start is None or len(self.state.resting) < 2:
            return
        first, second = self.state.resting[-2:]
        if session.start.serial not in (None, reading.facts.serial):
            self.set(unsettled=None)
        elif plausibility.agree(first, second, self.state.settings):
            exact = replace(session, end=second.facts, estimated=False)
            self.set(unsettled=exact)
            self.store(exact, Record.ENDED, Announce.END)

    # -- the journal

    def on_stored(self, uuid: str, record: Record) -> None:
        unsettled = self.state.unsettled
        if unsettled is not None and unsettled.uuid == uuid and not unsettled.estimated:
            self.set(unsettled=None)
            return
        session = self.session
        if session is None or session.uuid != uuid:
            return
        self.set(stored=record)
        match session.stage, record:
            case Stage.STORING_ASKED, Record.ASKED:
                session = self.move(session, Stage.ASKING)
                self.give(AskServer(session))
            case Stage.STORING_ACCEPTED, Record.ACCEPTED:
                self.move(session, Stage.CLOSING)
            case Stage.DROPPING, Record.DROPPED:
                self.forget()
            case Stage.STORING_END, Record.ENDED:
                used = session.reason is not EndReason.NOT_STARTED
                self.forget()
                if used:
                    self.tell(Outcome.DONE)
                if session.estimated and session.exact_wanted:
                    self.set(unsettled=session)

    def on_storing_failed(self, uuid: str, record: Record, problem: str) -> None:
        self.set(journal_problem=problem)
        unsettled = self.state.unsettled
        if unsettled is not None and unsettled.uuid == uuid:
            self.set(unsettled=replace(unsettled, estimated=True))
        session = self.session
        if session is None or session.uuid != uuid:
            return
        match session.stage:
            case Stage.STORING_ASKED:
                self.tell(Outcome.BROKEN)
                self.forget()
            case Stage.STORING_ACCEPTED:
                self.tell(Outcome.BROKEN)
                self.end_unused(session)
            case Stage.DROPPING:
                self.forget()
            case _:
                self.set(store_retry_s=self.now.mono_s + STORE_RETRY_S)

    def store_again(self, session: Session) -> None:
        if session.stage is Stage.FINAL_READING:
            self.store(session, Record.ENDING)
        elif session.stage is Stage.STORING_END:
            self.store(session, Record.ENDED, Announce.END)

    # -- the meter

    def on_reading(self, reading: Reading) -> None:
        state = self.state
        track, problem = plausibility.observe(
            state.track, reading, state.settings, may_rebase=state.session is None
        )
        if problem is not None and track.last is reading:
            # The past that an estimated end was taken from is not this register's past.
            self.set(unsettled=None, resting=())
        self.set(track=track)
        if problem is not None:
            self.on_missed(problem)
            return
        self.set(meter_good_s=self.now.mono_s, meter_misses=0, meter_doubt=None)
        if not state.closed and reading.requested_at_s > state.opened_at_s:
            self.set(resting=(*state.resting, reading)[-2:])
        session = self.session
        if session is not None and session.stage is Stage.RUNNING:
            if self.same_meter(session, reading):
                self.set(session_facts=reading.facts)
            if state.draw is not None:
                self.set(draw=limits.observe(state.draw, reading, state.settings))
            self.sign_of_life(session, reading)
        elif session is not None and session.stage is Stage.FINAL_READING:
            self.read_end(session, reading)
        self.settle_estimate(reading)
        resting = self.state.resting
        if self.state.meter_problem and (
            len(resting) == 2 and plausibility.agree(*resting, state.settings)
        ):
            self.set(meter_problem=None)

    def same_meter(self, session: Session, reading: Reading) -> bool:
        return session.start is None or session.start.serial == reading.facts.serial

    def on_missed(self, problem: str) -> None:
        state = self.state
        self.set(meter_misses=state.meter_misses + 1, meter_doubt=problem)
        silent_s = self.now.mono_s - state.meter_good_s
        if self.state.meter_misses < LOST_MIN_MISSES or silent_s < state.settings.lost_after_s:
            return
        self.set(meter_problem=problem, resting=())
        session = self.session
        if session is not None and session.stage is Stage.RUNNING:
            self.end(session, EndReason.METER_LOST)

    def sign_of_life(self, session: Session, reading: Reading) -> None:
        """Two small commits a minute: how far the charge was, should the power go now."""
        if self.now.mono_s < self.state.next_life_s:
            return
        count = self.state.life_count + 1
        self.set(next_life_s=self.state.next_life_s + LIFE_SIGN_S, life_count=count)
        self.give(
            StoreLifeSign(
                uuid=session.uuid,
                at=self.now.utc,
                quality=self.now.quality,
                import_wh=reading.facts.import_wh,
                power_w=round(reading.power_w or 0.0),
                minute=count // 2 if count % 2 == 0 else None,
            )
        )

    # -- the contactor

    def on_observed(self, line_active: bool, feedback_closed: bool | None) -> None:
        self.set(line_active=line_active, feedback_closed=feedback_closed)
        if line_active != self.state.closed:
            found, wanted = ("active", "open") if line_active else ("inactive", "closed")
            self.fault("contactor_fault", f"the line reads {found}, commanded {wanted}")
            if line_active:
                self.give(OpenContactor())

    def check_feedback(self, session: Session) -> None:
        since = session.closed_at_s
        if (
            self.state.settings.has_feedback
            and since is not None
            and self.state.feedback_closed is False
            and self.now.mono_s - since > FEEDBACK_WITHIN_S
        ):
            self.fault("contactor_fault", "feedback did not follow within 500 ms of closing")

    def on_lapse(self) -> None:
        day = [at for at in self.state.lapses_s if self.now.mono_s - at < 24 * 3600]
        self.set(lapses_s=(*day, self.now.mono_s))
        if len(self.state.lapses_s) >= 3:
            self.fault("lease_lapse", "three lapses within 24 hours", EndReason.OTHER)
        session = self.session
        if session is not None and session.stage is Stage.RUNNING:
            self.end(session, EndReason.OTHER)

    def on_vehicle(self, present: bool) -> None:
        was = self.state.vehicle_present
        self.set(vehicle_present=present)
        session = self.session
        if was and not present and session is not None and session.stage is Stage.RUNNING:
            self.end(session, EndReason.EV_DISCONNECTED)

    def fault(self, name: str, detail: str, reason: EndReason | None = None) -> None:
        """Latch a fault, once, and open."""
        session = self.session
        if session is not None and session.stage is Stage.RUNNING:
            self.end(session, reason or EndReason(name))
        elif session is not None:
            self.stop(session, EndReason.OTHER)
        if any(fault.name == name for fault in self.state.faults):
            return
        latched = Fault(name, self.now.utc, detail)
        self.set(faults=(*self.state.faults, latched))
        self.give(StoreFault(latched))
        self.tell(Outcome.BROKEN)

    # -- boot

    def on_boot(self, event: Booted) -> None:
        """Take up what the last run left behind. The contactor is open: it was set up so."""
        now_s = self.now.mono_s
        self.set(
            booted=True,
            last_seq=event.last_seq,
            tags=event.tags,
            faults=tuple(fault for fault in event.faults if fault.name != EMERGENCY_STOP),
            opened_at_s=now_s,
            meter_good_s=now_s,
        )
        self.tell(Outcome.LAMP_TEST)
        left = event.open_session
        if left is None:
            return
        session = replace(left.session, stage_since_s=now_s)
        self.set(session_facts=session.start, stored=left.record)
        match left.record:
            case Record.ASKED:
                self.end_unused(session)
            case Record.ACCEPTED:
                self.end_interrupted(session, left.same_boot, left.life_at, left.life_quality)
            case Record.ENDING:
                self.move(session, Stage.FINAL_READING)

    def end_interrupted(
        self,
        session: Session,
        same_boot: bool,
        life_at: datetime | None,
        life_quality: TimeQuality,
    ) -> None:
        """A charge was cut off: the register survived, so it ends exactly; only the time is old."""
        ended_at = max(life_at or session.started_at, session.started_at + timedelta(0))
        session = self.move(
            session,
            Stage.FINAL_READING,
            reason=EndReason.RESTART if same_boot else EndReason.POWER_LOSS,
            ended_at=ended_at,
            end_time_quality=TimeQuality.ESTIMATED,
        )
        self.store(session, Record.ENDING)

    # -- what time and conditions bring about

    def progress(self) -> None:
        state, session, now_s = self.state, self.session, self.now.mono_s
        if session is not None:
            match session.stage:
                case Stage.READING:
                    self.ask_when_read(session)
                case Stage.ASKING:
                    if self.waited(session) > 2 * state.settings.server_timeout_s + 1:
                        self.on_answer(ServerAnswered(session.uuid, Verdict.SILENT))
                case Stage.CLOSING:
                    self.close_when_allowed(session)
                case Stage.RUNNING:
                    self.check_feedback(session)
                    self.check_limits()
                case Stage.FINAL_READING:
                    if self.waited(session) > state.settings.final_reading_timeout_s:
                        self.give_up_final_reading(session)
        retry_s = self.state.store_retry_s
        if self.session is not None and retry_s is not None and now_s >= retry_s:
            self.store_again(self.session)
        self.adapt_sampling()
        self.leave_when_safe()

    def check_limits(self) -> None:
        state, session = self.state, self.session
        if session is None or session.stage is not Stage.RUNNING or state.draw is None:
            return
        reason = limits.reached(state.draw, state.settings, self.now.mono_s, state.vehicle_present)
        if reason is not None:
            self.end(session, reason)

    def adapt_sampling(self) -> None:
        """Fast while a reading is wanted, every 5 s at rest."""
        state = self.state
        if not state.booted:
            return
        wanted = state.session is not None or state.unsettled is not None or state.meter_problem
        every_s = state.settings.sample_s if wanted else IDLE_SAMPLING_S
        if every_s != state.sampling_s:
            self.set(sampling_s=every_s)
            self.give(SampleMeter(every_s))

    def leave_when_safe(self) -> None:
        state, session = self.state, self.session
        if not state.leaving or state.left:
            return
        decided = (
            session is not None
            and session.stage is Stage.FINAL_READING
            and state.stored is Record.ENDING
        )
        if session is None or decided:
            self.set(left=True)
            self.give(Leave())

    def waited(self, session: Session) -> float:
        return self.now.mono_s - session.stage_since_s

    def forget(self) -> None:
        self.set(session=None, stored=None, store_retry_s=None, draw=None, end_candidate=None)


_TOLD = {
    Refusal.REFUSED: Outcome.REFUSED,
    Refusal.BUSY: Outcome.BUSY,
    Refusal.CANNOT_ASK: Outcome.CANNOT_ASK,
}

__all__ = ["PREPARING_STAGES", "Obstacle", "step", "why_not_close"]
