"""What the meter driver sends and what it makes of the answers, byte by byte."""

from __future__ import annotations

import dataclasses
import math
import struct

import minimalmodbus
import pytest

from drivers.errors import MeterGarbage, MeterPortLost, MeterRefused
from drivers.meter import Meter
from drivers.registers import MODELS, ModelTable, Quantity
from simulator.meter.modbus_rtu import exception_reply, frame
from tests.drivers.meter_rig import (
    FLOWING,
    SERIAL,
    Clock,
    Slave,
    once_identified,
    promptly,
    sdm630,
    virtual_meter,
)

# Written by hand; the checksums are checked against another implementation below.
NODE_ADDRESS = "01 03 00 14 00 02 84 0f"
METER_CODE = "01 03 fc 02 00 01 15 9a"
BAUD_CODE = "01 03 00 1c 00 02 05 cd"
BOTH_ENERGIES = "01 04 01 56 00 02 90 27"
SERIAL_NUMBER = "01 03 fc 00 00 02 f4 5b"
PHASES = "01 04 00 00 00 12 70 07"
TOTALS = "01 04 00 34 00 18 b1 ce"
IMPORT_EXPORT = "01 04 00 48 00 04 71 df"
PHASE_IMPORTS = "01 04 01 5a 00 06 51 e7"

IDENTIFYING = [
    *(NODE_ADDRESS, METER_CODE, BAUD_CODE),
    *(IMPORT_EXPORT, BOTH_ENERGIES, IMPORT_EXPORT),
    SERIAL_NUMBER,
]


def hexes(frames: list[bytes]) -> list[str]:
    return [data.hex(" ") for data in frames]


def float_words(*values: float) -> bytes:
    return struct.pack(f">{len(values)}f", *values)


def replacing(request_hex: str, reply: bytes | None) -> Slave:
    """The simulated meter, except for one request."""
    meter = sdm630()

    def answer(request: bytes) -> bytes | None:
        return reply if request == bytes.fromhex(request_hex) else meter.answer(request)

    return answer


def with_import_words(words: bytes) -> Slave:
    """The simulated meter, once open with these eight bytes in the import and export registers."""
    then = replacing(IMPORT_EXPORT, frame(b"\x01\x04\x08" + words))
    return once_identified(sdm630().answer, then)


def test_hand_written_requests_have_right_checksums() -> None:
    for text in (*IDENTIFYING, PHASES, TOTALS, IMPORT_EXPORT, PHASE_IMPORTS):
        request = bytes.fromhex(text)
        assert minimalmodbus._calculate_crc(request[:-2]) == request[-2:], text


def test_open_makes_sure_of_address_model_and_serial_number() -> None:
    with virtual_meter(promptly(sdm630().answer)) as (meter, line):
        meter.open()
        assert hexes(line.asked) == IDENTIFYING
        assert meter.serial == str(SERIAL)


def test_nothing_is_opened_before_open() -> None:
    meter = Meter("/nowhere/at/all")
    with pytest.raises(MeterPortLost, match="not open"):
        meter.read_energy()
    meter.close()


def test_energy_sample() -> None:
    with virtual_meter(promptly(sdm630().answer)) as (meter, line):
        meter.open()
        line.asked.clear()
        asked_at = line.clock.now_s
        sample = meter.read_energy()
        assert hexes(line.asked) == [IMPORT_EXPORT, PHASE_IMPORTS]
        assert sample.requested_at == asked_at
        assert sample.received_at == line.clock.now_s
        assert sample.received_at - asked_at >= 46 * line.char_s + 2 * line.turnaround_s
    assert sample.serial == str(SERIAL)
    assert sample.import_wh == 7_168_750
    assert sample.export_wh == 768_000
    assert sample.phase_wh == (1_024_500, 2_048_250, 4_096_000)
    assert sample.grid_wh == 0.48828125
    assert sample.voltage_v is sample.current_a is sample.phase_power_w is None
    assert sample.power_w is sample.frequency_hz is None


