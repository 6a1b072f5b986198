"""One charge of a script and what goes wrong around it: acts by the place they take. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from campaign.whole.acts import Act, Cue, Deed, Moment
from campaign.whole.building import Built

T = TypeVar("T")

RESIDENTS = ("Anna", "Anna's second tag", "Bert", "Carla")
STRANGERS = ("a blocked tag", "an expired tag", "an unknown tag")
SAME_FLAT = {"Anna": "Anna's second tag", "Anna's second tag": "Anna"}

# A chapter is written as acts with the place they take in it; equal places keep their order.
BEFORE, ASKING, CLOSED, ENDING, OPEN, TELLING, AFTER = range(7)
_CUES = {
    ASKING: (Cue.ASKS, 0.0, 1.2),
    CLOSED: (Cue.CLOSES, 0.0, 4.0),
    OPEN: (Cue.OPENS, 0.0, 4.5),
    TELLING: (Cue.TELLS, 0.0, 0.3),
}


@dataclass(slots=True)
class Chapter:
    """One charge and what goes wrong around it."""

    dice: random.Random
    built: Built
    lines: list[tuple[float, Act]] = field(default_factory=list)

    def add(self, place: float, deed: Deed, after_s: float = 0.0, cue: Cue | None = None) -> None:
        self.lines.append((place, Act(Moment(round(after_s, 2), cue), deed)))

    def at(self, place: int, deed: Deed) -> float:
        """Somewhere in that part of the charge; returns the exact place."""
        cue, low_s, high_s = _CUES.get(place, (None, 0.0, 2.0))
        exact = place + self.dice.random()
        self.add(exact, deed, self.dice.uniform(low_s, high_s), cue)
        return exact

    def acts(self) -> list[Act]:
        return [act for _, act in sorted(self.lines, key=lambda line: line[0])]


def pick(dice: random.Random, weights: dict[T, int] | Sequence[tuple[T, int]]) -> T:
    pairs = list(weights.items() if isinstance(weights, dict) else weights)
    return dice.choices([one for one, _ in pairs], [weight for _, weight in pairs])[0]


def worst_place(dice: random.Random) -> int:
    """Quiet times too, but above all the moments that hurt."""
    return pick(dice, {BEFORE: 2, ASKING: 4, CLOSED: 5, OPEN: 5, TELLING: 4, AFTER: 1})


def mended(chapter: Chapter, trouble: Deed, mend: Deed, low_s: float, high_s: float) -> None:
    """Break, and mend after a while; at times only when other things have happened meanwhile."""
    dice = chapter.dice
    exact = chapter.at(worst_place(dice), trouble)
    if dice.random() < 0.6:
        chapter.add(exact + 1e-6, mend, dice.uniform(low_s, high_s))
    else:
        chapter.add(dice.uniform(exact, AFTER + 1), mend, dice.uniform(0.0, 1.5))
