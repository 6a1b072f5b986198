"""The claim about thirty days without a server, small; and that it finds what goes wrong.

What is counted is asserted. Speed is for the campaign alone.
"""

from __future__ import annotations

from pathlib import Path

from campaign.claims import away
from campaign.figures import Figure
from tests.campaign.meddlers import Careless

SEED = 20261122
SPEED = ("messages delivered", "of what the bare server does beside it")


def missed(figures: list[Figure]) -> set[str]:
    """What was counted and is not as it has to be."""
    return {one.what for one in figures if not one.met and one.what not in SPEED}


def test_everything_is_delivered_in_order(tmp_path: Path):
    figures = away.measure(0.004, SEED, tmp_path)
    assert missed(figures) == set(), f"seed {SEED}"
    assert {one.what for one in figures} >= set(SPEED)


def test_a_careless_uplink_is_found(tmp_path: Path):
    """Each of its four defects by a figure of its own, and nothing is said of what went well."""
    assert missed(away.measure(0.001, SEED, tmp_path, wrap=Careless)) == {
        "charges booked with their own end",
        "energy booked",
        "bookings with another tag, register, energy or with a flag",
        "bookings at the server",
        "left in the journal for the server",
        "messages reported as refused",
        "starts and ends that arrived before those of an earlier charge",
        "minute readings missing, doubled or changed",
    }, f"seed {SEED}"
