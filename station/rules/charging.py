"""The step: every event, and the way of a session from the tap to the free box.

    step(state, event, now) -> (state, commands)

Pure: no I/O, no clock, no randomness. The order of the commands is the safety case:

* record first, close after, and open first, record after: switching.py;
* read when it stands still: booking.py;
* a power cut costs nothing: returning.py.

docs/architecture.md has the table of stages; the names of the stages are in values.Stage.
"""

from __future__ import annotations

from dataclasses import replace

from station.rules import authorization, closing, faults, limits, metering
from station.rules.authorization import Refusal
from station.rules.messages import (
    Announce,
    AnswerRequest,
    Booted,
    CloseRefused,
    Command,
    ContactorObserved,
    Event,
    ForgetFault,
    JournalStateChanged,
    LeaseLapsed,
    Leave,
    LineUnreadable,
    MeterMissed,
    MeterRead,
    ReaderStateChanged,
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
    StoringFailed,
    SupplyChanged,
    TagListConfirmed,
    TagListReceived,
    TagPresented,
    Ticked,
    VehicleInputChanged,
    Verdict,
)
from station.rules.returning import Returning
from station.rules.signals import Outcome
from station.rules.state import State, background, unavailable_because
from station.rules.values import (
    EndReason,
    Now,
    Record,
    Session,
    Stage,
)

OPEN_SAMPLING_S, ALERT_SAMPLING_S = 5.0, 2.5
READING_PATIENCE_S, STORING_PATIENCE_S = 20.0, 90.0
DOUBLE_TAP_S = 5.0


def step(state: State, event: Event, now: Now) -> tuple[State, tuple[Command, ...]]:
    """Take one event into account. Total: every event is defined in every state."""
    course = _Charging(state, now)
    before = background(state, now.mono_s)
    course.watch_clock()
    course.handle(event)
    course.progress()
    if background(course.state, now.mono_s) is not before:
        course.set(background_since_s=now.mono_s)
    return course.state, tuple(course.commands)


class _Charging(Returning):
    """The rest of the way: tags, the question to the server, requests, limits, leaving."""

    def handle(self, event: Event) -> None:
        match event:
            case Ticked():
                pass
            case MeterRead(reading):
                self.on_reading(reading)
            case MeterMissed(problem, requested_at_s):
                if not metering.blanked(self.state, requested_at_s):
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
            case ContactorObserved(line_active, feedback_closed, seen_s):
                self.on_observed(line_active, feedback_closed, seen_s)
            case LineUnreadable(problem):
                self.on_unreadable(problem)
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
            seq=0,  # numbered when it is stored
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

    def ask_when_read(self, session: Session) -> None:
        """READING: take the later of two agreeing readings as the start register, store, ask."""
        readings = closing.resting_readings(self.state, self.now)
        if readings is not None:
            facts = readings[1].facts
            # Only now: since the tap the server may have told of a higher number.
            seq = (self.state.last_seq or 0) + 1
            self.set(last_seq=seq, session_facts=facts)
            session = self.move(session, Stage.STORING_ASKED, seq=seq, start=facts)
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

    def progress(self) -> None:
        self.watch_silence()
        state, session, now_s = self.state, self.session, self.now.mono_s
        if session is not None:
            match session.stage:
                case Stage.READING:
                    self.ask_when_read(session)
                case Stage.STORING_ASKED | Stage.STORING_ACCEPTED:
                    if self.waited(session) > STORING_PATIENCE_S:
                        self.give_up_storing(session)
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

    def give_up_storing(self, session: Session) -> None:
        """A disk that is slower than a person is patient: nothing closes when they have gone.

        What was to be stored may still be, before what is stored now: the journal keeps the order.
        """
        self.tell(Outcome.BROKEN)
        if session.stage is Stage.STORING_ASKED:
            # The server was not asked yet, so nothing of it is open there.
            self.store(self.move(session, Stage.DROPPING), Record.DROPPED)
        else:
            self.give_up_closing(session)

    def check_limits(self, session: Session) -> None:
        state = self.state
        if state.draw is None:
            return
        reason = limits.reached(state.draw, state.settings, self.now.mono_s, state.vehicle_present)
        if reason is not None:
            self.end(session, reason)

    def adapt_sampling(self) -> None:
        """As set while a reading is wanted, every 5 s at rest.

        With the contactor open never less often, whatever is set: a weld is to be found within
        15 s, three readings or more are needed for that, and two of 15 s allow to close.
        """
        state = self.state
        if not state.booted:
            return
        wanted = (
            state.session is not None
            or state.unsettled is not None
            or state.meter_problem is not None
            or state.weld.alert
        )
        every_s = state.settings.sample_s if wanted else OPEN_SAMPLING_S
        if not state.closed:
            every_s = min(every_s, ALERT_SAMPLING_S if state.weld.alert else OPEN_SAMPLING_S)
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


_TOLD = {
    Refusal.REFUSED: Outcome.REFUSED,
    Refusal.BUSY: Outcome.BUSY,
    Refusal.CANNOT_ASK: Outcome.CANNOT_ASK,
}
