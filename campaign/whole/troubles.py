"""What goes wrong in a script: each trouble with its weight, its moment and its mending. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from campaign.whole.acts import (
    Break,
    Deed,
    Kill,
    KillAtCommit,
    Landlord,
    Mend,
    Network,
    Order,
    PowerBack,
    PowerCut,
    RightClock,
    SetClock,
    SlowDisk,
    StartServer,
    StepClock,
    StopServer,
    Tap,
    TapTogether,
    Way,
)
from campaign.whole.chapter import (
    ASKING,
    BEFORE,
    CLOSED,
    OPEN,
    RESIDENTS,
    STRANGERS,
    TELLING,
    Chapter,
    mended,
    pick,
    worst_place,
)

METER_FAULTS = {
    "meter-late-answer": 5,
    "meter-silent": 2,
    "meter-garbage": 2,
    "meter-nan": 1,
    "meter-2to32": 1,
    "meter-x1000": 1,
    "meter-frozen": 1,
    "meter-restart": 2,
    "meter-exchanged": 2,
    "meter-reversed": 1,
    "meter-echo": 1,
    "meter-unplugged": 2,
}
BOX_FAULTS = {
    "contactor-welded": 1,
    "contactor-stuck-open": 1,
    "undervoltage": 2,
    "pi-undervoltage": 1,
    "reader-dead-00": 1,
    "reader-dead-ff": 1,
    "reader-brownout": 1,
    "reader-hung": 1,
    "reader-noise": 1,
}
WAYS = {
    Way.CUT: 3,
    Way.MUTE: 2,
    Way.SLOW: 2,
    Way.LOSES_ANSWERS: 5,
    Way.HELD: 3,
    Way.PROXY_502: 1,
    Way.PROXY_404: 1,
    Way.PROXY_PAGE: 1,
    Way.BUSY: 1,
    Way.MALFORMED: 1,
    Way.HALF: 2,
    Way.STRANGER: 1,
    Way.EXPIRED: 2,
    Way.REFUSED: 1,
}
AWAY_S = (2.0, 20.0, 300.0, 3 * 3600.0, 86_400.0, 9 * 86_400.0)
YEAR_S = 365.25 * 86_400.0
ANNO_1970_S = 86_400.0


def _network(chapter: Chapter, person: str) -> None:
    way = pick(chapter.dice, WAYS)
    mended(chapter, Network(way), Network(Way.PASS), 1.0, 6.0)


def _server(chapter: Chapter, person: str) -> None:
    mended(chapter, StopServer(), StartServer(), 0.5, 3.0)


def _meter(chapter: Chapter, person: str) -> None:
    fault = pick(chapter.dice, METER_FAULTS)
    mended(chapter, Break(fault), Mend(fault), 1.0, 8.0)


def _box(chapter: Chapter, person: str) -> None:
    faults = dict(BOX_FAULTS)
    if chapter.built.mirror_contact:
        faults["feedback-broken"] = 2
    fault = pick(chapter.dice, faults)
    mended(chapter, Break(fault), Mend(fault), 1.0, 5.0)


def _kill(chapter: Chapter, person: str) -> None:
    chapter.at(worst_place(chapter.dice), Kill(failsafe=chapter.dice.random() < 0.4))


def _kill_at_commit(chapter: Chapter, person: str) -> None:
    dice = chapter.dice
    deed = KillAtCommit(dice.randint(1, 5), before=dice.random() < 0.5)
    place = dice.choice((BEFORE, BEFORE, ASKING, CLOSED, OPEN, TELLING))
    chapter.at(place, deed)


def _power(chapter: Chapter, person: str) -> None:
    dice = chapter.dice
    exact = chapter.at(worst_place(dice), PowerCut())
    chapter.add(exact + 1e-6, PowerBack(dice.choice(AWAY_S)), dice.uniform(0.3, 1.5))


def _clock(chapter: Chapter, person: str) -> None:
    dice = chapter.dice
    trouble: Deed = dice.choice(
        (
            SetClock(ANNO_1970_S, synced=False),
            SetClock(ANNO_1970_S, synced=True),
            StepClock(-10 * YEAR_S),
            StepClock(10 * YEAR_S),
            StepClock(dice.choice((-3600.0, 3600.0, -90.0, 90.0, -2.0, 2.0))),
        )
    )
    mended(chapter, trouble, RightClock(), 0.5, 8.0)


def _disk(chapter: Chapter, person: str) -> None:
    slow = SlowDisk(round(chapter.dice.uniform(0.1, 1.2), 2))
    mended(chapter, slow, SlowDisk(0.0), 2.0, 8.0)


def _landlord(chapter: Chapter, person: str) -> None:
    dice = chapter.dice
    if dice.random() < 0.5:
        mended(chapter, Landlord(Order.DISABLE), Landlord(Order.ENABLE), 1.0, 5.0)
    else:
        block, accept = Landlord(Order.BLOCK, person), Landlord(Order.ACCEPT, person)
        mended(chapter, block, accept, 2.0, 6.0)


def people(chapter: Chapter, person: str) -> None:
    """Taps when nobody should."""
    dice = chapter.dice
    other = dice.choice([one for one in (*RESIDENTS, *STRANGERS) if one != person])
    deed: Deed = dice.choice(
        (
            Tap(person),
            Tap(person, hold_s=4.0),
            Tap(other),
            TapTogether(person, other),
        )
    )
    chapter.at(worst_place(dice), deed)
    if dice.random() < 0.3:
        chapter.at(worst_place(dice), Tap(other))


TROUBLES: Sequence[tuple[Callable[[Chapter, str], None], int]] = (
    (_network, 8),
    (_server, 1),
    (_meter, 8),
    (_box, 3),
    (_kill, 3),
    (_kill_at_commit, 4),
    (_power, 4),
    (_clock, 2),
    (_disk, 2),
    (_landlord, 1),
    (people, 3),
)
