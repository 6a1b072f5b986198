"""Many lives in several processes, one server in each; what fails prints how to see it again."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from campaign.figures import Figure, at_least, at_most, exactly
from campaign.whole.coverage import injected
from campaign.whole.judge import judge
from campaign.whole.life import Life
from campaign.whole.material import Material, gather
from campaign.whole.play import play
from campaign.whole.script import Script, write
from campaign.whole.settle import NotSettled, mend, settle
from campaign.whole.tls import Certificates, issue
from tests.stories.house import House
from tools.installation import free_port

CLAIM = "cuts and kills, whole lives"
WORKERS = 6
_SHOWN = (
    "power cuts",
    "journals put into a state after a cut",
    "kills",
    "kills at a commit",
    "kills at a write",
    "messages",
    "messages delivered again",
)


@dataclass(slots=True)
class Outcome:
    """What became of a life. ``injected``: what was done to it, by name. ``error_wh``: the largest
    of a session, beside the rounding of ``slack_wh`` that a register of kWh as float32 has."""

    seed: int
    wrong: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    sessions: int = 0
    lost: int = 0
    doubled: int = 0
    falsified: int = 0
    error_wh: float = 0.0
    slack_wh: float = 0.0
    closings: int = 0
    wh: float = 0.0
    seconds: float = 0.0
    injected: Counter[str] = field(default_factory=Counter)


def seeds(lives: int, seed: int) -> list[int]:
    """Of the lives of a run, each by itself."""
    return [random.Random(f"{seed}/{number}").getrandbits(32) for number in range(lives)]


@contextmanager
def house(folder: Path) -> Iterator[tuple[House, Certificates]]:
    """A server with certificates in front of it, for as many lives as come."""
    folder.mkdir(parents=True, exist_ok=True)
    certificates = issue(folder)
    found = House(folder, free_port())
    found.open()
    try:
        yield found, certificates
    finally:
        found.shut()


def live(script: Script, folder: Path, server: House, certificates: Certificates) -> Outcome:
    """Play and judge one life in ``folder``, which is kept only if something was wrong."""
    outcome = Outcome(script.seed)
    life = Life(script, folder, server, certificates)
    try:
        life.begin()
        play(life)
        mend(life)
        unsettled = ""
        try:
            settle(life)
        except NotSettled as error:
            unsettled = str(error)
        material = gather(life, unsettled)
        material.save(folder / "material.json")
        _judged(material, life, outcome)
    except Exception:  # noqa: BLE001 - a life that cannot be played is a finding, not the end
        outcome.wrong.append(traceback.format_exc())
    finally:
        life.end()
    outcome.seconds = time.monotonic() - life.began_s
    if not outcome.wrong:
        shutil.rmtree(folder)
    return outcome


def _judged(material: Material, life: Life, outcome: Outcome) -> None:
    verdict = judge(material)
    outcome.wrong, outcome.remarks = verdict.wrong, verdict.remarks
    outcome.lost, outcome.doubled = verdict.lost, verdict.doubled
    outcome.falsified = verdict.falsified
    outcome.error_wh = max((one.error_wh for one in verdict.accounts), default=0.0)
    outcome.slack_wh = max((one.slack_wh for one in verdict.accounts), default=0.0)
    outcome.sessions, outcome.closings = len(material.books), len(material.closings)
    outcome.wh = sum(one["wh"] for one in material.intervals)
    outcome.injected = injected(material, life.script, life.wire, life.pi.torn)


def play_one(seed: int, folder: Path) -> Outcome:
    """One life by its seed, told on standard output; its folder is kept if it went wrong."""
    script = write(seed)
    _say(f"{script}\n")
    with house(folder / "house") as (server, certificates):
        outcome = live(script, folder / f"life-{seed}", server, certificates)
    for remark in outcome.remarks:
        _say(f"allowed for: {remark}")
    _say_failed(outcome, folder)
    _say(f"{outcome.sessions} sessions, {outcome.wh / 1000:.2f} kWh, {outcome.seconds:.0f} s")
    return outcome


def again(seed: int, folder: Path) -> list[Figure]:
    """One life by its seed, with its figures."""
    return figures([play_one(seed, folder)])


def run(lives: int, seed: int, folder: Path, workers: int = WORKERS) -> list[Figure]:
    """Play so many lives; tell of each that went wrong, and what was done to all; the figures."""
    began_s = time.monotonic()
    outcomes = []
    for outcome in played(seeds(lives, seed), folder, workers):
        _say_failed(outcome, folder)
        outcomes.append(outcome)
    for one in outcomes:
        for remark in one.remarks:
            _say(f"allowed for in life {one.seed}: {remark}")
    longest_s = max((one.seconds for one in outcomes), default=0.0)
    _say(f"\n{coverage_table(outcomes)}\n")
    _say(f"{lives} lives in {time.monotonic() - began_s:.0f} s, the longest {longest_s:.0f} s")
    return figures(outcomes)


def played(wanted: list[int], folder: Path, workers: int) -> Iterator[Outcome]:
    """The outcomes as they come, from ``workers`` processes."""
    context = multiprocessing.get_context("spawn")
    todo: Any = context.Queue()
    done: Any = context.Queue()
    for one in wanted:
        todo.put(one)
    crew = [
        context.Process(target=_work, args=(todo, done, folder, number))
        for number in range(min(workers, len(wanted)))
    ]
    for worker in crew:
        todo.put(None)
        worker.start()
    try:
        for _ in wanted:
            yield _next(done, crew)
    finally:
        for worker in crew:
            worker.join(60)


def _next(done: Any, crew: list[Any]) -> Outcome:
    """The next outcome; RuntimeError when nobody is left to bring one."""
    while True:
        try:
            found: Outcome = done.get(timeout=1.0)
        except Empty:
            if not any(worker.is_alive() for worker in crew):
                raise RuntimeError("the processes that play lives have ended early") from None
        else:
            return found


def _work(todo: Any, done: Any, folder: Path, number: int) -> None:
    with house(folder / f"house-{number}") as (server, certificates):
        while (seed := todo.get()) is not None:
            done.put(live(write(seed), folder / f"life-{seed}", server, certificates))


def _say_failed(outcome: Outcome, folder: Path) -> None:
    if outcome.wrong:
        _say(
            f"life {outcome.seed} FAILED: {'; '.join(outcome.wrong)}\n"
            f"  again: python -m campaign whole:{outcome.seed}   "
            f"kept: {folder / f'life-{outcome.seed}'}"
        )


def figures(outcomes: list[Outcome]) -> list[Figure]:
    """The figures of a run; lost, doubled and falsified are what the judge found."""
    total: Counter[str] = sum((one.injected for one in outcomes), Counter())
    slack_wh = max((one.slack_wh for one in outcomes), default=0.0)
    error_wh = max((one.error_wh for one in outcomes), default=0.0)

    def none(what: str, name: str) -> Figure:
        return exactly(CLAIM, what, sum(getattr(one, name) for one in outcomes), 0)

    def shown(what: str, value: float, unit: str = "") -> Figure:
        return at_least(CLAIM, what, value, 0, unit)

    wrong = sum(bool(one.wrong) for one in outcomes)
    return [
        exactly(CLAIM, f"lives that went wrong in any way, of {len(outcomes):,}", wrong, 0),
        none("sessions lost", "lost"),
        none("sessions doubled", "doubled"),
        none("sessions falsified", "falsified"),
        at_most(CLAIM, "largest error of a session, rounding", error_wh, slack_wh, "Wh"),
        shown("sessions booked", sum(one.sessions for one in outcomes)),
        shown("closings, each seen in a stored session", sum(one.closings for one in outcomes)),
        shown("energy that flowed", round(sum(one.wh for one in outcomes) / 1000, 1), "kWh"),
        *(shown(what, total[what]) for what in _SHOWN),
    ]


def coverage_table(outcomes: list[Outcome]) -> str:
    """How often each kind of trouble was made, as Markdown."""
    total: Counter[str] = sum((one.injected for one in outcomes), Counter())
    lines = ["| what was done | times |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in sorted(total.items())]
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
