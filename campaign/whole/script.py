"""A life, written from a seed: how the box was built, and everything that happens to it.

Pure: the same seed always writes the same life. It is told, not yet lived: what the daemon, the
kernel and the network make of it in time differs from one playing to the next.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from campaign.whole.acts import Act, Cue, Kill, Plug, PowerBack, PowerCut, Reset, Tap, Unplug
from campaign.whole.building import Built, build
from campaign.whole.chapter import (
    AFTER,
    BEFORE,
    CLOSED,
    ENDING,
    RESIDENTS,
    STRANGERS,
    TELLING,
    Chapter,
    pick,
)
from campaign.whole.endings import ENDINGS, full
from campaign.whole.troubles import TROUBLES, people
from campaign.whole.wire import Delivery

PATIENT = 0.04
RESUMED_BY_S = 108.0  # boot, 30 s of a stable supply, and a random moment within a minute


@dataclass(frozen=True, slots=True)
class Script:
    """``kill_at_write``: for each start of the daemon, the number of the write to its data folder
    right before which it dies; None = it lives on. Later starts live on."""

    seed: int
    built: Built
    delivery: Delivery
    kill_at_write: tuple[int | None, ...]
    acts: tuple[Act, ...]

    def __str__(self) -> str:
        lines = [f"Life {self.seed}: {self.built}", f"  {self.delivery}"]
        lines += [
            f"  start {number} of the daemon ends right before its write no. {at}"
            for number, at in enumerate(self.kill_at_write, 1)
            if at is not None
        ]
        return "\n".join([*lines, *(f"  {act}" for act in self.acts)])


def write(seed: int) -> Script:
    """The life of this seed."""
    dice = random.Random(seed)
    built = build(dice)
    copies = dice.choice((1, 1, 2, 3, 4, 5))
    delivery = Delivery(copies, dice.random() < 0.5, dice.choice((0.0, 0.0, 0.2, 0.5)))
    deaths = tuple(
        dice.randint(1, 160) if dice.random() < chance else None for chance in (0.15, 0.2, 0.2)
    )
    acts: list[Act] = []
    if dice.random() < PATIENT:
        return Script(seed, built, delivery, (), tuple(_patient(dice, built)))
    for _ in range(dice.choice((2, 2, 3))):
        acts += _chapter(dice, built)
    return Script(seed, built, delivery, deaths, tuple(acts))


def _patient(dice: random.Random, built: Built) -> list[Act]:
    """A charge of more than a minute that is interrupted, and may be resumed as the same one."""
    chapter = Chapter(dice, built)
    person = dice.choice(RESIDENTS)
    kw = 4.1 if built.phases == 3 else 1.8
    chapter.add(BEFORE, Plug(kw, built.phases), 0.2)
    chapter.add(BEFORE, Tap(person, begins=True), 0.3)
    after_s = dice.uniform(62.0, 65.0)
    if dice.random() < 0.7:
        chapter.add(CLOSED, PowerCut(), after_s, Cue.CLOSES)
        chapter.add(CLOSED, PowerBack(dice.choice((2.0, 60.0, 480.0))), 0.5)
    else:
        kill = Kill(failsafe=dice.random() < 0.7)
        chapter.add(CLOSED, kill, after_s, Cue.CLOSES)
    chapter.add(ENDING, Tap(person), RESUMED_BY_S)
    chapter.add(TELLING, Tap(person, if_running=True), 3.0)
    chapter.add(AFTER, Unplug(), 0.5)
    return chapter.acts()


def _chapter(dice: random.Random, built: Built) -> list[Act]:
    chapter = Chapter(dice, built)
    person = dice.choice(RESIDENTS)
    if dice.random() < 0.1:
        chapter.add(BEFORE, Tap(dice.choice(STRANGERS)), 0.3)
        chapter.add(BEFORE, Reset(), 1.5)
    ending = pick(dice, ENDINGS)
    full_after_wh = dice.uniform(150, 700) if ending is full else None
    kw = dice.choice((11.0, 11.0, 7.4, 4.1)) if built.phases == 3 else dice.choice((3.7, 1.8))
    plug = Plug(kw, built.phases, full_after_wh and round(full_after_wh))
    if dice.random() < 0.7:
        chapter.add(BEFORE + 0.8, plug, dice.uniform(0, 0.5))
    else:
        chapter.add(CLOSED, plug, 0.2, Cue.CLOSES)
    chapter.add(BEFORE + 0.9, Tap(person, begins=True), dice.uniform(0.1, 1.0))
    for _ in range(dice.choice((1, 1, 2, 2, 3, 3))):
        pick(dice, TROUBLES)(chapter, person)
    if dice.random() < 0.25:
        people(chapter, person)
    ending(chapter, person)
    chapter.add(TELLING + 0.9, Tap(person, if_running=True), 3.0)
    chapter.add(AFTER, Unplug(), dice.uniform(0.2, 1.0))
    if dice.random() < 0.8:
        chapter.add(AFTER, Reset(), dice.uniform(0.2, 2.0))
    return chapter.acts()
