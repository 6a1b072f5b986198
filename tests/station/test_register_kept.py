"""What the journal knows of the register: of the newest session, or of the rest after it.

The next boot holds the meter's first readings against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from station.journal.database import connect
from station.journal.store import Store
from station.rules.booking import KEPT_WITHIN_WH
from station.rules.messages import (
    Announce,
    Booted,
    JournalStateChanged,
    StoredRegister,
    StoreLifeSign,
    StoreRegister,
)
from station.rules.plausibility import BASELINE_S
from station.rules.values import MeterFacts, Phase, Record, TagList, TimeQuality
from tests.station.core_rig import SETTINGS, Core
from tests.station.journal_rig import (
    BOOT,
    END,
    NOON,
    START,
    FakeClock,
    begun,
    ended,
    running_journal,
    settled,
)

SERIAL, TRUE_WH = "11223344", 1_234_567


def booted(
    core: Core, import_wh: int = TRUE_WH, *, serial: str = SERIAL, ago_s: float = 60
) -> Core:
    """A boot that finds this register in the journal."""
    register = StoredRegister(
        MeterFacts(serial, import_wh), core.now.utc - timedelta(seconds=ago_s), TimeQuality.SYNCED
    )
    core.feed(Booted(None, 0, TagList(), (), register=register))
    return core


def kept(core: Core) -> list[int]:
    """The registers that were written at rest."""
    return [one.register.facts.import_wh for one in core.given(StoreRegister)]


@pytest.mark.parametrize("late_s", [0, 1, 30, 400])
@pytest.mark.parametrize("above_wh", [-300_000, 300_000])
def test_a_journal_that_opens_late_is_held_against_the_meter_all_the_same(
    late_s: float, above_wh: int
) -> None:
    core = Core(start_wh=TRUE_WH + above_wh)
    if late_s:
        core.feed(JournalStateChanged("cannot be opened"))
        core.pass_time(late_s)
        core.feed(JournalStateChanged(None))
    booted(core)
    core.pass_time(60)
    assert core.phase is Phase.UNAVAILABLE
    assert "journal" in (core.state.meter_doubt or "")
    assert kept(core) == []


def test_a_journal_that_opens_late_and_knows_the_register_is_no_matter() -> None:
    core = Core(start_wh=TRUE_WH)
    core.feed(JournalStateChanged("cannot be opened"))
    core.pass_time(60)
    core.feed(JournalStateChanged(None))
    booted(core)
    assert core.phase is Phase.UNAVAILABLE, "not before the meter was read again"
    core.until(Phase.AVAILABLE, 10)


# --- what is kept at rest


def test_a_register_that_the_journal_does_not_know_is_kept_once_a_boot() -> None:
    core = Core(start_wh=TRUE_WH).boot()
    core.pass_time(30)
    assert kept(core) == [TRUE_WH]
    core.pass_time(3600)
    core.register_wh += 400
    core.pass_time(3600)
    assert kept(core) == [TRUE_WH]


@pytest.mark.parametrize(
    ("above_wh", "writes"),
    [(0, False), (-1, False), (900, False), (KEPT_WITHIN_WH - 1, False), (KEPT_WITHIN_WH, True)],
)
def test_at_rest_the_card_is_not_written_for_what_the_journal_knows(
    above_wh: int, writes: bool
) -> None:
    core = booted(Core(start_wh=TRUE_WH + above_wh), ago_s=40 * 86_400)
    core.pass_time(60)
    assert core.phase is Phase.AVAILABLE
    assert kept(core) == ([TRUE_WH + above_wh] if writes else [])


def test_another_meters_register_is_kept() -> None:
    core = booted(Core(start_wh=TRUE_WH + 42), serial="99887766")
    core.pass_time(60)
    assert [one.register.facts for one in core.given(StoreRegister)] == [
        MeterFacts(SERIAL, TRUE_WH + 42)
    ]


def test_nothing_is_kept_from_the_tap_to_the_stored_end() -> None:
    """There a session's own records are the newest, and this one would stand before them."""
    core = booted(Core(start_wh=TRUE_WH, car_w=SETTINGS.fuse_w))
    core.until(Phase.AVAILABLE, 10)
    core.pass_time(SETTINGS.min_off_s)
    core.tap()
    core.until(Phase.CHARGING, 60)
    core.pass_time(6 * 3600)
    assert core.register_wh > TRUE_WH + KEPT_WITHIN_WH
    assert core.phase is Phase.CHARGING
    assert kept(core) == []
    core.tap()
    core.pass_time(2)
    assert core.phase is Phase.FINISHING
    assert kept(core) == []


def test_a_register_that_became_the_new_past_is_kept_again() -> None:
    """Else the next boot would hold the meter against a register that it left long ago."""
    core = Core(start_wh=TRUE_WH).boot()
    core.pass_time(30)
    core.register_wh = 500.0
    core.pass_time(BASELINE_S - 30)
    assert kept(core) == [TRUE_WH]
    core.pass_time(60)
    assert kept(core) == [TRUE_WH, 500]
    core.pass_time(3600)
    assert kept(core) == [TRUE_WH, 500]