def test_full_sample() -> None:
    with virtual_meter(promptly(sdm630().answer)) as (meter, line):
        meter.open()
        line.asked.clear()
        sample = meter.read_all()
        assert hexes(line.asked) == [PHASES, TOTALS, PHASE_IMPORTS]
    assert sample.voltage_v == FLOWING.voltage_v
    assert sample.current_a == FLOWING.current_a
    assert sample.phase_power_w == FLOWING.power_w
    assert sample.power_w == sum(FLOWING.power_w)
    assert sample.frequency_hz == FLOWING.frequency_hz
    assert sample.import_wh == 7_168_750
    assert sample.export_wh == 768_000
    assert sample.phase_wh == (1_024_500, 2_048_250, 4_096_000)


def test_value_of_a_recorded_frame() -> None:
    """``45 a2 26 c7`` was read from a meter in the field as 5188.847 kWh."""
    slave = with_import_words(bytes.fromhex("45 a2 26 c7 00 00 00 00"))
    with virtual_meter(promptly(slave)) as (meter, _):
        meter.open()
        sample = meter.read_energy()
    assert sample.import_wh == 5_188_847
    assert sample.grid_wh == 0.48828125
    assert sample.export_wh == 0


def test_power_may_flow_back() -> None:
    flowing = dataclasses.replace(FLOWING, power_w=(-100.0, -200.5, 50.25))
    with virtual_meter(promptly(sdm630(lambda: flowing).answer)) as (meter, _):
        meter.open()
        sample = meter.read_all()
    assert sample.phase_power_w == (-100.0, -200.5, 50.25)
    assert sample.power_w == -250.25


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("7f c0 00 00", "nan"),
        ("7f 80 00 00", "inf"),
        ("ff 80 00 00", "-inf"),
        ("c5 a2 26 c7", "-5188.85"),
        ("00 00 00 01", "1.4013e-45"),
        ("0f fd 84 5f", "2.49987e-29"),  # the like of it was seen in the field
        ("7f 00 00 00", "1.70141e+38"),
    ],
)
def test_a_value_that_no_register_can_hold_is_garbage(words: str, shown: str) -> None:
    slave = with_import_words(bytes.fromhex(words) + bytes(4))
    with virtual_meter(promptly(slave)) as (meter, line):
        meter.open()
        line.asked.clear()
        with pytest.raises(MeterGarbage, match=r"register 0048 \(energy imported\)") as caught:
            meter.read_energy()
        assert shown in str(caught.value)
        assert hexes(line.asked) == [IMPORT_EXPORT]
        assert meter.counters.implausible == 1


