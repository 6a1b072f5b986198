"""Readings are suspects until cleared: each bound from both sides, and what holds for any row."""

from __future__ import annotations

import re
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.rules.plausibility import (
    BASELINE_S,
    BASELINE_SAMPLES,
    Remembered,
    Track,
    agree,
    observe,
    same_meter,
)
from station.rules.settings import Settings
from station.rules.values import Load, MeterFacts, Reading

BOX = Settings(load=Load.WALLBOX, phases=3, max_current_a=16)
START_WH = 1_234_567
SERIAL = "11223344"


def reading(
    at_s: float,
    import_wh: int,
    *,
    serial: str | None = SERIAL,
    grid_wh: float = 0.125,
    took_s: float = 0.0,
) -> Reading:
    return Reading(
        requested_at_s=at_s - took_s,
        received_at_s=at_s,
        facts=MeterFacts(serial, import_wh),
        grid_wh=grid_wh,
    )


LAST = reading(1000.0, START_WH)


def judged(
    last: Reading, sample: Reading, *, box: Settings = BOX, may_rebase: bool = False
) -> str | None:
    """Why a sample after ``last`` does not count; None when it does, and then it is the last."""
    track, problem = observe(Track(last=last), sample, box, may_rebase=may_rebase)
    assert track.last is (sample if problem is None else last)
    return problem


# --- each rule, from both sides ---------------------------------------------------------------


def test_the_first_reading_has_nothing_to_be_held_against():
    track, problem = observe(Track(), LAST, BOX, may_rebase=False)
    assert (track, problem) == (Track(last=LAST), None)


@pytest.mark.parametrize(
    ("step_wh", "grid_wh", "good"),
    [(0, 0.125, True), (-1, 0.125, True), (-2, 0.125, False), (-9, 8.0, True), (-10, 8.0, False)],
)
def test_backwards_by_more_than_a_step_of_the_register(step_wh: int, grid_wh: float, good: bool):
    last = replace(LAST, grid_wh=grid_wh)
    problem = judged(last, reading(1001.0, START_WH + step_wh, grid_wh=grid_wh))
    assert (problem is None) is good
    assert good or problem == f"register ran backwards by {-step_wh} Wh"


@pytest.mark.parametrize(
    ("phases", "amperes", "seconds", "grid_wh", "most_wh"),
    [
        # 1.2 x 3 x 16 A x 230 V x 1 h = 13248 Wh, + 2 steps of the grid + 10 Wh
        (3, 16, 3600.0, 0.125, 13_258),
        (1, 16, 3600.0, 0.125, 4_426),
        (3, 32, 3600.0, 0.5, 26_507),
        (3, 16, 1.0, 0.125, 13),
        (3, 16, 1.0, 8.0, 29),
        (3, 16, 0.0, 0.125, 10),
    ],
)
def test_a_step_is_at_most_what_the_fuse_delivers(
    phases: int, amperes: float, seconds: float, grid_wh: float, most_wh: int
):
    box = replace(BOX, phases=phases, max_current_a=amperes)
    last = replace(LAST, grid_wh=grid_wh)
    at_s = LAST.received_at_s + seconds
    assert judged(last, reading(at_s, START_WH + most_wh, grid_wh=grid_wh), box=box) is None
    problem = judged(last, reading(at_s, START_WH + most_wh + 1, grid_wh=grid_wh), box=box)
    told = re.fullmatch(r"register jumped by (\d+) Wh, at most ([\d.]+) Wh can .*", problem or "")
    assert told is not None
    assert int(told[1]) == most_wh + 1
    assert most_wh <= float(told[2]) < most_wh + 1


def test_the_time_of_a_step_is_from_the_older_request_to_the_newer_answer():
    """The register was read somewhere in between, so the widest span is what may have flowed."""
    last = replace(LAST, requested_at_s=LAST.received_at_s - 3600)
    assert judged(last, reading(1000.0, START_WH + 13_258)) is None
    assert judged(last, reading(1000.0, START_WH + 13_259)) is not None


