"""A life, drawn from its seed: how the box is built and set up, what happens, and when. Pure.

A story line of people who charge is overlaid with faults at random moments, and with traps: faults
that wait for the worst moment, such as the nth commit, or the answer to an END.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from campaign.fast.meter import Lie
from campaign.fast.road import WEATHERS
from station.rules.settings import Settings
from station.rules.values import Load, OfflinePolicy, Stage

ANNA, ANNAS_SECOND, BERT, CARLA = "04A3C6CAE26180", "7D21F0A4", "16AC936B", "04B17A5C3D6E80"
BLOCKED, EXPIRED, UNKNOWN = "04D55E1F904C81", "5E0B9C38", "0BADF00D"
RESIDENTS = (ANNA, BERT, CARLA)
OTHERS = (ANNAS_SECOND, BLOCKED, EXPIRED, UNKNOWN)
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens ``at_s`` seconds after the beginning."""

    at_s: float
    what: str
    arg: Any = None

    def __str__(self) -> str:
        return f"{self.at_s:8.1f} s  {self.what}" + ("" if self.arg is None else f" {self.arg}")


@dataclass(frozen=True, slots=True)
class Trap:
    """Something that happens the ``nth`` time that ``place`` is reached.

    Places: ``stage NAME`` (a session gets there), ``commit`` (after it, before anybody is told),
    ``in commit`` (within its writes), ``request KIND`` and ``answer KIND`` of start, end,
    heartbeat, readings, tags (before the server hears it; after it has committed).
    """

    place: str
    nth: int
    what: str
    arg: Any = None

    def __str__(self) -> str:
        arg = "" if self.arg is None else f" {self.arg}"
        return f"at {self.place} no {self.nth}:  {self.what}{arg}"


@dataclass(frozen=True, slots=True)
class Script:
    """One life, whole. ``str`` of it can be read."""

    seed: int
    settings: Settings
    acts: tuple[Act, ...]
    traps: tuple[Trap, ...]

    def __str__(self) -> str:
        lines = [f"life {self.seed}: {self.settings}"]
        return "\n".join((*lines, *map(str, self.traps), *map(str, self.acts)))


def write(seed: int) -> Script:
    """The life of this seed, the same every time."""
    dice = random.Random(seed)
    settings = _settings(dice)
    acts, end_s = _people(dice)
    for draw, least, most in (
        (_weather, 0, 5),
        (_meter, 0, 3),
        (_power, 0, 2),
        (_stray_taps, 0, 3),
        (_card, 0, 1),
        (_clock, 0, 1),
        (_landlord, 0, 2),
        (_box, 0, 1),
    ):
        for _ in range(dice.randint(least, most)):
            acts += draw(dice, dice.uniform(0.0, end_s))
    if dice.random() < 0.04:
        acts += _exchange(dice.uniform(0.0, end_s))
    traps = [_trap(dice) for _ in range(dice.choice((0, 1, 1, 2, 3)))]
    ordered = sorted(acts, key=lambda act: act.at_s)
    return Script(seed, settings, tuple(ordered), tuple(traps))


def _settings(dice: random.Random) -> Settings:
    load = dice.choice((Load.WALLBOX, Load.WALLBOX, Load.ENABLE, Load.SOCKET))
    return Settings(
        load=load,
        phases=3,
        max_current_a=16.0,
        standby_w=5.0,
        min_off_s=dice.choice((1.0, 5.0)),
        has_feedback=dice.random() < 0.3,
        has_vehicle_input=dice.random() < 0.2,
        has_enable=load is Load.ENABLE,
        sample_s=dice.choice((1.0, 2.0)),
        update_s=1.0,
        lost_after_s=dice.choice((5.0, 15.0, 30.0)),
        max_duration_s=dice.choice((600.0, 1800.0, 48 * 3600.0)),
        max_energy_wh=dice.choice((800.0, 150_000.0)),
        no_energy_s=dice.choice((120.0, 36_000.0)),
        finished_below_w=100.0,
        finished_after_s=dice.choice((60.0, 300.0)),
        resume_within_s=0.0 if load is Load.SOCKET else dice.choice((60.0, 600.0)),
        final_reading_timeout_s=dice.choice((60.0, 300.0)),
        offline_policy=dice.choice(
            (OfflinePolicy.KNOWN_TAGS, OfflinePolicy.KNOWN_TAGS, OfflinePolicy.ANYONE)
        ),
    )


def _people(dice: random.Random) -> tuple[list[Act], float]:
    """Residents who come, charge and leave, one after the other."""
    acts, at_s = [], dice.uniform(8.0, 20.0)
    for _ in range(dice.randint(2, 5)):
        tag = dice.choice(RESIDENTS * 4 + OTHERS)
        car = {
            "kw": dice.choice((1.4, 3.7, 7.4, 11.0)),
            "phases": dice.choice((1, 3, 3)),
            "battery_kwh": dice.choice((0.4, 40.0)),
        }
        plugs_first = dice.random() < 0.8
        if plugs_first:
            acts.append(Act(at_s, "plug", car))
        at_s += dice.uniform(1.0, 10.0)
        acts.append(Act(at_s, "tap", tag))
        if dice.random() < 0.15:
            acts.append(Act(at_s + dice.uniform(0.8, 3.0), "tap", tag))
        if not plugs_first:
            acts.append(Act(at_s + dice.uniform(1.0, 30.0), "plug", car))
        at_s += dice.choice((dice.uniform(8.0, 60.0), dice.uniform(60.0, 500.0)))
        ends = dice.choice(("tap", "tap", "tap", "unplug", "second", "remote", "nothing"))
        if ends == "tap":
            acts.append(Act(at_s, "tap", tag))
        elif ends == "second":
            acts.append(Act(at_s, "tap", ANNAS_SECOND if tag == ANNA else tag))
        elif ends == "remote":
            acts.append(Act(at_s, "remote stop"))
        at_s += dice.uniform(5.0, 40.0)
        acts.append(Act(at_s, "unplug"))
        at_s += dice.uniform(3.0, 90.0)
    return acts, at_s


