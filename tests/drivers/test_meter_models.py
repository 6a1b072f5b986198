"""Each model of meter: what it is asked for, and what comes of the answers."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import drivers.registers
from drivers.errors import MeterError, MeterGarbage
from drivers.meter import Meter, Sample
from drivers.registers import MODELS, Block, ModelTable, Quantity
from simulator.meter.meter_models import METER_MODELS, MeterModel, registers_in
from station.config import ConfigError, parse
from station.workers.meter import reading_of
from tests.drivers.meter_rig import (
    SERIAL,
    Replies,
    Slave,
    promptly,
    pty_line,
    sdm630,
    virtual_meter,
)

DOCS = Path(__file__).parents[2] / "docs" / "meters.md"
NAMES = tuple(MODELS)
ALL_MODELS = pytest.mark.parametrize("name", NAMES)

IMPORT_EXPORT = "01 04 00 48 00 04 71 df"
# Requests of the samples, written by hand.
ENERGY = {
    "sdm630": [IMPORT_EXPORT, "01 04 01 5a 00 06 51 e7"],
    "sdm72": [IMPORT_EXPORT],
    "sdm72v2": [IMPORT_EXPORT],
    "sdm120": [IMPORT_EXPORT],
}
EVERYTHING = {
    "sdm630": [*("01 04 00 00 00 12 70 07", "01 04 00 34 00 18 b1 ce"), "01 04 01 5a 00 06 51 e7"],
    "sdm72": ["01 04 00 34 00 02 30 05", IMPORT_EXPORT],
    "sdm72v2": ["01 04 00 00 00 12 70 07", "01 04 00 34 00 18 b1 ce"],
    "sdm120": ["01 04 00 00 00 0e 71 ce", "01 04 00 46 00 06 91 dd"],
}
# All that a sample says, times and serial number left out.
SHOWN = {
    "sdm630": {
        "import_wh": 7_168_750,
        "phase_wh": (1_024_500, 2_048_250, 4_096_000),
        "grid_wh": 0.48828125,
        "voltage_v": (230.0, 231.5, 229.25),
        "current_a": (16.0, 10.5, 6.25),
        "phase_power_w": (3680.0, 2430.75, 1432.5),
        "power_w": 7543.25,
        "frequency_hz": 49.875,
        "export_wh": 768_000,
    },
    "sdm72": {
        "import_wh": 7_168_750,
        "phase_wh": (None, None, None),
        "grid_wh": 0.48828125,
        "voltage_v": None,
        "current_a": None,
        "phase_power_w": None,
        "power_w": 7543.25,
        "frequency_hz": None,
        "export_wh": 768_000,
    },
    "sdm72v2": {
        "import_wh": 7_168_750,
        "phase_wh": (None, None, None),
        "grid_wh": 0.48828125,
        "voltage_v": (230.0, 231.5, 229.25),
        "current_a": (16.0, 10.5, 6.25),
        "phase_power_w": (3680.0, 2430.75, 1432.5),
        "power_w": 7543.25,
        "frequency_hz": 49.875,
        "export_wh": 768_000,
    },
    "sdm120": {
        "import_wh": 1_024_500,
        "phase_wh": (None, None, None),
        "grid_wh": 0.1220703125,
        "voltage_v": (230.0, 0.0, 0.0),
        "current_a": (16.0, 0.0, 0.0),
        "phase_power_w": (3680.0, 0.0, 0.0),
        "power_w": 3680.0,
        "frequency_hz": 49.875,
        "export_wh": 256_000,
    },
}


def shown(sample: Sample) -> dict[str, object]:
    values = dataclasses.asdict(sample)
    assert values.pop("serial") == str(SERIAL)
    assert values.pop("requested_at") <= values.pop("received_at")
    return values


def hexes(frames: list[bytes]) -> list[str]:
    return [data.hex(" ") for data in frames]


# --- samples ----------------------------------------------------------------------------------


def test_driver_and_simulator_have_the_same_models() -> None:
    assert set(MODELS) == set(METER_MODELS)
    for name, table in MODELS.items():
        model = METER_MODELS[name]
        assert (table.phases, table.baudrate) == (model.phases, model.baudrate)
        assert model.meter_code in table.meter_codes


@ALL_MODELS
def test_what_is_asked_and_what_comes_of_it(name: str) -> None:
    with virtual_meter(promptly(sdm630(model=METER_MODELS[name]).answer), model=name) as (m, line):
        m.open()
        assert line.baudrate == METER_MODELS[name].baudrate
        line.asked.clear()
        everything = m.read_all()
        assert hexes(line.asked) == EVERYTHING[name]
        line.asked.clear()
        energy = m.read_energy()
        assert hexes(line.asked) == ENERGY[name]
        assert m.counters.refused == 0
    assert shown(everything) == SHOWN[name]
    booked = ("import_wh", "phase_wh", "grid_wh", "export_wh")
    assert {key: shown(energy)[key] for key in booked} == {key: SHOWN[name][key] for key in booked}
    assert energy.voltage_v is energy.power_w is None


@ALL_MODELS
def test_on_a_pseudo_terminal(name: str) -> None:
    with pty_line(model=METER_MODELS[name]) as (line, _):
        meter = Meter(line.port, model=name)
        try:
            for _ in range(2):
                meter.open()
                assert shown(meter.read_all()) == SHOWN[name]
        finally:
            meter.close()
        assert meter.counters.silent == meter.counters.damaged == 0


@pytest.mark.parametrize("name", ["sdm72v2", "sdm120"])
def test_at_the_pace_of_the_line_as_delivered(name: str) -> None:
    with pty_line(model=METER_MODELS[name], pace=True) as (line, _):
        meter = Meter(line.port, model=name)
        try:
            meter.open()
            assert shown(meter.read_all()) == SHOWN[name]
        finally:
            meter.close()


@ALL_MODELS
@pytest.mark.parametrize("limits", [{"illegal_address_from": 51}, {"max_registers": 50}])
def test_no_block_is_too_long_for_units_that_stop_at_50(name: str, limits: dict[str, int]) -> None:
    slave = sdm630(model=METER_MODELS[name], **limits)
    with virtual_meter(promptly(slave.answer), model=name) as (meter, _):
        meter.open()
        assert shown(meter.read_all()) == SHOWN[name]
        assert meter.counters.refused == 0


@ALL_MODELS
@pytest.mark.parametrize("limits", [{"illegal_address_from": 8}, {"max_registers": 6}])
def test_a_unit_with_a_small_limit_is_read_in_pieces(name: str, limits: dict[str, int]) -> None:
    slave = sdm630(model=METER_MODELS[name], **limits)
    with virtual_meter(promptly(slave.answer), model=name) as (meter, line):
        meter.open()
        for _ in range(2):
            assert shown(meter.read_all()) == SHOWN[name]
        refused = meter.counters.refused
        assert refused in (0, 2)
        line.asked.clear()
        assert shown(meter.read_all()) == SHOWN[name]
        counts = [request[5] for request in line.asked]
        assert max(counts) <= 6
        assert all(earlier != later for earlier, later in pairwise(counts))
        assert meter.counters.refused == refused


# --- late answers -----------------------------------------------------------------------------


@ALL_MODELS
@pytest.mark.parametrize("max_registers", [None, 10])
def test_late_answers_never_pass_for_other_registers(name: str, max_registers: int | None) -> None:
    good = failed = 0
    for seed in range(6):
        slave = sdm630(model=METER_MODELS[name], max_registers=max_registers)
        chance = random.Random(seed)

        def late(
            request: bytes,
            answer: Slave = slave.answer,
            chance: random.Random = chance,
        ) -> Replies:
            reply = answer(request)
            assert reply is not None
            return [(chance.uniform(0.0, 3.0) if chance.random() < 0.1 else 0.0, reply)]

        with virtual_meter(late, model=name) as (meter, line):
            for attempt in range(60):
                with contextlib.suppress(MeterError):
                    if attempt % 10 == 0:
                        meter.open()
                    assert shown(meter.read_all()) == SHOWN[name], f"seed {seed}"
                    good += 1
                line.clock.sleep(chance.choice((0.0, 0.3, 1.0)))
            failed += meter.counters.silent + meter.counters.damaged
    assert good > 50
    assert failed > 50


# --- rest between requests --------------------------------------------------------------------


def rests(name: str, slave: Callable[[bytes], Replies]) -> Iterator[float]:
    """From the end of each reply to the next request, in s; the first from opening the port."""
    with virtual_meter(slave, model=name) as (meter, line):
        ended_at = [line.clock.now_s]
        read = line.read

        def noting(size: int) -> bytes:
            data = read(size)
            ended_at.append(line.clock.now_s)
            return data

        line.read = noting
        for wait_s in (0.0, 0.0, 0.2, 6.0):
            with contextlib.suppress(MeterError):
                meter.open()
                line.clock.sleep(wait_s)
                meter.read_all()
                meter.read_energy()
            ended_at_close = line.clock.now_s
            meter.close()
            ended_at[-1] = ended_at_close
        yield from (asked - end for asked, end in zip(line.asked_at, ended_at, strict=False))


@pytest.mark.parametrize("failing", [False, True])
def test_an_sdm72_is_left_alone_for_half_a_second(failing: bool) -> None:
    meter = sdm630(model=METER_MODELS["sdm72"])
    seen = [0]

    def slave(request: bytes) -> Replies:
        seen[0] += 1
        reply = None if failing and seen[0] % 4 == 0 else meter.answer(request)
        return [] if reply is None else [(0.0, reply)]

    pauses = list(rests("sdm72", slave))
    assert len(pauses) > 20
    assert min(pauses) >= 0.5 - 1e-6


@pytest.mark.parametrize("name", ["sdm630", "sdm72v2", "sdm120"])
def test_the_others_are_not_slowed_down(name: str) -> None:
    pauses = list(rests(name, promptly(sdm630(model=METER_MODELS[name]).answer)))
    assert sorted(pauses)[len(pauses) // 2] < 0.05


def test_a_sample_begins_after_the_rest_before_it() -> None:
    slave = promptly(sdm630(model=METER_MODELS["sdm72"]).answer)
    with virtual_meter(slave, model="sdm72") as (meter, line):
        meter.open()
        line.asked_at.clear()
        sample = meter.read_all()
        assert sample.requested_at == line.asked_at[0]


# --- a model that somebody adds ---------------------------------------------------------------


def documented_example() -> tuple[str, ModelTable]:
    """The table in docs/meters.md, as text and as what it makes."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    names = {"ModelTable": ModelTable, "Quantity": Quantity, "Block": Block}
    exec(code, names)
    return code, names["ACME3"]


