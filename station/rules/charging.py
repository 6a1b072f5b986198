"""The step: everything that closes or opens the contactor, and the way of a session.

    step(state, event, now) -> (state, commands)

Pure: no I/O, no clock, no randomness. The order of the commands is the safety case:

* record first, close after: CloseContactor is given in one place (`close_when_allowed`), only for
  a session whose ``accepted`` record the journal has confirmed, and only if `why_not_close`
  (closing.py) finds no obstacle;
* open first, record after: `open_and_decide` gives OpenContactor before it gives StoreSession;
* a register is booked only when it stands still: readings that count are taken with the contactor
  open, twice and agreeing.

docs/architecture.md has the table of stages; the names of the stages are in values.Stage.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from station.rules import authorization, closing, faults, limits, metering, plausibility, resume
from station.rules.authorization import Refusal
from station.rules.messages import (
    Announce,
    AnswerRequest,
    AskServer,
    Booted,
    CloseContactor,
    CloseRefused,
    Command,
    ContactorObserved,
    Event,
    ForgetFault,
    JournalStateChanged,
    LeaseLapsed,
    Leave,
    MeterMissed,
    MeterRead,
    OpenContactor,
    PulseTrip,
    ReaderStateChanged,
    Release,
    RepairStamps,
    Request,
    RequestMade,
    SampleMeter,
    ServerAnswered,
    ServerHeard,
    SessionStored,
    SeveralTagsPresented,
    ShutdownRequested,
    StopInputChanged,
    StopRequested,
    StoreDisabled,
    StoredSession,
    StoreFault,
    StoreLifeSign,
    StoreSession,
    StoringFailed,
    SupplyChanged,
    TagListConfirmed,
    TagListReceived,
    TagPresented,
    Ticked,
    VehicleInputChanged,
    Verdict,
)
from station.rules.signals import Outcome
from station.rules.state import Ceiling, State, background, unavailable_because
from station.rules.values import (
    EndReason,
    Fault,
    Interruption,
    MeterFacts,
    Now,
    Reading,
    Record,
    Session,
    Stage,
    TimeQuality,
)

IDLE_SAMPLING_S = 5.0
READING_PATIENCE_S = 20.0
CLOSING_PATIENCE_S = 90.0
RESUMING_PATIENCE_S = 240.0
DOUBLE_TAP_S = 5.0
LIFE_SIGN_S = 30.0
LIFE_SLACK_S = 10.0
FEEDBACK_WITHIN_S = 0.5
RAMP_S, RAMP_A = 6.0, 1.0
SETTLE_S = 3.0
END_DOUBTS = 5
STORE_RETRY_S = 5.0
LAPSES_THAT_LATCH, LAPSE_MEMORY_S = 3, 24 * 3600.0

# Nobody has to be quick: the wallbox's release is dropped first, where it is fitted.
GENTLE_ENDS = frozenset(
    {
        EndReason.LOCAL,
        EndReason.REMOTE,
        EndReason.DEAUTHORIZED,
        EndReason.EV_FINISHED,
        EndReason.EV_DISCONNECTED,
        EndReason.MAX_DURATION,
        EndReason.MAX_ENERGY,
        EndReason.NO_ENERGY,
        EndReason.METER_LOST,
    }
)


def step(state: State, event: Event, now: Now) -> tuple[State, tuple[Command, ...]]:
    """Take one event into account. Total: every event is defined in every state."""
    course = _Course(state, now)
    before = background(state, now.mono_s)
    course.watch_clock()
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

    def waited(self, session: Session) -> float:
        return self.now.mono_s - session.stage_since_s

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

    def forget(self) -> None:
        self.set(
            session=None,
            stored=None,
            store_retry_s=None,
            draw=None,
            end_candidate=None,
            ceiling=None,
        )

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
            case RequestMade():
                self.on_request(event)
            case SupplyChanged(undervoltage):
                self.set(undervoltage=undervoltage)
            case ShutdownRequested():
                self.set(leaving=True)
                if self.session is not None:
                    self.stop(self.session, EndReason.SHUTDOWN)
            case StopInputChanged(pressed):
                self.set(stop_pressed=pressed, stop_released_s=self.now.mono_s)
                if pressed:
                    self.fault(faults.EMERGENCY_STOP, "the stop input is open")
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
        elif not self.may_end(session, tag):
            self.tell(Outcome.BUSY)
        elif session.stage is Stage.RUNNING:
            self.tap_while_running(session, tag)
        elif session.stage is Stage.RESUMING:
            self.open_and_decide(session, EndReason.LOCAL, tag)
        elif session.stage in (Stage.RAMPING, Stage.FINAL_READING, Stage.STORING_END):
            self.tell(Outcome.OPENED)
        else:
            self.tell(Outcome.ACKNOWLEDGED)

    def begin(self, tag: str, session_uuid: str) -> None:
        """A tap on a free box. Nothing is stored before the start register is known."""
        state = self.state
        if state.booted and state.last_seq is None:
            self.tell(Outcome.CANNOT_ASK)
            return
        if state.faults or unavailable_because(state, self.now.mono_s):
            self.tell(Outcome.BROKEN)
            return
        self.tell(Outcome.ACKNOWLEDGED)
        session = Session(
            uuid=session_uuid,
            seq=(state.last_seq or 0) + 1,
            tag=tag,
            started_at=self.now.utc,
            time_quality=self.now.quality,
            started_s=self.now.mono_s,
            stage=Stage.READING,
            stage_since_s=self.now.mono_s,
        )
        self.forget()
        self.set(session=session, session_facts=None)

    def tap_while_running(self, session: Session, tag: str) -> None:
        closed_at_s = session.closed_at_s or 0.0
        if self.now.mono_s - closed_at_s < DOUBLE_TAP_S:
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
        readings = closing.resting_readings(self.state, self.now)
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
        obstacles = closing.why_not_close(self.state, self.now)
        if not obstacles:
            now_s = self.now.mono_s
            start = session.start
            self.move(session, Stage.RUNNING, closed_at_s=now_s)
            self.set(
                closed=True,
                resting=(),
                closings_s=(*(at for at in self.state.closings_s if now_s - at < 3600), now_s),
                draw=limits.Draw(
                    since_s=now_s - session.charged_s, start_wh=start.import_wh if start else 0
                ),
                next_life_s=now_s + LIFE_SIGN_S,
            )
            self.tell(Outcome.GO)
            self.give(CloseContactor(session.uuid))
            if self.state.settings.has_enable:
                self.give(Release(True))
        elif (
            any(not o.passes for o in obstacles)
            or self.waited(session) > self.state.settings.min_off_s + CLOSING_PATIENCE_S
        ):
            self.tell(Outcome.BROKEN)
            self.give_up_closing(session)

    def give_up_closing(self, session: Session) -> None:
        """Never closed: ends unused. Closed before an interruption: ends by the register."""
        if session.stage is not Stage.RESUMING and not session.resumes:
            self.end_unused(session)
        else:
            self.end_interrupted(session)

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
            case Stage.RAMPING if reason not in GENTLE_ENDS:
                self.open_and_decide(session, session.reason or reason, session.stop_tag)
            case Stage.READING:
                self.forget()
            case Stage.RESUMING if reason is EndReason.SHUTDOWN:
                pass  # as it was found: the next start decides anew
            case Stage.RESUMING:
                self.open_and_decide(session, reason)
            case Stage.CLOSING:
                self.give_up_closing(session)
            case Stage.STORING_ASKED | Stage.ASKING | Stage.STORING_ACCEPTED:
                self.end_unused(session)

    def end(self, session: Session, reason: EndReason, stop_tag: str | None = None) -> None:
        """End a running charge: at once, or where nothing is urgent the car ramps down first."""
        if self.state.settings.has_enable:
            self.give(Release(False))
            if reason in GENTLE_ENDS:
                self.move(session, Stage.RAMPING, reason=reason, stop_tag=stop_tag)
                self.tell(Outcome.OPENED)
                return
        self.open_and_decide(session, reason, stop_tag)

    def open_when_ramped(self, session: Session) -> None:
        """RAMPING: below 1 A on all phases, or after 6 s."""
        last = self.state.track.last
        fresh = last is not None and last.requested_at_s > session.stage_since_s
        amperes = last.current_a if last is not None and fresh else None
        ramped = amperes is not None and max(amperes) < RAMP_A
        if ramped or self.waited(session) > RAMP_S:
            self.open_and_decide(session, session.reason or EndReason.OTHER, session.stop_tag)

    def open_and_decide(
        self, session: Session, reason: EndReason, stop_tag: str | None = None, **stamp: Any
    ) -> None:
        """Open, then store the decision to end; the register is read after that.

        Whatever ends a charge comes through here. ``stamp`` replaces the time of the end where it
        was not now.
        """
        self.give(OpenContactor())
        if self.state.closed:
            self.set(closed=False, opened_at_s=self.now.mono_s, resting=())
        self.set(end_candidate=None, end_doubts=0)
        ended = {
            "ended_at": self.now.utc,
            "end_time_quality": self.now.quality,
            "ended_s": self.now.mono_s,
        }
        session = self.move(
            session, Stage.FINAL_READING, reason=reason, stop_tag=stop_tag, **(ended | stamp)
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
            ended_s=self.now.mono_s,
            end=session.start,
        )
        self.store(session, Record.ENDED, Announce.END)

    def read_end(self, session: Session, reading: Reading) -> None:
        """FINAL_READING: the first good reading after the contacts came to rest, confirmed.

        With a weld two never agree: the first one counts, and what flows on is nobody's.
        """
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
        """The end register is known: store it, with END in the same commit."""
        start, ceiling = session.start, self.state.ceiling
        if start is not None and not plausibility.same_meter(start, facts):
            # Registers of two meters are never subtracted: the old one's last word counts.
            facts, estimated = self.state.session_facts or start, True
            session = replace(session, exact_wanted=False)
        if ceiling is not None and facts.import_wh > ceiling.highest_wh:
            self.fault(
                faults.CONTACTOR_FAULT,
                f"{facts.import_wh - ceiling.highest_wh} Wh more than can have flowed before the "
                "interruption: the line was left up",
            )
            facts = replace(facts, import_wh=ceiling.highest_wh, phase_wh=(None, None, None))
            estimated, session = True, replace(session, exact_wanted=False)
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
        if not plausibility.same_meter(session.start, reading.facts):
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
                if used and not self.state.faults:
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
                self.give_up_closing(session)
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
        session = self.session
        self.watch_exchange(session, reading)
        self.state, problem = metering.take(self.state, reading, self.now)
        if problem is not None:
            self.on_missed(problem)
            return
        if session is not None and session.stage is Stage.RUNNING:
            self.sign_of_life(session, reading)
        elif session is not None and session.stage is Stage.FINAL_READING:
            self.read_end(session, reading)
        self.settle_estimate(reading)
        self.state, seen = metering.watch_weld(self.state, reading)
        if seen is not None:
            self.fault(faults.CONTACTOR_FAULT, seen, welded=True)
            candidate, session = self.state.end_candidate, self.session
            if (
                candidate is not None
                and session is not None
                and session.stage is Stage.FINAL_READING
            ):
                self.settle(session, candidate.facts, estimated=False)

    def watch_exchange(self, session: Session | None, reading: Reading) -> None:
        """Another serial number, again and again, while a session depends on the old meter."""
        start = session.start if session is not None else None
        if session is None or start is None or plausibility.same_meter(start, reading.facts):
            self.set(foreign_samples=0)
            return
        self.set(foreign_samples=self.state.foreign_samples + 1)
        if self.state.foreign_samples < plausibility.BASELINE_SAMPLES:
            return
        if session.stage in (Stage.RUNNING, Stage.RAMPING):
            self.end(session, EndReason.METER_LOST)
        elif session.stage is Stage.FINAL_READING:
            self.settle(session, reading.facts, estimated=True)
        elif session.stage in (Stage.CLOSING, Stage.RESUMING):
            self.give_up_closing(session)

    def on_missed(self, problem: str) -> None:
        self.state, lost = metering.miss(self.state, problem, self.now)
        session = self.session
        if lost and session is not None and session.stage in (Stage.RUNNING, Stage.RAMPING):
            self.end(session, EndReason.METER_LOST)

    def sign_of_life(self, session: Session, reading: Reading) -> None:
        """Two small commits a minute: how far the charge was, should the power go now."""
        if self.now.mono_s < self.state.next_life_s:
            return
        count = self.state.life_count + 1
        self.set(next_life_s=self.state.next_life_s + LIFE_SIGN_S, life_count=count)
        closed_s = self.now.mono_s - (session.closed_at_s or self.now.mono_s)
        self.give(
            StoreLifeSign(
                uuid=session.uuid,
                at=self.now.utc,
                quality=self.now.quality,
                import_wh=reading.facts.import_wh,
                power_w=round(reading.power_w or 0.0),
                closed_s=closed_s,
                charged_s=session.charged_s + closed_s,
                minute=count // 2 if count % 2 == 0 else None,
            )
        )

    # -- the contactor

    def on_observed(self, line_active: bool, feedback_closed: bool | None) -> None:
        self.set(line_active=line_active, feedback_closed=feedback_closed)
        if line_active != self.state.closed:
            found, wanted = ("active", "open") if line_active else ("inactive", "closed")
            self.fault(faults.CONTACTOR_FAULT, f"the line reads {found}, commanded {wanted}")
            if line_active:
                self.give(OpenContactor())

    def check_feedback(self) -> None:
        """The mirror contact follows within half a second, both ways."""
        state, session = self.state, self.session
        if not state.settings.has_feedback or state.feedback_closed is None:
            return
        running = session is not None and session.stage in (Stage.RUNNING, Stage.RAMPING)
        since_s = session.closed_at_s if running and session is not None else state.opened_at_s
        if since_s is None or self.now.mono_s - since_s <= FEEDBACK_WITHIN_S:
            return
        if state.closed and not state.feedback_closed:
            self.fault(faults.CONTACTOR_FAULT, "feedback did not follow within 500 ms of closing")
        elif state.feedback_closed and not state.closed:
            self.fault(
                faults.CONTACTOR_FAULT,
                "feedback says closed although the contactor is commanded open",
                welded=True,
            )

    def on_lapse(self) -> None:
        now_s = self.now.mono_s
        day = [at for at in self.state.lapses_s if now_s - at < LAPSE_MEMORY_S]
        self.set(lapses_s=(*day, now_s))
        session = self.session
        if session is not None:
            self.stop(session, EndReason.OTHER)
        if len(self.state.lapses_s) >= LAPSES_THAT_LATCH:
            self.fault(faults.LEASE_LAPSE, "three lapses within 24 hours")

    def on_vehicle(self, present: bool) -> None:
        was = self.state.vehicle_present
        self.set(vehicle_present=present)
        session = self.session
        if was and not present and session is not None and session.stage is Stage.RUNNING:
            self.end(session, EndReason.EV_DISCONNECTED)

    # -- faults and requests

    def fault(self, name: str, detail: str, *, welded: bool = False) -> None:
        """Latch a fault, once, and open. A weld that is seen later makes a fault a weld."""
        session = self.session
        if session is not None:
            known = name in tuple(EndReason)
            self.stop(session, EndReason(name) if known else EndReason.OTHER)
        latched = [fault for fault in self.state.faults if fault.name == name]
        if latched and (latched[0].welded or not welded):
            return
        fault = Fault(name, self.now.utc, detail, welded)
        others = (fault for fault in self.state.faults if fault.name != name)
        self.set(faults=(*others, fault))
        self.give(StoreFault(fault))
        self.tell(Outcome.BROKEN)
        if welded and self.state.settings.has_trip:
            self.give(PulseTrip())

    def on_request(self, event: RequestMade) -> None:
        match event.request:
            case Request.RESET:
                result, text = self.reset(event)
            case Request.STOP:
                result, text = self.stop_on_request(event)
            case Request.DISABLE | Request.ENABLE:
                disabled = event.request is Request.DISABLE
                self.set(disabled=disabled)
                self.give(StoreDisabled(disabled))
                result, text = "ok", f"{event.request.value}d"
        self.give(AnswerRequest(event.id, result, text))

    def reset(self, event: RequestMade) -> tuple[str, str]:
        wanted = [f for f in self.state.faults if event.fault in (None, f.name)]
        if not wanted or (event.remote and event.fault is None):
            return "refused", "there is no such fault" if event.fault else "there is no fault"
        for fault in wanted:
            why = faults.why_not_clear(
                fault, self.state, self.now.mono_s, remote=event.remote, since=event.since
            )
            if why is not None:
                return "refused", f"{fault.name} stays: {why}"
        cleared = {fault.name for fault in wanted}
        self.set(faults=tuple(f for f in self.state.faults if f.name not in cleared))
        if faults.LEASE_LAPSE in cleared:
            self.set(lapses_s=())
        for name in sorted(cleared):
            self.give(ForgetFault(name))
        return "ok", f"cleared: {', '.join(sorted(cleared))}"

    def stop_on_request(self, event: RequestMade) -> tuple[str, str]:
        session = self.session
        stoppable = (Stage.RUNNING, Stage.RESUMING, Stage.CLOSING, Stage.STORING_ACCEPTED)
        if session is None or session.uuid != event.uuid or session.stage not in stoppable:
            return "not_running", "that session does not run"
        self.stop(session, EndReason.REMOTE)
        return "ok", "stopped"

    # -- boot

    def on_boot(self, event: Booted) -> None:
        """Take up what the last run left behind. The contactor is open: it was set up so."""
        now_s = self.now.mono_s
        self.set(
            booted=True,
            synced=self.now.synced,
            last_seq=event.last_seq,
            tags=event.tags,
            faults=tuple(f for f in event.faults if f.name != faults.EMERGENCY_STOP),
            disabled=event.disabled,
            opened_at_s=now_s,
            meter_good_s=now_s,
        )
        if len(self.state.faults) < len(event.faults):
            self.give(ForgetFault(faults.EMERGENCY_STOP))
        if self.state.stop_pressed:
            self.fault(faults.EMERGENCY_STOP, "the stop input is open")
        self.tell(Outcome.LAMP_TEST)
        if event.open_session is not None:
            self.take_up(event.open_session)

    def take_up(self, left: StoredSession) -> None:
        """A session without an end: it goes on, or it ends exactly, by the register."""
        session = replace(left.session, stage_since_s=self.now.mono_s)
        self.set(session_facts=session.start, stored=left.record, session=session)
        if left.record is Record.ASKED:
            self.end_unused(session)
            return
        self.set(ceiling=self.ceiling(left))
        if left.record is Record.ENDING:
            self.move(session, Stage.FINAL_READING)
            return
        self.set(
            left_at=max(left.life_at or session.started_at, session.started_at),
            left_because=EndReason.RESTART if left.same_boot else EndReason.POWER_LOSS,
        )
        if not self.state.faults and (
            resume.why_not(left, self.state.tags, self.state.settings, self.now) is None
        ):
            self.move(session, Stage.RESUMING)
            return
        self.end_interrupted(session)
        if resume.closed_too_shortly(left):
            self.fault(faults.POWER_UNSTABLE, "the mains went within a minute of closing")

    def end_interrupted(self, session: Session) -> None:
        """The register survived, so it ends exactly; only the time of the end is an old one."""
        self.open_and_decide(
            session,
            self.state.left_because,
            ended_at=self.state.left_at,
            end_time_quality=TimeQuality.ESTIMATED,
            ended_s=None,
        )

    def ceiling(self, left: StoredSession) -> Ceiling | None:
        """The fuse bounds what can have flowed until the last life sign ran out."""
        start = left.session.start
        if start is None:
            return None
        last_wh = left.life_wh if left.life_wh is not None else start.import_wh
        settings = self.state.settings
        hours = (LIFE_SIGN_S + LIFE_SLACK_S) / 3600
        return Ceiling(last_wh, last_wh + round(settings.fuse_w * hours * settings.energy_speed))

    def resume_when_stable(self, session: Session) -> None:
        """RESUMING: counted and stored before the contactor closes again."""
        if resume.not_yet(session, self.state, self.now.mono_s) is None:
            readings = closing.resting_readings(self.state, self.now)
            if readings is None or self.above_ceiling(readings[1]):
                return
            interruption = Interruption(
                self.state.left_at or session.started_at, self.now.utc, self.state.left_because
            )
            session = self.move(
                session,
                Stage.STORING_ACCEPTED,
                resumes=session.resumes + 1,
                interruptions=(*session.interruptions, interruption),
            )
            self.set(ceiling=None, session_facts=readings[1].facts)
            self.store(session, Record.ACCEPTED)
        elif self.waited(session) > RESUMING_PATIENCE_S:
            self.end_interrupted(session)

    def above_ceiling(self, reading: Reading) -> bool:
        ceiling, session = self.state.ceiling, self.session
        if ceiling is None or session is None or reading.facts.import_wh <= ceiling.highest_wh:
            return False
        self.end_interrupted(session)
        return True

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
                case Stage.RESUMING:
                    self.resume_when_stable(session)
                case Stage.CLOSING:
                    self.close_when_allowed(session)
                case Stage.RUNNING:
                    self.check_limits(session)
                case Stage.RAMPING:
                    self.open_when_ramped(session)
                case Stage.FINAL_READING:
                    if self.waited(session) > state.settings.final_reading_timeout_s:
                        self.give_up_final_reading(session)
        self.check_feedback()
        retry_s = self.state.store_retry_s
        if self.session is not None and retry_s is not None and now_s >= retry_s:
            self.store_again(self.session)
        self.adapt_sampling()
        self.leave_when_safe()

    def check_limits(self, session: Session) -> None:
        state = self.state
        if state.draw is None:
            return
        reason = limits.reached(state.draw, state.settings, self.now.mono_s, state.vehicle_present)
        if reason is not None:
            self.end(session, reason)

    def watch_clock(self) -> None:
        """The clock was set for the first time in this boot: estimated stamps get their true time.

        A synced stamp is never altered.
        """
        if not self.now.synced or self.state.synced or not self.state.booted:
            return
        self.set(synced=True)
        session = self.session
        if session is not None:
            self.set(session=_repaired(session, self.now))
        self.give(RepairStamps(self.now.mono_s, self.now.utc))

    def adapt_sampling(self) -> None:
        """Fast while a reading is wanted, every 5 s at rest."""
        state = self.state
        if not state.booted:
            return
        wanted = (
            state.session is not None
            or state.unsettled is not None
            or state.meter_problem is not None
            or state.weld.alert
        )
        every_s = state.settings.sample_s if wanted else IDLE_SAMPLING_S
        if every_s != state.sampling_s:
            self.set(sampling_s=every_s)
            self.give(SampleMeter(every_s))

    def leave_when_safe(self) -> None:
        state, session = self.state, self.session
        if not state.leaving or state.left:
            return
        decided = session is not None and (
            session.stage is Stage.RESUMING
            or (session.stage is Stage.FINAL_READING and state.stored is Record.ENDING)
        )
        if session is None or decided:
            self.set(left=True)
            self.give(Leave())


def _repaired(session: Session, now: Now) -> Session:
    """Stamps taken in this boot by an unsynced clock, counted back from now."""
    if session.time_quality is TimeQuality.ESTIMATED and session.started_s is not None:
        session = replace(
            session,
            started_at=now.at(session.started_s),
            time_quality=TimeQuality.SYNCED,
        )
    if session.end_time_quality is TimeQuality.ESTIMATED and session.ended_s is not None:
        session = replace(
            session, ended_at=now.at(session.ended_s), end_time_quality=TimeQuality.SYNCED
        )
    return session


_TOLD = {
    Refusal.REFUSED: Outcome.REFUSED,
    Refusal.BUSY: Outcome.BUSY,
    Refusal.CANNOT_ASK: Outcome.CANNOT_ASK,
}
