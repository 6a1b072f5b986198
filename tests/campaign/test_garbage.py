"""The claim about a meter's nonsense at a small scale, and that it would find a careless box."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.claims import garbage
from campaign.garbage import damage
from campaign.garbage.damage import Kind
from campaign.garbage.judge import Judge
from drivers import registers
from drivers.modbus import RegisterReader
from station.rules import plausibility, weld
from station.rules.booking import Booking

SEED = 20_261_125
ANSWERS = 3_000


def test_the_claim_holds_at_a_hundredth_of_its_size(tmp_path: Path) -> None:
    figures = garbage.measure(0.01, SEED, tmp_path)
    found = (tmp_path / "garbage.txt").read_text()
    assert all(figure.met for figure in figures), f"seed {SEED}: {found}"


def test_sessions_are_booked_and_every_kind_of_damage_comes() -> None:
    judges = [garbage.live(seed, ANSWERS) for seed in range(SEED, SEED + 2)]
    assert sum(judge.bookings for judge in judges) >= 5
    seen = {kind for judge in judges for kind in judge.damaged}
    assert seen >= set(Kind) - {Kind.SAME_LENGTH}


def weather(monkeypatch: pytest.MonkeyPatch, share: float, *kinds: Kind) -> None:
    """The same weather all the time, and nothing else."""
    monkeypatch.setattr(
        damage.Weather,
        "strikes",
        lambda self, _now: self._chance.choice(kinds) if self._chance.random() < share else None,
    )
    monkeypatch.setattr(garbage.Life, "_turn_episode", lambda self, _now: None)


def until(found: Callable[[Judge], bool], lives: int = 6) -> bool:
    return any(found(garbage.live(seed, ANSWERS)) for seed in range(SEED, SEED + lives))


def test_without_a_drain_and_with_equal_lengths_late_answers_get_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weather(monkeypatch, 0.1, Kind.LATE)
    careful = registers.MODELS["sdm630"]
    alike = tuple(dataclasses.replace(block, count=24) for block in careful.everything)
    careless = dataclasses.replace(careful, everything=alike)
    monkeypatch.setattr("drivers.meter.MODELS", {**registers.MODELS, "sdm630": careless})
    monkeypatch.setattr(RegisterReader, "_drain", lambda self: None)
    assert until(lambda judge: bool(judge.line_wrong))


def test_with_drain_and_lengths_they_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    weather(monkeypatch, 0.1, Kind.LATE)
    assert not until(lambda judge: bool(judge.line_wrong or judge.wrong), lives=2)


def test_without_the_rule_of_the_step_jumps_are_booked(monkeypatch: pytest.MonkeyPatch) -> None:
    weather(monkeypatch, 0.05, Kind.WRAPPED, Kind.BACKWARDS, Kind.JUMP)
    monkeypatch.setattr(plausibility, "_problem", lambda *_: None)
    monkeypatch.setattr(Booking, "read_end", _at_once)
    assert until(lambda judge: bool(judge.wrong))


def test_without_a_second_reading_small_errors_are_booked(monkeypatch: pytest.MonkeyPatch) -> None:
    weather(monkeypatch, 0.3, Kind.JUMP)
    monkeypatch.setattr(Booking, "read_end", _at_once)
    assert until(lambda judge: bool(judge.wrong))


def test_if_a_flow_is_no_objection_old_answers_are_booked(monkeypatch: pytest.MonkeyPatch) -> None:
    weather(monkeypatch, 0.5, Kind.STALE)
    monkeypatch.setattr(weld, "flows", lambda *_: False)
    monkeypatch.setattr(Booking, "read_end", _at_once)
    assert until(lambda judge: bool(judge.wrong))


def _at_once(self: Booking, session, reading) -> None:  # type: ignore[no-untyped-def]
    """A careless end: whatever comes first."""
    self.settle(session, reading.facts, estimated=False)
