"""Welded contacts by the meter: found in time, and never found where nothing is welded.

Welds (campaign.weld.welds): every load, 200 W to 11 kW and 50 to 200 W beyond standby, those that
carry current when the contactor is told to open and those that show at the next draw. Normal ends
(campaign.weld.ends): ten thousand, with all that looks like a weld. Real in it: the rules, keeper
and journal, the simulated box's world; the meter's samples are made from its registers.

Behind a release the car has 15 s to ramp down before anything is looked at: there the limit counts
from the end of these, and what it is from the command stands beside it.

Alone: ``python -m campaign.claims.weld [SCALE] [SEED]``. Whatever is missed or false is in the
folder (alone: printed), with its seed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from campaign.figures import Figure, at_least, at_most, exactly, table
from campaign.weld import ends, welds
from campaign.weld.ends import Ends
from campaign.weld.welds import Class, Weld
from station.rules.values import Load
from station.rules.weld import SETTLED_ENABLE_S

CLAIM = "welded contactor"
STRONG_WITHIN_S, WEAK_WITHIN_S = 15.0, 600.0
WELDS_A_CLASS, ENDS = 510, 10_000
LOADS = tuple(Load)
SEEDS_APART = 100_000
PROCESSES_FROM = 0.1
TOLD = "welds.txt"
# Some charges do not begin: the mains sag, the contactor rests after many closings.
SPARE = 1.03
_KINDS = (
    (False, (Load.WALLBOX, Load.SOCKET), "flowing when told to open"),
    (False, (Load.ENABLE,), "flowing when told to open, behind a release (15 s for the ramp)"),
    (True, LOADS, "at the next draw, all loads, from the draw"),
)


def measure(scale: float, seed: int, folder: Path) -> list[Figure]:
    """``scale`` 1: 510 welds of each of four kinds, 10,000 normal ends."""
    begin = seed * SEEDS_APART
    each = max(len(LOADS), round(scale * WELDS_A_CLASS))
    todo = [
        (begin + number, Class(LOADS[number % len(LOADS)], strong, late))
        for strong in (True, False)
        for late in (False, True)
        for number in range(each)
    ]
    lives = max(2, round(scale * ENDS / ends.ENDS_A_LIFE * SPARE))
    seeds = range(begin, begin + lives)
    if scale < PROCESSES_FROM:
        found = [welds.live(*one) for one in todo]
        lived = [ends.live(one) for one in seeds]
    else:
        with ProcessPoolExecutor(2) as pool:
            coming = pool.map(ends.live, seeds, chunksize=5)
            found = list(pool.map(welds.live, *zip(*todo, strict=True), chunksize=10))
            lived = list(coming)
    (folder / TOLD).write_text("".join(f"{line}\n" for line in _told(found, lived)))
    return [*_welds(found), *_ends(lived, round(scale * ENDS))]


def _limit_s(weld: Weld) -> float:
    """From the moment that ``found_s`` counts from."""
    within_s = STRONG_WITHIN_S if weld.kind.strong else WEAK_WITHIN_S
    ramps = weld.kind.load is Load.ENABLE and not weld.kind.late
    return within_s + (SETTLED_ENABLE_S if ramps else 0.0)


def _welds(found: Sequence[Weld]) -> Iterator[Figure]:
    for strong, power in ((True, "200 W to 11 kW"), (False, "50 to 200 W")):
        for late, loads, where in _KINDS:
            some = [
                weld
                for weld in found
                if weld.kind.strong is strong and weld.kind.late is late and weld.kind.load in loads
            ]
            yield from _class(f"{power}, {where}", some)
    missed = sum(one.found_s is None for one in found)
    yield exactly(CLAIM, f"welds not found at all, of {len(found):,}", missed, 0)


def _class(what: str, some: Sequence[Weld]) -> Iterator[Figure]:
    times_s = [one.found_s for one in some if one.found_s is not None]
    if not times_s:
        yield at_least(CLAIM, f"{what}: welds found, of {len(some)}", 0, len(some))
        return
    yield at_most(
        CLAIM,
        f"{what}: slowest of {len(some):,} (half of them within "
        f"{statistics.median(times_s):.1f} s; lowest power {min(w.lowest_w for w in some):.0f} W)",
        round(max(times_s), 1),
        _limit_s(some[0]),
        "s",
    )
    late = sum(one.found_s is None or one.found_s > _limit_s(one) for one in some)
    yield exactly(CLAIM, f"{what}: later than that", late, 0)


def _ends(lived: Sequence[Ends], wanted: int) -> Iterator[Figure]:
    counted = sum((one.counted for one in lived), Counter[str]())
    total = sum(one.ends for one in lived)
    yield at_least(CLAIM, "normal ends", total, wanted)
    yield exactly(
        CLAIM, f"false alarms in {total:,} normal ends", sum(len(x.alarms) for x in lived), 0
    )
    for kind in ("load", "end", "company"):
        parts = sorted(name for name in counted if name.startswith(f"{kind} "))
        text = ", ".join(f"{name.removeprefix(f'{kind} ')} {counted[name]:,}" for name in parts)
        yield Figure(CLAIM, f"these ends by {kind}", text, "–", True)


def _told(found: Sequence[Weld], lived: Sequence[Ends]) -> Iterator[str]:
    for weld in found:
        if weld.found_s is None or weld.found_s > _limit_s(weld):
            yield str(weld)
    for life in lived:
        yield from life.alarms


def main(arguments: Sequence[str]) -> int:
    """Print the table and what was found wrong; 1 when a figure is missed."""
    scale = float(arguments[0]) if arguments else 1.0
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    with tempfile.TemporaryDirectory(prefix="weld") as folder:
        figures = measure(scale, seed, Path(folder))
        told = (Path(folder) / TOLD).read_text()
    sys.stdout.write(f"{table(figures)}\n{told}")
    return 0 if all(one.met for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
