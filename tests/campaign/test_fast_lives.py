"""Fast lives: a short campaign, and the proof that it finds what it is there to find."""

from __future__ import annotations

import random

import pytest

from campaign.fast import run
from campaign.fast.script import write
from tests.campaign.planted import DEFECTS

FIXED_SEED, LIVES = 20261126, 30

# One life of each in which the defect shows.
FOUND_BY = {
    "silence_is_consent": 163922640,
    "new_uuid_at_each_attempt": 822151216,
    "no_fsync": 284864645,
    "closes_before_the_record": 822151216,
    "believes_every_register": 284864645,
    "reads_while_it_moves": 822151216,
    "forgets_what_was_running": 4071180082,
}


def test_a_script_is_a_function_of_its_seed() -> None:
    assert write(7) == write(7)
    assert len({str(write(seed)) for seed in range(50)}) == 50


@pytest.mark.timeout(600)
@pytest.mark.takes(60)
def test_a_short_campaign_finds_nothing() -> None:
    """Fixed seeds, and one that is drawn; a life that is wrong names the command to repeat it."""
    drawn = random.SystemRandom().getrandbits(32)
    found = run.play([*run.seeds(FIXED_SEED, LIVES), drawn])
    assert found.lives == LIVES + 1
    assert found.wrong == {}, f"the drawn seed was {drawn}"
    missed = [one for one in run.figures(found) if not one.met]
    assert missed == []
    # It has to have tried: charges, cuts inside and between commits, all the ways of a network.
    assert found.charges > LIVES
    assert found.counted["power cut"] + found.counted["killed"] > LIVES
    for what in ("trap at in", "answer lost", "request lost", "delivered several times"):
        assert found.counted[what] > 0, what


def test_the_same_seed_is_the_same_life() -> None:
    one, two = run.play([163922640]), run.play([163922640])
    assert (one.counted, one.booked_wh, one.worst_wh) == (two.counted, two.booked_wh, two.worst_wh)
    assert one.wrong == {}


@pytest.mark.timeout(300)
@pytest.mark.takes(20)
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(defect: str) -> None:
    found = run.play([FOUND_BY[defect]], module=("tests.campaign.planted", defect))
    assert found.wrong, f"the campaign does not find {defect}"


def test_a_process_that_dies_is_a_life_that_is_wrong() -> None:
    found = run.play([1], module=("no.such.module",))
    assert list(found.wrong) == [1]