def mistakes_in_model(name: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse({"meter": {"model": name}})
    return [line for line in caught.value.mistakes if line.startswith("[meter] model")]


def test_a_model_is_a_table_of_twenty_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    code, table = documented_example()
    assert len(code.splitlines()) <= 20
    models = {**MODELS, table.name: table}
    assert mistakes_in_model("acme3")
    monkeypatch.setattr(drivers.registers, "MODELS", models)
    assert not mistakes_in_model("acme3")
    monkeypatch.setattr("drivers.meter.MODELS", models)
    ranges = ((0x0000, 0x0006), (0x0034, 0x0036), (0x0048, 0x004C), (0x015A, 0x0160))
    simulated = MeterModel(
        "acme3", 0x0A3E, ranges, registers_in(ranges), max_registers=6, baudrate=4800
    )
    with pty_line(model=simulated, bits_per_char=11) as (line, faults):
        meter = Meter(line.port, model="acme3")
        try:
            meter.open()
            assert shown(meter.read_all()) == SHOWN["sdm630"] | {
                "current_a": None,
                "phase_power_w": None,
                "frequency_hz": None,
                "export_wh": None,
            }
            reading = reading_of(meter.read_all())
            assert reading.facts.phase_wh == (1_024_500, 2_048_250, 4_096_000)
            assert reading.current_a is None
            faults.set("meter-nan")
            with pytest.raises(MeterGarbage, match="0034"):
                meter.read_all()
            faults.clear("meter-nan")
            assert meter.read_energy().import_wh == 7_168_750
            assert meter.counters.refused == 0
        finally:
            meter.close()
