"""When a charge ends by itself: each bound from both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.rules.limits import Draw, observe, reached, threshold_w
from station.rules.settings import Settings
from station.rules.values import EndReason, Load, MeterFacts, Reading

BOX = Settings(load=Load.WALLBOX, phases=3, max_current_a=16)
HOUR = 3600.0


class Charge:
    """A charge in virtual time: the car draws, the meter is read every 10 s."""

    def __init__(self, box: Settings = BOX) -> None:
        self.box = box
        self.now_s = 5000.0
        self.wh = 1_000_000.0
        self.draw = Draw(since_s=self.now_s, start_wh=1_000_000)
        self.present: bool | None = None
        self.sample(0.0, None)

    def sample(self, power_w: float, amperes: tuple[float, float, float] | None) -> None:
        facts = MeterFacts("11223344", round(self.wh))
        taken = Reading(
            self.now_s - 0.1, self.now_s, facts, 0.125, current_a=amperes, power_w=power_w
        )
        self.draw = observe(self.draw, taken, self.box)

    def draws(
        self,
        power_w: float,
        seconds: float,
        *,
        amperes: tuple[float, float, float] | None = None,
        every_s: float = 10.0,
    ) -> EndReason | None:
        """The limit that is reached at or before the end of this, or None."""
        end_s = self.now_s + seconds
        while self.now_s < end_s - 1e-6:
            step_s = min(every_s, end_s - self.now_s)
            self.now_s += step_s
            self.wh += power_w * step_s / HOUR
            self.sample(power_w, amperes)
            if (reason := self.reason()) is not None:
                return reason
        return None

    def reason(self, later_s: float = 0.0) -> EndReason | None:
        return reached(self.draw, self.box, self.now_s + later_s, self.present)


# --- finished ---------------------------------------------------------------------------------


def charged(box: Settings = BOX) -> Charge:
    """A charge worth the name: 11 kW for two minutes."""
    charge = Charge(box)
    assert charge.draws(11_000, 120) is None
    return charge


def test_finished_after_an_hour_of_low_power():
    charge = charged()
    assert charge.draws(50, HOUR) is None
    assert charge.draws(50, 10) is EndReason.EV_FINISHED


@pytest.mark.parametrize(
    ("load", "standby_w", "below_w", "low_w", "ends"),
    [
        (Load.WALLBOX, 5.0, 100.0, 105.0, True),
        (Load.WALLBOX, 5.0, 100.0, 105.1, False),
        (Load.WALLBOX, 40.0, 100.0, 140.0, True),
        (Load.WALLBOX, 40.0, 100.0, 140.1, False),
        (Load.SOCKET, 5.0, 20.0, 25.0, True),
        (Load.SOCKET, 5.0, 20.0, 25.1, False),
    ],
)
def test_low_power_is_counted_above_standby(
    load: Load, standby_w: float, below_w: float, low_w: float, ends: bool
):
    box = replace(BOX, load=load, standby_w=standby_w, finished_below_w=below_w)
    assert threshold_w(box) == standby_w + below_w
    charge = charged(box)
    assert (charge.draws(low_w, HOUR + 20) is EndReason.EV_FINISHED) is ends


def test_any_sample_above_starts_the_hour_anew():
    charge = charged()
    assert charge.draws(50, HOUR - 10) is None
    assert charge.draws(200, 10) is None
    assert charge.draws(50, HOUR) is None
    assert charge.draws(50, 10) is EndReason.EV_FINISHED


@pytest.mark.parametrize(("power_w", "ends"), [(2_900, False), (3_100, True)])
def test_low_power_counts_only_after_100_wh(power_w: float, ends: bool):
    """Two minutes of 2.9 kW are 97 Wh, of 3.1 kW 103 Wh; standby adds none here."""
    charge = Charge()
    charge.draws(power_w, 120)
    assert (charge.draws(0, 2 * HOUR) is EndReason.EV_FINISHED) is ends


@pytest.mark.parametrize(("seconds", "ends"), [(60, False), (70, True)])
def test_low_power_counts_only_after_60_s_above(seconds: float, ends: bool):
    """60 s from the first sample above to the last: at one in 10 s that takes seven of them."""
    charge = Charge()
    charge.draws(11_000, seconds)
    assert (charge.draws(0, 2 * HOUR) is EndReason.EV_FINISHED) is ends


def test_a_car_that_never_drew_is_not_finished():
    charge = Charge()
    assert charge.draws(50, 5 * HOUR) is None


def test_missing_samples_end_nothing():
    """Low power is what was measured, not what was missed."""
    charge = charged()
    charge.draws(50, HOUR)
    assert charge.reason(later_s=HOUR) is None
    charge.now_s += 20
    charge.sample(50, None)
    assert charge.reason() is EndReason.EV_FINISHED


# --- never began ------------------------------------------------------------------------------


def test_no_energy_after_ten_hours():
    charge = Charge()
    assert charge.draws(3, 600 * 60 - 10, every_s=60) is None
    assert charge.draws(3, 10) is EndReason.NO_ENERGY


def test_a_car_that_drew_once_is_never_without_energy():
    charge = Charge()
    assert charge.draws(5_000, 20) is None
    assert charge.draws(0, 20 * HOUR, every_s=60) is None


@pytest.mark.parametrize(
    ("present", "minutes"),
    [(False, 30), (True, 600), (None, 600)],
    ids=["none", "there", "unfitted"],
)
def test_half_an_hour_suffices_when_the_input_says_that_no_car_is_there(
    present: bool | None, minutes: int
):
    charge = Charge(replace(BOX, has_vehicle_input=present is not None))
    charge.present = present
    assert charge.draws(0, minutes * 60 - 10, every_s=60) is None
    assert charge.draws(0, 10) is EndReason.NO_ENERGY


def test_a_shorter_configured_time_is_not_made_longer_by_the_input():
    charge = Charge(replace(BOX, has_vehicle_input=True, no_energy_s=300.0))
    charge.present = False
    assert charge.draws(0, 290) is None
    assert charge.draws(0, 10) is EndReason.NO_ENERGY


# --- too long, too much -----------------------------------------------------------------------


def test_max_duration():
    charge = Charge(replace(BOX, max_energy_wh=1e9))
    assert charge.draws(3_000, 48 * HOUR - 60, every_s=60) is None
    assert charge.reason(later_s=59.9) is None
    assert charge.reason(later_s=60.0) is EndReason.MAX_DURATION


def test_max_duration_needs_no_sample():
    draw = Draw(since_s=0.0, start_wh=0)
    box = replace(BOX, no_energy_s=1e9)
    assert reached(draw, box, 48 * HOUR - 1, None) is None
    assert reached(draw, box, 48 * HOUR, None) is EndReason.MAX_DURATION


@pytest.mark.parametrize(("drawn_wh", "reason"), [(149_999, None), (150_000, EndReason.MAX_ENERGY)])
def test_max_energy(drawn_wh: int, reason: EndReason | None):
    charge = Charge()
    charge.now_s += 10
    charge.wh = 1_000_000 + drawn_wh
    charge.sample(11_000, None)
    assert charge.reason() is reason


# --- overloaded -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amperes", "seconds", "ends"),
    [
        (17.6, 1200, False),  # 1.10 x 16 A exactly: not above
        (17.7, 600, False),  # ten minutes count from the first sample above
        (17.7, 610, True),
        (20.0, 60, False),
        (20.0, 70, False),  # 1.25 x 16 A exactly: the ten minutes' row, not the 60 s one
        (20.0, 610, True),
        (20.1, 60, False),
        (20.1, 70, True),
    ],
)
def test_overcurrent(amperes: float, seconds: float, ends: bool):
    charge = Charge()
    found = charge.draws(11_000, seconds, amperes=(16.0, amperes, 15.0))
    assert (found is EndReason.OVERCURRENT) is ends


def test_one_sample_at_the_limit_starts_the_overload_anew():
    charge = Charge()
    assert charge.draws(11_000, 60, amperes=(21.0, 0, 0)) is None
    assert charge.draws(11_000, 10, amperes=(16.0, 0, 0)) is None
    assert charge.draws(11_000, 60, amperes=(21.0, 0, 0)) is None
    assert charge.draws(11_000, 10, amperes=(21.0, 0, 0)) is EndReason.OVERCURRENT


def test_overcurrent_is_judged_by_fresh_samples_only():
    charge = Charge()
    assert charge.draws(11_000, 60, amperes=(21.0, 21.0, 21.0)) is None
    assert charge.reason(later_s=HOUR) is None


def test_a_box_with_one_phase_asks_nothing_of_the_others():
    one = replace(BOX, phases=1)
    assert Charge(one).draws(3_000, 1200, amperes=(16.0, 60.0, 60.0)) is None
    assert Charge(one).draws(3_000, 1200, amperes=(21.0, 0.0, 0.0)) is EndReason.OVERCURRENT


def test_a_meter_without_currents_overloads_nothing():
    assert Charge().draws(11_000, 1200, amperes=None) is None


def test_overcurrent_comes_before_every_other_reason():
    charge = Charge(replace(BOX, max_duration_s=70, max_energy_wh=1))
    for _ in range(7):
        charge.now_s += 10
        charge.sample(11_000, (21.0, 21.0, 21.0))
    assert charge.reason() is EndReason.OVERCURRENT


# --- whatever happens -------------------------------------------------------------------------

steps = st.lists(
    st.tuples(st.sampled_from([0.0, 50.0, 105.0, 106.0, 3_000.0, 11_000.0]), st.floats(0.1, 900.0)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(row=steps)
def test_what_the_draw_says_is_what_was_drawn(row: list[tuple[float, float]]):
    charge = Charge(replace(BOX, max_energy_wh=1e9, max_duration_s=1e9, no_energy_s=1e9))
    low_s, above_s, before = 0.0, 0.0, 0.0
    for power_w, seconds in row:
        charge.now_s += seconds
        charge.wh += power_w * seconds / HOUR
        charge.sample(power_w, None)
        above = power_w > 105.0
        if above and before > 105.0:
            above_s += seconds
        low_s = 0.0 if above else (low_s + seconds if before <= 105.0 else 0.0)
        before = power_w
        drawn = charge.draw.drawn_wh
        assert drawn == round(charge.wh) - 1_000_000
        assert charge.draw.drawing is above
        finished = drawn >= 100 and above_s >= 60.0 and low_s >= HOUR
        near = abs(above_s - 60.0) < 1e-6 or abs(low_s - HOUR) < 1e-6
        if not near:
            assert (charge.reason() is EndReason.EV_FINISHED) is finished
