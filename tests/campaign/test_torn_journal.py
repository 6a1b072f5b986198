"""The journal comes through power cuts: whatever the disk kept, no commit is lost or half there.

A process lives the life of a journal with the witness preloaded; its log is cut at any record, the
disk gets one of the states a cut may leave, and the journal is opened as the daemon does.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from campaign.disk import cut, survival, witness
from campaign.disk.steps import RETURNED, Reopen, steps
from campaign.disk.witness import Kind, Record
from tools.installation import ROOT

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="make system-packages")

PROGRAM = (sys.executable, "-m", "campaign.disk.steps")
STEPS = 120
SEEDS = (1, 2, 3)


def live(folder: Path, log: Path, seed: int, *more: str, kill_at: int | None = None) -> int:
    """Let a process carry the steps out; returns its exit status."""
    done = subprocess.run(
        (*PROGRAM, str(folder), str(seed), "--to", str(STEPS), *more),
        cwd=ROOT,
        env={**os.environ, **witness.environment(folder, log, kill_at)},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def verdicts(tmp_path: Path, seed: int, records: list[Record], positions: list[int]) -> list[str]:
    """What was wrong after cuts behind so many records each."""
    states = survival.expected(seed, STEPS)
    dice = random.Random(seed)
    wrong = []
    for position in positions:
        folder = tmp_path / "after"
        cut.put(folder, cut.after_cut({}, records[:position], dice))
        _, problem = survival.judge(folder, states, survival.returned(records[:position]))
        if problem is not None:
            wrong.append(f"seed {seed}, cut after record {position}: {problem}")
    return wrong


@pytest.mark.parametrize("seed", SEEDS)
def test_no_commit_is_lost_or_half_there_wherever_the_power_goes(tmp_path: Path, seed: int) -> None:
    folder, log = tmp_path / "journal", tmp_path / "log"
    live(folder, log, seed)
    records = witness.read(log)
    assert cut.replayed({}, records) == cut.take(folder)
    assert survival.returned(records) == STEPS
    checkpoints = sum(one.kind is Kind.SYNC and one.name.endswith("sqlite3") for one in records)
    assert checkpoints >= 5, "too few checkpoints for this test to mean anything"
    dice = random.Random(seed)
    creation = list(range(40))
    anywhere = [dice.randint(40, len(records)) for _ in range(160)]
    assert verdicts(tmp_path, seed, records, creation + anywhere) == []


def test_every_step_that_writes_is_one_fsynced_commit(tmp_path: Path) -> None:
    log = tmp_path / "log"
    live(tmp_path / "journal", log, 1)
    records = witness.read(log)
    schema = 1
    idle = sum(isinstance(step, Reopen) for step in steps(1, STEPS))
    states = survival.expected(1, STEPS)
    unchanged = sum(a == b for a, b in pairwise(states))
    assert STEPS - unchanged + schema <= len(witness.commits(records)) <= STEPS - idle + schema
    assert 0 < witness.bytes_written(records) < 8_000_000


@pytest.mark.parametrize("seed", SEEDS)
def test_it_comes_through_a_cut_in_the_recovery_from_a_cut(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    states = survival.expected(seed, STEPS)
    folder, before, held = tmp_path / "journal", {}, 0
    for round_ in range(8):
        cut.put(folder, before)
        log = tmp_path / f"log-{round_}"
        live(folder, log, seed, "--from", str(held), kill_at=dice.randint(1, 120))
        records = witness.read(log)
        assert cut.replayed(before, records) == cut.take(folder)
        done = survival.returned(records, held)
        before = cut.after_cut(before, records, dice)
        before.setdefault(RETURNED, b"")
        cut.put(tmp_path / "look", before)
        held, problem = survival.judge(tmp_path / "look", states, done)
        assert problem is None, f"seed {seed}, round {round_}: {problem}"
    assert held > 20, "it did not get far enough for this test to mean anything"


@pytest.mark.parametrize(
    ("defect", "found"),
    [
        ("no-fsync", "damaged|are there"),
        ("lazy-fsync", "steps had returned, .* are there"),
        ("no-transactions", "half a commit"),
    ],
)
def test_a_careless_journal_is_found_out(tmp_path: Path, defect: str, found: str) -> None:
    log = tmp_path / "log"
    live(tmp_path / "journal", log, 1, "--defect", defect)
    records = witness.read(log)
    wrong = verdicts(tmp_path, 1, records, list(range(50, len(records), len(records) // 40)))
    assert len(wrong) >= 10
    assert any(re.search(found, one) for one in wrong), wrong


def test_a_disk_that_lies_about_fsync_is_found_out(tmp_path: Path) -> None:
    log = tmp_path / "log"
    live(tmp_path / "journal", log, 1)
    records = [one for one in witness.read(log) if one.kind is not Kind.SYNC]
    wrong = verdicts(tmp_path, 1, records, list(range(50, len(records), len(records) // 40)))
    assert len(wrong) >= 20, wrong
