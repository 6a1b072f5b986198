"""The simulated meters beside the SDM630, by their frames: what each has, refuses and shows."""

from __future__ import annotations

import struct
from typing import Any

import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.electrical import Electrical
from simulator.errors import Refused
from simulator.meter.meter_faults import MeterFaults
from simulator.meter.meter_models import METER_MODELS
from simulator.meter.modbus_rtu import exception_reply, frame, is_sound
from simulator.meter.sdm630 import Sdm630
from simulator.world.box import Box
from simulator.world.build import build
from simulator.world.car import Car
from tests.simulator.box_process import BoxProcess

FLOWING = Electrical(
    voltage_v=(230.0, 231.5, 229.25),
    current_a=(16.0, 10.5, 6.25),
    power_w=(3680.0, 2430.75, 1432.5),
    import_wh=(1_024_500.0, 2_048_250.0, 4_096_000.0),
    export_wh=768_000.0,
    frequency_hz=49.875,
)
ALL_MODELS = pytest.mark.parametrize("name", METER_MODELS)
ILLEGAL_ADDRESS, ILLEGAL_VALUE = 2, 3
READ_IMPORT = bytes.fromhex("01 04 00 48 00 02 f1 dd")
PATIENCE_S = 10.0


def meter(name: str, **options: Any) -> Sdm630:
    return Sdm630(lambda: FLOWING, model=METER_MODELS[name], update_s=0, **options)


def ask(asked: Sdm630, function: int, start: int, count: int) -> bytes | None:
    return asked.answer(frame(struct.pack(">BBHH", 1, function, start, count)))


def floats(reply: bytes | None) -> tuple[float, ...]:
    assert reply is not None
    assert is_sound(reply)
    assert reply[1] in (3, 4), f"refused with code {reply[2]}"
    assert reply[2] == len(reply) - 5
    return struct.unpack(f">{reply[2] // 4}f", reply[3:-2])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sdm72", {0x34: 7543.25, 0x48: 7168.75, 0x4A: 768.0, 0x156: 7936.75}),
        ("sdm72", {0x180: 7936.75, 0x184: 7168.75, 0x186: 768.0}),
        ("sdm72v2", {0x00: 230.0, 0x02: 231.5, 0x04: 229.25, 0x06: 16.0, 0x0C: 3680.0}),
        ("sdm72v2", {0x34: 7543.25, 0x46: 49.875, 0x48: 7168.75, 0x4A: 768.0, 0x156: 7936.75}),
        ("sdm72v2", {0x180: 7936.75, 0x184: 7168.75, 0x186: 768.0}),
        ("sdm120", {0x00: 230.0, 0x06: 16.0, 0x0C: 3680.0, 0x46: 49.875}),
        ("sdm120", {0x48: 1024.5, 0x4A: 256.0, 0x156: 1280.5}),
    ],
)
def test_what_they_show(name: str, values: dict[int, float]) -> None:
    for register, value in values.items():
        assert floats(ask(meter(name), 4, register, 2)) == (value,), f"{register:04X}"


@pytest.mark.parametrize(
    ("name", "registers"),
    [
        ("sdm630", (0x180, 0x184)),
        ("sdm72", (0x00, 0x06, 0x0C, 0x32, 0x36, 0x46, 0x4C, 0x154, 0x158, 0x15A, 0x160, 0x182)),
        ("sdm72v2", (0x50, 0xE2, 0x154, 0x15A, 0x15C, 0x15E, 0x160, 0x166, 0x182)),
        ("sdm120", (0x02, 0x04, 0x08, 0x0A, 0x0E, 0x10, 0x34, 0x60, 0x15A, 0x160, 0x180)),
    ],
)
def test_what_they_do_not_have_is_refused(name: str, registers: tuple[int, ...]) -> None:
    for register in registers:
        refusal = exception_reply(1, 4, ILLEGAL_ADDRESS)
        assert ask(meter(name), 4, register, 2) == refusal, f"{register:04X}"


def test_an_sdm72_answers_no_block_across_what_it_does_not_have() -> None:
    for start, count in ((0x34, 4), (0x34, 24), (0x46, 6), (0x48, 6), (0x156, 4), (0x180, 8)):
        assert ask(meter("sdm72"), 4, start, count) == exception_reply(1, 4, ILLEGAL_ADDRESS)
    assert floats(ask(meter("sdm72"), 4, 0x48, 4)) == (7168.75, 768.0)


def test_the_empty_places_of_an_sdm120_read_zero_in_a_longer_block() -> None:
    assert floats(ask(meter("sdm120"), 4, 0x00, 14)) == (230.0, 0, 0, 16.0, 0, 0, 3680.0)
    assert floats(ask(meter("sdm120"), 4, 0x34, 22)) == (*[0.0] * 9, 49.875, 1024.5)
    assert ask(meter("sdm120"), 4, 0x02, 4) == exception_reply(1, 4, ILLEGAL_ADDRESS)


@pytest.mark.parametrize(("name", "limit"), [("sdm630", 80), ("sdm72v2", 60), ("sdm120", 80)])
def test_how_much_they_give_at_once(name: str, limit: int) -> None:
    assert len(floats(ask(meter(name), 4, 0x00, limit))) == limit // 2
    assert ask(meter(name), 4, 0x00, limit + 2) == exception_reply(1, 4, ILLEGAL_VALUE)


