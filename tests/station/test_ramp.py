"""With a release input the end is decided, and stored, when the car begins to ramp down.

A cut in the seconds until the contactor opens must not resume what somebody has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from station.journal.database import connect
from station.journal.store import Store
from station.rules.messages import (
    CloseContactor,
    JournalStateChanged,
    Leave,
    MeterMissed,
    OpenContactor,
    Release,
    ShutdownRequested,
    StopRequested,
    StoreLifeSign,
    StoreSession,
    VehicleInputChanged,
)
from station.rules.switching import RAMP_S
from station.rules.values import EndReason, Phase, Record, Stage, TagEntry, TagList
from tests.station.core_rig import ALICE, SETTINGS, Core

SETTINGS = replace(SETTINGS, has_enable=True)
TAGS = TagList(entries={ALICE: TagEntry(ALICE, True, None, "flat-3")})


def charging() -> Core:
    core = Core(settings=SETTINGS).charging()
    core.feed(VehicleInputChanged(True))
    core.pass_time(120)
    return core


def meter_lost(core: Core) -> None:
    core.meter_works = False
    while core.given(Release)[-1].on:
        core.feed(MeterMissed("no answer", core.mono_s))
        core.pass_time(1)


ENDS: dict[EndReason, Callable[[Core], object]] = {
    EndReason.LOCAL: Core.tap,
    EndReason.REMOTE: lambda core: core.feed(StopRequested(EndReason.REMOTE)),
    EndReason.DEAUTHORIZED: lambda core: core.feed(StopRequested(EndReason.DEAUTHORIZED)),
    EndReason.EV_DISCONNECTED: lambda core: core.feed(VehicleInputChanged(False)),
    EndReason.METER_LOST: meter_lost,
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    connection = connect(tmp_path / "journal.sqlite3")
    yield Store(connection)
    connection.close()


def write(store: Store, core: Core) -> None:
    """What the journal has of this core's run."""
    for _, _, commands in core.trace:
        for command in commands:
            if isinstance(command, StoreSession):
                store.put_session(command.session, command.record, "boot", command.announce)
            elif isinstance(command, StoreLifeSign):
                store.put_life_sign(command)


@pytest.mark.parametrize("reason", ENDS)
def test_the_decision_is_stored_while_the_contactor_is_still_closed(reason: EndReason) -> None:
    core = charging()
    ENDS[reason](core)
    assert core.closed
    assert core.given(OpenContactor) == []
    decided = core.given(StoreSession)[-1]
    assert (decided.record, decided.session.reason) == (Record.ENDING, reason)
    assert decided.session.ended_at is not None
    assert decided.session.stop_tag == (ALICE if reason is EndReason.LOCAL else None)
    (commands,) = (given for _, _, given in core.trace if decided in given)
    assert commands.index(Release(False)) < commands.index(decided)


@pytest.mark.parametrize("reason", ENDS)
@pytest.mark.parametrize("same_boot", [True, False])
def test_a_boot_that_finds_the_decision_resumes_nothing(
    store: Store, reason: EndReason, same_boot: bool
) -> None:
    before = charging()
    ENDS[reason](before)
    write(store, before)
    left = store.open_session("boot" if same_boot else "another")
    assert left is not None
    assert left.record is Record.ENDING
    core = Core(settings=SETTINGS, start_wh=before.register_wh, mono_s=before.mono_s + 10)
    core.boot(left, last_seq=1, tags=TAGS)
    core.pass_time(200)
    assert core.given(CloseContactor) == []
    end = core.given(StoreSession)[-1]
    assert (end.record, end.session.reason) == (Record.ENDED, reason)
    assert end.session.ended_at == left.session.ended_at
    assert end.session.end is not None
    assert end.session.end.import_wh == round(before.register_wh)
    assert not end.session.estimated


def test_without_the_decision_the_same_boot_resumes(store: Store) -> None:
    """So that the test above finds what it is there for."""
    before = charging()
    write(store, before)
    left = store.open_session("another")
    core = Core(settings=SETTINGS, start_wh=before.register_wh, mono_s=before.mono_s + 10)
    core.boot(left, last_seq=1, tags=TAGS)
    core.pass_time(200)
    assert len(core.given(CloseContactor)) == 1


def test_the_end_is_the_opening_and_its_register_is_read_after_it() -> None:
    core = charging()
    core.tap()
    tapped_at = core.now.utc
    core.until(Phase.FINISHING)
    opened_at = core.now.utc
    core.until(Phase.AVAILABLE)
    end = core.given(StoreSession)[-1].session
    assert end.ended_at == opened_at
    assert timedelta(0) < opened_at - tapped_at <= timedelta(seconds=RAMP_S + 1)
    assert end.end is not None
    assert end.end.import_wh == round(core.register_wh)


def test_a_decision_that_could_not_be_stored_holds_no_opening_up() -> None:
    core = charging()
    core.journal_works = False
    core.tap()
    core.pass_time(RAMP_S + 1)
    assert not core.closed
    core.journal_works = True
    core.feed(JournalStateChanged(None))
    core.until(Phase.AVAILABLE)
    end = core.given(StoreSession)[-1]
    assert (end.record, end.session.reason) == (Record.ENDED, EndReason.LOCAL)


def test_a_daemon_that_leaves_during_the_ramp_opens_first() -> None:
    core = charging()
    core.tap()
    assert core.state.session is not None
    assert core.state.session.stage is Stage.RAMPING
    commands = core.feed(ShutdownRequested())
    assert OpenContactor() in commands
    core.pass_time(1)
    assert len(core.given(Leave)) == 1
    assert core.sessions[core.state.session.uuid].reason is EndReason.LOCAL
