"""Is it the meter that was configured? What the driver looks at, refuses, and says."""

from __future__ import annotations

import contextlib
import dataclasses
import struct
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.errors import MeterError, MeterGarbage, MeterRefused
from drivers.float32 import float32
from drivers.registers import MODELS
from simulator.electrical import Electrical
from simulator.meter.meter_models import METER_MODELS
from simulator.meter.modbus_rtu import exception_reply, frame
from tests.drivers.meter_rig import FLOWING, Clock, Slave, promptly, sdm630, virtual_meter

NAMES = tuple(MODELS)
ALL_MODELS = pytest.mark.parametrize("name", NAMES)

BAUD_CODE = "01 03 00 1c 00 02 05 cd"
BOTH_ENERGIES = "01 04 01 56 00 02 90 27"
IMPORT_EXPORT = "01 04 00 48 00 04 71 df"


def hexes(frames: list[bytes]) -> list[str]:
    return [data.hex(" ") for data in frames]


def replacing(request_hex: str, reply: bytes | None) -> Slave:
    """The simulated meter, except for one request."""
    meter = sdm630()

    def answer(request: bytes) -> bytes | None:
        return reply if request == bytes.fromhex(request_hex) else meter.answer(request)

    return answer


def telling(request_hex: str, value: float) -> Slave:
    """The simulated SDM630, which puts ``value`` into one register."""
    request = bytes.fromhex(request_hex)
    return replacing(request_hex, frame(request[:2] + b"\x04" + struct.pack(">f", value)))


def refusing(request_hex: str) -> Slave:
    request = bytes.fromhex(request_hex)
    return replacing(request_hex, exception_reply(1, request[1], 2))


@pytest.mark.parametrize(("configured", "there"), [(a, b) for a in NAMES for b in NAMES if a != b])
def test_another_model_is_named_and_refused(configured: str, there: str) -> None:
    slave = sdm630(model=METER_MODELS[there], baudrate=9600)
    options = {"model": configured, "baudrate": 9600}
    with virtual_meter(promptly(slave.answer), **options) as (meter, line):
        with pytest.raises(MeterRefused) as caught:
            meter.open()
        assert not line.is_open
    text = str(caught.value)
    assert text.startswith("meter: address 1 on /dev/virtual is a meter of model " + there + " ")
    assert f"not {configured};" in text
    assert f'set [meter] model = "{there}"' in text


@ALL_MODELS
def test_a_code_that_nobody_knows_is_refused(name: str) -> None:
    slave = sdm630(model=METER_MODELS[name], meter_code=0x1234)
    with (
        virtual_meter(promptly(slave.answer), model=name) as (meter, _),
        pytest.raises(MeterRefused, match=r"meter code 1234, .*check \[meter\] model, port"),
    ):
        meter.open()


@pytest.mark.parametrize(
    ("options", "value", "meant"),
    [
        ({}, 3.0, "19200 baud"),
        ({}, 0.0, "2400 baud"),
        ({}, 5.0, "1200 baud"),
        ({}, 7.0, "no speed that is known"),
        ({}, 2.0000002, "no speed that is known"),
        ({}, float("nan"), "no speed that is known"),
        ({}, -2.0, "no speed that is known"),
        ({"baudrate": 19200}, 2.0, "9600 baud"),
        ({"baudrate": 57600}, 2.0, "9600 baud"),
    ],
)
def test_another_speed_than_it_says_is_refused(
    options: dict[str, int], value: float, meant: str
) -> None:
    with virtual_meter(promptly(telling(BAUD_CODE, value)), **options) as (meter, line):
        with pytest.raises(MeterRefused) as caught:
            meter.open()
        assert not line.is_open
    text = str(caught.value)
    assert f"answers at {options.get('baudrate', 9600)} baud" in text
    assert f"001C says {value:g} ({meant})" in text
    assert "check [meter] model and baudrate" in text


@pytest.mark.parametrize(
    ("baudrate", "code"), [(1200, 5), (2400, 0), (4800, 1), (9600, 2), (19200, 3), (38400, 4)]
)
def test_every_speed_has_its_code(baudrate: int, code: float) -> None:
    slave = telling(BAUD_CODE, code)
    with virtual_meter(promptly(slave), baudrate=baudrate) as (meter, _):
        meter.open()
        assert meter.read_energy().import_wh == 7_168_750


@pytest.mark.parametrize("request_hex", [BAUD_CODE, BOTH_ENERGIES])
def test_a_register_that_is_not_there_proves_nothing(request_hex: str) -> None:
    with virtual_meter(promptly(refusing(request_hex))) as (meter, line):
        meter.open()
        assert request_hex in hexes(line.asked)
        assert meter.read_energy().import_wh == 7_168_750


def test_a_model_without_energies_is_refused() -> None:
    with (
        virtual_meter(promptly(refusing(IMPORT_EXPORT))) as (meter, _),
        pytest.raises(MeterRefused, match=r"0048\.\.004B.*check \[meter\] model"),
    ):
        meter.open()


