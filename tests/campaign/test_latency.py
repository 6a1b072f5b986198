"""The claim of the openings' speed: its counting at a small size, and that it sees what is planted.

No time is asserted to be short here; only a delay that was planted has to be found.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.claims import latency, latency_place
from campaign.claims.latency_daemon import Plan, Pressed

SLOW_MS = 60
# The daemon of the claim, but its main thread dawdles before it calls the contactor's driver.
SLOW = f"""
import json, sys, time
from pathlib import Path
from campaign.claims.latency_daemon import Plan
from campaign.claims.latency_finger import run
from station.daemon import Daemon

opening = Daemon._open_contactor

def dawdle(daemon):
    time.sleep({SLOW_MS / 1000})
    opening(daemon)

Daemon._open_contactor = dawdle
config, plan, out = map(Path, sys.argv[1:])
sys.exit(run(config, Plan(**json.loads(plan.read_text())), out))
"""


def test_every_stop_is_followed_by_an_opening(tmp_path: Path) -> None:
    figures = latency.measure(0.02, 5, tmp_path)
    counted = [one for one in figures if "without an opening" in one.what]
    assert [one.measured for one in counted] == ["0", "0"]
    assert all(one.met for one in counted)
    held_up = [one.measured for one in figures if "a thread waited" in one.what]
    assert all(what in held_up[0] for what in ("server", "serial line", "disk", "reader"))


def test_a_main_thread_that_dawdles_is_found(tmp_path: Path) -> None:
    plan = Plan(latency.TAG, seed=5, stops=3, presses=1)
    with latency_place.short_folder(tmp_path, "slow") as place, latency_place.mute() as url:
        latency_place.as_if_heard_before(place, latency.NAME, latency.TAG)
        taken = latency.arm(place, url, plan, ("-c", SLOW))
    assert min(taken.queue) >= SLOW_MS
    assert min(taken.edge) >= SLOW_MS
    assert not latency.figures_of("slow", taken)[1].met


def line(t_us: int, name: str, level: int) -> dict[str, object]:
    return {"event": "line", "t_us": t_us, "name": name, "level": level}


def test_times_are_from_the_stop_to_the_line_by_the_clock_of_the_box() -> None:
    stops = [Pressed("StopRequested", put_ns=1_000_000), Pressed("button", put_ns=50_000_000)]
    taken = latency.judged(
        stops,
        [
            line(900, "contactor", 1),
            line(4_000, "contactor", 0),
            line(20_000, "contactor", 1),
            line(50_200, "stop", 1),
            line(130_200, "contactor", 0),
        ],
    )
    assert taken.queue == (3.0,)
    assert taken.edge == (80.0,)
    assert taken.lost == 0


@pytest.mark.parametrize(
    "seen",
    [
        [line(1_500, "green", 0), line(60_000, "contactor", 0)],
        [line(500, "contactor", 0), line(60_000, "contactor", 0)],
    ],
    ids=["another line", "before the stop"],
)
def test_a_stop_without_an_opening_of_its_own_is_lost(seen: list[dict[str, object]]) -> None:
    stops = [
        Pressed("StopRequested", put_ns=1_000_000),
        Pressed("StopRequested", put_ns=50_000_000),
    ]
    taken = latency.judged(stops, seen)
    assert taken.lost == 1
    assert taken.queue == (10.0,)
    assert not latency.figures_of("lost", taken)[0].met


def test_a_button_whose_edge_the_box_did_not_see_counts_as_lost() -> None:
    taken = latency.judged([Pressed("button", put_ns=1_000_000)], [line(5_000, "contactor", 0)])
    assert taken.lost == 1


def test_the_p99_is_a_measured_value_and_never_too_small() -> None:
    assert latency.quantile([float(n) for n in range(1, 101)], 0.99) == 99.0
    assert latency.quantile([1.0, 2.0, 30.0], 0.99) == 30.0
    assert latency.quantile([float(n) for n in range(1, 301)], 0.99) == 297.0