@pytest.mark.parametrize("register", range(0, 18, 2))
def test_nan_is_found_in_every_register(register: int) -> None:
    values = [230.0] * 9
    values[register // 2] = math.nan
    slave = replacing(PHASES, frame(b"\x01\x04\x24" + float_words(*values)))
    with virtual_meter(promptly(slave)) as (meter, _):
        meter.open()
        with pytest.raises(MeterGarbage, match=f"register {register:04X} "):
            meter.read_all()


@pytest.mark.parametrize("register", range(0, 12, 2))
def test_voltage_and_current_are_never_negative(register: int) -> None:
    values = [230.0] * 9
    values[register // 2] = -1.0
    slave = replacing(PHASES, frame(b"\x01\x04\x24" + float_words(*values)))
    with virtual_meter(promptly(slave)) as (meter, _):
        meter.open()
        with pytest.raises(MeterGarbage, match=f"register {register:04X} "):
            meter.read_all()


@pytest.mark.parametrize("register", range(0, 18, 2))
@pytest.mark.parametrize("value", [1e25, -1e25])
def test_no_house_has_so_much_of_anything(register: int, value: float) -> None:
    """A checksum only says that the bytes arrived; a power that no column holds is no power."""
    values = [230.0] * 9
    values[register // 2] = value
    slave = replacing(PHASES, frame(b"\x01\x04\x24" + float_words(*values)))
    with virtual_meter(promptly(slave)) as (meter, _):
        meter.open()
        with pytest.raises(MeterGarbage, match=f"register {register:04X} "):
            meter.read_all()


def test_zero_of_either_sign_is_a_value() -> None:
    with virtual_meter(promptly(with_import_words(float_words(0.0, -0.0)))) as (meter, _):
        meter.open()
        sample = meter.read_energy()
    assert (sample.import_wh, sample.export_wh) == (0, 0)


def test_another_meter_at_the_address_is_refused() -> None:
    with virtual_meter(promptly(sdm630(meter_code=0x0089).answer)) as (meter, line):
        with pytest.raises(MeterRefused, match=r'meter code 0089.*set \[meter\] model = "sdm72v2"'):
            meter.open()
        assert not line.is_open


def test_an_early_unit_without_a_meter_code_is_taken() -> None:
    with virtual_meter(promptly(sdm630(meter_code=0).answer)) as (meter, _):
        meter.open()
        assert meter.read_energy().import_wh == 7_168_750


def test_a_firmware_without_code_and_serial_is_taken() -> None:
    meter_itself = sdm630()

    def answer(request: bytes) -> bytes | None:
        if request[2] == 0xFC:
            return exception_reply(1, 3, 2)
        return meter_itself.answer(request)

    with virtual_meter(promptly(answer)) as (meter, _):
        meter.open()
        assert meter.read_energy().serial is None


@pytest.mark.parametrize("said", ["3f 80 00 01", "00 00 3f 80", "40 00 00 00", "7f c0 00 00"])
def test_a_wrong_own_address_means_another_map_or_word_order(said: str) -> None:
    slave = replacing(NODE_ADDRESS, frame(b"\x01\x03\x04" + bytes.fromhex(said)))
    with virtual_meter(promptly(slave)) as (meter, line):
        with pytest.raises(MeterRefused, match=r"register 0014.*check \[meter\] model"):
            meter.open()
        assert not line.is_open


def test_a_meter_that_knows_no_own_address_is_refused() -> None:
    slave = replacing(NODE_ADDRESS, exception_reply(1, 3, 2))
    with (
        virtual_meter(promptly(slave)) as (meter, _),
        pytest.raises(MeterRefused, match=r"check \[meter\] model"),
    ):
        meter.open()


def test_another_address() -> None:
    with virtual_meter(promptly(sdm630(address=7).answer), address=7) as (meter, line):
        meter.open()
        meter.read_energy()
        assert {request[0] for request in line.asked} == {7}


def test_long_blocks_refused_twice_are_not_asked_for_again() -> None:
    with virtual_meter(promptly(sdm630(max_registers=10).answer)) as (meter, line):
        meter.open()
        line.asked.clear()
        first = meter.read_all()
        assert hexes(line.asked[:1]) == [PHASES]
        narrow = line.asked[1:]
        assert max(request[5] for request in narrow) <= 6
        meter.read_energy()
        line.asked.clear()
        meter.read_all()
        assert line.asked[1:] == narrow
        line.asked.clear()
        second = meter.read_all()
        assert line.asked == narrow
        assert meter.counters.refused == 2
        meter.read_energy()
        assert hexes(line.asked[len(narrow) :]) == [IMPORT_EXPORT, PHASE_IMPORTS]
    assert dataclasses.replace(second, requested_at=0, received_at=0) == dataclasses.replace(
        first, requested_at=0, received_at=0
    )
    assert first.voltage_v == FLOWING.voltage_v
    assert first.power_w == sum(FLOWING.power_w)
    assert first.frequency_hz == FLOWING.frequency_hz


def test_one_refusal_changes_nothing_for_good() -> None:
    """A single exception frame can be forged, or an echo of somebody else's."""
    said = 0

    def once(request: bytes) -> bytes | None:
        nonlocal said
        if request != bytes.fromhex(PHASES):
            return sdm630().answer(request)
        said += 1
        return exception_reply(1, 4, 2) if said == 1 else sdm630().answer(request)

    with virtual_meter(promptly(once)) as (meter, line):
        meter.open()
        line.asked.clear()
        meter.read_all()
        line.asked.clear()
        meter.read_all()
        assert hexes(line.asked)[0] == PHASES
        assert len(line.asked) == len(MODELS["sdm630"].everything)


def test_registers_that_do_not_exist_are_refused_by_name() -> None:
    slave = replacing(PHASE_IMPORTS, exception_reply(1, 4, 2))
    with virtual_meter(promptly(slave)) as (meter, line):
        meter.open()
        line.asked.clear()
        with pytest.raises(MeterRefused, match=r"015A\.\.015F.*check \[meter\] model"):
            meter.read_energy()
        assert hexes(line.asked) == [IMPORT_EXPORT, PHASE_IMPORTS]


def test_a_meter_without_phase_energy_and_voltage_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    small = ModelTable(
        name="small",
        meter_codes=frozenset((0x0070,)),
        baudrate=9600,
        parity="even",
        registers={Quantity.IMPORT: 0x0048, Quantity.POWER: 0x0034},
        energy=MODELS["sdm630"].energy[:1],
        everything=MODELS["sdm630"].everything[1:2],
    )
    monkeypatch.setattr("drivers.meter.MODELS", {"small": small})
    with virtual_meter(promptly(sdm630().answer), model="small") as (meter, _):
        meter.open()
        sample = meter.read_all()
    assert sample.import_wh == 7_168_750
    assert sample.phase_wh == (None, None, None)
    assert sample.export_wh is sample.voltage_v is sample.current_a is sample.phase_power_w is None
    assert sample.power_w == sum(FLOWING.power_w)


def test_a_single_phase_meter_has_nothing_on_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    single = dataclasses.replace(
        MODELS["sdm630"],
        registers={
            Quantity.IMPORT: 0x0048,
            Quantity.EXPORT: 0x004A,
            Quantity.VOLTAGE_L1: 0x0000,
            Quantity.POWER_L1: 0x000C,
            Quantity.POWER: 0x000C,
        },
    )
    monkeypatch.setattr("drivers.meter.MODELS", {"sdm630": single})
    with virtual_meter(promptly(sdm630().answer)) as (meter, _):
        meter.open()
        sample = meter.read_all()
    assert sample.voltage_v == (230.0, 0.0, 0.0)
    assert sample.phase_power_w == (3680.0, 0.0, 0.0)
    assert sample.power_w == 3680.0


@pytest.mark.parametrize("wrong", [{"model": "sdm999"}, {"parity": "mark"}])
def test_a_wrong_setting_is_refused_at_once(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="there are"):
        Meter("/dev/virtual", **wrong)


def test_another_meter_after_a_silence_is_noticed() -> None:
    clock = Clock()
    present = {"meter": sdm630(serial=1)}
    with virtual_meter(promptly(lambda r: present["meter"].answer(r)), clock=clock) as (meter, _):
        meter.open()
        assert meter.read_energy().serial == "1"
        clock.sleep(6)
        present["meter"] = sdm630(serial=2)
        assert meter.read_energy().serial == "2"
        assert meter.serial == "2"


@pytest.mark.parametrize("number", [0, 0xFFFFFFFF])
def test_an_empty_serial_number_is_none(number: int) -> None:
    with virtual_meter(promptly(sdm630(serial=number).answer)) as (meter, _):
        meter.open()
        assert meter.read_energy().serial is None


def test_a_serial_number_that_was_told_does_not_become_unknown() -> None:
    clock = Clock()
    meter_itself = sdm630()
    starting = [False]

    def answer(request: bytes) -> bytes | None:
        if starting[0] and request == bytes.fromhex(SERIAL_NUMBER):
            return exception_reply(1, 3, 2)
        return meter_itself.answer(request)

    with virtual_meter(promptly(answer), clock=clock) as (meter, _):
        meter.open()
        clock.sleep(6)
        starting[0] = True
        with pytest.raises(MeterRefused, match="no longer tells its serial number"):
            meter.read_energy()
        starting[0] = False
        assert meter.read_energy().serial == str(SERIAL)


def test_the_serial_number_is_not_asked_for_in_every_sample() -> None:
    clock = Clock()
    with virtual_meter(promptly(sdm630().answer), clock=clock) as (meter, line):
        meter.open()
        line.asked.clear()
        for _ in range(20):
            clock.sleep(1)
            meter.read_energy()
        assert SERIAL_NUMBER not in hexes(line.asked)
