"""What people see and hear: (signal, time) -> green, red, buzzer. A table, as SAFETY has it.

At most two flashes a second; rhythm and place carry the meaning, colour only helps. An outcome
plays once over the background that the phase keeps playing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

Intervals = tuple[tuple[float, float], ...]


class Background(StrEnum):
    """Plays as long as the box is in this condition."""

    FREE = "free"
    WAIT = "wait"
    WAITING_FOR_CAR = "waiting_for_car"
    CHARGING = "charging"
    OPENING = "opening"
    BROKEN_CONTACTOR = "broken_contactor"
    BROKEN_METER = "broken_meter"
    BROKEN_READER = "broken_reader"
    BROKEN_SUPPLY = "broken_supply"


class Outcome(StrEnum):
    """Plays once, then the background is seen again."""

    ACKNOWLEDGED = "acknowledged"
    GO = "go"
    OPENED = "opened"
    DONE = "done"
    REFUSED = "refused"
    BUSY = "busy"
    CANNOT_ASK = "cannot_ask"
    ONE_CARD = "one_card"
    BROKEN = "broken"
    LAMP_TEST = "lamp_test"


@dataclass(frozen=True, slots=True)
class Lamps:
    green: bool = False
    red: bool = False
    buzzer: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """Intervals in which each output is on, within ``length_s``. ``lights`` False: sound only."""

    length_s: float
    green: Intervals = ()
    red: Intervals = ()
    buzzer: Intervals = ()
    lights: bool = True


def _pulses(count: int, on_s: float, gap_s: float, start_s: float = 0.0) -> Intervals:
    return tuple(
        (start_s + i * (on_s + gap_s), start_s + i * (on_s + gap_s) + on_s) for i in range(count)
    )


def _broken(flashes: int) -> Pattern:
    red = _pulses(flashes, 0.3, 0.3)
    return Pattern(red[-1][1] + 2.0, red=red)


BACKGROUNDS: dict[Background, Pattern] = {
    Background.FREE: Pattern(3.0, green=((0.0, 0.05),)),
    Background.WAIT: Pattern(1.0, green=((0.0, 0.5),)),
    Background.WAITING_FOR_CAR: Pattern(4.0, green=((0.3, 4.0),)),
    Background.CHARGING: Pattern(4.0, green=((0.0, 4.0),)),
    Background.OPENING: Pattern(0.5, green=((0.0, 0.25),)),
    Background.BROKEN_CONTACTOR: _broken(1),
    Background.BROKEN_METER: _broken(2),
    Background.BROKEN_READER: _broken(3),
    Background.BROKEN_SUPPLY: _broken(4),
}

OUTCOMES: dict[Outcome, Pattern] = {
    Outcome.ACKNOWLEDGED: Pattern(0.06, buzzer=((0.0, 0.06),), lights=False),
    Outcome.GO: Pattern(0.36, buzzer=_pulses(2, 0.12, 0.12), lights=False),
    Outcome.OPENED: Pattern(0.12, buzzer=((0.0, 0.12),), lights=False),
    Outcome.DONE: Pattern(2.0, green=((0.0, 2.0),), buzzer=((0.0, 0.6),)),
    Outcome.REFUSED: Pattern(3.0, red=_pulses(3, 0.5, 0.5), buzzer=((0.0, 0.8),)),
    Outcome.BUSY: Pattern(
        3.0,
        green=_pulses(3, 0.5, 0.5),
        red=_pulses(3, 0.5, 0.5, start_s=0.5),
        buzzer=_pulses(3, 0.12, 0.12),
    ),
    Outcome.CANNOT_ASK: Pattern(
        3.0,
        green=_pulses(3, 0.5, 0.5),
        red=_pulses(3, 0.5, 0.5),
        buzzer=_pulses(2, 0.6, 0.3),
    ),
    Outcome.ONE_CARD: Pattern(0.9, red=_pulses(2, 0.2, 0.3), buzzer=_pulses(2, 0.06, 0.2)),
    Outcome.BROKEN: Pattern(2.0, buzzer=((0.0, 2.0),), lights=False),
    Outcome.LAMP_TEST: Pattern(1.5, green=((0.0, 1.0),), red=((0.5, 1.5),), buzzer=((0.0, 0.03),)),
}

# In the quiet hours a tag and a refusal are still answered by one tick; the rest is silent.
_QUIET_TICK: Intervals = ((0.0, 0.03),)
_QUIET_TICKS = frozenset({Outcome.ACKNOWLEDGED, Outcome.REFUSED})


def lamps(
    background: Background,
    background_s: float,
    outcome: Outcome | None,
    outcome_s: float,
    *,
    quiet: bool = False,
) -> tuple[Lamps, float]:
    """The outputs now, and the seconds until the next one changes.

    ``background_s`` and ``outcome_s`` are the seconds since each began (never negative).
    """
    base = BACKGROUNDS[background]
    t = background_s % base.length_s
    edges = [*_edges((base.green, base.red, base.buzzer), t), base.length_s - t]
    over = OUTCOMES[outcome] if outcome is not None else None
    if over is None or outcome is None or outcome_s >= over.length_s:
        return Lamps(_on(base.green, t), _on(base.red, t)), min(edges)
    buzzer = over.buzzer
    if quiet:
        buzzer = _QUIET_TICK if outcome in _QUIET_TICKS else ()
    edges += [*_edges((over.green, over.red, buzzer), outcome_s), over.length_s - outcome_s]
    lights, at = (over, outcome_s) if over.lights else (base, t)
    shown = Lamps(_on(lights.green, at), _on(lights.red, at), _on(buzzer, outcome_s))
    return shown, min(edges)


def _on(intervals: Intervals, t: float) -> bool:
    return any(start <= t < end for start, end in intervals)


def _edges(tracks: Iterable[Intervals], t: float) -> list[float]:
    return [edge - t for track in tracks for pair in track for edge in pair if edge > t]
