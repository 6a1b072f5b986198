"""The first readings of a boot are held against what the journal knows of the register.

A meter that lies since before the boot must not be the past that its own lie is judged by.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from station.journal.database import connect
from station.journal.store import Store
from station.rules.messages import (
    Booted,
    CloseContactor,
    StoredRegister,
    StoreRegister,
    StoreSession,
)
from station.rules.plausibility import BASELINE_S
from station.rules.signals import Outcome
from station.rules.values import MeterFacts, Phase, TagList, TimeQuality
from tests.station.core_rig import SETTINGS, Core

SERIAL, TRUE_WH = "11223344", 1_234_567
LIES_WH = [0, TRUE_WH - 1000, TRUE_WH * 1000, TRUE_WH + 2**32]


def booted(
    core: Core, import_wh: int = TRUE_WH, *, serial: str = SERIAL, ago_s: float = 60
) -> Core:
    """A boot that finds this register in the journal."""
    register = StoredRegister(
        MeterFacts(serial, import_wh), core.now.utc - timedelta(seconds=ago_s), TimeQuality.SYNCED
    )
    core.feed(Booted(None, 0, TagList(), (), register=register))
    return core


@pytest.mark.parametrize("lie_wh", LIES_WH)
def test_nobody_is_let_in_on_a_register_that_the_journal_contradicts(lie_wh: int) -> None:
    core = booted(Core(start_wh=lie_wh, car_w=7000))
    core.pass_time(60)
    assert core.phase is Phase.UNAVAILABLE
    core.tap()
    assert core.state.outcome is Outcome.BROKEN
    core.pass_time(60)
    assert core.given(StoreSession) == []
    core.register_wh = TRUE_WH
    core.until(Phase.AVAILABLE, 30)
    core.tap()
    core.until(Phase.CHARGING, 30)
    accepted = core.given(StoreSession)[-1]
    assert accepted.session.start == MeterFacts(SERIAL, TRUE_WH)


@pytest.mark.parametrize("lie_wh", LIES_WH)
def test_the_same_register_with_nothing_in_the_journal_is_believed(lie_wh: int) -> None:
    core = Core(start_wh=lie_wh).boot()
    core.until(Phase.AVAILABLE, 30)


def test_another_meter_than_the_journals_is_taken_at_once() -> None:
    core = booted(Core(start_wh=42, car_w=7000), serial="99887766")
    core.until(Phase.AVAILABLE, 10)


@pytest.mark.parametrize("synced", [True, False])
def test_a_register_is_held_against_what_may_have_flowed_since_it_was_stored(synced: bool) -> None:
    """Without a good clock nobody can tell how long that is."""
    an_hour_wh = round(SETTINGS.fuse_w)
    core = booted(Core(start_wh=TRUE_WH + an_hour_wh, synced=synced), ago_s=600)
    core.pass_time(60)
    assert core.phase is (Phase.UNAVAILABLE if synced else Phase.AVAILABLE)


def test_a_stamp_of_the_future_tells_no_age() -> None:
    core = booted(Core(start_wh=TRUE_WH + 5000), ago_s=-3600)
    core.until(Phase.AVAILABLE, 10)


@pytest.mark.parametrize("elsewhere_wh", LIES_WH)
@pytest.mark.parametrize("at_boot", [True, False])
def test_a_register_that_went_elsewhere_for_good_locks_the_box_for_ten_minutes_only(
    elsewhere_wh: int, at_boot: bool
) -> None:
    core = Core(start_wh=TRUE_WH, car_w=7000)
    if at_boot:
        core.register_wh = elsewhere_wh
        booted(core)
    else:
        core.ready()
        core.register_wh = elsewhere_wh
    core.pass_time(BASELINE_S - 30)
    core.tap()
    assert core.state.outcome is Outcome.BROKEN
    core.pass_time(60)
    assert core.phase is Phase.AVAILABLE
    assert core.given(StoreSession) == []
    core.tap()
    core.until(Phase.CHARGING, 30)
    start = core.given(StoreSession)[0].session.start
    assert start == MeterFacts(SERIAL, elsewhere_wh)


def test_a_lie_over_two_boots_is_held_against_what_the_first_one_kept(tmp_path: Path) -> None:
    """No session was ever: the register at rest is all that the journal has."""
    store = Store(connect(tmp_path / "journal.sqlite3"))
    first = Core(start_wh=TRUE_WH).boot()
    first.pass_time(60)
    for command in first.given(StoreRegister):
        store.put_register(command.register)
    second = Core(start_wh=TRUE_WH * 1000, mono_s=first.mono_s + 60)
    second.feed(Booted(None, 0, TagList(), (), register=store.register()))
    store.database.close()
    second.pass_time(60)
    assert second.phase is Phase.UNAVAILABLE
    second.tap()
    second.pass_time(30)
    assert second.given(CloseContactor) == []
