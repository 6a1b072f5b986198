"""The core under random events: what must hold whatever happens, in whatever order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.rules.messages import (
    CloseContactor,
    ContactorObserved,
    JournalStateChanged,
    LeaseLapsed,
    MeterMissed,
    MeterRead,
    ReaderStateChanged,
    ServerAnswered,
    ServerHeard,
    SessionStored,
    SeveralTagsPresented,
    StopInputChanged,
    StopRequested,
    StoreSession,
    TagListReceived,
    Ticked,
    Verdict,
)
from station.rules.values import (
    EndReason,
    MeterFacts,
    Record,
    Stage,
    TagEntry,
    TagList,
)
from tests.station.core_rig import ALICE, BOB, SETTINGS, Core

QUICK = replace(
    SETTINGS,
    min_off_s=1,
    finished_after_s=20,
    max_duration_s=300,
    final_reading_timeout_s=30,
    lost_after_s=5,
)

ACTIONS = {
    "tap alice": lambda core, n: core.tap(ALICE),
    "tap bob": lambda core, n: core.tap(BOB),
    "two cards": lambda core, n: core.feed(SeveralTagsPresented()),
    "short time": lambda core, n: core.pass_time(n),
    "long time": lambda core, n: core.pass_time(10 * n),
    "car draws": lambda core, n: setattr(core, "car_w", 1000.0 * n),
    "car stops": lambda core, n: setattr(core, "car_w", 0.0),
    "meter dies": lambda core, n: setattr(core, "meter_works", False),
    "meter lives": lambda core, n: setattr(core, "meter_works", True),
    "meter lies": lambda core, n: core.sample(
        facts=MeterFacts("11223344", round(core.register_wh) + 1000 * n)
    ),
    "meter zero": lambda core, n: core.sample(facts=MeterFacts("11223344", 0)),
    "meter missed": lambda core, n: core.feed(MeterMissed("garbage", core.mono_s)),
    "old reading": lambda core, n: core.feed(
        MeterRead(replace(core.reading(), requested_at_s=core.mono_s - n))
    ),
    "disk full": lambda core, n: setattr(core, "journal_works", False),
    "disk free": lambda core, n: setattr(core, "journal_works", True),
    "disk slow": lambda core, n: setattr(core, "journal_holds", True),
    "disk answers": lambda core, n: core.release(),
    "server silent": lambda core, n: setattr(core, "verdict", None),
    "server refuses": lambda core, n: setattr(core, "verdict", Verdict.BLOCKED),
    "server accepts": lambda core, n: setattr(core, "verdict", Verdict.ACCEPTED),
    "late answer": lambda core, n: core.feed(
        ServerAnswered(f"00000000-0000-4000-8000-{n:012d}", Verdict.ACCEPTED)
    ),
    "stray stored": lambda core, n: core.feed(
        SessionStored(f"00000000-0000-4000-8000-{n + 900:012d}", Record.ACCEPTED)
    ),
    "remote stop": lambda core, n: core.feed(StopRequested(EndReason.REMOTE)),
    "server heard": lambda core, n: core.feed(ServerHeard(n)),
    "list": lambda core, n: core.feed(
        TagListReceived(TagList({ALICE: TagEntry(ALICE, n % 2 == 0)}, core.mono_s))
    ),
    "reader dies": lambda core, n: core.feed(ReaderStateChanged("dead")),
    "reader lives": lambda core, n: core.feed(ReaderStateChanged(None)),
    "journal lives": lambda core, n: core.feed(JournalStateChanged(None)),
    "clock unsynced": lambda core, n: setattr(core, "synced", False),
    "tick": lambda core, n: core.feed(Ticked()),
    "lapse": lambda core, n: core.feed(LeaseLapsed()),
    "stop pressed": lambda core, n: core.feed(StopInputChanged(True)),
    "stop released": lambda core, n: core.feed(StopInputChanged(False)),
    "line odd": lambda core, n: core.feed(ContactorObserved(not core.closed)),
}
# Faults latch, so lives in which they are likely would be lives of nothing else.
RARE = ("lapse", "stop pressed", "line odd")
COMMON = [name for name in ACTIONS if name not in RARE]

lives = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(COMMON), st.sampled_from(COMMON), st.sampled_from(list(ACTIONS))),
        st.integers(1, 12),
    ),
    min_size=5,
    max_size=60,
)


@settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(lives)
def test_whatever_happens(life):
    core = Core(settings=QUICK).ready()
    for name, number in life:
        highest = core.state.last_seq or 0
        ACTIONS[name](core, number)
        hold_what_must_hold(core)
        assert (core.state.last_seq or 0) >= highest, "a number that was given is given again"
    settle(core)
    hold_what_must_hold(core)
    every_session_ended_once(core)


def hold_what_must_hold(core: Core) -> None:
    """Order is checked at every step by the rig; here, what the state itself must say."""
    assert core.state.closed == core.closed, "what was commanded and what is remembered differ"
    if core.closed:
        session = core.state.session
        assert session is not None
        assert session.stage is Stage.RUNNING
        assert Record.ACCEPTED in core.stored[session.uuid]
        assert Record.ENDING not in core.stored[session.uuid]
        assert not core.state.faults


def settle(core: Core) -> None:
    """Everything works again and everybody stops: what is under way comes to its end."""
    core.release()
    core.journal_works = core.meter_works = True
    core.car_w = 0.0
    core.pass_time(30)
    core.feed(StopRequested(EndReason.REMOTE))
    core.pass_time(90)
    assert core.state.session is None


def every_session_ended_once(core: Core) -> None:
    stores = core.given(StoreSession)
    closed = {command.uuid for command in core.given(CloseContactor)}
    for uuid, steps in core.stored.items():
        assert steps[0] in (Record.ASKED,), f"{uuid} began with {steps[0]}"
        final = core.sessions[uuid]
        if steps[-1] is Record.DROPPED:
            assert uuid not in closed, "a session with energy was dropped"
            continue
        assert steps[-1] is Record.ENDED
        assert final.reason is not None
        reasons = {c.session.reason for c in stores if c.session.uuid == uuid} - {None}
        assert len(reasons) == 1, f"{uuid} ended for {reasons}"
        exact = [
            c
            for c in stores
            if c.session.uuid == uuid and c.record is Record.ENDED and not c.session.estimated
        ]
        if uuid in closed and final.estimated is False:
            assert {c.session.end for c in exact} == {final.end}, "two exact ends differ"
        assert final.start is not None
        assert final.end is not None
        if uuid not in closed:
            assert final.reason is EndReason.NOT_STARTED
            assert final.end == final.start
    assert len({session.seq for session in core.sessions.values()}) == len(core.sessions)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.integers(2, 90), min_size=1, max_size=6), st.integers(0, 10**6))
def test_booked_energy_is_what_flowed(minutes, offset):
    """Any number of charges, one after the other: each is booked to the Wh."""
    core = Core(settings=QUICK, start_wh=1_000_000 + offset, car_w=7400.0).ready()
    for seconds in minutes:
        core.tap()
        before = core.register_wh
        for _ in range(200):
            core.pass_time(0.5)
            if core.closed:
                break
        core.pass_time(seconds + 5)
        core.tap()
        core.pass_time(30)
        session = core.given(StoreSession)[-1].session
        assert session.start is not None
        assert session.end is not None
        booked = session.end.import_wh - session.start.import_wh
        assert abs(booked - (core.register_wh - before)) <= 1