def _weather(dice: random.Random, at_s: float) -> list[Act]:
    name = dice.choice([name for name in WEATHERS if name != "clear"])
    lasts_s = dice.choice((dice.uniform(2.0, 20.0), dice.uniform(20.0, 400.0)))
    return [Act(at_s, "weather", name), Act(at_s + lasts_s, "weather", "clear")]


def _meter(dice: random.Random, at_s: float) -> list[Act]:
    lie = dice.choice(list(Lie))
    lasts_s = dice.choice((dice.uniform(0.5, 6.0), dice.uniform(6.0, 45.0), dice.uniform(45, 200)))
    return [Act(at_s, "meter lies", lie), Act(at_s + lasts_s, "meter is well")]


def _exchange(at_s: float) -> list[Act]:
    return [
        Act(at_s, "meter lies", Lie.SILENT),
        Act(at_s + 20.0, "meter is exchanged"),
        Act(at_s + 21.0, "meter is well"),
    ]


def _power(dice: random.Random, at_s: float) -> list[Act]:
    what = dice.choice(("kill", "kill", "power cut", "power cut", "terminate"))
    return [Act(at_s, what, _away_s(dice, what))]


def _away_s(dice: random.Random, what: str) -> float:
    if what == "power cut":
        return dice.choice(
            (dice.uniform(1, 40), dice.uniform(40, 900), dice.uniform(900, DAY_S), 9 * DAY_S)
        )
    return dice.choice((dice.uniform(0.6, 3.0), dice.uniform(0.6, 3.0), dice.uniform(3.0, 200.0)))


def _stray_taps(dice: random.Random, at_s: float) -> list[Act]:
    if dice.random() < 0.2:
        return [Act(at_s, "two cards")]
    return [Act(at_s, "tap", dice.choice((*RESIDENTS, *OTHERS)))]


def _card(dice: random.Random, at_s: float) -> list[Act]:
    what = dice.choice(("card read-only", "card full", "card slow"))
    return [Act(at_s, what), Act(at_s + dice.uniform(1.0, 60.0), "card is well")]


def _clock(dice: random.Random, at_s: float) -> list[Act]:
    what = dice.choice(("clock 1970", "clock step", "clock unsynced"))
    by_s = dice.choice((-3600.0, -5.0, 5.0, 3600.0))
    if what == "clock unsynced":
        # A clock that lies by years and calls itself synced is the clock claim's.
        by_s *= dice.choice((1.0, 87_600.0))
    return [Act(at_s, what, by_s), Act(at_s + dice.uniform(1.0, 400.0), "clock is set right")]


def _landlord(dice: random.Random, at_s: float) -> list[Act]:
    later_s = at_s + dice.uniform(30.0, 300.0)
    match dice.choice(("block", "disable", "remote stop")):
        case "block":
            tag = dice.choice(RESIDENTS)
            return [Act(at_s, "block", tag), Act(later_s, "unblock", tag)]
        case "disable":
            return [Act(at_s, "disable"), Act(later_s, "enable")]
    return [Act(at_s, "remote stop")]


def _box(dice: random.Random, at_s: float) -> list[Act]:
    fault = dice.choice(
        ("contactor-welded", "contactor-stuck-open", "stop-pressed", "undervoltage")
    )
    return [Act(at_s, "box breaks", fault), Act(at_s + dice.uniform(1.0, 120.0), "box is mended")]


def _trap(dice: random.Random) -> Trap:
    place = dice.choice(
        (
            *(f"stage {stage.value}" for stage in Stage),
            *("commit", "in commit") * 4,
            *(f"{way} {kind}" for way in ("request", "answer") for kind in ("start", "end")),
            *("answer end", "answer start", "answer heartbeat", "answer readings", "answer tags"),
        )
    )
    if place in ("commit", "in commit"):
        what = dice.choice(("kill", "power cut"))
        return Trap(place, dice.randint(1, 25), what, _away_s(dice, what))
    nth = dice.choice((1, 1, 1, 2, 2, 3))
    what = dice.choice(("kill", "power cut", "power cut"))
    if place.startswith("stage") and dice.random() < 0.5:
        what, arg = dice.choice(
            (
                ("tap", ANNA),
                ("tap", BERT),
                ("unplug", None),
                ("terminate", 1.0),
                ("weather", "mute"),
                ("weather", "away"),
                ("meter lies", Lie.SILENT),
                ("meter lies", Lie.JUMP),
                ("meter lies", Lie.ZERO),
                ("card read-only", None),
                ("box breaks", "stop-pressed"),
                ("remote stop", None),
            )
        )
        return Trap(place, nth, what, arg)
    return Trap(place, nth, what, _away_s(dice, what))
