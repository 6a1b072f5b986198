"""A meter that talks nonsense: no wrong booking, and no charge given up without need.

A million answers at the serial object, on virtual time (campaign.garbage.life), and a thousand
samples on a line at its real pace (campaign.garbage.paced): the real meter worker, driver,
minimalmodbus and rules, with sessions going on. Every booking is held against what flowed. An exact
one may be off by 2 x (a step of the register + 1 Wh); an estimate has to be a register that the
charge really went through.

Alone: ``python -m campaign.claims.garbage [SCALE] [SEED]``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from campaign.figures import Figure, at_least, exactly, table
from campaign.garbage.judge import Judge
from campaign.garbage.life import Life
from campaign.garbage.paced import PacedLife

CLAIM = "garbage from the meter: 1,000,000 answers, 1,000 on the paced line: 0 wrong bookings"
ANSWERS, ANSWERS_A_LIFE = 1_000_000, 5_000
PACED_SAMPLES = 1_000
SEEDS_APART = 10_000


def measure(scale: float, seed: int, folder: Path) -> list[Figure]:
    """``scale`` 1: a million answers. What was found wrong stands in ``folder``, with its seeds."""
    wanted = round(scale * ANSWERS)
    lives = max(1, round(wanted / ANSWERS_A_LIFE))
    seeds = range(seed * SEEDS_APART, seed * SEEDS_APART + lives)
    with ProcessPoolExecutor(2) as pool:
        paced = pool.submit(live_paced, seed, max(20, round(scale * PACED_SAMPLES)))
        judges = list(pool.map(live, seeds, [-(-wanted // lives)] * lives))
        on_line = paced.result()
    found = [
        f"life {number}: {what}"
        for number, judge in (*zip(seeds, judges, strict=True), (seed, on_line))
        for what in (*judge.wrong, *judge.line_wrong, *judge.taken_wrong)
    ]
    (folder / "garbage.txt").write_text("".join(f"{line}\n" for line in found))
    return [
        at_least(CLAIM, "answers at the serial object", _sum(judges, "answers"), wanted),
        *_judged(judges, f"lives from seed {seeds[0]}"),
        at_least(CLAIM, "samples on the paced line", on_line.answers, 20),
        *_judged([on_line], f"paced line, seed {seed}"),
    ]


def live(seed: int, answers: int) -> Judge:
    """One life on virtual time."""
    return Life(seed).run(answers)


def live_paced(seed: int, samples: int) -> Judge:
    """One life in real time."""
    return PacedLife(seed).run(samples)


def _judged(judges: list[Judge], where: str) -> list[Figure]:
    off = sum(sum(judge.off.values()) for judge in judges)
    by_line = sum(len(judge.taken_wrong) for judge in judges)
    largest_wh = max(judge.largest_off_wh for judge in judges)
    accepted = _sum(judges, "accepted")
    kept = (
        f"{_sum(judges, 'raised'):,} samples refused by the driver, "
        f"{_sum(judges, 'refused'):,} by the rules, {accepted:,} taken; {off:,} of these during a "
        f"charge and off by more than a step, {largest_wh:,.1f} Wh at most"
    )
    bookings = _sum(judges, "bookings") + _sum(judges, "estimates")
    return [
        Figure(CLAIM, f"what became of the samples ({where})", kept, "none", True),
        exactly(CLAIM, "taken though off, with nothing but the line at fault", by_line, 0),
        exactly(
            CLAIM,
            f"let through by the driver wrong, of {_sum(judges, 'line_passed'):,} samples "
            "with nothing but the line at fault",
            sum(len(judge.line_wrong) for judge in judges),
            0,
        ),
        exactly(
            CLAIM,
            f"wrong bookings of {bookings:,} ({_sum(judges, 'estimates'):,} of them estimates)",
            sum(len(judge.wrong) for judge in judges) - _sum(judges, "faults"),
            0,
        ),
        exactly(
            CLAIM,
            f"meter_lost before 3 bad readings in a row, of {_sum(judges, 'lost'):,}",
            _sum(judges, "hasty"),
            0,
        ),
        exactly(CLAIM, "false alarms of a weld", _sum(judges, "faults"), 0),
    ]


def _sum(judges: Iterable[Judge], name: str) -> int:
    return sum(getattr(judge, name) for judge in judges)


def main(scale: str = "1", seed: str = "1") -> int:
    """Measure, print the table and what was found wrong; 1 if a figure is missed."""
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(float(scale), int(seed), Path(folder))
        found = (Path(folder) / "garbage.txt").read_text()
    sys.stdout.write(f"{table(figures)}\n{found}")
    return int(not all(figure.met for figure in figures))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
