"""Plays fast lives in this process: a seed a line in, a verdict a line out (campaign.fast.run).

The process has to be started with the witness.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback

from campaign.fast.house import House
from campaign.fast.judge import Verdict, judge
from campaign.fast.life import Life
from campaign.fast.script import write
from campaign.fast.timeline import Timeline


def play(seed: int, house: House) -> Verdict:
    """One life and what is to be said of it. Whatever goes wrong is in the verdict."""
    timeline = Timeline()
    with house.life(timeline) as token:
        life = Life(write(seed), house, token, timeline)
        try:
            life.play()
            return judge(life)
        except Exception as error:  # noqa: BLE001 - a life that ends by an exception is a defect
            where = " < ".join(
                f"{frame.name}:{frame.lineno}"
                for frame in reversed(traceback.extract_tb(error.__traceback__)[-6:])
            )
            return Verdict(wrong=[f"{type(error).__name__}: {error} ({where})"])


def main() -> None:
    logging.disable(logging.CRITICAL)
    house = House()
    for line in sys.stdin:
        seed = int(line)
        verdict = play(seed, house)
        sys.stdout.write(json.dumps({"seed": seed, **vars(verdict)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
