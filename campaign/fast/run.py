"""Many fast lives in several processes, and the figures of them."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from campaign.disk import witness
from campaign.figures import Figure, at_most, exactly

ROOT = Path(__file__).resolve().parents[2]
CLAIM = "fast lives"
PLAYS = "campaign.fast.play"


Take = Callable[[dict[str, Any]], None]


@dataclass
class Sum:
    """What many lives came to. ``wrong``: seed and sentences of every life with a defect."""

    lives: int = 0
    wrong: dict[int, list[str]] = field(default_factory=dict)
    sessions: int = 0
    charges: int = 0
    flowed_wh: float = 0.0
    booked_wh: int = 0
    unassigned_wh: int = 0
    estimated: int = 0
    worst_wh: float = 0.0
    counted: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: dict[str, Any]) -> None:
        self.lives += 1
        if verdict["wrong"]:
            self.wrong[verdict["seed"]] = verdict["wrong"]
        for name in ("sessions", "charges", "flowed_wh", "booked_wh", "unassigned_wh", "estimated"):
            setattr(self, name, getattr(self, name) + verdict[name])
        self.worst_wh = max(self.worst_wh, verdict["worst_wh"])
        self.counted.update(verdict["counted"])


def seeds(seed: int, lives: int) -> Iterator[int]:
    """The seeds of a campaign's lives."""
    for number in range(lives):
        yield random.Random(f"fast {seed}/{number}").getrandbits(32)


def run(lives: int, seed: int, *, workers: int = 2) -> Sum:
    """Play them. A life that is wrong is told at once, with the command that plays it again."""
    return play(list(seeds(seed, lives)), workers=workers)


def play(lives: list[int], *, workers: int = 1, module: tuple[str, ...] = ()) -> Sum:
    """Exactly these lives, by their seeds. ``module``: what plays them (:func:`player`)."""
    todo: SimpleQueue[int] = SimpleQueue()
    for one in lives:
        todo.put(one)
    found, lock = Sum(), threading.Lock()

    def take(verdict: dict[str, Any]) -> None:
        with lock:
            found.add(verdict)
            for sentence in verdict["wrong"]:
                tell(f"life fast:{verdict['seed']}: {sentence}")
            if verdict["wrong"]:
                tell(f"  again: .venv/bin/python -m campaign fast:{verdict['seed']}")

    threads = [threading.Thread(target=_work, args=(todo, take, module)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _work(todo: SimpleQueue[int], take: Take, module: tuple[str, ...]) -> None:
    """One process after the other, until nothing is left to do; a crash costs one life."""
    while True:
        with player(*module) as process:
            while True:
                try:
                    seed = todo.get_nowait()
                except Empty:
                    return
                process.stdin.write(f"{seed}\n")
                process.stdin.flush()
                line = process.stdout.readline()
                if not line:
                    take(_nothing(seed, f"its process ended: {process.wait()}"))
                    break
                take(json.loads(line))


def _nothing(seed: int, why: str) -> dict[str, Any]:
    empty = Sum()
    return {**vars(empty), "seed": seed, "wrong": [why]}


@contextmanager
def player(*module: str) -> Iterator[Any]:
    """A process with the witness, and a card in memory where there is one.

    ``module`` (campaign.fast.play) and what it is told: it reads a seed a line.
    """
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="evcs-fast-", dir=memory if memory.is_dir() else None)
    try:
        watched = witness.environment(Path(folder) / "card", Path(folder) / "log")
        with subprocess.Popen(
            [sys.executable, "-m", *(module or (PLAYS,))],
            cwd=ROOT,
            env={**os.environ, **watched, "EVCS_DATABASE": ":memory:"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            yield process
            process.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def figures(found: Sum) -> list[Figure]:
    """What is published of them."""
    kinds = Counter[str]()
    for sentences in found.wrong.values():
        kinds.update(_kind(sentence) for sentence in sentences)
    cuts = found.counted["power cut"] + found.counted["killed"]
    return [
        exactly(CLAIM, f"lives with a defect, of {found.lives:,}", len(found.wrong), 0),
        exactly(CLAIM, f"sessions lost, of {found.sessions:,}", kinds["lost"], 0),
        exactly(CLAIM, "sessions doubled or nobody's", kinds["doubled"], 0),
        exactly(CLAIM, "bookings that are not what flowed", kinds["falsified"], 0),
        at_most(CLAIM, "furthest register from the truth", found.worst_wh, 1.125, "Wh"),
        Figure(
            CLAIM,
            "energy in these lives",
            f"{found.flowed_wh / 1000:,.1f} kWh flowed, {found.booked_wh / 1000:,.1f} booked, "
            f"{found.unassigned_wh / 1000:,.1f} unassigned",
            "–",
            True,
        ),
        Figure(CLAIM, "cuts and kills in these lives", f"{cuts:,}", "–", True),
    ]


def _kind(sentence: str) -> str:
    if sentence.startswith("lost") or "never delivered" in sentence:
        return "lost"
    if "twice" in sentence or sentence.startswith("nobody's"):
        return "doubled"
    if " Wh" in sentence:
        return "falsified"
    return "other"
