"""A tag that is held is one tap, and noise at the reader is none.

A card is held to the simulated chip for 60 s, in quiet and among noise on the wires and in the air.
Then cards come and go among noise: a share of the frames through the registers of the chip, the
great number on frames alone (campaign.tags.air). A phantom is a tag that was read and not held.

Alone: ``python -m campaign.claims.tags [SCALE] [SEED]``.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from pathlib import Path

from campaign.figures import Figure, at_least, exactly, table
from campaign.tags.air import forged, on_air
from campaign.tags.bench import POLL_S, bench
from drivers.iso14443 import Card, SeveralCards
from drivers.reader import Scan
from simulator.rfid.iso14443a import Bits, bits_of
from simulator.rfid.picc import Field

CLAIM = "tags: held 60 s: 1 event; 1,000,000 noisy frames: 0 phantom tags"
HELD_S = 60.0
FRAMES, CHIP_FRAMES, CHUNK = 1_000_000, 20_000, 10_000
WIRE_NOISE, AIR_NOISE = 0.0005, 0.002
SHARES = (0.1, 0.5, 0.9)
UIDS = tuple(map(bytes.fromhex, ("DEADBEEF", "88123456", "04A3C6CAE26180", "04112233445566778899")))


def measure(scale: float, seed: int, folder: Path) -> list[Figure]:
    """``scale`` 1: a million noisy frames on the air and 20,000 through the chip."""
    held_s = HELD_S * min(1.0, max(scale, 0.1))
    wanted = max(1, round(scale * FRAMES / CHUNK))
    with ProcessPoolExecutor(2) as pool:
        seeds = range(seed * 10_000, seed * 10_000 + wanted)
        chunks = pool.map(among_noise_on_air, seeds, [min(CHUNK, round(scale * FRAMES))] * wanted)
        chip = pool.submit(among_noise_at_chip, seed, round(scale * CHIP_FRAMES))
        quiet = pool.submit(held, seed, held_s, 0.0, 0.0)
        noisy = pool.submit(held, seed, held_s, WIRE_NOISE, AIR_NOISE)
        air = sum(chunks, Counter())
    at_chip = chip.result()
    return [
        exactly(CLAIM, f"taps of a tag held {held_s:.0f} s", quiet.result(), 1),
        exactly(CLAIM, f"the same among noise (seed {seed})", noisy.result(), 1),
        at_least(CLAIM, "noisy frames heard", air["noisy"], round(scale * FRAMES)),
        exactly(CLAIM, f"phantom tags among them (seed {seed})", air["phantoms"], 0),
        at_least(CLAIM, "tags that were held and read among them", air["read"], 1),
        at_least(
            CLAIM, "noisy frames through the chip", at_chip["noisy"], round(scale * CHIP_FRAMES)
        ),
        exactly(CLAIM, f"phantom tags among those (seed {seed})", at_chip["phantoms"], 0),
        at_least(CLAIM, "tags that were held and read among those", at_chip["read"], 1),
    ]


def held(seed: int, seconds: float, wire_noise: float, air_noise: float) -> int:
    """How many taps a card makes that lies on the reader; the noise is the chance of a bit."""
    with bench() as made:
        made.chip.faults.reseed(seed)
        made.chip.faults.noise, made.chip.faults.air_noise = wire_noise, air_noise
        made.field.present(UIDS[2])
        return sum(made.poll()[1] is not None for _ in range(round(seconds / POLL_S)))


def among_noise_on_air(seed: int, frames: int) -> Counter[str]:
    """Cards come and go among so many noisy frames, without the chip."""
    chance = random.Random(seed)
    with on_air(seed, chance.choice(SHARES)) as poller:
        counted = _come_and_go(
            poller.air.field, chance, poller.poll, lambda: poller.air.noisy < frames
        )
        counted["noisy"] = poller.air.noisy
    return counted


def among_noise_at_chip(seed: int, frames: int) -> Counter[str]:
    """The same through the registers, with noise on the wires besides."""
    chance = random.Random(seed)
    noisy = 0

    def tamper(answer: Bits) -> Bits | None:
        nonlocal noisy
        if chance.random() >= 0.3:
            return answer
        noisy += 1
        if chance.random() < 0.2:
            return bits_of(chance.randbytes(8))[: chance.randrange(1, 65)]
        return bits_of(forged(chance, len(answer)))

    with bench() as made:
        made.chip.faults.reseed(seed)
        made.chip.faults.noise, made.chip.faults.tamper = WIRE_NOISE / 10, tamper
        counted = _come_and_go(made.field, chance, made.poll, lambda: noisy < frames)
    counted["noisy"] = noisy
    return counted


def _come_and_go(
    field: Field,
    chance: random.Random,
    poll: Callable[[], tuple[Scan, Scan]],
    more: Callable[[], bool],
) -> Counter[str]:
    counted: Counter[str] = Counter()
    there: tuple[bytes, ...] = ()
    for number in count():
        if not more():
            return counted
        if number % 20 == 0:
            there = tuple(chance.sample(UIDS, chance.choice((0, 1, 1, 2))))
            field.present(*there)
        scan, new = poll()
        for one in (scan, new):
            counted["phantoms"] += isinstance(one, Card) and one.uid not in there
        counted["read"] += isinstance(new, Card)
        counted["crowds"] += isinstance(new, SeveralCards) and len(there) < 2
    return counted


def main(scale: str = "1", seed: str = "1") -> int:
    """Measure, print the table; 1 if a figure is missed."""
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(float(scale), int(seed), Path(folder))
    sys.stdout.write(table(figures) + "\n")
    return int(not all(figure.met for figure in figures))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
