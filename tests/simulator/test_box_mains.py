"""The mains and the load are never the same twice, by a little, repeatably, and energy is exact."""

from __future__ import annotations

import itertools
import struct

import pytest

from simulator.meter.sdm630 import Sdm630
from simulator.world.box import Attached, Box
from simulator.world.car import Car
from simulator.world.mains import LOAD_UNREST, MAINS_V, SLICE_S, VOLTAGE_UNREST, Mains
from simulator.world.wiring import Load
from tests.simulator.box_models import CONTACTOR, restless_box

SEEDS = [0, 1, 20261122]


def charging(seed: int, **options) -> Box:
    box = restless_box(seed=seed, **options)
    box.plug(Car(delay_s=0.0, battery_kwh=500.0), 0.0)
    box.setup_output(CONTACTOR, 1, 0.0)
    box.advance(1.0)
    assert box.rail.power_w > 10_000.0
    return box


@pytest.mark.parametrize("seed", SEEDS)
def test_voltages_stay_near_and_move_smoothly(seed):
    mains = Mains(seed)
    seen = [mains.voltage_v(SLICE_S * step) for step in range(40_000)]
    for phase, usual_v in enumerate(MAINS_V):
        values = [voltage[phase] for voltage in seen]
        band_v = VOLTAGE_UNREST * usual_v
        assert all(abs(value - usual_v) <= band_v for value in values)
        assert max(values) - min(values) > band_v
        steps_v = [abs(b - a) for a, b in itertools.pairwise(values)]
        assert max(steps_v) < 0.2 * band_v
        assert min(steps_v) > 0.0


def test_the_seed_alone_decides():
    def some(seed: int) -> list:
        mains = Mains(seed)
        return [(mains.voltage_v(t), mains.drive_v(t), mains.frequency_hz(t)) for t in range(50)]

    assert some(4) == some(4)
    assert some(4) != some(5)


def test_within_a_slice_nothing_moves():
    mains = Mains(1)
    assert mains.changes_at_s(10.0) == 10.25
    assert mains.changes_at_s(10.2499) == 10.25
    assert mains.drive_v(10.0) == mains.drive_v(10.2499)
    assert mains.drive_v(10.0) != mains.drive_v(10.25)


def test_a_sag_keeps_the_unrest():
    mains = Mains(1)
    mains.sagging = True
    volts = {mains.voltage_v(second)[0] for second in range(30)}
    assert len(volts) == 30
    assert 170.0 < min(volts) < max(volts) < 185.0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("car", [False, True])
def test_the_meter_never_shows_the_same_twice(seed, car):
    box = charging(seed) if car else restless_box(Load.ENABLE, seed=seed)
    now_s = 1.0
    meter = Sdm630(box.rail.electrical, monotonic=lambda: now_s)
    shown = []
    for second in range(1, 600):
        now_s = 1.0 + second
        box.advance(now_s)
        answer = meter.answer(READ_U_I_P + crc16(READ_U_I_P))
        assert answer is not None
        shown.append(struct.unpack(">9f", answer[3:39]))
    columns = [0, 3, 6] if not car else range(9)
    for column in columns:
        values = [sample[column] for sample in shown]
        assert all(a != b for a, b in itertools.pairwise(values)), column


def crc16(data: bytes) -> bytes:
    """The protocol's CRC-16, bit by bit, low byte first."""
    crc = 0xFFFF
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


READ_U_I_P = bytes.fromhex("010400000012")


def test_current_moves_by_itself_and_power_is_their_product():
    box = charging(3)
    resistances = set()
    for second in range(2, 60):
        box.advance(float(second))
        seen = box.rail.electrical()
        for volts, amps, watts in zip(seen.voltage_v, seen.current_a, seen.power_w, strict=True):
            assert watts == pytest.approx(volts * amps)
        amps = seen.current_a[1]
        assert amps == pytest.approx(11_000.0 / 690.0, rel=LOAD_UNREST * 1.0001)
        resistances.add(round(seen.voltage_v[1] / amps, 9))
        assert abs(seen.frequency_hz - 50.0) <= 0.02
    assert len(resistances) > 50


@pytest.mark.parametrize("step_s", [0.02, 0.33, 60.0])
def test_energy_is_power_times_time_slice_by_slice(step_s):
    box, witness = charging(6), charging(6)
    box.advance(1.0)
    start_wh = box.rail.phase_wh
    expected_wh = [0.0, 0.0, 0.0]
    for slice_number in range(4, 4 + 240):
        witness.advance(slice_number * SLICE_S)
        for phase, watts in enumerate(witness.rail.phase_power_w):
            expected_wh[phase] += watts * SLICE_S / 3600.0
    steps = int(60.0 / step_s)
    for step in range(1, steps + 1):
        box.advance(1.0 + step * step_s)
    box.advance(61.0)
    gained_wh = [b - a for a, b in zip(start_wh, box.rail.phase_wh, strict=True)]
    assert gained_wh == pytest.approx(expected_wh, abs=1e-6)


def test_unrest_is_not_reported_as_events():
    seen = []
    box = charging(7, attached=Attached(event=lambda t, kind, fields: seen.append(kind)))
    assert seen[-1] == "power"
    before = list(seen)
    for tick in range(50, 50 * 120):
        box.advance(tick * 0.02)
    assert seen == before
