"""After a power cut or a restart: what the last run left is taken up, or ended exactly.

Also here, because it is the same kind of return: the clock that is set long after the boot.
"""

from __future__ import annotations

from dataclasses import replace

from station.rules import closing, faults, resume
from station.rules.booking import LIFE_SLACK_S, Booking
from station.rules.messages import (
    Booted,
    ForgetFault,
    RepairStamps,
    StoredRegister,
    StoredSession,
    StoreLifeSign,
)
from station.rules.plausibility import Remembered, Track
from station.rules.signals import Outcome
from station.rules.state import Ceiling
from station.rules.switching import LIFE_SIGN_S
from station.rules.values import (
    EndReason,
    Interruption,
    MeterFacts,
    Now,
    Reading,
    Record,
    Session,
    Stage,
    TimeQuality,
)

RESUMING_PATIENCE_S = 240.0


class Returning(Booking):
    """What the last run left behind, and stamps that wait for the clock."""

    def on_boot(self, event: Booted) -> None:
        """Take up what the last run left behind. The contactor is open: it was set up so.

        The journal may come late, and the meter was read before: nothing of that was held against
        the register that the journal has, so it is as if it had not been read.
        """
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
            unsettled=event.unsettled,
            register_kept=event.register.facts if event.register else None,
            track=Track(remembered=self.remembered(event.register)),
            resting=(),
            meter_problem="no reading yet",
        )
        if len(self.state.faults) < len(event.faults):
            self.give(ForgetFault(faults.EMERGENCY_STOP))
        if self.state.stop_pressed:
            self.fault(faults.EMERGENCY_STOP, "the stop input is open")
        self.tell(Outcome.LAMP_TEST)
        if event.open_session is not None:
            self.take_up(event.open_session)

    def remembered(self, register: StoredRegister | None) -> Remembered | None:
        """The register of the journal, with its age where two good clocks can tell it."""
        if register is None:
            return None
        age_s = (self.now.utc - register.at).total_seconds()
        told = self.now.synced and register.quality is TimeQuality.SYNCED and age_s >= 0
        return Remembered(register.facts, age_s if told else None)

    def take_up(self, left: StoredSession) -> None:
        """A session without an end: it goes on, or it ends exactly, by the register."""
        session = replace(left.session, stage_since_s=self.now.mono_s)
        self.set(session_facts=_last_good(left), stored=left.record, session=session)
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

    def ceiling(self, left: StoredSession) -> Ceiling | None:
        """The fuse bounds what can have flowed until the last life sign ran out.

        A sign wants a good reading, and for ``lost_after_s`` there may be none.
        """
        start = left.session.start
        if start is None:
            return None
        last_wh = left.life_wh if left.life_wh is not None else start.import_wh
        settings = self.state.settings
        hours = (LIFE_SIGN_S + settings.lost_after_s + LIFE_SLACK_S) / 3600
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
            facts = readings[1].facts
            self.set(ceiling=None, session_facts=facts)
            # A cut soon after the closing must find how short it was, and not what was before.
            self.give(
                StoreLifeSign(
                    uuid=session.uuid,
                    at=self.now.utc,
                    quality=self.now.quality,
                    import_wh=facts.import_wh,
                    power_w=0,
                    closed_s=0.0,
                    charged_s=session.charged_s,
                    minute=None,
                )
            )
            self.store(session, Record.ACCEPTED)
        elif self.waited(session) > RESUMING_PATIENCE_S:
            self.end_interrupted(session)

    def above_ceiling(self, reading: Reading) -> bool:
        ceiling, session = self.state.ceiling, self.session
        if ceiling is None or session is None or reading.facts.import_wh <= ceiling.highest_wh:
            return False
        self.end_interrupted(session)
        return True

    def watch_clock(self) -> None:
        """The clock was set for the first time in this boot: estimated stamps get their true time.

        A synced stamp is never altered.
        """
        if not self.now.synced or self.state.synced or not self.state.booted:
            return
        self.set(synced=True)
        session, unsettled = self.session, self.state.unsettled
        if session is not None:
            self.set(session=_repaired(session, self.now))
        if unsettled is not None:
            self.set(unsettled=_repaired(unsettled, self.now))
        self.give(RepairStamps(self.now.mono_s, self.now.utc))


def _last_good(left: StoredSession) -> MeterFacts | None:
    """The last good register that is known of an interrupted charge; its start at the least."""
    start = left.session.start
    if start is None or left.life_wh is None:
        return start
    return MeterFacts(start.serial, max(left.life_wh, start.import_wh))


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