def test_readings_that_do_not_agree_are_not_kept() -> None:
    core = Core(start_wh=TRUE_WH).boot()
    for _ in range(60):
        core.register_wh += 3
        core.pass_time(1)
    assert core.state.track.last is not None
    assert kept(core) == []


# --- in the journal


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    connection = connect(tmp_path / "journal.sqlite3")
    yield Store(connection)
    connection.close()


def sign(number: int, import_wh: int) -> StoreLifeSign:
    return StoreLifeSign(
        uuid=begun(number).uuid,
        at=NOON + timedelta(minutes=5),
        quality=TimeQuality.ESTIMATED,
        import_wh=import_wh,
        power_w=11_000,
        closed_s=240.0,
        charged_s=240.0,
        minute=None,
    )


LIFE_WH = START.import_wh + 800
END_AT = ended().ended_at
AFTER_START = StoredRegister(START, NOON, TimeQuality.SYNCED)
AFTER_SIGN = StoredRegister(
    MeterFacts(START.serial, LIFE_WH), NOON + timedelta(minutes=5), TimeQuality.ESTIMATED
)


@pytest.mark.parametrize("record", [Record.ASKED, Record.ACCEPTED])
def test_of_a_session_without_a_sign_of_life_its_start_is_known(
    store: Store, record: Record
) -> None:
    store.put_session(begun(), record, BOOT, Announce.NOTHING)
    assert store.register() == AFTER_START


@pytest.mark.parametrize("record", [Record.ACCEPTED, Record.ENDING])
def test_of_a_charge_its_last_sign_of_life_is_known(store: Store, record: Record) -> None:
    """Also when the decision to end is stored and the end's register is not."""
    store.put_session(begun(), Record.ACCEPTED, BOOT, Announce.NOTHING)
    store.put_life_sign(sign(1, LIFE_WH - 500))
    store.put_life_sign(sign(1, LIFE_WH))
    if record is Record.ENDING:
        store.put_session(ended(end=None), record, BOOT, Announce.NOTHING)
    assert store.register() == AFTER_SIGN


def test_a_sign_of_life_below_the_start_is_not_below_the_start(store: Store) -> None:
    store.put_session(begun(), Record.ACCEPTED, BOOT, Announce.NOTHING)
    store.put_life_sign(sign(1, START.import_wh - 1))
    register = store.register()
    assert register is not None
    assert register.facts.import_wh == START.import_wh


@pytest.mark.parametrize("estimated", [False, True])
def test_of_a_session_that_ended_its_end_is_known(store: Store, estimated: bool) -> None:
    store.put_session(begun(), Record.ACCEPTED, BOOT, Announce.NOTHING)
    store.put_life_sign(sign(1, LIFE_WH))
    store.put_session(ended(estimated=estimated), Record.ENDED, BOOT, Announce.END)
    assert END_AT is not None
    assert store.register() == StoredRegister(END, END_AT, TimeQuality.SYNCED)


def test_the_newest_session_counts_by_seq(store: Store) -> None:
    store.put_session(ended(2), Record.ENDED, BOOT, Announce.END)
    later = replace(START, import_wh=END.import_wh + 5000)
    store.put_session(begun(3, start=later), Record.ACCEPTED, BOOT, Announce.NOTHING)
    store.put_session(ended(1), Record.ENDED, BOOT, Announce.END)
    register = store.register()
    assert register is not None
    assert register.facts == later


def test_a_new_journal_knows_no_register(store: Store) -> None:
    assert store.register() is None


def at_rest(import_wh: int, at: datetime = NOON + timedelta(days=1)) -> StoredRegister:
    return StoredRegister(MeterFacts("99887766", import_wh), at, TimeQuality.ESTIMATED)


def test_what_was_kept_at_rest_comes_back_as_it_went(store: Store) -> None:
    for register in (at_rest(7), at_rest(9)):
        store.put_register(register)
        assert store.register() == register


def test_what_was_kept_counts_until_the_next_session_and_no_longer(store: Store) -> None:
    store.put_session(ended(1), Record.ENDED, BOOT, Announce.END)
    store.put_register(at_rest(7))
    assert store.register() == at_rest(7)
    store.put_session(begun(2), Record.ASKED, BOOT, Announce.NOTHING)
    assert store.register() == AFTER_START
    store.put_session(begun(2), Record.DROPPED, BOOT, Announce.NOTHING)
    assert store.register() == at_rest(7), "a session that was refused drew nothing"
    store.put_session(ended(3), Record.ENDED, BOOT, Announce.END)
    register = store.register()
    assert register is not None
    assert register.facts == END
    store.put_register(at_rest(8))
    assert store.register() == at_rest(8)


def test_the_core_hears_at_boot_what_was_kept_at_rest(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with running_journal(path) as (worker, _):
        worker.submit(StoreRegister(at_rest(7)))
        settled(worker)
    with running_journal(path, FakeClock(boot_id="another")) as (_, events):
        (first,) = events.seen
    assert isinstance(first, Booted)
    assert first.register == at_rest(7)
