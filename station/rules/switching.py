"""What closes and opens the contactor. All of it stands in this file.

* CloseContactor is given in one place, `close_when_allowed`: for a session whose ``accepted``
  record the journal has confirmed, and only if closing.why_not_close finds no obstacle.
* OpenContactor is given by `open_and_decide`, before the decision to end is stored, and by
  `on_observed`, when the line is up against the command. Where a release is fitted and nothing is
  urgent, dropping it is the first step of opening, and the decision is stored with that.
"""

from __future__ import annotations

from typing import Any

from station.rules import closing, faults, limits
from station.rules.course import Course
from station.rules.messages import (
    Announce,
    CloseContactor,
    OpenContactor,
    PulseTrip,
    Release,
    StoreFault,
)
from station.rules.signals import Outcome
from station.rules.values import (
    EndReason,
    Fault,
    Record,
    Session,
    Stage,
    TimeQuality,
)

CLOSING_PATIENCE_S = 90.0
LIFE_SIGN_S = 30.0
FEEDBACK_WITHIN_S, FEEDBACK_LOOKED_WITHIN_S = 0.5, 1.5
RAMP_S, RAMP_A = 6.0, 1.0
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


class Switching(Course):
    """Closing, opening, and what makes the contactor open at once."""

    def close_when_allowed(self, session: Session) -> None:
        """CLOSING: the one place that closes the contactor."""
        obstacles = closing.why_not_close(self.state, self.now)
        if not obstacles:
            now_s = self.now.mono_s
            start, unsettled = session.start, self.state.unsettled
            self.move(session, Stage.RUNNING, closed_at_s=now_s)
            self.set(
                closed=True,
                switched_at_s=now_s,
                resting=(),
                # From here on the register at rest is another session's.
                unsettled=None if unsettled is None or unsettled.estimated else unsettled,
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
            case Stage.STORING_ACCEPTED | Stage.CLOSING:
                self.give_up_closing(session)
            case Stage.STORING_ASKED | Stage.ASKING:
                self.end_unused(session)

    def end(self, session: Session, reason: EndReason, stop_tag: str | None = None) -> None:
        """End a running charge: at once, or where nothing is urgent the car ramps down first."""
        if self.state.settings.has_enable:
            self.give(Release(False))
            if reason in GENTLE_ENDS:
                # Decided now: a cut during the ramp must not resume what somebody has ended.
                session = self.move(
                    session, Stage.RAMPING, reason=reason, stop_tag=stop_tag, **self.ends_now()
                )
                self.store(session, Record.ENDING)
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
            now_s = self.now.mono_s
            self.set(closed=False, opened_at_s=now_s, switched_at_s=now_s, resting=())
        self.set(end_first=None, end_candidate=None, end_doubts=0)
        ended = self.ends_now() | stamp
        session = self.move(session, Stage.FINAL_READING, reason=reason, stop_tag=stop_tag, **ended)
        self.store(session, Record.ENDING)
        if reason is not EndReason.CONTACTOR_FAULT:
            self.tell(Outcome.OPENED)

    def ends_now(self) -> dict[str, Any]:
        """The time of an end: now."""
        return {
            "ended_at": self.now.utc,
            "end_time_quality": self.now.quality,
            "ended_s": self.now.mono_s,
        }

    def end_unused(self, session: Session) -> None:
        """A START that may be open at the server and was not used: END ``not_started``, 0 Wh."""
        session = self.move(
            session,
            Stage.STORING_END,
            reason=EndReason.NOT_STARTED,
            end=session.start,
            **self.ends_now(),
        )
        self.store(session, Record.ENDED, Announce.END)

    def end_interrupted(self, session: Session) -> None:
        """The register survived, so it ends exactly; only the time of the end is an old one."""
        self.open_and_decide(
            session,
            self.state.left_because,
            ended_at=self.state.left_at,
            end_time_quality=TimeQuality.ESTIMATED,
            ended_s=None,
        )

    def on_observed(
        self, line_active: bool, feedback_closed: bool | None, seen_s: float | None
    ) -> None:
        looked_s = self.now.mono_s if seen_s is None else seen_s
        if feedback_closed or self.state.feedback_closed:
            # Told when it changes: up to this look it was what it was before.
            self.set(feedback_closed_s=looked_s)
        self.set(line_active=line_active, feedback_closed=feedback_closed, feedback_seen_s=looked_s)
        if line_active != self.state.closed:
            found, wanted = ("active", "open") if line_active else ("inactive", "closed")
            self.fault(faults.CONTACTOR_FAULT, f"the line reads {found}, commanded {wanted}")
            if line_active:
                self.give(OpenContactor())

    def on_unreadable(self, problem: str) -> None:
        """A line that nobody can look at is not left up; what it read before is not so now."""
        self.set(line_active=None)
        if self.state.closed:
            self.fault(faults.CONTACTOR_FAULT, f"the line cannot be read back: {problem}")

    def check_feedback(self) -> None:
        """The mirror contact follows within half a second, both ways.

        Only a look that was taken after that time can say that it did not; a loop that was held up
        has taken none yet. One that never comes is as bad as a contact that does not follow.
        """
        state, session = self.state, self.session
        if not state.settings.has_feedback or state.feedback_closed is None:
            return
        running = session is not None and session.stage in (Stage.RUNNING, Stage.RAMPING)
        since_s = session.closed_at_s if running and session is not None else state.opened_at_s
        if since_s is None or self.now.mono_s - since_s <= FEEDBACK_WITHIN_S:
            return
        looked_s = (state.feedback_seen_s or 0.0) - since_s
        if looked_s <= FEEDBACK_WITHIN_S and self.now.mono_s - since_s <= FEEDBACK_LOOKED_WITHIN_S:
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
