"""The ways in which a daemon dies, and one death: the charge, what the box saw, the return.

Times are the simulated box's own microseconds: from just before the signal is sent to the moment at
which the contactor's line reads inactive.
"""

from __future__ import annotations

import os
import random
import signal
import time
from bisect import bisect
from dataclasses import dataclass

from campaign.container import hanging
from campaign.container.stage import MortalStage
from tests.stories.stage import until

SEEN_WITHIN_S = 40.0
BACK_WITHIN_S = 90.0


@dataclass(frozen=True, slots=True)
class Way:
    """``result``: what systemd calls this end. ``guarded``: the guard thread lives and opens."""

    name: str
    number: signal.Signals
    result: str
    guarded: bool = False

    @property
    def hangs(self) -> bool:
        return self.result == "watchdog"


WAYS = (
    Way("SIGKILL", signal.SIGKILL, "signal"),
    Way("SIGSEGV", signal.SIGSEGV, "signal"),
    Way("SIGSTOP", signal.SIGSTOP, "watchdog"),
    Way("C call keeps the interpreter", hanging.KEEP_INTERPRETER, "watchdog"),
    Way("main loop deadlocked", hanging.DEADLOCK, "watchdog", guarded=True),
    Way("main loop spins", hanging.SPIN, "watchdog", guarded=True),
)


@dataclass(frozen=True, slots=True)
class Death:
    """What was seen of one. ``opened_s``: None when the line stayed active."""

    opened_s: float | None
    result: str
    broken_shown: bool
    closed_again: bool
    back_s: float


@dataclass(frozen=True, slots=True)
class Lane:
    """All deaths of one way at one box, and what was booked there in the end.

    ``wrong_wh``: how far the worst session's booking is from what flowed.
    """

    way: Way
    deaths: tuple[Death, ...]
    sessions: int
    ended_by_restart: int
    wrong_wh: float


def play(stage: MortalStage, way: Way, tag: str, times: int, seed: int) -> Lane:
    """One charge after another, each ended by a death. Raises AssertionError when it gets stuck."""
    chance = random.Random(f"{seed} {way.name}")
    stage.box.client.call("plug", kw=11.0, phases=3)
    began_us, deaths = [], []
    for _ in range(times):
        began_us.append(stage.box.state["t_us"])
        deaths.append(_die(stage, way, tag, chance))
    sessions = stage.settled()
    flowed_wh = [0.0] * times
    for interval in stage.box.client.call("ledger")["intervals"]:
        if interval["commanded"] or interval["drawing"]:
            flowed_wh[bisect(began_us, interval["start_us"]) - 1] += interval["wh"]
    booked_wh = [one["energy_wh"] for one in sessions]
    return Lane(
        way,
        tuple(deaths),
        len(sessions),
        sum(one["end_reason"] == "restart" for one in sessions),
        max(abs(one - other) for one, other in zip(flowed_wh, booked_wh, strict=False)),
    )


def _die(stage: MortalStage, way: Way, tag: str, chance: random.Random) -> Death:
    stage.moment()
    stage.box.client.call("present", uids=[tag])
    stage.wait("line", SEEN_WITHIN_S, "the contactor's line", name="contactor", level=1)
    stage.box.client.call("remove")
    # Any moment of the main loop's half second is as good as another.
    time.sleep(chance.uniform(0.5, 2.0))
    pid = stage.station.pid()
    stage.moment()
    os.kill(pid, way.number)
    result = str(until(stage.station.gone, f"{way.name}: the end is seen", SEEN_WITHIN_S))
    lines = stage.box.state["lines"]
    broken = (lines["6"]["level"], lines["5"]["level"]) == (1, 0)
    stage.station.wait_for("available", BACK_WITHIN_S)
    back_us = stage.box.state["t_us"]
    events = stage.recorder.events
    down = stage.since(events, "line", name="contactor", level=0)
    up = stage.since(events, "line", name="contactor", level=1)
    return Death(
        (down[0]["t_us"] - stage.mark_us) / 1e6 if down else None,
        result,
        broken,
        bool(up),
        (back_us - stage.mark_us) / 1e6,
    )
