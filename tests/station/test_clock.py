"""Whose time it is: the machine's when synced, else the server's, else not before the past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from station.clock import Clock, SystemClock, monotonic
from station.rules.values import Now

EPOCH_1970 = datetime(1970, 1, 1, tzinfo=UTC)
TODAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Machine:
    utc: datetime = EPOCH_1970
    synced: bool = False
    boot_id: str = "boot"
    energy_speed: float = 1.0
    skew_s: float = 0.0

    def now(self) -> Now:
        return Now(monotonic() + self.skew_s, self.utc, self.synced)

    def uptime_ms(self) -> int:
        return 0

    def undervoltage(self) -> bool:
        return False


def near(a: datetime, b: datetime) -> bool:
    return abs(a - b) < timedelta(seconds=2)


def test_unsynced_clock_is_taken_as_it_is_and_said_to_be_unsynced():
    now = Clock(Machine()).now()
    assert now.utc == EPOCH_1970
    assert not now.synced


def test_time_never_runs_back_behind_what_is_on_disk():
    machine = Machine()
    clock = Clock(machine)
    clock.not_before(TODAY)
    assert near(clock.now().utc, TODAY)
    assert not clock.now().synced
    machine.skew_s = 60
    assert near(clock.now().utc, TODAY + timedelta(seconds=60)), "and goes on from there"
    machine.utc = TODAY + timedelta(days=1)
    assert clock.now().utc == machine.utc, "a clock that is ahead of the past is left alone"


def test_servers_time_counts_as_synced_until_the_machine_knows_better():
    machine = Machine()
    clock = Clock(machine)
    clock.learn(TODAY)
    assert near(clock.now().utc, TODAY)
    assert clock.now().synced
    machine.skew_s = 3600
    clock.learn(TODAY + timedelta(days=400))
    assert near(clock.now().utc, TODAY + timedelta(hours=1)), "learned once a boot"
    machine.utc, machine.synced = TODAY + timedelta(minutes=7), True
    assert clock.now().utc == machine.utc


def test_a_server_that_was_ahead_is_corrected_by_its_next_word():
    machine = Machine()
    clock = Clock(machine)
    clock.learn(TODAY + timedelta(days=400))
    clock.learn(TODAY)
    assert near(clock.now().utc, TODAY), "a time to come would be the floor of the next boots"
    clock.learn(TODAY - timedelta(minutes=4))
    assert near(clock.now().utc, TODAY), "two answers need not agree to the second"


def test_a_server_does_not_take_time_back_behind_what_is_on_disk():
    clock = Clock(Machine())
    clock.not_before(TODAY)
    clock.learn(TODAY + timedelta(hours=1))
    clock.learn(TODAY - timedelta(hours=1))
    assert near(clock.now().utc, TODAY + timedelta(hours=1))


@pytest.mark.parametrize("year", [1, 1970, 2024, 2126, 9999])
def test_a_year_that_cannot_be_is_not_learned(year: int):
    machine = Machine()
    clock = Clock(machine)
    clock.learn(datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert not clock.now().synced
    assert clock.now().utc == machine.utc


def test_synced_machine_is_never_overruled():
    machine = Machine(utc=TODAY, synced=True)
    clock = Clock(machine)
    clock.not_before(TODAY + timedelta(days=3))
    clock.learn(TODAY + timedelta(days=3))
    assert clock.now().utc == TODAY


def test_the_machines_own_clock_answers():
    clock = Clock(SystemClock())
    first, second = clock.now(), clock.now()
    assert first.mono_s <= second.mono_s
    assert near(first.utc, datetime.now(UTC))
    assert len(clock.boot_id) == 36
    assert clock.uptime_ms() > 0
    assert clock.undervoltage() in (True, False)


@pytest.mark.parametrize("there", [True, False])
def test_where_the_kernel_may_not_be_asked_timesyncd_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """As in the unit's sandbox: ProtectClock= forbids adjtimex(2)."""
    source = SystemClock()
    source._libc = SimpleNamespace(adjtimex=lambda _: -1)  # type: ignore[assignment]
    monkeypatch.setattr(SystemClock, "_SET_BY_TIMESYNCD", tmp_path / "synchronized")
    if there:
        (tmp_path / "synchronized").touch()
    assert source.now().synced is there