def test_a_unit_that_calls_a_long_block_an_illegal_address() -> None:
    stubborn = meter("sdm630", illegal_address_from=51)
    assert len(floats(ask(stubborn, 4, 0x00, 50))) == 25
    assert ask(stubborn, 4, 0x00, 52) == exception_reply(1, 4, ILLEGAL_ADDRESS)
    assert ask(stubborn, 4, 0x00, 82) == exception_reply(1, 4, ILLEGAL_VALUE)


@pytest.mark.parametrize(
    ("name", "code"),
    [("sdm630", "00 70"), ("sdm72", "00 84"), ("sdm72v2", "00 89"), ("sdm120", "00 20")],
)
def test_they_say_what_they_are(name: str, code: str) -> None:
    assert ask(meter(name), 3, 0xFC02, 1) == frame(bytes.fromhex("01 03 02" + code))
    numbered = meter(name, serial=0x0123_4567)
    assert ask(numbered, 3, 0xFC00, 2) == frame(bytes.fromhex("01 03 04 01 23 45 67"))


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("sdm630", {}, 2.0),
        ("sdm72", {}, 2.0),
        ("sdm72v2", {"baudrate": 38400}, 4.0),
        ("sdm120", {}, 0.0),
        ("sdm120", {"baudrate": 9600}, 2.0),
        ("sdm120", {"baudrate": 1200}, 5.0),
    ],
)
def test_they_say_how_fast_they_are(name: str, options: dict[str, int], code: float) -> None:
    assert floats(ask(meter(name, **options), 3, 0x001C, 2)) == (code,)


@pytest.mark.parametrize(("name", "baudrate"), [("sdm120", 19200), ("sdm630", 1200)])
def test_a_speed_that_a_model_has_not_is_refused(name: str, baudrate: int) -> None:
    with pytest.raises(Refused, match=f"{name} has no {baudrate} baud; it has "):
        meter(name, baudrate=baudrate)


def test_an_sdm120_counts_backwards_what_flows_on_l1() -> None:
    faults = MeterFaults()
    asked = meter("sdm120", faults=faults)
    faults.set("meter-reversed")
    assert floats(ask(asked, 4, 0x0C, 2)) == (-3680.0,)


@ALL_MODELS
@settings(max_examples=200, derandomize=True)
@given(
    function=st.sampled_from((3, 4)),
    start=st.integers(0, 0x200) | st.integers(0, 0xFFFF),
    count=st.integers(0, 130),
)
def test_any_read_is_answered_whole_or_refused(
    name: str, function: int, start: int, count: int
) -> None:
    reply = ask(meter(name), function, start, count)
    assert reply is not None
    assert is_sound(reply)
    if reply[1] == function:
        assert len(reply) == 5 + 2 * count
        assert count <= METER_MODELS[name].max_registers
    else:
        assert reply[2] in (ILLEGAL_ADDRESS, ILLEGAL_VALUE)


def test_a_box_with_an_sdm120_counts_l1_of_a_three_phase_car() -> None:
    box = Box(0.0, built=build(metered_phases=1), speed=60.0)
    before, start_wh = box.rail.phase_wh, box.rail.register_wh
    box.plug(Car(delay_s=0.0), 0.0)
    box.setup_output(17, 1, 0.0)
    box.advance(60.0)
    l1, l2, l3 = (now - then for now, then in zip(box.rail.phase_wh, before, strict=True))
    assert min(l1, l2, l3) > 1000.0
    assert box.rail.register_wh - start_wh == pytest.approx(l1, abs=1e-6)


# --- served -----------------------------------------------------------------------------------


def over_the_line(box: BoxProcess, request: bytes, size: int) -> bytes:
    with serial.Serial(str(box.meter), timeout=PATIENCE_S) as port:
        port.write(request)
        return port.read(size)


def test_a_box_with_an_sdm120_sets_and_shows_its_register_on_l1() -> None:
    with BoxProcess("--meter-model", "sdm120") as box:
        box.client.call("meter_set", wh=5_188_847.0)
        assert box.state()["meter"]["wh"] == 5_188_847.0
        assert box.state()["meter"]["phase_wh"] == [5_188_847.0, 0.0, 0.0]
        reply = over_the_line(box, READ_IMPORT, 9)
        assert reply == bytes.fromhex("01 04 04 45 a2 26 c7 14 98")
        code = over_the_line(box, frame(bytes.fromhex("01 03 fc 02 00 01")), 7)
        assert code == frame(bytes.fromhex("01 03 02 00 20"))


def test_a_box_with_an_sdm630_shares_its_register_among_the_phases() -> None:
    with BoxProcess("--meter-baudrate", "38400") as box:
        box.client.call("meter_set", wh=3_072_000.0)
        assert floats(over_the_line(box, READ_IMPORT, 9)) == (3072.0,)
        phases = over_the_line(box, frame(bytes.fromhex("01 04 01 5a 00 06")), 17)
        assert floats(phases) == (1024.0, 1024.0, 1024.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--meter-model", "sdm999"), "sdm72v2"),
        (("--meter-model", "sdm120", "--meter-baudrate", "19200"), "has no 19200 baud"),
    ],
)
def test_a_meter_that_there_is_not_is_wrong_usage(options: tuple[str, ...], said: str) -> None:
    with BoxProcess(*options) as box:
        status, errors = box.end()
    assert box.ready == ""
    assert status == 2
    assert said in errors
    assert len(errors.splitlines()) == 1
