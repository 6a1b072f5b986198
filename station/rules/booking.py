"""Readings and registers: what is taken from the meter, and what of it is booked.

A register is booked only when it stands still: readings that count are taken with the contactor
open, twice and agreeing. An estimate is replaced once by the exact register.
"""

from __future__ import annotations

from dataclasses import replace

from station.rules import faults, liveness, metering, plausibility, weld
from station.rules.messages import (
    Announce,
    AskServer,
    StoredRegister,
    StoreLifeSign,
    StoreRegister,
    StoreSession,
)
from station.rules.signals import Outcome
from station.rules.switching import LIFE_SIGN_S, Switching
from station.rules.values import (
    EndReason,
    MeterFacts,
    Reading,
    Record,
    Session,
    Stage,
)

END_DOUBTS = 5
STORE_RETRY_S = 5.0
LIFE_SLACK_S = 10.0
# A year of a wallbox's standby is less: at rest the journal is not written for that.
KEPT_WITHIN_WH = 50_000


class Booking(Switching):
    """Samples of the meter, the journal's answers, and the register that is booked."""

    def on_reading(self, reading: Reading) -> None:
        if metering.blanked(self.state, reading.requested_at_s):
            return
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
        self.settle_estimate()
        self.keep_register()
        self.state, seen = metering.watch_weld(self.state, reading)
        if seen is not None:
            self.fault(faults.CONTACTOR_FAULT, seen, welded=True)
            first, session = self.state.end_first, self.session
            if first is not None and session is not None and session.stage is Stage.FINAL_READING:
                self.settle(session, first.facts, estimated=False)

    def watch_exchange(self, session: Session | None, reading: Reading) -> None:
        """Another serial number, again and again, while a session depends on the old meter."""
        start = session.start if session is not None else None
        if session is None or start is None or plausibility.same_meter(start, reading.facts):
            self.set(foreign_samples=0)
            return
        self.set(foreign_samples=self.state.foreign_samples + 1)
        if self.state.foreign_samples < plausibility.BASELINE_SAMPLES:
            return
        if session.stage is Stage.RUNNING:
            self.end(session, EndReason.METER_LOST)
        elif session.stage is Stage.FINAL_READING:
            self.settle(session, reading.facts, estimated=True)
        elif session.stage in (Stage.CLOSING, Stage.RESUMING):
            self.give_up_closing(session)

    def on_missed(self, problem: str) -> None:
        self.state, lost = metering.miss(self.state, problem, self.now)
        session = self.session
        # A ramp goes on as it is: begun anew with every miss, it would never open.
        if lost and session is not None and session.stage is Stage.RUNNING:
            self.end(session, EndReason.METER_LOST)

    def watch_silence(self) -> None:
        """What no event tells: the clock says that the meter is lost. A ramp ends by its own."""
        problem, session = metering.silence(self.state, self.now), self.session
        if problem is None:
            return
        if self.state.meter_problem is None:
            self.state = metering.lose(self.state, problem)
        if session is not None and session.stage is Stage.RUNNING:
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

    def read_end(self, session: Session, reading: Reading) -> None:
        """FINAL_READING: the first good reading after the contacts came to rest, confirmed.

        One that the next does not confirm was wrong, and the next wants to be confirmed itself.
        One that shows a flow is of an earlier moment, unless there is a weld; then no two agree:
        the first one counts, and what flows on is nobody's.
        """
        settings = self.state.settings
        if not metering.at_rest(self.state, reading):
            return
        if self.state.end_first is None:
            self.set(end_first=reading)
        if weld.flows(reading, settings):
            return
        candidate = self.state.end_candidate
        if candidate is None:
            self.set(end_candidate=reading)
            return
        if reading.requested_at_s < candidate.requested_at_s + settings.update_s:
            return
        first, doubts = self.state.end_first or candidate, self.state.end_doubts
        if plausibility.agree(candidate, reading, settings):
            self.settle(session, candidate.facts, estimated=False)
        elif liveness.repeats(candidate, reading):
            return  # a copy is no doubt either; a meter that goes on like that is frozen
        elif doubts < END_DOUBTS:
            self.set(end_candidate=reading, end_doubts=doubts + 1)
        else:
            self.settle(session, first.facts, estimated=False)

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

    def settle_estimate(self) -> None:
        """The meter is back after an estimated END: the exact register replaces it, once.

        One that lies, or another boot's, is waited out; the next closing ends the wait.
        """
        session = self.state.unsettled
        if session is None or session.start is None or len(self.state.resting) < 2:
            return
        if not session.estimated:
            return  # the exact one is on its way to the journal
        first, second = self.state.resting[-2:]
        settings, estimate = self.state.settings, session.end or session.start
        unseen_s = LIFE_SIGN_S + settings.lost_after_s + LIFE_SLACK_S
        if not plausibility.same_meter(session.start, second.facts):
            self.set(unsettled=None)
        elif plausibility.agree(first, second, settings) and plausibility.may_replace(
            estimate, second, unseen_s, settings
        ):
            exact = replace(session, end=second.facts, estimated=False)
            self.set(unsettled=exact)
            # Not the session's own step: whatever of that is to be tried again stays so.
            self.give(StoreSession(exact, Record.ENDED, Announce.END))

    def keep_register(self) -> None:
        """What the meter shows at rest, once, if the journal knows nothing like it."""
        state, kept = self.state, self.state.register_kept
        if state.session is not None or not state.booted or len(state.resting) < 2:
            return
        first, newest = state.resting
        if kept is not None and plausibility.same_meter(kept, newest.facts):
            above_wh = newest.facts.import_wh - kept.import_wh
            if -(newest.grid_wh + 1) <= above_wh < KEPT_WITHIN_WH:
                return
        if plausibility.agree(first, newest, state.settings):
            self.set(register_kept=newest.facts)
            self.give(StoreRegister(StoredRegister(newest.facts, self.now.utc, self.now.quality)))

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
                self.forget()  # the removal is the keeper's debt
            case _:
                self.set(store_retry_s=self.now.mono_s + STORE_RETRY_S)

    def store_again(self, session: Session) -> None:
        if session.stage is Stage.FINAL_READING:
            self.store(session, Record.ENDING)
        elif session.stage is Stage.STORING_END:
            self.store(session, Record.ENDED, Announce.END)
