"""The step, by its table: what each event does in each stage, and what it must never do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from station.rules.closing import why_not_close
from station.rules.messages import (
    Announce,
    AskServer,
    CloseContactor,
    CloseRefused,
    ContactorObserved,
    JournalStateChanged,
    LeaseLapsed,
    Leave,
    MeterRead,
    OpenContactor,
    ServerAnswered,
    ServerHeard,
    SeveralTagsPresented,
    ShutdownRequested,
    StopInputChanged,
    StopRequested,
    StoredSession,
    StoreLifeSign,
    StoreSession,
    TagListReceived,
    VehicleInputChanged,
    Verdict,
)
from station.rules.signals import Outcome
from station.rules.values import (
    AuthorizedBy,
    EndReason,
    Fault,
    MeterFacts,
    Phase,
    Record,
    Session,
    Stage,
    TagEntry,
    TagList,
    TimeQuality,
)
from tests.station.core_rig import ALICE, BOB, EPOCH, SETTINGS, Core


def records(core: Core) -> list[Record]:
    return [command.record for command in core.given(StoreSession)]


def last_stored(core: Core) -> Session:
    return core.given(StoreSession)[-1].session


# --- the whole way ----------------------------------------------------------------------------


def test_one_charge_from_the_tap_to_the_stored_end():
    core = Core(car_w=11_000).ready()
    assert core.phase is Phase.AVAILABLE
    core.tap()
    assert records(core) == [Record.ASKED, Record.ACCEPTED]
    core.until(Phase.CHARGING)
    core.pass_time(60)
    core.tap()
    assert core.phase is Phase.FINISHING
    assert not core.closed
    core.until(Phase.AVAILABLE)
    assert records(core) == [Record.ASKED, Record.ACCEPTED, Record.ENDING, Record.ENDED]
    end = last_stored(core)
    assert end.reason is EndReason.LOCAL
    assert end.stop_tag == ALICE
    assert end.start == MeterFacts("11223344", 1_234_567)
    assert end.end is not None
    assert end.end.import_wh == round(core.register_wh)
    assert not end.estimated
    assert core.given(StoreSession)[-1].announce is Announce.END
    assert core.given(StoreSession)[1].announce is Announce.NOTHING, "the server knows already"


def test_asked_is_stored_before_the_server_is_asked_and_accepted_before_closing():
    core = Core().ready()
    core.journal_holds = True
    core.tap()
    assert core.given(AskServer) == []
    core.verdict = None
    core.release()
    [asked] = core.given(AskServer)
    assert core.given(CloseContactor) == []
    core.journal_holds = True
    core.feed(ServerAnswered(asked.session.uuid, Verdict.ACCEPTED))
    core.pass_time(3)
    assert core.given(CloseContactor) == [], "closed before the accepted record was on disk"
    core.release()
    assert core.given(CloseContactor) == [CloseContactor(asked.session.uuid)]


def test_every_end_opens_before_it_stores_and_stores_the_decision_before_the_reading():
    core = Core().charging()
    core.pass_time(10)
    core.journal_holds = True
    commands = core.tap()
    kinds = [type(command) for command in commands]
    assert kinds.index(OpenContactor) < kinds.index(StoreSession)
    stored = next(command for command in commands if isinstance(command, StoreSession))
    assert stored.record is Record.ENDING
    assert stored.session.end is None


def test_end_register_is_read_only_when_the_contacts_came_to_rest():
    core = Core().charging()
    core.pass_time(10)
    opened_s = core.mono_s
    core.tap()
    core.until(Phase.AVAILABLE)
    taken = next(
        at
        for at, _, commands in core.trace
        for c in commands
        if isinstance(c, StoreSession) and c.record is Record.ENDED
    )
    assert taken - opened_s >= 3.0 + core.settings.update_s


# --- the tag ----------------------------------------------------------------------------------


def test_strangers_tag_hears_busy_and_ends_nothing():
    core = Core().charging()
    core.pass_time(10)
    core.tap(BOB)
    assert core.phase is Phase.CHARGING
    assert core.state.outcome is Outcome.BUSY


@pytest.mark.parametrize(
    ("group", "accepted", "ends"),
    [
        ("flat-3", True, True),
        ("flat-3", False, False),
        ("flat-4", True, False),
        (None, True, False),
    ],
)
def test_tag_of_the_same_apartment_ends_the_session(group, accepted, ends):
    core = Core().charging()
    core.feed(TagListReceived(TagList(entries={BOB: TagEntry(BOB, accepted, None, group)})))
    core.pass_time(10)
    core.tap(BOB)
    assert (core.phase is Phase.FINISHING) is ends
    if ends:
        assert last_stored(core).stop_tag == BOB


def test_double_tap_within_five_seconds_of_closing_changes_nothing():
    core = Core(settings=replace(SETTINGS, sample_s=0.5)).charging()
    core.tap()
    assert core.closed
    assert core.state.outcome is Outcome.GO
    core.pass_time(5)
    core.tap()
    assert not core.closed


def test_same_tag_while_preparing_is_the_signal_again_and_another_is_busy():
    core = Core(verdict=None).ready()
    core.tap()
    core.tap()
    assert core.state.outcome is Outcome.ACKNOWLEDGED
    core.tap(BOB)
    assert core.state.outcome is Outcome.BUSY
    assert records(core) == [Record.ASKED]


def test_two_cards_at_once_are_told_and_nothing_happens():
    core = Core().ready()
    core.feed(SeveralTagsPresented())
    assert core.state.outcome is Outcome.ONE_CARD
    assert core.phase is Phase.AVAILABLE


# --- what the server says ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "told", "announced"),
    [
        (Verdict.UNKNOWN_TAG, Outcome.REFUSED, None),
        (Verdict.BLOCKED, Outcome.REFUSED, None),
        (Verdict.CHARGING_ELSEWHERE, Outcome.BUSY, None),
        (Verdict.STATION_REFUSED, Outcome.CANNOT_ASK, None),
        (Verdict.INVALID, Outcome.CANNOT_ASK, None),
        (Verdict.ACCEPTED_STOP, Outcome.REFUSED, Announce.END),
        (Verdict.SILENT, Outcome.CANNOT_ASK, Announce.END),
    ],
)
def test_refusals(verdict, told, announced):
    core = Core(verdict=verdict).ready()
    core.tap()
    assert core.state.outcome is told
    assert core.phase is Phase.AVAILABLE
    assert core.given(CloseContactor) == []
    final = core.given(StoreSession)[-1]
    if announced is None:
        assert final.record is Record.DROPPED
    else:
        assert (final.record, final.announce) == (Record.ENDED, announced)
        assert final.session.reason is EndReason.NOT_STARTED
        assert final.session.end == final.session.start


def test_silent_server_and_a_known_tag_charge_by_the_list():
    tags = TagList(entries={ALICE: TagEntry(ALICE, True, None, "flat-3")}, confirmed_at_s=0.0)
    core = Core(verdict=None, car_w=7000).ready(tags=tags)
    core.tap()
    core.until(Phase.CHARGING)
    accepted = core.given(StoreSession)[1]
    assert accepted.session.authorized_by is AuthorizedBy.LIST
    assert accepted.session.group == "flat-3"
    assert accepted.announce is Announce.START


def test_answer_that_comes_after_the_patience_changes_nothing():
    core = Core(verdict=None).ready()
    core.tap()
    core.pass_time(2 * core.settings.server_timeout_s + 2)
    assert core.phase is Phase.AVAILABLE
    uuid = last_stored(core).uuid
    core.feed(ServerAnswered(uuid, Verdict.ACCEPTED))
    core.pass_time(10)
    assert core.given(CloseContactor) == []


def test_new_journal_starts_nothing_before_the_server_was_heard():
    core = Core().boot(last_seq=None)
    core.pass_time(20)
    assert core.phase is Phase.UNAVAILABLE
    core.tap()
    assert core.state.outcome is Outcome.CANNOT_ASK
    core.feed(ServerHeard(41))
    assert core.phase is Phase.AVAILABLE
    core.tap()
    assert last_stored(core).seq == 42


@pytest.mark.parametrize("heard", [5, 10, 11, 20])
def test_number_is_above_all_that_were_heard_of_between_tap_and_reading(heard):
    core = Core().ready(last_seq=10)
    core.meter_works = False
    core.pass_time(20)
    core.tap()
    core.feed(ServerHeard(heard))
    core.meter_works = True
    core.pass_time(12)
    assert core.given(AskServer)[0].session.seq == max(10, heard) + 1
    assert core.state.last_seq == max(10, heard) + 1


def test_seq_goes_up_by_one_with_every_asked_session():
    core = Core(verdict=Verdict.BLOCKED).ready(last_seq=7)
    core.tap()
    core.tap()
    seqs = [c.session.seq for c in core.given(StoreSession) if c.record is Record.ASKED]
    assert seqs == [8, 9]


# --- may the contactor close? -----------------------------------------------------------------


def waiting_to_close(**changes: object) -> Core:
    """A core in CLOSING that lacks only a read-back of its line."""
    core = Core(**changes).ready()
    core.state = replace(core.state, line_active=None)
    core.tap()
    assert core.state.session is not None
    assert core.state.session.stage is Stage.CLOSING
    return core


def with_volts(state, one, two):
    """The readings at rest with other voltages; the third phase breathes, as mains do."""
    return tuple(
        replace(reading, voltage_v=(one, two, 230 + 0.1 * number))
        for number, reading in enumerate(state.resting)
    )


CONDITIONS = {
    "fault": (lambda s, n: {"faults": (Fault("power_unstable", EPOCH),)}, "latched", False),
    "stop": (lambda s, n: {"stop_pressed": True}, "stop input", False),
    "line unknown": (lambda s, n: {"line_active": None}, "read back", True),
    "line active": (lambda s, n: {"line_active": True}, "reads active", False),
    "feedback closed": (
        lambda s, n: {"settings": replace(s.settings, has_feedback=True), "feedback_closed": True},
        "feedback",
        False,
    ),
    "feedback unknown": (
        lambda s, n: {"settings": replace(s.settings, has_feedback=True), "feedback_closed": None},
        "feedback",
        True,
    ),
    "wear 10 min": (lambda s, n: {"closings_s": (n - 1,) * 6}, "too many closings", False),
    "wear hour": (lambda s, n: {"closings_s": (n - 3000,) * 20}, "too many closings", False),
    "just opened": (lambda s, n: {"opened_at_s": n - 4}, "min_off_s", True),
    "no readings": (lambda s, n: {"resting": s.resting[:1]}, "agreeing", True),
    "stale readings": (
        lambda s, n: {"resting": tuple(replace(r, requested_at_s=n - 16) for r in s.resting)},
        "agreeing",
        True,
    ),
    "disagreeing readings": (
        lambda s, n: {
            "resting": (
                s.resting[0],
                replace(s.resting[1], facts=MeterFacts("11223344", 1_234_600)),
            )
        },
        "agreeing",
        True,
    ),
    "undervoltage": (
        lambda s, n: {"resting": with_volts(s, 230, 199)},
        "voltage",
        True,
    ),
    "overvoltage": (
        lambda s, n: {"resting": with_volts(s, 261, 230)},
        "voltage",
        True,
    ),
    "power while open": (
        lambda s, n: {"resting": tuple(replace(r, power_w=60) for r in s.resting)},
        "power flows",
        True,
    ),
    "not stored": (lambda s, n: {"stored": Record.ASKED}, "stored", False),
    "no session": (lambda s, n: {"session": None}, "stored", False),
    "leaving": (lambda s, n: {"leaving": True}, "leaving", False),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_each_condition_alone_keeps_the_contactor_open(name):
    changed, words, passes = CONDITIONS[name]
    core = waiting_to_close()
    allowed = replace(core.state, line_active=False)
    assert why_not_close(allowed, core.now) == ()
    obstacles = why_not_close(replace(allowed, **changed(allowed, core.mono_s)), core.now)
    assert [(words in one.why, one.passes) for one in obstacles] == [(True, passes)]


def test_single_phase_asks_nothing_of_l2_and_l3():
    core = waiting_to_close(settings=replace(SETTINGS, phases=1), voltage=(230.0, 0.0, 0.0))
    assert why_not_close(replace(core.state, line_active=False), core.now) == ()


def test_meter_without_voltage_is_not_asked_for_it():
    core = waiting_to_close()
    resting = tuple(replace(reading, voltage_v=None) for reading in core.state.resting)
    assert why_not_close(replace(core.state, line_active=False, resting=resting), core.now) == ()


def test_obstacle_that_stays_ends_the_session_unused():
    core = waiting_to_close()
    core.pass_time(0)
    core.feed(StopInputChanged(True))
    core.pass_time(1)
    final = core.given(StoreSession)[-1]
    assert (final.record, final.session.reason) == (Record.ENDED, EndReason.NOT_STARTED)
    assert core.given(CloseContactor) == []


# --- what ends a running session --------------------------------------------------------------


ENDINGS = {
    EndReason.REMOTE: StopRequested(EndReason.REMOTE),
    EndReason.DEAUTHORIZED: StopRequested(EndReason.DEAUTHORIZED),
    EndReason.SHUTDOWN: ShutdownRequested(),
    EndReason.EMERGENCY_STOP: StopInputChanged(True),
    EndReason.CONTACTOR_FAULT: ContactorObserved(line_active=False),
    EndReason.OTHER: LeaseLapsed(),
}


@pytest.mark.parametrize("reason", ENDINGS)
def test_events_that_end_a_session_open_in_the_same_step(reason):
    core = Core().charging()
    core.pass_time(10)
    commands = core.feed(ENDINGS[reason])
    assert any(isinstance(command, OpenContactor) for command in commands)
    assert last_stored(core).reason is reason
    core.pass_time(20)
    assert core.state.session is None or reason is EndReason.SHUTDOWN


def test_stop_for_another_uuid_ends_nothing():
    core = Core().charging()
    core.feed(StopRequested(EndReason.REMOTE, "00000000-0000-4000-8000-999999999999"))
    assert core.phase is Phase.CHARGING


def test_pulled_plug_ends_the_session_where_the_input_is_fitted():
    core = Core(settings=replace(SETTINGS, has_vehicle_input=True)).charging()
    core.feed(VehicleInputChanged(True))
    core.feed(VehicleInputChanged(False))
    assert last_stored(core).reason is EndReason.EV_DISCONNECTED


def test_car_that_is_full_ends_the_session():
    core = Core(settings=replace(SETTINGS, finished_after_s=300)).charging()
    core.pass_time(120)
    core.car_w = 50
    core.pass_time(290)
    assert core.phase is Phase.SUSPENDED_EV
    core.pass_time(20)
    assert last_stored(core).reason is EndReason.EV_FINISHED


def test_preconditioning_car_does_not_count_as_finished():
    core = Core(settings=replace(SETTINGS, finished_after_s=300)).charging()
    core.pass_time(120)
    for _ in range(4):
        core.car_w = 50
        core.pass_time(200)
        core.car_w = 3000
        core.pass_time(10)
    assert core.phase is Phase.CHARGING


@pytest.mark.parametrize(
    ("changes", "car_w", "reason"),
    [
        ({"max_duration_s": 100}, 11_000, EndReason.MAX_DURATION),
        ({"max_energy_wh": 200}, 11_000, EndReason.MAX_ENERGY),
        ({"no_energy_s": 100}, 0, EndReason.NO_ENERGY),
        ({}, 1.2 * 11_040, EndReason.OVERCURRENT),
    ],
)
def test_limits(changes, car_w, reason):
    core = Core(settings=replace(SETTINGS, **changes)).charging(car_w)
    core.pass_time(90 if reason is EndReason.OVERCURRENT else 60)
    assert core.closed
    core.pass_time(600)
    assert last_stored(core).reason is reason


def test_meter_lost_while_charging_ends_and_books_what_is_exact_later():
    core = Core(settings=replace(SETTINGS, final_reading_timeout_s=120)).charging()
    core.pass_time(30)
    core.meter_works = False
    core.pass_time(40)
    assert last_stored(core).reason is EndReason.METER_LOST
    assert not core.closed
    truth = round(core.register_wh)
    core.pass_time(130)
    estimate = core.given(StoreSession)[-1]
    assert (estimate.record, estimate.session.estimated) == (Record.ENDED, True)
    assert core.phase is Phase.UNAVAILABLE
    core.meter_works = True
    core.pass_time(30)
    exact = core.given(StoreSession)[-1]
    assert (exact.record, exact.announce) == (Record.ENDED, Announce.END)
    assert exact.session.uuid == estimate.session.uuid
    assert not exact.session.estimated
    assert exact.session.end is not None
    assert exact.session.end.import_wh == truth
    assert core.phase is Phase.AVAILABLE


def test_register_that_jumps_is_never_booked():
    core = Core().charging()
    core.pass_time(30)
    core.tap()
    before = core.mono_s
    while core.mono_s < before + 20:
        core.pass_time(1)
        wild = replace(core.reading(), facts=MeterFacts("11223344", 1_234_567_000))
        core.feed(MeterRead(wild))
    end = last_stored(core)
    assert end.end is not None
    assert end.end.import_wh == round(core.register_wh)


def test_three_lapses_in_a_day_latch():
    core = Core(settings=replace(SETTINGS, min_off_s=0.5)).ready()
    for _ in range(3):
        core.car_w = 5000
        core.tap()
        core.until(Phase.CHARGING)
        core.feed(LeaseLapsed())
        core.pass_time(20)
    assert core.phase is Phase.FAULTED


def test_close_that_the_driver_refused_ends_the_session():
    core = Core(car_w=5000).ready()
    core.tap()
    core.until(Phase.SUSPENDED_EV)
    uuid = core.given(CloseContactor)[0].uuid
    core.feed(CloseRefused(uuid, "lease"))
    assert last_stored(core).reason is EndReason.CONTACTOR_FAULT


# --- the journal does not write ---------------------------------------------------------------


def test_unwritable_journal_starts_nothing_and_says_so():
    core = Core().ready()
    core.journal_works = False
    core.tap()
    assert core.given(AskServer) == []
    assert core.state.outcome is Outcome.BROKEN
    assert core.phase is Phase.UNAVAILABLE


@pytest.mark.parametrize("record", [Record.ASKED, Record.ACCEPTED])
def test_journal_that_answers_when_the_person_has_gone_closes_nothing(record):
    core = Core(car_w=11_000).ready()
    if record is Record.ACCEPTED:
        core.verdict = None
    core.journal_holds = record is Record.ASKED
    core.tap()
    if record is Record.ACCEPTED:
        core.journal_holds, core.verdict = True, Verdict.ACCEPTED
        session = core.state.session
        assert session is not None
        core.feed(ServerAnswered(session.uuid, Verdict.ACCEPTED, "flat-3"))
    core.pass_time(85)
    assert core.phase is Phase.PREPARING
    core.pass_time(10)
    assert core.state.outcome is Outcome.BROKEN
    core.pass_time(1200)
    core.release()
    core.pass_time(120)
    assert core.given(CloseContactor) == []
    [records] = core.stored.values()
    if record is Record.ASKED:
        assert core.given(AskServer) == []
        assert records == [Record.ASKED, Record.DROPPED]
    else:
        assert records == [Record.ASKED, Record.ACCEPTED, Record.ENDED]
        assert last_stored(core).reason is EndReason.NOT_STARTED
    assert core.state.session is None
    assert core.phase is Phase.AVAILABLE


def test_journal_that_is_slow_and_in_time_delays_only():
    core = Core(car_w=11_000).ready()
    core.journal_holds = True
    core.tap()
    core.pass_time(60)
    core.release()
    core.until(Phase.CHARGING)


def test_refused_tag_whose_record_cannot_be_removed_leaves_the_box_unavailable_and_then_free():
    core = Core(verdict=None).ready()
    core.tap()
    session = core.state.session
    assert session is not None
    core.journal_works = False
    core.feed(ServerAnswered(session.uuid, Verdict.BLOCKED))
    assert core.state.session is None
    assert core.phase is Phase.UNAVAILABLE
    core.feed(JournalStateChanged(None))
    assert core.phase is Phase.AVAILABLE


def test_end_is_stored_again_until_it_is_on_disk():
    core = Core().charging()
    core.pass_time(20)
    core.journal_works = False
    core.tap()
    core.pass_time(60)
    assert core.phase is Phase.FINISHING
    assert not core.closed
    core.journal_works = True
    core.pass_time(20)
    assert core.stored[last_stored(core).uuid][-1] is Record.ENDED
    assert core.state.session is None


# --- life signs -------------------------------------------------------------------------------


def test_two_commits_a_minute_while_charging_and_none_at_rest():
    core = Core().charging()
    before = len(core.given(StoreLifeSign))
    core.pass_time(600)
    signs = core.given(StoreLifeSign)[before:]
    assert 19 <= len(signs) <= 20
    assert [sign.minute for sign in signs if sign.minute] == list(range(1, 11))
    core.tap()
    core.until(Phase.AVAILABLE)
    stores = len(core.trace)
    core.pass_time(3600)
    quiet = [c for _, _, commands in core.trace[stores:] for c in commands]
    assert quiet == []


# --- boot -------------------------------------------------------------------------------------


def left_behind(record: Record, *, same_boot: bool) -> StoredSession:
    session = Session(
        uuid="00000000-0000-4000-8000-0000000000aa",
        seq=3,
        tag=ALICE,
        started_at=EPOCH,
        time_quality=TimeQuality.SYNCED,
        stage=Stage.CLOSING,
        stage_since_s=0,
        start=MeterFacts("11223344", 1_230_000),
        reason=EndReason.LOCAL if record is Record.ENDING else None,
        ended_at=EPOCH + timedelta(minutes=9) if record is Record.ENDING else None,
    )
    return StoredSession(
        session,
        record,
        same_boot,
        life_at=EPOCH + timedelta(minutes=10),
        life_quality=TimeQuality.SYNCED,
        life_wh=1_234_500,
        life_closed_s=540.0,
    )


@pytest.mark.parametrize(
    ("record", "same_boot", "reason"),
    [
        (Record.ASKED, True, EndReason.NOT_STARTED),
        (Record.ACCEPTED, True, EndReason.RESTART),
        (Record.ACCEPTED, False, EndReason.POWER_LOSS),
        (Record.ENDING, False, EndReason.LOCAL),
    ],
)
def test_what_a_dead_daemon_left_is_ended_once_and_exactly(record, same_boot, reason):
    core = Core().boot(left_behind(record, same_boot=same_boot), last_seq=3)
    core.pass_time(30)
    final = core.given(StoreSession)[-1]
    assert (final.record, final.announce) == (Record.ENDED, Announce.END)
    assert final.session.reason is reason
    assert final.session.end is not None
    used = reason is not EndReason.NOT_STARTED
    assert final.session.end.import_wh == (1_234_567 if used else 1_230_000)
    if record is Record.ACCEPTED:
        assert final.session.ended_at == EPOCH + timedelta(minutes=10)
        assert final.session.end_time_quality is TimeQuality.ESTIMATED
    assert core.given(CloseContactor) == []
    assert core.phase is Phase.AVAILABLE


def test_latched_fault_survives_and_emergency_stop_follows_its_input():
    faults = (Fault("contactor_fault", EPOCH), Fault("emergency_stop", EPOCH))
    core = Core().boot(faults=faults)
    core.pass_time(10)
    assert core.phase is Phase.FAULTED
    assert [fault.name for fault in core.state.faults] == ["contactor_fault"]


def test_shutdown_leaves_when_the_decision_is_stored():
    core = Core().charging()
    core.pass_time(10)
    core.journal_holds = True
    core.feed(ShutdownRequested())
    assert not core.closed
    assert core.given(Leave) == []
    core.release()
    assert len(core.given(Leave)) == 1


def test_meter_that_lies_on_and_on_after_the_end_is_not_believed():
    core = Core(settings=replace(SETTINGS, final_reading_timeout_s=60)).charging()
    core.pass_time(30)
    truth = round(core.register_wh)
    core.tap()
    core.start_wh, core.register_wh = core.register_wh, core.register_wh * 1000
    core.pass_time(100)
    end = last_stored(core)
    assert end.end is not None
    assert abs(end.end.import_wh - truth) <= 4, "the last good reading is a second old at most"
    assert end.estimated
    core.pass_time(100)
    assert last_stored(core) == end, "the lie became the exact end"


def test_second_answer_to_the_same_question_changes_nothing():
    core = Core(car_w=5000).ready()
    core.tap()
    core.until(Phase.CHARGING)
    before = len(core.trace)
    uuid = core.given(CloseContactor)[0].uuid
    core.feed(ServerAnswered(uuid, Verdict.BLOCKED))
    core.feed(ServerAnswered(uuid, Verdict.ACCEPTED))
    assert core.closed
    assert [commands for _, _, commands in core.trace[before:]] == [(), ()]
