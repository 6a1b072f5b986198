"""A world of virtual time around the pure core: a meter that counts, a journal, a server.

Everything that the core may assume of its surroundings is answered here; a test switches parts of
it off. ``trace`` keeps (time, event, commands) of every step; ``check_order`` holds every step
against the order that the safety case rests on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from station.rules.charging import step
from station.rules.messages import (
    AskServer,
    Booted,
    CloseContactor,
    Command,
    ContactorObserved,
    Event,
    MeterMissed,
    MeterRead,
    OpenContactor,
    Release,
    SampleMeter,
    ServerAnswered,
    SessionStored,
    StoredSession,
    StoreSession,
    StoringFailed,
    TagPresented,
    Ticked,
    Verdict,
)
from station.rules.settings import Settings
from station.rules.state import State, phase
from station.rules.values import (
    Fault,
    Load,
    MeterFacts,
    Now,
    Phase,
    Reading,
    Record,
    Session,
    TagList,
)

ALICE = "04A3C6CAE26180"
BOB = "DEADBEEF"
EPOCH = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
SETTINGS = Settings(
    load=Load.WALLBOX, phases=3, max_current_a=16, min_off_s=5, sample_s=1.0, update_s=1.0
)


@dataclass
class Core:
    """The core in its world. Time only passes in ``pass_time``."""

    settings: Settings = SETTINGS
    start_wh: float = 1_234_567.0
    car_w: float = 0.0
    welded: bool = False
    feedback: bool | None = None
    mono_s: float = 1000.0
    synced: bool = True
    meter_works: bool = True
    meter_serial: str | None = "11223344"
    journal_works: bool = True
    journal_holds: bool = False
    verdict: Verdict | None = Verdict.ACCEPTED
    group: str | None = "flat-3"
    voltage: tuple[float, float, float] = (230.0, 231.0, 229.0)
    trace: list[tuple[float, Event, tuple[Command, ...]]] = field(default_factory=list)
    uuids: int = 0

    def __post_init__(self) -> None:
        self.state = State(settings=self.settings)
        self.register_wh = self.start_wh
        self.closed = False
        self.sample_due_s = self.mono_s
        self.every_s = 1.0
        self.held: list[SessionStored | StoringFailed] = []
        self.stored: dict[str, list[Record]] = {}
        self.sessions: dict[str, Session] = {}

    # -- time

    @property
    def now(self) -> Now:
        return Now(self.mono_s, EPOCH + timedelta(seconds=self.mono_s), self.synced)

    @property
    def phase(self) -> Phase:
        return phase(self.state, self.mono_s)

    def pass_time(self, seconds: float) -> None:
        """Let the world go on in steps of half a second, as the daemon's loop does."""
        end_s = self.mono_s + seconds
        while self.mono_s < end_s - 1e-9:
            dt = min(0.5, end_s - self.mono_s)
            if self.closed or self.welded:
                self.register_wh += self.car_w * dt / 3600
            self.mono_s += dt
            self.feed(Ticked())
            seen = (self.state.line_active, self.state.feedback_closed)
            if seen != (self.closed, self.feedback):
                self.feed(ContactorObserved(self.closed, self.feedback))
            if self.mono_s >= self.sample_due_s:
                self.sample_due_s = self.mono_s + self.every_s
                self.sample()

    def until(self, wanted: Phase, within_s: float = 120) -> None:
        end_s = self.mono_s + within_s
        while self.phase is not wanted:
            assert self.mono_s < end_s, f"not {wanted} within {within_s} s, but {self.phase}"
            self.pass_time(0.5)

    # -- the world's answers

    def sample(self, **changes: object) -> None:
        if not self.meter_works:
            self.feed(MeterMissed("no answer", self.mono_s - 0.2))
            return
        self.feed(MeterRead(replace(self.reading(), **changes)))  # type: ignore[arg-type]

    def reading(self) -> Reading:
        power = self.car_w if self.closed or self.welded else 0.0
        amperes = power / 230 / 3
        return Reading(
            requested_at_s=self.mono_s - 0.2,
            received_at_s=self.mono_s,
            facts=MeterFacts(self.meter_serial, round(self.register_wh)),
            grid_wh=0.12,
            voltage_v=self.volts(),
            current_a=(amperes, amperes, amperes),
            power_w=power,
        )

    def volts(self) -> tuple[float, float, float]:
        """Mains that breathe, as all mains do."""
        one, two, three = self.voltage
        return one + 0.01 * (self.mono_s % 7), two, three

    def feed(self, event: Event) -> tuple[Command, ...]:
        """One step, and whatever the world answers at once."""
        self.state, commands = step(self.state, event, self.now)
        self.trace.append((self.mono_s, event, commands))
        self.check_order(commands)
        answers: list[Event] = []
        for command in commands:
            match command:
                case OpenContactor():
                    self.closed = False
                case CloseContactor():
                    self.closed = True
                case StoreSession(session, record):
                    answers += self.journal(session, record)
                case AskServer(session):
                    if self.verdict is not None:
                        answers.append(ServerAnswered(session.uuid, self.verdict, self.group))
                case SampleMeter(every_s):
                    self.every_s, self.sample_due_s = every_s, self.mono_s
        for answer in answers:
            self.feed(answer)
        return commands

    def journal(self, session: Session, record: Record) -> list[Event]:
        if not self.journal_works:
            answer: SessionStored | StoringFailed = StoringFailed(session.uuid, record, "disk full")
            if record is Record.DROPPED:  # owed by the keeper, and paid when it can
                self.stored.setdefault(session.uuid, []).append(record)
        else:
            answer = SessionStored(session.uuid, record)
            self.stored.setdefault(session.uuid, []).append(record)
            self.sessions[session.uuid] = session
        if self.journal_holds:
            self.held.append(answer)
            return []
        return [answer]

    def release(self) -> None:
        """Let a slow journal answer."""
        held, self.held, self.journal_holds = self.held, [], False
        for answer in held:
            self.feed(answer)

    # -- what people do

    def boot(
        self,
        left: StoredSession | None = None,
        last_seq: int | None = 0,
        tags: TagList | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> Core:
        if left is not None:
            way = [Record.ASKED, Record.ACCEPTED, Record.ENDING]
            self.stored[left.session.uuid] = way[: way.index(left.record) + 1]
        self.feed(Booted(left, last_seq, tags or TagList(), faults))
        return self

    def ready(self, **boot: object) -> Core:
        """Booted, meter read, ``min_off_s`` over: free."""
        self.boot(**boot)  # type: ignore[arg-type]
        self.until(Phase.AVAILABLE)
        self.pass_time(self.settings.min_off_s)
        return self

    def tap(self, tag: str = ALICE) -> tuple[Command, ...]:
        self.uuids += 1
        return self.feed(TagPresented(tag, f"00000000-0000-4000-8000-{self.uuids:012d}"))

    def charging(self, car_w: float = 11_000.0) -> Core:
        """A charge by ALICE is running and draws."""
        self.car_w = car_w
        self.ready()
        self.tap()
        self.until(Phase.CHARGING if car_w > 200 else Phase.SUSPENDED_EV)
        return self

    # -- what was seen

    def given(self, kind: type[Command]) -> list[Command]:
        return [one for _, _, commands in self.trace for one in commands if isinstance(one, kind)]

    def check_order(self, commands: tuple[Command, ...]) -> None:
        """Record first, close after; open first, record after."""
        for place, command in enumerate(commands):
            if isinstance(command, CloseContactor):
                records = self.stored.get(command.uuid, [])
                assert records[:1] == [Record.ASKED], f"closed after {records}"
                assert records[-1] is Record.ACCEPTED, f"closed after {records}"
            if isinstance(command, StoreSession) and command.record is Record.ENDING:
                already_open = not self.closed
                first = [
                    one for one in commands[:place] if isinstance(one, OpenContactor | Release)
                ]
                opened = any(one in (OpenContactor(), Release(False)) for one in first)
                assert already_open or opened, "the end was stored before the contactor opened"
            if isinstance(command, StoreSession) and command.record is Record.ENDED:
                assert not self.closed, "an end was stored with the contactor closed"
