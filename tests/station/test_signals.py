"""What people see and hear, row by row of the table in SAFETY, and what holds for every pattern."""

from __future__ import annotations

from datetime import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.daemon import within
from station.rules.signals import (
    BACKGROUNDS,
    OUTCOMES,
    Background,
    Intervals,
    Lamps,
    Outcome,
    lamps,
)

OFF = Lamps()
GREEN = Lamps(green=True)
RED = Lamps(red=True)
BOTH = Lamps(green=True, red=True)

SHORT_S = (0.05, 0.2)
LONG_S = (0.5, 0.8)


def lights(background: Background, at_s: float) -> Lamps:
    return lamps(background, at_s, None, 0.0)[0]


def over(outcome: Outcome, at_s: float, background: Background = Background.FREE) -> Lamps:
    """The outputs while an outcome plays over a background that began 1 s earlier."""
    return lamps(background, at_s + 1.0, outcome, at_s)[0]


def colours(shown: Lamps) -> tuple[bool, bool]:
    return shown.green, shown.red


def beeps(outcome: Outcome, *, quiet: bool = False) -> list[float]:
    """The lengths of the sounds of an outcome, sampled every 5 ms, in seconds."""
    lengths: list[float] = []
    sounding = False
    for step in range(1000):
        shown, _ = lamps(Background.FREE, step / 200, outcome, step / 200, quiet=quiet)
        if shown.buzzer and not sounding:
            lengths.append(0.0)
        if shown.buzzer:
            lengths[-1] += 1 / 200
        sounding = shown.buzzer
    assert not sounding
    return lengths


# --- the table: which lamps at which time -----------------------------------------------------

BACKGROUND_ROWS = [
    # free, alive: green, 50 ms every 3 s
    (Background.FREE, {0.0: GREEN, 0.04: GREEN, 0.06: OFF, 2.99: OFF, 3.01: GREEN, 3.06: OFF}),
    # tag read, wait: green 1 Hz
    (Background.WAIT, {0.0: GREEN, 0.49: GREEN, 0.51: OFF, 0.99: OFF, 1.01: GREEN, 1.51: OFF}),
    # go, waiting for the car: green, a gap of 0.3 s every 4 s
    (
        Background.WAITING_FOR_CAR,
        {0.0: OFF, 0.29: OFF, 0.31: GREEN, 3.99: GREEN, 4.01: OFF, 4.31: GREEN},
    ),
    # charging: green steady
    (Background.CHARGING, {0.0: GREEN, 0.1: GREEN, 3.9999: GREEN, 4.0: GREEN, 12345.6: GREEN}),
    # opening: green fast
    (Background.OPENING, {0.0: GREEN, 0.24: GREEN, 0.26: OFF, 0.49: OFF, 0.51: GREEN, 0.76: OFF}),
    # broken, contactor: red once, pause 2 s
    (Background.BROKEN_CONTACTOR, {0.0: RED, 0.29: RED, 0.31: OFF, 2.29: OFF, 2.31: RED}),
]


@pytest.mark.parametrize(("background", "row"), BACKGROUND_ROWS, ids=lambda value: str(value))
def test_lamps_of_a_background(background: Background, row: dict[float, Lamps]):
    assert {at_s: lights(background, at_s) for at_s in row} == row


@pytest.mark.parametrize(
    ("background", "count"),
    [
        (Background.BROKEN_CONTACTOR, 1),
        (Background.BROKEN_METER, 2),
        (Background.BROKEN_READER, 3),
        (Background.BROKEN_SUPPLY, 4),
    ],
)
def test_broken_is_counted_in_red_flashes_with_a_pause_of_2_s(background: Background, count: int):
    period = BACKGROUNDS[background].length_s
    red = [lights(background, step / 100).red for step in range(round(period * 100))]
    assert not any(lights(background, step / 100).green for step in range(round(period * 100)))
    assert sum(1 for before, now in pairwise([False, *red]) if now and not before) == count
    last_on = max(step for step, on in enumerate(red) if on)
    assert (len(red) - 1 - last_on) / 100 == pytest.approx(2.0, abs=0.02)
    assert lights(background, period + 0.01) == RED


