"""Counterparts that nobody here wrote: a meter of pymodbus, and sdm_modbus on our simulated one.

A mistake that driver and simulator share would not show between the two.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from drivers.errors import MeterNoAnswer, MeterRefused
from drivers.meter import Meter
from drivers.registers import MODELS
from simulator.meter.meter_models import SDM630
from tests.drivers.meter_rig import FLOWING, SERIAL, pty_line
from tests.drivers.modbus_peers import Registers, float32, pymodbus_meter

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pymodbus") is None or importlib.util.find_spec("sdm_modbus") is None,
    reason="needs: make setup (the extra dev)",
)

# From the meter's protocol description; Wh and W as in docs/meters.md.
INPUTS = {
    0x00: 230.0,
    0x02: 231.5,
    0x04: 229.25,
    0x06: 16.0,
    0x08: 10.5,
    0x0A: 6.25,
    0x0C: 3680.0,
    0x0E: 2430.75,
    0x10: -1432.5,
    0x34: 4678.25,
    0x46: 49.875,
    0x48: 7168.75,
    0x4A: 768.0,
    0x156: 7936.75,
    0x15A: 1024.5,
    0x15C: 2048.25,
    0x15E: 4096.0,
}
HOLDING: Registers = {
    **float32({0x14: 1.0, 0x1C: 2.0}),
    0xFC00: SERIAL >> 16,
    0xFC01: SERIAL & 0xFFFF,
    0xFC02: 0x0070,
}


def without_gaps(values: dict[int, float]) -> Registers:
    """As a meter whose every register up to the last can be read."""
    zeros = dict.fromkeys(range(max(values) + 2), 0)
    return {**zeros, **float32(values)}


@contextlib.contextmanager
def opened(port: str, **options: Any) -> Iterator[Meter]:
    meter = Meter(port, **options)
    meter.open()
    try:
        yield meter
    finally:
        meter.close()


# --- our driver asks pymodbus -----------------------------------------------------------------


def test_a_meter_of_pymodbus_is_read_as_its_registers_say() -> None:
    with pymodbus_meter(HOLDING, without_gaps(INPUTS)) as port, opened(port) as meter:
        energy, sample = meter.read_energy(), meter.read_all()
    assert energy.serial == sample.serial == str(SERIAL)
    assert energy.import_wh == sample.import_wh == 7_168_750
    assert energy.phase_wh == sample.phase_wh == (1_024_500, 2_048_250, 4_096_000)
    assert energy.export_wh == 768_000
    assert sample.voltage_v == (230.0, 231.5, 229.25)
    assert sample.current_a == (16.0, 10.5, 6.25)
    assert sample.phase_power_w == (3680.0, 2430.75, -1432.5)
    assert sample.power_w == 4678.25
    assert sample.frequency_hz == 49.875
    assert meter.counters.damaged == meter.counters.silent == 0


def test_a_meter_of_pymodbus_with_gaps_is_read_in_shorter_blocks() -> None:
    """It refuses every block in which a register is missing, as some meters do with long ones."""
    with pymodbus_meter(HOLDING, float32(INPUTS)) as port, opened(port) as meter:
        sample = meter.read_all()
        assert meter.counters.refused > 0
    assert sample.voltage_v == (230.0, 231.5, 229.25)
    assert sample.power_w == 4678.25
    assert sample.import_wh == 7_168_750


def test_a_meter_of_pymodbus_at_another_address() -> None:
    holding = {**HOLDING, **float32({0x14: 33.0})}
    with pymodbus_meter(holding, without_gaps(INPUTS), address=33) as port:
        with opened(port, address=33) as meter:
            assert meter.read_energy().import_wh == 7_168_750
        with pytest.raises(MeterNoAnswer, match="no answer from address 1"):
            Meter(port).open()


@pytest.mark.parametrize(
    ("holding", "inputs", "word"),
    [
        ({0xFC02: 0x0089}, {}, 'set \\[meter\\] model = "sdm72v2"'),
        ({0xFC02: 0x1234}, {}, "meter code 1234"),
        (float32({0x14: 2.0}), {}, "where its own address should stand"),
        (float32({0x1C: 0.0}), {}, "2400 baud"),
        ({}, {0x156: 9000.0}, "check \\[meter\\] model"),
    ],
)
def test_another_meter_of_pymodbus_is_refused(
    holding: Registers, inputs: dict[int, float], word: str
) -> None:
    registers = without_gaps({**INPUTS, **inputs})
    with pymodbus_meter({**HOLDING, **holding}, registers) as port:
        meter = Meter(port)
        with pytest.raises(MeterRefused, match=word):
            meter.open()
        meter.close()


# --- sdm_modbus asks our simulated meter ------------------------------------------------------

ASKED = {
    **{f"l{n}_voltage": FLOWING.voltage_v[n - 1] for n in (1, 2, 3)},
    **{f"l{n}_current": FLOWING.current_a[n - 1] for n in (1, 2, 3)},
    **{f"l{n}_power_active": FLOWING.power_w[n - 1] for n in (1, 2, 3)},
    "total_power_active": sum(FLOWING.power_w),
    "frequency": FLOWING.frequency_hz,
    "import_energy_active": sum(FLOWING.import_wh) / 1000,
    "export_energy_active": FLOWING.export_wh / 1000,
    "total_energy_active": (sum(FLOWING.import_wh) + FLOWING.export_wh) / 1000,
    **{f"l{n}_import_energy_active": FLOWING.import_wh[n - 1] / 1000 for n in (1, 2, 3)},
}


@pytest.fixture
def client() -> Iterator[Any]:
    import sdm_modbus

    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    with pty_line() as (line, _):
        asking = sdm_modbus.SDM630(device=line.port, baud=SDM630.baudrate, parity="N", stopbits=1)
        yield asking
        asking.disconnect()


def test_a_client_of_others_reads_the_same_from_our_meter(client: Any) -> None:
    assert client.connected() or client.connect()
    assert {name: client.read(name) for name in ASKED} == ASKED


def test_a_client_of_others_reads_many_at_once(client: Any) -> None:
    import sdm_modbus

    client.connect()
    everything = client.read_all(sdm_modbus.registerType.INPUT)
    shared = ASKED.keys() & everything.keys()
    assert len(shared) == len(ASKED)
    assert {name: everything[name] for name in shared} == ASKED


def test_a_client_of_others_knows_which_meter_it_is(client: Any) -> None:
    client.connect()
    assert client.read("serial_number") == SERIAL
    assert client.read("meter_id") == 1
    assert client.read("baud") == 2


def test_the_registers_of_the_driver_are_those_of_others(client: Any) -> None:
    """Address by address, for the quantities that both know by name."""
    theirs = {name: register[0] for name, register in client.registers.items()}
    ours = {quantity.name: at for quantity, at in MODELS["sdm630"].registers.items()}
    pairs = {
        **{f"VOLTAGE_L{n}": f"l{n}_voltage" for n in (1, 2, 3)},
        **{f"CURRENT_L{n}": f"l{n}_current" for n in (1, 2, 3)},
        **{f"POWER_L{n}": f"l{n}_power_active" for n in (1, 2, 3)},
        **{f"IMPORT_L{n}": f"l{n}_import_energy_active" for n in (1, 2, 3)},
        "POWER": "total_power_active",
        "FREQUENCY": "frequency",
        "IMPORT": "import_energy_active",
        "EXPORT": "export_energy_active",
    }
    assert set(pairs) == set(ours)
    assert {name: theirs[other] for name, other in pairs.items()} == ours
