"""A meter that repeats itself, or that runs backwards, is evidence of nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.rules.liveness import STUCK_WH, Signs, observe
from station.rules.messages import StoreSession
from station.rules.plausibility import Track
from station.rules.plausibility import observe as plausible
from station.rules.values import EndReason, MeterFacts, Phase, Reading
from tests.station.core_rig import SETTINGS, Core


def reading(at_s: float, **changes: object) -> Reading:
    sample = Reading(
        requested_at_s=at_s - 0.2,
        received_at_s=at_s,
        facts=MeterFacts("11223344", 1_000_000, (300_000, 300_000, 400_000)),
        grid_wh=0.12,
        voltage_v=(230.0, 231.0, 229.0),
        current_a=(0.0, 0.0, 0.0),
        power_w=0.0,
    )
    return replace(sample, **changes)  # type: ignore[arg-type]


def problems(samples: list[Reading]) -> list[str | None]:
    signs, found = Signs(), []
    for sample in samples:
        signs, problem = observe(signs, sample)
        found.append(problem)
    return found


def test_bit_identical_for_thirty_seconds_is_frozen():
    found = problems([reading(at) for at in range(0, 41, 5)])
    assert found[:6] == [None] * 6
    assert all("frozen" in (problem or "") for problem in found[6:])


@pytest.mark.parametrize(
    "moved",
    [
        {"voltage_v": (230.1, 231.0, 229.0)},
        {"current_a": (0.01, 0.0, 0.0)},
        {"power_w": 0.5},
    ],
)
def test_anything_that_moves_is_alive(moved):
    samples = [reading(at, **(moved if at % 10 else {})) for at in range(0, 200, 5)]
    assert problems(samples) == [None] * len(samples)


def test_meter_without_voltage_cannot_be_told_to_be_frozen():
    assert problems([reading(at, voltage_v=None) for at in range(0, 200, 5)]) == [None] * 40


def test_no_voltage_is_not_frozen_but_dead_mains():
    dark = [reading(at, voltage_v=(0.0, 0.0, 0.0)) for at in range(0, 200, 5)]
    assert problems(dark) == [None] * 40


def test_negative_power_for_thirty_seconds_is_reversed():
    samples = [reading(at, power_w=-201.0 - at) for at in range(0, 41, 5)]
    found = problems(samples)
    assert found[:6] == [None] * 6
    assert all("meter_reversed" in (problem or "") for problem in found[6:])
    assert problems([reading(at, power_w=-199.0 - at / 1e3) for at in range(0, 200, 5)])[-1] is None


@pytest.mark.parametrize(("l3_wh", "good"), [(10, True), (20, True), (21, False), (-11, False)])
def test_total_and_phases_move_together(l3_wh, good):
    """The total moved by 10 Wh: L3 may be off by 4 grid steps and 10 Wh, and no more."""
    first = reading(0)
    facts = MeterFacts("11223344", 1_000_010, (300_000, 300_000, 400_000 + l3_wh))
    _, problem = plausible(Track(first), reading(10, facts=facts), SETTINGS, may_rebase=False)
    assert (problem is None) is good


def test_frozen_meter_ends_a_charge_as_lost_and_books_what_is_exact_later():
    core = Core(settings=replace(SETTINGS, lost_after_s=5)).charging()
    core.pass_time(10)
    core.volts = lambda: (230.0, 230.0, 230.0)  # type: ignore[method-assign]
    core.pass_time(40)
    assert not core.closed
    assert core.given(StoreSession)[-1].session.reason is EndReason.METER_LOST
    del core.volts
    core.until(Phase.AVAILABLE, 60)
    end = core.given(StoreSession)[-1].session
    assert end.end is not None
    assert not end.estimated
    assert end.end.import_wh == round(core.register_wh)


def flowing(at_s: float, import_wh: int, power_w: float = 11_000.0) -> Reading:
    """A sample whose mains breathe while power flows."""
    return reading(
        at_s,
        facts=MeterFacts("11223344", import_wh),
        voltage_v=(230.0 + at_s % 7, 231.0, 229.0),
        power_w=power_w,
    )


def test_register_that_stands_still_while_50_wh_flow_is_stuck():
    found = problems([flowing(at, 1_000_000) for at in range(200)])
    first = next(at for at, problem in enumerate(found) if problem)
    assert "stuck" in (found[first] or "")
    assert first == pytest.approx(STUCK_WH / 11_000 * 3600, abs=2)


@pytest.mark.parametrize("every_wh", [1, 10, 40])
def test_register_that_moves_in_whatever_steps_is_not_stuck(every_wh):
    energy = [11_000 * at / 3600 for at in range(1200)]
    samples = [flowing(at, 10**6 + int(wh // every_wh * every_wh)) for at, wh in enumerate(energy)]
    assert problems(samples) == [None] * len(samples)


def test_gap_in_the_samples_proves_nothing_about_the_register():
    samples = [flowing(at, 1_000_000) for at in range(0, 4000, 11)]
    assert problems(samples) == [None] * len(samples)


def test_stuck_register_ends_a_charge_as_lost():
    core = Core(settings=replace(SETTINGS, lost_after_s=5)).charging()
    core.pass_time(10)
    stuck = round(core.register_wh)
    for _ in range(400):
        core.register_wh = stuck
        core.pass_time(0.5)
    assert not core.closed
    assert EndReason.METER_LOST in {c.session.reason for c in core.given(StoreSession)}


@pytest.mark.parametrize(
    ("grid_wh", "after_wh"), [(0.12, 50), (12.5, 50), (15.625, 62.5), (62.5, 250)]
)
def test_register_counts_as_stuck_after_50_wh_or_four_of_its_steps(grid_wh, after_wh):
    still = [replace(flowing(at, 10**9), grid_wh=grid_wh) for at in range(300)]
    first = next(at for at, problem in enumerate(problems(still)) if problem)
    assert first == pytest.approx(after_wh / 11_000 * 3600, abs=2)


@pytest.mark.parametrize("power_w", [300.0, 11_000.0, 43_000.0])
def test_register_of_coarse_steps_is_alive(power_w):
    """A float32 of 500 MWh and more moves by 62.5 Wh at a time."""
    energy = [power_w * at / 3600 for at in range(0, 7200, 2)]
    samples = [
        replace(flowing(2 * n, 10**9 + int(wh // 62.5 * 62.5), power_w), grid_wh=62.5)
        for n, wh in enumerate(energy)
    ]
    assert problems(samples) == [None] * len(samples)