OUTCOME_ROWS = [
    # refused: red 3 x 0.5 s
    (Outcome.REFUSED, {0.0: RED, 0.49: RED, 0.51: OFF, 1.01: RED, 1.51: OFF, 2.01: RED, 2.51: OFF}),
    # busy: green and red in turn, 3 s
    (
        Outcome.BUSY,
        {0.01: GREEN, 0.51: RED, 1.01: GREEN, 1.51: RED, 2.01: GREEN, 2.51: RED, 2.99: RED},
    ),
    # cannot ask the server: both together, 3 times
    (
        Outcome.CANNOT_ASK,
        {0.01: BOTH, 0.51: OFF, 1.01: BOTH, 1.51: OFF, 2.01: BOTH, 2.51: OFF, 2.99: OFF},
    ),
    # one card only: red 2 x 0.2 s
    (Outcome.ONE_CARD, {0.0: RED, 0.19: RED, 0.21: OFF, 0.51: RED, 0.69: RED, 0.71: OFF}),
    # done: green 2 s, once the reading is safe
    (Outcome.DONE, {0.0: GREEN, 1.0: GREEN, 1.99: GREEN}),
]


@pytest.mark.parametrize(("outcome", "row"), OUTCOME_ROWS, ids=lambda value: str(value))
@pytest.mark.parametrize("background", [Background.WAIT, Background.BROKEN_METER])
def test_lamps_of_an_outcome_whatever_plays_behind(
    background: Background, outcome: Outcome, row: dict[float, Lamps]
):
    seen = {at_s: colours(over(outcome, at_s, background)) for at_s in row}
    assert seen == {at_s: colours(shown) for at_s, shown in row.items()}


@pytest.mark.parametrize(
    "outcome", [Outcome.ACKNOWLEDGED, Outcome.GO, Outcome.OPENED], ids=lambda one: one.value
)
@pytest.mark.parametrize("background", list(Background), ids=lambda one: one.value)
def test_a_mere_sound_leaves_the_lamps_to_the_background(outcome: Outcome, background: Background):
    for step in range(100):
        at_s = step / 100
        shown, _ = lamps(background, at_s, outcome, at_s)
        assert colours(shown) == colours(lights(background, at_s))


@pytest.mark.parametrize("outcome", list(Outcome), ids=lambda one: one.value)
def test_after_an_outcome_the_background_is_seen_again(outcome: Outcome):
    end_s = OUTCOMES[outcome].length_s
    for background in Background:
        for at_s in (end_s, end_s + 0.01, end_s + 100.0):
            assert lamps(background, at_s, outcome, at_s) == lamps(background, at_s, None, 0.0)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.ACKNOWLEDGED, [(0.055, 0.065)]),  # one, 60 ms
        (Outcome.GO, [SHORT_S, SHORT_S]),  # two short
        (Outcome.OPENED, [SHORT_S]),  # short, and when it is done
        (Outcome.DONE, [LONG_S]),  # long
        (Outcome.REFUSED, [(0.795, 0.805)]),  # one, 800 ms
        (Outcome.BUSY, [SHORT_S, SHORT_S, SHORT_S]),  # three short
        (Outcome.CANNOT_ASK, [LONG_S, LONG_S]),  # two long
        (Outcome.ONE_CARD, [(0.055, 0.065), (0.055, 0.065)]),  # two, 60 ms
        (Outcome.BROKEN, [(1.995, 2.005)]),  # once, 2 s
    ],
    ids=lambda value: str(value),
)
def test_sounds_of_an_outcome(outcome: Outcome, expected: list[tuple[float, float]]):
    lengths = beeps(outcome)
    assert len(lengths) == len(expected)
    for length, (shortest, longest) in zip(lengths, expected, strict=True):
        assert shortest <= length <= longest


def test_the_lamp_test_shows_every_lamp_and_the_buzzer():
    seen = [over(Outcome.LAMP_TEST, step / 100) for step in range(150)]
    assert any(one.green for one in seen)
    assert any(one.red for one in seen)
    assert any(one.buzzer for one in seen)


@pytest.mark.parametrize("background", list(Background), ids=lambda one: one.value)
def test_a_background_is_silent(background: Background):
    length = BACKGROUNDS[background].length_s
    assert not any(lights(background, step * length / 200).buzzer for step in range(400))


def test_the_acknowledgement_begins_at_once():
    """The tag is acknowledged within 100 ms; none of it is spent in the pattern."""
    assert over(Outcome.ACKNOWLEDGED, 0.0).buzzer


# --- quiet hours ------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", list(Outcome), ids=lambda one: one.value)
def test_quiet_is_one_tick_for_acknowledgement_and_refusal(outcome: Outcome):
    lengths = beeps(outcome, quiet=True)
    if outcome in (Outcome.ACKNOWLEDGED, Outcome.REFUSED):
        assert len(lengths) == 1
        assert lengths[0] < 0.05
    else:
        assert lengths == []


@pytest.mark.parametrize("outcome", list(Outcome), ids=lambda one: one.value)
def test_quiet_takes_nothing_from_the_lamps(outcome: Outcome):
    for step in range(400):
        loud, _ = lamps(Background.WAIT, step / 100, outcome, step / 100)
        quiet, _ = lamps(Background.WAIT, step / 100, outcome, step / 100, quiet=True)
        assert colours(loud) == colours(quiet)