def test_the_register_that_may_mean_something_else_is_not_asked_for() -> None:
    slave = sdm630(model=METER_MODELS["sdm120"])
    with virtual_meter(promptly(slave.answer), model="sdm120") as (meter, line):
        meter.open()
        assert BOTH_ENERGIES not in hexes(line.asked)
        assert BAUD_CODE in hexes(line.asked)


@ALL_MODELS
def test_neighbouring_answers_differ_while_it_is_identified(name: str) -> None:
    slave = sdm630(model=METER_MODELS[name])
    with virtual_meter(promptly(slave.answer), model=name) as (meter, line):
        meter.open()
        meter.read_all()
        kinds = [(request[1], request[5]) for request in line.asked]
    assert all(earlier != later for earlier, later in pairwise(kinds))


# 7168.75 kWh imported and 768 exported; one step of a float32 there is 2^-11 kWh, less than 1 Wh.
BOTH_KWH = 7936.75
SLACK_KWH = 0.002


@pytest.mark.parametrize("off_by", [-4, -1, 0, 1, 4])
def test_energies_that_make_up_the_sum_are_taken(off_by: int) -> None:
    slave = telling(BOTH_ENERGIES, BOTH_KWH + off_by * 2**-11)
    with virtual_meter(promptly(slave)) as (meter, _):
        meter.open()
        assert meter.read_energy().import_wh == 7_168_750


@pytest.mark.parametrize("said", [0.0, 7168.75, 7_936_750.0, -7936.75, 7936.7475, 7936.7525])
def test_a_sum_that_does_not_fit_is_another_map(said: float) -> None:
    with virtual_meter(promptly(telling(BOTH_ENERGIES, said))) as (meter, line):
        with pytest.raises(MeterRefused, match=r"register 0156.*7936\.750 kWh; check \[meter\] m"):
            meter.open()
        assert not line.is_open


def test_two_steps_of_a_long_life() -> None:
    """At 300,000 kWh a step is 31 Wh, and the two single registers are rounded as well."""
    flowing = dataclasses.replace(
        FLOWING, import_wh=(1e8 + 11, 1e8 + 22, 1e8 + 33), export_wh=15_015.0
    )
    with virtual_meter(promptly(sdm630(lambda: flowing).answer)) as (meter, _):
        meter.open()
        assert meter.read_energy().grid_wh == 31.25


@pytest.mark.parametrize("word", ["7f c0 00 00", "7f 80 00 00", "ff 80 00 00"])
@pytest.mark.parametrize("request_hex", [BOTH_ENERGIES, IMPORT_EXPORT])
def test_energies_that_are_no_numbers_are_garbage(request_hex: str, word: str) -> None:
    request = bytes.fromhex(request_hex)
    data = bytes.fromhex(word).ljust(2 * request[5], b"\x00")
    slave = replacing(request_hex, frame(request[:2] + bytes((len(data),)) + data))
    with (
        virtual_meter(promptly(slave)) as (meter, _),
        pytest.raises(MeterGarbage, match="hold no numbers"),
    ):
        meter.open()


@pytest.mark.parametrize("kw", [22.0, 22.0 * 600])
def test_energy_may_flow_while_it_is_identified(kw: float) -> None:
    """The larger one is a box whose energy runs 600 times faster."""
    clock = Clock()

    def source() -> Electrical:
        drawn_wh = kw * 1000 * (clock.now_s - 1000.0) / 3600
        return dataclasses.replace(FLOWING, import_wh=(1e6 + drawn_wh, 2e6, 3e6))

    with virtual_meter(promptly(sdm630(source, clock=clock).answer), clock=clock) as (meter, _):
        for _ in range(20):
            meter.open()
            clock.sleep(7.0)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(words=st.binary(min_size=4, max_size=4))
@example(words=struct.pack(">f", BOTH_KWH))
@example(words=struct.pack(">f", BOTH_KWH + 0.0015))
def test_whatever_the_sum_says_it_is_taken_or_refused_by_its_size(words: bytes) -> None:
    slave = replacing(BOTH_ENERGIES, frame(b"\x01\x04\x04" + words))
    fits = abs(float32(words) - BOTH_KWH) <= SLACK_KWH
    with virtual_meter(promptly(slave)) as (meter, line):
        with contextlib.nullcontext() if fits else pytest.raises(MeterError, match=r"^meter: "):
            meter.open()
        assert line.is_open == fits


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    body=st.binary(max_size=12),
    at=st.integers(0, 6),
    name=st.sampled_from(NAMES),
)
def test_any_sound_answer_while_it_is_identified_is_an_error_or_taken(
    body: bytes, at: int, name: str
) -> None:
    meter_itself = sdm630(model=METER_MODELS[name])
    asked = [0]

    def answer(request: bytes) -> bytes | None:
        asked[0] += 1
        odd = asked[0] == at + 1
        return frame(request[:2] + body) if odd else meter_itself.answer(request)

    with virtual_meter(promptly(answer), model=name) as (meter, line):
        try:
            meter.open()
        except MeterError as error:
            said = str(error)
        else:
            assert meter.read_all().import_wh == (1_024_500 if name == "sdm120" else 7_168_750)
            return
        assert said.startswith("meter: ")
        assert not line.is_open
