"""Clocks that step: no charge ends or is lost by a stamp, and durations are true.

Fast lives (campaign.fast: the real rules, journal, uplink and server functions on virtual time) in
which the wall clock steps by 1 s to 10 years, wakes up in 1970, is set during a charge or long
after it, by the time service or by the server (campaign.clock). Judged like every fast life: every
session once, every register right; and besides by the true time.

Alone: ``python -m campaign.claims.clock [SCALE] [SEED]``. What was found wrong is in the folder
(alone: printed), with its seed.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from campaign.fast.run import player
from campaign.figures import Figure, at_least, at_most, exactly, table

CLAIM = "clock steps"
LIVES, LEAST_LIVES = 500, 6
WITHIN_S = 1.0
TOLD = "clocks.txt"


def measure(scale: float, seed: int, folder: Path, *, defect: str | None = None) -> list[Figure]:
    """``scale`` 1: 500 lives. ``defect``: what campaign.clock.play is told to spoil first."""
    dice = random.Random(f"clocks {seed}")
    lives = max(LEAST_LIVES, round(scale * LIVES))
    found = list(played([dice.getrandbits(32) for _ in range(lives)], defect))
    (folder / TOLD).write_text("".join(f"{line}\n" for line in _told(found)))
    return list(_figures(found))


def played(seeds: Sequence[int], defect: str | None = None) -> Iterator[dict[str, Any]]:
    """Exactly these lives: the fields of campaign.clock.judge.Verdict, with seed and kind."""
    spoilt = (defect,) if defect else ()
    with player("campaign.clock.play", *spoilt) as process:
        for seed in seeds:
            process.stdin.write(f"{seed}\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"life {seed}: its process ended: {process.wait()}")
            yield json.loads(line)


def _figures(found: Sequence[dict[str, Any]]) -> Iterator[Figure]:
    counted = sum((Counter(one["counted"]) for one in found), Counter[str]())
    wrong = sum(bool(one["wrong"]) for one in found)
    steps = counted["clock jumps"] + counted["clock 1970"] + counted["clock unsynced"]
    yield exactly(CLAIM, f"lives with a defect, of {len(found):,} with {steps:,} steps", wrong, 0)
    for what, words in _KINDS.items():
        sentences = [
            text for one in found for text in one["wrong"] if any(w in text for w in words)
        ]
        yield exactly(CLAIM, f"{what}, of {counted['sessions']:,}", len(sentences), 0)
    yield at_least(CLAIM, "sessions whose stamps are true", counted["sessions with true stamps"], 1)
    yield at_most(
        CLAIM,
        f"furthest duration from the truth among them ({counted['stamps repaired']:,} stamps were "
        "repaired)",
        round(_worst(found, "worst_s"), 3),
        WITHIN_S,
        "s",
    )
    yield at_most(
        CLAIM, "furthest stamp from the truth", round(_worst(found, "worst_stamp_s"), 3), 1.0, "s"
    )
    yield at_most(
        CLAIM,
        f"furthest end by a limit ({counted['limits']:,}) from the monotonic time it is set to",
        round(_worst(found, "worst_limit_s"), 3),
        WITHIN_S,
        "s",
    )
    yield _count(counted, "sessions with a stamp that nobody could repair")
    yield _count(
        counted,
        "sessions under a clock that lied",
        f" (durations up to {_worst(found, 'worst_lie_s') / 86_400:,.0f} days off; energy exact; "
        f"{counted['of these booked to nobody']:,} booked to nobody, "
        f"{counted['of these flagged']:,} flagged; in "
        f"{counted['months that do not add up']:,} lives the lines of the months do not add up)",
    )


_KINDS = {
    "sessions ended by anything but tap or limit": ("its people came", "was to end"),
    "sessions lost, doubled or begun by nobody": (
        "lost",
        "never delivered",
        "twice",
        "nobody's",
        "began no session",
    ),
    "stamps not repaired though the clock was set": ("stayed estimated",),
}


def _count(counted: Counter[str], what: str, more: str = "") -> Figure:
    return Figure(CLAIM, what, f"{counted[what]:,}{more}", "–", True)


def _worst(found: Sequence[dict[str, Any]], name: str) -> float:
    return max(float(one[name]) for one in found)


def _told(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    for one in found:
        for sentence in one["wrong"]:
            yield f"clock life {one['seed']} ({one['kind']}): {sentence}"


def main(arguments: Sequence[str]) -> int:
    """Print the table and what was found wrong; 1 when a figure is missed."""
    scale = float(arguments[0]) if arguments else 1.0
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    with tempfile.TemporaryDirectory(prefix="clock") as folder:
        figures = measure(scale, seed, Path(folder))
        told = (Path(folder) / TOLD).read_text()
    sys.stdout.write(f"{table(figures)}\n{told}")
    return 0 if all(one.met for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