@pytest.mark.parametrize(
    ("at", "start", "end", "inside"),
    [
        (time(21, 59, 59), time(22), time(6), False),
        (time(22), time(22), time(6), True),
        (time(0), time(22), time(6), True),
        (time(5, 59, 59), time(22), time(6), True),
        (time(6), time(22), time(6), False),
        (time(12), time(22), time(6), False),
        (time(12, 59), time(13), time(15), False),
        (time(13), time(13), time(15), True),
        (time(14, 59, 59), time(13), time(15), True),
        (time(15), time(13), time(15), False),
        (time(0), time(13), time(15), False),
    ],
)
def test_quiet_hours_may_span_midnight(at: time, start: time, end: time, inside: bool):
    assert within(at, start, end) is inside


# --- what holds for every pattern -------------------------------------------------------------


def flashes(track: Intervals, length_s: float, periods: int) -> list[float]:
    """The moments at which an output goes on, through ``periods`` of a pattern in a row."""
    spans = [
        (start + turn * length_s, end + turn * length_s)
        for turn in range(periods)
        for start, end in sorted(track)
    ]
    return [
        start
        for index, (start, _) in enumerate(spans)
        if index == 0 or start > spans[index - 1][1] + 1e-9
    ]


TRACKS = [
    pytest.param(getattr(pattern, lamp), pattern.length_s, periods, id=f"{name.value}-{lamp}")
    for patterns, periods in ((BACKGROUNDS, 8), (OUTCOMES, 1))
    for name, pattern in patterns.items()
    for lamp in ("green", "red")
]


@pytest.mark.parametrize(("track", "length_s", "periods"), TRACKS)
def test_no_lamp_flashes_more_than_twice_a_second(track: Intervals, length_s: float, periods: int):
    starts = flashes(track, length_s, periods)
    for first in starts:
        within_a_second = [at for at in starts if first <= at < first + 1.0 - 1e-9]
        assert len(within_a_second) <= 2, within_a_second


@pytest.mark.parametrize(
    "pattern", [*BACKGROUNDS.values(), *OUTCOMES.values()], ids=[*BACKGROUNDS, *OUTCOMES]
)
def test_intervals_lie_in_order_within_their_pattern(pattern):
    for track in (pattern.green, pattern.red, pattern.buzzer):
        edges = [edge for pair in track for edge in pair]
        assert edges == sorted(edges)
        assert all(start < end for start, end in track)
        assert all(0 <= edge <= pattern.length_s + 1e-9 for edge in edges)


moments = st.floats(0, 100_000, allow_nan=False) | st.sampled_from(
    [0.0, 0.05, 0.25, 0.5, 0.9, 1.0, 2.0, 2.3, 3.0, 4.0, 4.1]
)


@settings(max_examples=500, derandomize=True, deadline=None)
@given(
    background=st.sampled_from(Background),
    background_s=moments,
    outcome=st.none() | st.sampled_from(Outcome),
    outcome_s=moments | st.floats(0, 3),
    quiet=st.booleans(),
    part=st.floats(0, 0.999),
)
def test_nothing_changes_before_the_time_that_is_told(
    background: Background,
    background_s: float,
    outcome: Outcome | None,
    outcome_s: float,
    quiet: bool,
    part: float,
):
    shown, next_s = lamps(background, background_s, outcome, outcome_s, quiet=quiet)
    assert next_s > 0
    # The clock of a long-running box has steps of its own: 1e5 s are known to about 1e-11 s.
    pause_s = part * max(0.0, next_s - 1e-9)
    later, _ = lamps(background, background_s + pause_s, outcome, outcome_s + pause_s, quiet=quiet)
    assert later == shown


@pytest.mark.parametrize("outcome", [None, *Outcome])
@pytest.mark.parametrize("background", list(Background))
def test_whoever_follows_the_told_times_sees_every_change(
    background: Background, outcome: Outcome | None
):
    """Looking only when told is as good as looking every 5 ms, up to a few of these steps."""
    followed: list[tuple[float, Lamps]] = []
    at_s = 0.0
    while at_s < 8.0:
        shown, next_s = lamps(background, at_s, outcome, at_s)
        followed.append((at_s, shown))
        at_s += max(next_s, 1e-6)
    assert len(followed) < 200
    step = 0
    for (begin, shown), (end, _) in pairwise(followed):
        while step / 200 < end:
            if begin + 1e-6 < step / 200 < end - 1e-6:
                assert lamps(background, step / 200, outcome, step / 200)[0] == shown
            step += 1
