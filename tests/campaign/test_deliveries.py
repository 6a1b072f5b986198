"""The claim about repeated deliveries and lost answers, small; and that it finds what goes wrong.

Nothing here is a matter of luck: the courier has its seed, and of every mischief there is enough.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.claims import deliveries
from campaign.claims.courier import Habits
from campaign.claims.traffic import Wrap
from campaign.figures import Figure
from tests.campaign.meddlers import GivesUpOnSilence, NewUuidAtEveryAttempt

SEED = 20261122
BAD_DAY = Habits(request_lost=0.15, answer_lost=0.2, answer_cut=0.1, all_at_once=0.2, late_copy=0.3)


def missed(figures: list[Figure]) -> set[str]:
    return {one.what for one in figures if not one.met}


def test_every_charge_is_booked_once(tmp_path: Path):
    figures = deliveries.measure(0.003, SEED, tmp_path, habits=BAD_DAY)
    assert missed(figures) == set(), f"seed {SEED}"


@pytest.mark.parametrize(
    ("wrap", "found_by"),
    [
        (NewUuidAtEveryAttempt, "bookings of no charge, or of one that is booked already"),
        (GivesUpOnSilence, "charges booked with their own end"),
    ],
)
def test_a_careless_uplink_is_found(tmp_path: Path, wrap: Wrap, found_by: str):
    figures = deliveries.measure(0.002, SEED, tmp_path, habits=BAD_DAY, wrap=wrap)
    assert found_by in missed(figures), f"seed {SEED}"


def test_a_network_that_does_its_work_is_found_too(tmp_path: Path):
    """Without mischief the claim would show nothing, so it says so."""
    tame = Habits(0.0, 0.0, 0.0, 0.0, 0.0)
    figures = deliveries.measure(0.0005, SEED, tmp_path, habits=tame)
    assert missed(figures) == {"requests lost", "answers lost", "answers cut", "late copies"}
