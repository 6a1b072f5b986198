"""The campaign: ``python -m campaign [--lives N] [--seed S] [PART...]``.

PART is ``fast`` or ``whole`` (randomized lives), the name of a claim, or one life by its seed, as
``fast:1234`` or ``whole:1234``, which is how a failing life is played again. Without a PART: all of
it. N is the number of whole lives; fast ones are ten times as many. Exit status 1 if a figure is
missed, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from campaign import publish
from campaign.claims import NAMES, claim
from campaign.figures import Figure, table

FAST_PER_WHOLE = 10


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
    parts = options.parts or ["fast", "whole", *NAMES]
    for part in parts:
        name = part.partition(":")[0]
        if name not in ("fast", "whole", *NAMES):
            known = ", ".join(("fast", "whole", "fast:SEED", "whole:SEED", *NAMES))
            sys.stderr.write(f"campaign: there is no part {part!r}; there are {known}\n")
            return 2
    _say(f"campaign, seed {seed}: {' '.join(parts)}")
    folder = Path(tempfile.mkdtemp(prefix="evcs-campaign-"))
    figures: list[Figure] = []
    for part in parts:
        began_s = time.monotonic()
        found = _measure(part, options, seed, folder / part.replace(":", "-"))
        figures += found
        if options.keep:
            publish.keep(part, found, seed, time.monotonic() - began_s)
        _say(f"\n{part}: {time.monotonic() - began_s:.0f} s\n\n{table(found)}\n")
    missed = [one for one in figures if not one.met]
    _say(f"campaign, seed {seed}: {len(figures)} figures, {len(missed)} missed")
    if missed:
        _say(f"what is left of it: {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _measure(part: str, options: argparse.Namespace, seed: int, folder: Path) -> list[Figure]:
    name, _, life = part.partition(":")
    folder.mkdir(parents=True)
    if name == "fast":
        from campaign.fast import run as fast

        lives = options.lives * FAST_PER_WHOLE if options.fast is None else options.fast
        return fast.figures(
            fast.play([int(life)]) if life else fast.run(lives, seed, workers=options.workers)
        )
    if name == "whole":
        from campaign.whole import run as whole

        if life:
            return whole.again(int(life), folder)
        return whole.run(options.lives, seed, folder)
    return claim(name)(options.scale, seed, folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="campaign", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--lives", type=int, default=200, metavar="N", help="whole lives [200]")
    parser.add_argument("--fast", type=int, metavar="N", help="fast lives [10 for a whole one]")
    parser.add_argument("--seed", type=int, metavar="S", help="[drawn, and printed]")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the claims [1.0]")
    parser.add_argument("--workers", type=int, default=2, help="processes for fast lives [2]")
    parser.add_argument(
        "--keep", action="store_true", help="keep the figures for docs/reliability.md"
    )
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
