"""The claim about clocks at a small scale, and that it would find a careless box."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.claims import clock
from campaign.clock import script

SEED = 20_261_126
LIVES = 8


def test_the_claim_holds_at_a_small_scale(tmp_path: Path) -> None:
    figures = clock.measure(0.02, SEED, tmp_path)
    found = (tmp_path / clock.TOLD).read_text()
    assert all(figure.met for figure in figures), f"seed {SEED}: {found}"


def test_lives_are_drawn_of_every_kind_and_the_same_again() -> None:
    lives = [script.write(seed) for seed in range(60)]
    assert {life.kind for life in lives} == set(script.KINDS)
    assert {life.beginning for life in lives} == set(script.BEGINNINGS)
    assert {charge.limit for life in lives for charge in life.charges} == {
        None,
        "max_duration",
        "no_energy",
    }
    assert lives == [script.write(seed) for seed in range(60)]


@pytest.mark.parametrize(
    ("defect", "sentence"),
    [
        ("wall_clock_for_limits", "its people came"),
        ("no_repair", "a stamp stayed estimated"),
        ("repaired_to_the_moment_of_repair", "a stamp is"),
    ],
)
def test_a_careless_box_is_found(defect: str, sentence: str) -> None:
    lives = clock.played(range(SEED, SEED + LIVES), f"tests.campaign.clock_defects:{defect}")
    assert any(sentence in text for life in lives for text in life["wrong"]), (
        f"seeds {SEED} to {SEED + LIVES - 1}: nothing of {defect} is found"
    )