def test_a_simulated_box_may_run_faster():
    fast = replace(BOX, energy_speed=60.0)
    assert judged(LAST, reading(1060.0, START_WH + 13_848), box=fast) is None
    assert judged(LAST, reading(1060.0, START_WH + 13_849), box=fast) is not None
    assert judged(LAST, reading(1060.0, START_WH + 13_848)) is not None


@pytest.mark.parametrize(
    ("wild_wh", "words"),
    [
        (0, "backwards"),  # a meter that has just restarted
        (2**32, "jumped"),
        (START_WH * 1000, "jumped"),
        (START_WH // 1000, "backwards"),
        (START_WH + 100_000, "jumped"),
        (10**13, "jumped"),
    ],
)
def test_values_that_pass_the_crc_and_cannot_be(wild_wh: int, words: str):
    problem = judged(LAST, reading(1005.0, wild_wh))
    assert problem is not None
    assert words in problem


def test_another_serial_is_another_meter():
    problem = judged(LAST, reading(1001.0, START_WH, serial="99887766"))
    assert problem == "meter exchanged: serial 99887766, was 11223344"


@pytest.mark.parametrize(("mine", "other"), [(None, SERIAL), (SERIAL, None), (None, None)])
def test_a_meter_without_a_serial_cannot_be_told_from_another(mine: str | None, other: str | None):
    last, sample = reading(1000.0, START_WH, serial=mine), reading(1001.0, START_WH, serial=other)
    assert same_meter(last.facts, sample.facts)
    assert judged(last, sample) is None


# --- suspects and a new baseline --------------------------------------------------------------


def follow(
    samples: list[Reading], *, may_rebase: bool, track: Track | None = None
) -> tuple[Track, list[bool]]:
    """The track after a row of samples, and for each whether it counted."""
    track = track or Track(last=LAST)
    counted = []
    for sample in samples:
        track, problem = observe(track, sample, BOX, may_rebase=may_rebase)
        counted.append(problem is None)
    return track, counted


def test_three_agreeing_suspects_become_the_baseline_when_nothing_hangs_on_the_past():
    new = [reading(1000.0 + i, 500, serial="99887766") for i in range(1, 5)]
    track, counted = follow(new, may_rebase=True)
    assert BASELINE_SAMPLES == 3
    assert counted == [False, False, False, True]
    assert track == Track(last=new[3], before=new[2])


def test_the_third_suspect_becomes_the_baseline_but_does_not_count_itself():
    new = [reading(1000.0 + i, 500, serial="99887766") for i in range(1, 4)]
    track, counted = follow(new, may_rebase=True)
    assert counted == [False, False, False]
    assert track == Track(last=new[2])


@pytest.mark.parametrize("elsewhere_wh", [0, 500, LAST.facts.import_wh * 1000, 2**32])
def test_the_same_meter_elsewhere_is_believed_after_ten_minutes_and_not_before(elsewhere_wh: int):
    new = [reading(1000.0 + i, elsewhere_wh) for i in range(1, 700)]
    track, counted = follow(new, may_rebase=True)
    began_s = new[0].requested_at_s
    first = next(index for index, counts in enumerate(counted) if counts)
    assert not any(counted[:first])
    believed = new[first - 1]
    assert BASELINE_S <= believed.received_at_s - began_s <= BASELINE_S + 2
    assert all(counted[first:])
    assert track.last is new[-1]


def test_a_lie_of_nine_minutes_leaves_no_trace():
    lies = [reading(1000.0 + i, 0) for i in range(1, 540)]
    true = [reading(1600.0 + i, LAST.facts.import_wh) for i in range(3)]
    _, counted = follow([*lies, *true], may_rebase=True)
    assert counted == [False] * len(lies) + [True] * 3


REMEMBERED = [
    # (Wh against the journal's, age of it in s, counts)
    (0, 60.0, True),
    (-1, 60.0, True),
    (-2, 60.0, False),
    (-LAST.facts.import_wh, 60.0, False),
    (200, 60.0, True),
    (300, 60.0, False),
    (13_000, 3600.0, True),
    (14_000, 3600.0, False),
    (13_000, None, True),
    (2**32, None, False),
    (LAST.facts.import_wh * 999, None, False),
]


@pytest.mark.parametrize(("step_wh", "age_s", "counts"), REMEMBERED)
def test_the_first_reading_of_a_boot_is_held_against_the_journal(
    step_wh: int, age_s: float | None, counts: bool
):
    track = Track(remembered=Remembered(LAST.facts, age_s))
    found, problem = observe(
        track, reading(5.0, LAST.facts.import_wh + step_wh), BOX, may_rebase=True
    )
    assert (problem is None) is counts, problem
    assert (found.last is not None) is counts
    assert found.remembered is (None if counts else track.remembered)


def test_another_meter_is_not_held_against_the_journal():
    track = Track(remembered=Remembered(LAST.facts, 5.0))
    _, problem = observe(track, reading(5.0, 7, serial="99887766"), BOX, may_rebase=False)
    assert problem is None


def test_nothing_becomes_the_baseline_while_a_session_depends_on_the_past():
    new = [reading(1000.0 + i, 500) for i in range(1, 50)]
    track, counted = follow(new, may_rebase=False)
    assert not any(counted)
    assert track.last is LAST
    assert len(track.suspects) <= BASELINE_SAMPLES


def test_suspects_that_do_not_agree_with_each_other_never_become_the_baseline():
    wild = [reading(1000.0 + i, (i % 3) * 777_777) for i in range(1, 30)]
    track, counted = follow(wild, may_rebase=True)
    assert not any(counted)
    assert track.last is LAST


def test_a_good_reading_clears_the_suspects():
    row = [
        reading(1001.0, 500),
        reading(1002.0, 500),
        reading(1003.0, START_WH + 5),
        reading(1004.0, 500),
        reading(1005.0, 500),
    ]
    track, counted = follow(row, may_rebase=True)
    assert counted == [False, False, True, False, False]
    assert track.last is row[2]


# --- whatever comes ---------------------------------------------------------------------------


def as_read(true_wh: float) -> tuple[int, float]:
    """The register as the meter shows it: kWh in a float32, rounded to whole Wh; and its grid."""
    (shown_kwh,) = struct.unpack(">f", struct.pack(">f", true_wh / 1000))
    (bits,) = struct.unpack(">I", struct.pack(">f", shown_kwh))
    (above,) = struct.unpack(">f", struct.pack(">I", bits + 1))
    return round(shown_kwh * 1000), (above - shown_kwh) * 1000


intervals = st.lists(
    st.tuples(
        st.floats(0.05, 90.0),  # seconds between two requests
        st.floats(0.0, 1.2),  # power, as a part of what the fuse can deliver
        st.floats(0.0, 0.5),  # how long the meter takes to answer
        st.floats(0.0, 1.0),  # where in that time the register was latched
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    start_wh=st.floats(0, 10**8),
    phases=st.sampled_from([1, 3]),
    amperes=st.sampled_from([6.0, 16.0, 32.0, 63.0]),
    row=intervals,
)
def test_what_is_physically_possible_is_never_rejected(
    start_wh: float, phases: int, amperes: float, row: list[tuple[float, float, float, float]]
):
    box = replace(BOX, phases=phases, max_current_a=amperes)
    track = Track()
    true_wh, latched_s, at_s = start_wh, 0.0, 0.0
    for wait_s, part, took_s, latch in row:
        at_s += wait_s
        now_s = at_s + latch * took_s
        true_wh += part * box.fuse_w * (now_s - latched_s) / 3600
        latched_s = now_s
        import_wh, grid_wh = as_read(true_wh)
        sample = Reading(at_s, at_s + took_s, MeterFacts(SERIAL, import_wh), grid_wh)
        track, problem = observe(track, sample, box, may_rebase=False)
        assert problem is None
        assert track.last == sample
        assert track.suspects == ()
        at_s += took_s


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    wild_wh=st.integers(0, 2**40),
    place=st.integers(1, 9),
    may_rebase=st.booleans(),
    power_w=st.floats(0, 11_000),
)
def test_a_single_wild_value_never_becomes_the_last(
    wild_wh: int, place: int, may_rebase: bool, power_w: float
):
    """In a row of good samples, one from elsewhere changes nothing for those after it."""
    track = Track(last=LAST)
    for i in range(1, 11):
        at_s = 1000.0 + i
        good = reading(at_s, START_WH + int(power_w * i / 3600))
        if i == place:
            possible = -1 <= wild_wh - START_WH <= int(power_w * i / 3600) + 13
            wild = reading(at_s, wild_wh)
            before = track.last
            track, problem = observe(track, wild, BOX, may_rebase=may_rebase)
            if not possible:
                assert problem is not None
                assert track.last is before
            continue
        track, problem = observe(track, good, BOX, may_rebase=may_rebase)
        if not START_WH - 1 <= wild_wh <= START_WH + 60:
            assert problem is None
            assert track.last is good


samples = st.lists(
    st.tuples(st.floats(0, 60), st.integers(0, 2**33), st.sampled_from([SERIAL, "99887766", None])),
    max_size=30,
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(row=samples, may_rebase=st.booleans())
def test_the_track_is_bounded_and_its_last_is_a_reading_that_came(
    row: list[tuple[float, int, str | None]], may_rebase: bool
):
    track, at_s, refused = Track(), 0.0, 0
    seen: list[Reading] = []
    for wait_s, import_wh, serial in row:
        at_s += wait_s
        sample = reading(at_s, import_wh, serial=serial)
        seen.append(sample)
        before = track.last
        track, problem = observe(track, sample, BOX, may_rebase=may_rebase)
        assert len(track.suspects) <= BASELINE_SAMPLES
        assert track.last in seen
        refused = 0 if problem is None else refused + 1
        if problem is None:
            assert track.last is sample
        elif track.last is sample:
            assert may_rebase
            assert refused >= BASELINE_SAMPLES
        else:
            assert track.last is before


# --- agreement with the contactor open --------------------------------------------------------


@pytest.mark.parametrize(
    ("step_wh", "seconds", "grid_wh", "standby_w", "good"),
    [
        (0, 2.0, 0.125, 5.0, True),
        (1, 2.0, 0.125, 5.0, True),
        (-1, 2.0, 0.125, 5.0, True),
        (2, 2.0, 0.125, 5.0, False),
        (-2, 2.0, 0.125, 5.0, False),
        (9, 2.0, 8.0, 5.0, True),
        (10, 2.0, 8.0, 5.0, False),
        (11, 3600.0, 0.125, 5.0, True),  # twice 5 W for an hour, and a Wh of rounding
        (12, 3600.0, 0.125, 5.0, False),
        (101, 3600.0, 0.125, 50.0, True),
        (102, 3600.0, 0.125, 50.0, False),
        (2, 3600.0, 0.125, 0.0, False),
    ],
)
def test_two_readings_agree_up_to_rounding_and_standby(
    step_wh: int, seconds: float, grid_wh: float, standby_w: float, good: bool
):
    box = replace(BOX, standby_w=standby_w)
    first = replace(LAST, grid_wh=grid_wh)
    second = reading(LAST.received_at_s + seconds, START_WH + step_wh, grid_wh=grid_wh)
    assert agree(first, second, box) is good


def test_readings_of_two_meters_never_agree():
    assert not agree(LAST, reading(1001.0, START_WH, serial="99887766"), BOX)
    assert agree(LAST, reading(1001.0, START_WH, serial=None), BOX)
