"""Answers that come after their time: they must never pass for what they are not.

The simulated line serves requests one after the other, so a late answer pushes all later ones back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterator

import minimalmodbus
import pytest

from drivers.errors import MeterError
from drivers.meter import Meter, Sample
from simulator.electrical import Electrical
from tests.drivers.meter_rig import (
    FLOWING,
    SERIAL,
    Clock,
    Replies,
    VirtualLine,
    pty_line,
    sdm630,
    virtual_meter,
)

RUNS = range(12)
SAMPLES = 100
PHASE_MWH = (1, 2, 4)
WH_PER_S = (1, 2, 3)


def counting(clock: Clock) -> Callable[[], Electrical]:
    """Counters that tell when they were read: each phase gains whole Wh in a second."""

    def source() -> Electrical:
        l1, l2, l3 = (
            1_000_000 * base + gain * clock.now_s
            for base, gain in zip(PHASE_MWH, WH_PER_S, strict=True)
        )
        return dataclasses.replace(FLOWING, import_wh=(l1, l2, l3), export_wh=0.0)

    return source


def sometimes_late(
    clock: Clock, seed: int, share: float, latest_s: float, max_registers: int = 80
) -> Callable[[bytes], Replies]:
    """The simulated meter, of whose answers a ``share`` comes up to ``latest_s`` late."""
    meter = sdm630(counting(clock), clock=clock, max_registers=max_registers)
    chance = random.Random(seed)

    def replies(request: bytes) -> Replies:
        reply = meter.answer(request)
        assert reply is not None
        late_s = chance.uniform(0.0, latest_s) if chance.random() < share else 0.0
        return [(late_s, reply)]

    return replies


def assert_in_place(sample: Sample, why: str) -> None:
    """Every value is of its register."""
    assert sample.serial == str(SERIAL), why
    assert tuple(round((wh or 0) / 1e6) for wh in sample.phase_wh) == PHASE_MWH, why
    assert round(sample.import_wh / 1e6) == sum(PHASE_MWH), why
    assert sample.export_wh == 0, why
    if sample.voltage_v is not None:
        assert sample.voltage_v == FLOWING.voltage_v, why
        assert sample.current_a == FLOWING.current_a, why
        assert sample.phase_power_w == FLOWING.power_w, why
        assert sample.power_w == sum(FLOWING.power_w), why
        assert sample.frequency_hz == FLOWING.frequency_hz, why


def assert_true(sample: Sample, clock: Clock, why: str) -> None:
    """Moreover, no value is older than the sample says."""
    assert_in_place(sample, why)
    first_s, last_s = sample.requested_at, sample.received_at
    assert last_s <= clock.now_s
    for phase, per_s in enumerate(WH_PER_S):
        wh = sample.phase_wh[phase]
        base = 1_000_000 * PHASE_MWH[phase]
        assert wh is not None
        assert base + per_s * first_s - 1 <= wh <= base + per_s * last_s + 1, why
    base, per_s = 1_000_000 * sum(PHASE_MWH), sum(WH_PER_S)
    assert base + per_s * first_s - 1 <= sample.import_wh <= base + per_s * last_s + 1, why


def opened(meter: Meter, line: VirtualLine) -> None:
    """Open at last: late answers may spoil that too."""
    for _ in range(1000):
        try:
            meter.open()
        except MeterError:
            line.clock.sleep(1)
        else:
            return
    pytest.fail("the meter never opened")


def good_samples(meter: Meter, line: VirtualLine, seed: int) -> Iterator[Sample]:
    """The good ones out of many samples of both kinds, at uneven intervals."""
    chance = random.Random(seed)
    for _ in range(SAMPLES):
        line.clock.sleep(chance.choice((0.0, 0.0, 0.01, 0.3, 1.0)))
        read = chance.choice((meter.read_energy, meter.read_all))
        with contextlib.suppress(MeterError):
            yield read()


@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])
def test_a_late_answer_is_neither_another_registers_nor_an_older_samples(share: float) -> None:
    """Answers within two time-outs of their request; for later ones see below."""
    good = failed = 0
    for seed in RUNS:
        clock = Clock()
        slave = sometimes_late(clock, seed, share, latest_s=0.35)
        with virtual_meter(slave, clock=clock) as (meter, line):
            opened(meter, line)
            for sample in good_samples(meter, line, seed):
                good += 1
                assert_true(sample, clock, f"seed {seed}")
            failed += meter.counters.silent + meter.counters.damaged
    assert good > SAMPLES * len(RUNS) / 2
    assert failed > SAMPLES / 2


@pytest.mark.parametrize("max_registers", [80, 10])
@pytest.mark.parametrize("latest_s", [1.0, 3.0, 8.0])
def test_a_very_late_answer_is_not_another_registers(latest_s: float, max_registers: int) -> None:
    good = failed = 0
    for seed in RUNS:
        clock = Clock()
        slave = sometimes_late(clock, seed, 0.1, latest_s, max_registers=max_registers)
        with virtual_meter(slave, clock=clock) as (meter, line):
            opened(meter, line)
            for sample in good_samples(meter, line, seed):
                good += 1
                assert_in_place(sample, f"seed {seed}")
            failed += meter.counters.silent + meter.counters.damaged
    assert good > SAMPLES
    assert failed > SAMPLES / 2


def test_without_the_drivers_care_the_same_line_does_mix_registers() -> None:
    """What the tests above would see: single registers, repeated at once after a time-out."""
    mixed = 0
    for seed in RUNS:
        clock = Clock()
        slave = sometimes_late(clock, seed, 0.05, latest_s=0.35)
        with virtual_meter(slave, clock=clock) as (_, line):
            line.timeout = 0.1
            careless = minimalmodbus.Instrument(line, 1)
            for _ in range(SAMPLES):
                clock.sleep(0.25)
                for register, phase in ((0x015A, 0), (0x015C, 1), (0x015E, 2)):
                    for _ in range(3):
                        try:
                            kwh = careless.read_float(register, functioncode=4)
                        except minimalmodbus.ModbusException:
                            continue
                        mixed += round(kwh / 1000) != PHASE_MWH[phase]
                        break
    assert mixed > 10


def test_late_answers_on_a_pseudo_terminal() -> None:
    with pty_line(pace=True, baudrate=38400, seed=7) as (line, faults):
        meter = Meter(line.port, baudrate=38400)
        meter.open()
        try:
            faults.set("meter-late-answer")
            for round_ in range(2):
                with contextlib.suppress(MeterError):
                    sample = meter.read_all() if round_ % 2 else meter.read_energy()
                    assert_flowing(sample)
            failed = meter.counters.silent + meter.counters.damaged
            faults.clear("meter-late-answer")
            assert_flowing(meter.read_all())
        finally:
            meter.close()
    assert failed > 0


def assert_flowing(sample: Sample) -> None:
    assert sample.import_wh == 7_168_750
    assert sample.phase_wh == (1_024_500, 2_048_250, 4_096_000)
    if sample.voltage_v is not None:
        assert sample.voltage_v == FLOWING.voltage_v
        assert sample.current_a == FLOWING.current_a
        assert sample.phase_power_w == FLOWING.power_w
