"""How a charge of a script is ended: each way with its weight. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from campaign.whole.acts import (
    Break,
    Cue,
    Deed,
    Kill,
    Landlord,
    Leave,
    Mend,
    Order,
    PowerBack,
    PowerCut,
    Reset,
    Tap,
    Unplug,
)
from campaign.whole.chapter import AFTER, ENDING, SAME_FLAT, Chapter
from campaign.whole.troubles import AWAY_S


def _end_at(chapter: Chapter, deed: Deed) -> None:
    chapter.add(ENDING, deed, chapter.dice.uniform(5.4, 8.0), Cue.CLOSES)


def _same_tag(chapter: Chapter, person: str) -> None:
    _end_at(chapter, Tap(person))


def _flat_tag(chapter: Chapter, person: str) -> None:
    _end_at(chapter, Tap(SAME_FLAT.get(person, person)))


def _remote(chapter: Chapter, person: str) -> None:
    _end_at(chapter, Landlord(Order.STOP))


def _unplug(chapter: Chapter, person: str) -> None:
    _end_at(chapter, Unplug())


def full(chapter: Chapter, person: str) -> None:
    """The car ends it by itself; the box follows, or a tag."""


def _stop_button(chapter: Chapter, person: str) -> None:
    _end_at(chapter, Break("stop-pressed"))
    chapter.add(AFTER + 0.5, Mend("stop-pressed"), 0.2)
    chapter.add(AFTER + 0.6, Reset(), 5.5)


def _shutdown(chapter: Chapter, person: str) -> None:
    _end_at(chapter, Leave())


def _power_ends(chapter: Chapter, person: str) -> None:
    _end_at(chapter, PowerCut())
    chapter.add(ENDING, PowerBack(chapter.dice.choice(AWAY_S)), 0.5)


def _kill_ends(chapter: Chapter, person: str) -> None:
    _end_at(chapter, Kill(failsafe=chapter.dice.random() < 0.5))


ENDINGS: Sequence[tuple[Callable[[Chapter, str], None], int]] = (
    (_same_tag, 9),
    (_flat_tag, 2),
    (_remote, 2),
    (_unplug, 2),
    (full, 2),
    (_stop_button, 1),
    (_shutdown, 1),
    (_power_ends, 1),
    (_kill_ends, 1),
)
