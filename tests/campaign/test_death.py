"""The deaths of a daemon: the judgement by itself, and each death once under a real systemd."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from campaign.claims import death
from campaign.container.deaths import WAYS, Death, Lane
from campaign.container.machine import why_not
from campaign.container.stage import MortalStage, UnitStation
from tests.stories.house import House

SEED = 1
ONCE = 0.01
KILLED, DEADLOCKED = WAYS[0], WAYS[4]

WHY_NOT = why_not()

# A charge, a watchdog and a return, on a machine that is busy with other tests.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def systemd() -> None:
    """In CI what cannot be booted is a failure, elsewhere it is said and left out."""
    if WHY_NOT is not None and not death.in_ci():
        pytest.skip(WHY_NOT)


# --- the judgement ----------------------------------------------------------------------------

GOOD = Death(opened_s=0.2, result="signal", broken_shown=True, closed_again=False, back_s=9.0)


def lane(*deaths: Death, sessions: int = 2, restarts: int = 2, wrong_wh: float = 1.5) -> Lane:
    return Lane(KILLED, deaths, sessions, restarts, wrong_wh)


def missed(played: Lane) -> list[str]:
    return [one.what for one in death.figures([played]) if not one.met]


def test_good_deaths_miss_nothing() -> None:
    assert missed(lane(GOOD, GOOD)) == []


@pytest.mark.parametrize(
    ("played", "word"),
    [
        (lane(GOOD, replace(GOOD, opened_s=2.01)), "longest"),
        (lane(GOOD, replace(GOOD, opened_s=None)), "longest"),
        (lane(GOOD, replace(GOOD, result="watchdog")), "something else"),
        (lane(GOOD, replace(GOOD, broken_shown=False)), "broken"),
        (lane(GOOD, replace(GOOD, closed_again=True)), "closed again"),
        (lane(GOOD, replace(GOOD, back_s=61.0)), "available again"),
        (lane(GOOD, GOOD, sessions=1, restarts=1), "lost or doubled"),
        (lane(GOOD, GOOD, restarts=1), "not ended by the register"),
        (lane(GOOD, GOOD, wrong_wh=2.5), "booked against flowed"),
    ],
)
def test_whatever_goes_wrong_is_a_figure_missed(played: Lane, word: str) -> None:
    assert any(word in what for what in missed(played)), missed(played)


def test_a_guard_that_is_late_is_told_from_a_watchdog_in_time() -> None:
    by_watchdog = replace(GOOD, opened_s=5.1, result="watchdog")
    found = missed(replace(lane(by_watchdog, by_watchdog), way=DEADLOCKED))
    assert len(found) == 1
    assert "by the guard" in found[0]


def test_ci_does_not_pass_without_a_systemd(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(death, "why_not", lambda: "apt install systemd-container")
    monkeypatch.setenv("CI", "1")
    with pytest.raises(death.NoSystemd, match="systemd-container"):
        death.measure(ONCE, SEED, tmp_path)


# --- real deaths ------------------------------------------------------------------------------


def test_every_way_once(systemd: None, tmp_path: Path) -> None:
    """What is counted; the times are the campaign's, not those of a busy test machine."""
    found = death.measure(ONCE, SEED, tmp_path)
    counted = [one for one in found if not one.measured.endswith(" s")]
    assert len(counted) == 6
    assert [one for one in counted if not one.met] == []


def test_a_unit_that_runs_nothing_after_an_end_is_found(systemd: None, tmp_path: Path) -> None:
    played = death.lanes(ONCE, SEED, tmp_path, [KILLED], unit_lines=("ExecStopPost=",))
    found = missed(played[0])
    assert any("longest" in what for what in found), found
    assert any("broken" in what for what in found), found


def test_without_systemd_the_guard_is_measured_alone(tmp_path: Path) -> None:
    played = death.lanes(ONCE, SEED, tmp_path, [DEADLOCKED], under_systemd=False)
    assert [what for what in missed(played[0]) if "line inactive" not in what] == []
    assert played[0].deaths[0].opened_s is not None


# Raises the contactor's line as a start that goes wrong might, then does what it is told.
RAISE = """
import json, socket, sys, time
with socket.socket(socket.AF_UNIX) as box:
    box.connect(sys.argv[1])
    stream = box.makefile("rw")
    for request in (
        {"op": "hello", "role": "visitor"},
        {"op": "gpio_setup", "bcm": 17, "direction": "out", "level": 1},
    ):
        print(json.dumps(request), file=stream, flush=True)
        assert json.loads(stream.readline())["ok"]
time.sleep(float(sys.argv[2]))
sys.exit(3)
"""


@pytest.fixture
def stage(systemd: None, tmp_path: Path) -> Iterator[MortalStage]:
    """A box and a unit that is not booted yet; no server."""
    stage = MortalStage(tmp_path, House(tmp_path, 9), "failed", token="a-token")
    stage.set_up()
    yield stage
    stage.end()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(("ExecStart=", "ExecStart={raise_it} 0"), id="the daemon ends at once"),
        pytest.param(
            ("TimeoutStartSec=1", "ExecStart=", "ExecStart={raise_it} 1000"), id="it is never ready"
        ),
        pytest.param(("ExecStartPre={raise_it} 0",), id="what comes before it fails"),
    ],
)
def test_the_failsafe_runs_after_a_start_that_failed(
    stage: MortalStage, lines: tuple[str, ...]
) -> None:
    script = stage.folder / "raise.py"
    script.write_text(RAISE)
    raise_it = f"{sys.executable} {script} {stage.box.socket}"
    station = stage.station
    assert isinstance(station, UnitStation)
    # No further start: what brings the line down can only be what runs after the end.
    station.unit_lines = ("RestartSec=1h", *(one.format(raise_it=raise_it) for one in lines))
    stage.moment()
    station.start()
    stage.wait("line", 30, "a start raises the line", name="contactor", level=1)
    raised = stage.since(stage.recorder.events, "line", name="contactor", level=1)[0]
    stage.recorder.wait(
        lambda events: [
            one
            for one in stage.since(events, "line", name="contactor", level=0)
            if one["t_us"] > raised["t_us"]
        ],
        30,
        "the failsafe brings it down",
    )
