"""A life with a clock that steps, drawn from its seed. Pure.

Somebody charges two or three times, each time until they hold the tag to the box again, or until a
limit ends it. Meanwhile the clock steps. Three kinds of clock:

* ``lies``: the kernel calls it synced all the time, and still it steps. No rule can know.
* ``asleep``: the Pi has no battery; it boots in 1970, without network, and is set right some time.
* ``doubted``: not synced, but the server is there and says what time it is.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime

from campaign.fast.script import DAY_S, RESIDENTS, Act, Script
from campaign.fast.timeline import BEGINNING
from station.rules.settings import Settings
from station.rules.values import Load

KINDS = ("lies", "asleep", "asleep", "doubted")
# An ordinary morning, a turn of the year, and the nights in which summer time begins and ends.
BEGINNINGS = (
    BEGINNING,
    datetime(2026, 12, 31, 22, 50, tzinfo=UTC),
    datetime(2027, 3, 28, 0, 50, tzinfo=UTC),
    datetime(2027, 10, 31, 0, 50, tzinfo=UTC),
)
STEPS_S = (1.0, 2.0, 5.0, 60.0, 3600.0, 7200.0, DAY_S, 30 * DAY_S, 365 * DAY_S, 3650 * DAY_S)
MAX_DURATION_S, NO_ENERGY_S = 150.0, 90.0
BOOTS_S = 30.0
# Short enough for people to wait for it (life.PEOPLE_WAIT_S), so that acts go on meanwhile.
OUTAGE_S = (20.0, 50.0)
MENDED_S = 35.0


@dataclass(frozen=True, slots=True)
class Charge:
    """From the tap at ``from_s`` to the one at ``to_s``, seconds of the script.

    ``limit`` instead of a second tap: the reason for which it ends, by itself.
    """

    tag: str
    from_s: float
    to_s: float
    limit: str | None = None


@dataclass(frozen=True, slots=True)
class ClockScript:
    """``script`` as fast lives are played; ``beginning``: the true time at its start."""

    kind: str
    beginning: datetime
    charges: tuple[Charge, ...]
    script: Script


def write(seed: int) -> ClockScript:
    """The life of this seed, the same every time."""
    dice = random.Random(f"clock {seed}")
    kind, beginning = dice.choice(KINDS), dice.choice(BEGINNINGS)
    acts = _before(dice, kind)
    charges, at_s = [], BOOTS_S + OUTAGE_S[1] + 15.0
    for _ in range(dice.choice((2, 2, 3))):
        charge = _charge(dice, at_s)
        charges.append(charge)
        acts += _people(dice, charge)
        at_s = charge.to_s + dice.uniform(MENDED_S + 20.0, 90.0)
    acts += _clock(dice, kind, charges, at_s)
    ordered = tuple(sorted(acts, key=lambda act: act.at_s))
    return ClockScript(kind, beginning, tuple(charges), Script(seed, _settings(dice), ordered, ()))


def _settings(dice: random.Random) -> Settings:
    load = dice.choice((Load.WALLBOX, Load.ENABLE, Load.SOCKET))
    return Settings(
        load=load,
        phases=3,
        max_current_a=16.0,
        min_off_s=5.0,
        has_enable=load is Load.ENABLE,
        update_s=1.0,
        max_duration_s=MAX_DURATION_S,
        no_energy_s=NO_ENERGY_S,
        resume_within_s=0.0 if load is Load.SOCKET else 600.0,
    )


def _before(dice: random.Random, kind: str) -> list[Act]:
    """The box has been up and right once; then whatever the kind of clock wants."""
    if kind == "asleep":
        away_s = dice.uniform(*OUTAGE_S)
        return [
            Act(BOOTS_S, "weather", "away"),
            Act(BOOTS_S, "power cut", away_s),
            Act(BOOTS_S + 1.0, "clock 1970"),
        ]
    if kind == "doubted":
        return [Act(BOOTS_S, "clock unsynced", dice.choice(STEPS_S) * dice.choice((-1, 1)))]
    return []


def _charge(dice: random.Random, at_s: float) -> Charge:
    tag = dice.choice(RESIDENTS)
    from_s = at_s + dice.uniform(5.0, 20.0)
    limit = dice.choice((None, None, None, None, "max_duration", "no_energy"))
    if limit is not None:
        return Charge(tag, from_s, from_s + MAX_DURATION_S + 40.0, limit)
    return Charge(tag, from_s, from_s + dice.uniform(25.0, 120.0))


def _people(dice: random.Random, charge: Charge) -> list[Act]:
    # A car that is full draws nothing; the box cannot tell it from no car.
    full = {"soc_percent": 100.0} if charge.limit == "no_energy" else {}
    car = {"kw": dice.choice((3.7, 7.4, 11.0)), "phases": 3, **full}
    acts = [
        Act(charge.from_s - dice.uniform(0.5, 4.0), "plug", car),
        Act(charge.from_s, "tap", charge.tag),
        Act(charge.to_s + 10.0, "unplug"),
    ]
    if charge.limit is None:
        acts.append(Act(charge.to_s, "tap", charge.tag))
    return acts


def _clock(dice: random.Random, kind: str, charges: list[Charge], end_s: float) -> list[Act]:
    """Steps at any time, most of them while somebody charges.

    A clock that only lies goes on stepping; one that a time service has set is held right by it.
    """
    acts = []
    if kind == "asleep":
        acts = _set_some_time(dice, charges, end_s)
    elif dice.random() < 0.5:
        acts = [Act(_moment(dice, charges, end_s), "clock is set right")]
    held_s = min((act.at_s for act in acts if act.what == "clock is set right"), default=end_s)
    for _ in range(dice.randint(1, 6)):
        at_s, by_s = _moment(dice, charges, end_s), dice.choice(STEPS_S) * dice.choice((-1.0, 1.0))
        if kind == "lies" or at_s < held_s:
            acts.append(Act(at_s, "clock jumps", by_s))
    return acts


def _set_some_time(dice: random.Random, charges: list[Charge], end_s: float) -> list[Act]:
    """By NTP, by the server when the network is back, by both, or not before the next boot."""
    acts = []
    if dice.random() < 0.15:
        # Between two charges, so that nobody's charge ends by the cut.
        cut_s = charges[-1].from_s - MENDED_S
        acts += [Act(cut_s, "power cut", 20.0), Act(cut_s + 1.0, "clock 1970")]
    by = dice.choice(("time service", "server", "both", "mended"))
    if by in ("time service", "both"):
        acts.append(Act(_moment(dice, charges, end_s), "clock is set right"))
    if by in ("server", "both"):
        acts.append(Act(_moment(dice, charges, end_s), "weather", "clear"))
    return acts


def _moment(dice: random.Random, charges: list[Charge], end_s: float) -> float:
    if dice.random() < 0.75:
        charge = dice.choice(charges)
        return dice.uniform(charge.from_s + 1.0, charge.to_s + 12.0)
    return dice.uniform(BOOTS_S + OUTAGE_S[1] + 15.0, end_s)
