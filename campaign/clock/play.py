"""Plays lives with a clock that steps: a seed a line in, a verdict a line out.

To be started by campaign.fast.run.player, which brings the witness. ``MODULE:FUNCTION`` as argument
is called first: a test plants a defect by it.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from importlib import import_module

from campaign.clock.judge import Verdict, judge
from campaign.clock.life import ClockLife
from campaign.clock.script import write
from campaign.fast.house import House
from campaign.fast.timeline import Timeline


def play(seed: int, house: House) -> Verdict:
    """One life. Whatever goes wrong is in the verdict."""
    told = write(seed)
    timeline = Timeline(beginning=told.beginning)
    with house.life(timeline) as token:
        life = ClockLife(told, house, token, timeline)
        try:
            life.play()
            return judge(life)
        except Exception as error:  # noqa: BLE001 - a life that ends by an exception is a defect
            return Verdict(wrong=[f"{type(error).__name__}: {error}"])


def main(arguments: Sequence[str]) -> None:
    logging.disable(logging.CRITICAL)
    house = House()
    for argument in arguments:
        module, _, function = argument.partition(":")
        getattr(import_module(module), function)()
    for line in sys.stdin:
        seed = int(line)
        kind = write(seed).kind
        verdict = play(seed, house)
        sys.stdout.write(json.dumps({"seed": seed, "kind": kind, **vars(verdict)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
