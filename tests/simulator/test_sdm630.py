"""The simulated meter by its frames. Those with an explanation are computed by hand."""

from __future__ import annotations

import dataclasses
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.electrical import Electrical
from simulator.meter.meter_faults import MeterFault, MeterFaults
from simulator.meter.meter_registers import RESTART_ZERO_S
from simulator.meter.modbus_rtu import crc16, exception_reply, frame, is_sound, request_length
from simulator.meter.sdm630 import EXCHANGE_SILENT_S, Sdm630

FLOWING = Electrical(
    voltage_v=(230.0, 231.5, 229.25),
    current_a=(16.0, 10.5, 6.25),
    power_w=(3680.0, 2430.75, 1432.5),
    import_wh=(1_024_500.0, 2_048_250.0, 4_096_000.0),
    export_wh=768_000.0,
    frequency_hz=49.875,
)

IMPORTS = (0x0048, 0x015A, 0x015C, 0x015E)


class Bench:
    """A meter with hands on its clock, its quantities and its faults."""

    def __init__(self, **options: object) -> None:
        self.now = 50.0
        self.flowing = FLOWING
        self.faults = MeterFaults(lambda: self.now)
        options.setdefault("update_s", 0)
        self.meter = Sdm630(
            lambda: self.flowing, faults=self.faults, monotonic=lambda: self.now, **options
        )

    def ask(self, function: int, start: int, count: int, address: int = 1) -> bytes | None:
        return self.meter.answer(frame(struct.pack(">BBHH", address, function, start, count)))

    def float_at(self, register: int, function: int = 4) -> float:
        reply = self.ask(function, register, 2)
        assert reply is not None
        assert is_sound(reply)
        assert reply[:3] == bytes((1, function, 4))
        (value,) = struct.unpack(">f", reply[3:7])
        return float(value)

    def imports(self) -> list[float]:
        return [self.float_at(register) for register in IMPORTS]

    def draw(self, *wh: float) -> None:
        l1, l2, l3 = (had + more for had, more in zip(self.flowing.import_wh, wh, strict=True))
        self.flowing = dataclasses.replace(self.flowing, import_wh=(l1, l2, l3))


@pytest.mark.parametrize(
    ("request_hex", "reply_hex"),
    [
        # The example of Eastron's protocol description: 230.2 V on L1, as the meter rounds it.
        ("01 04 00 00 00 02 71 cb", "01 04 04 43 66 33 34 1b 38"),
        # 5188.847 kWh, recorded in the field.
        ("01 04 00 48 00 02 f1 dd", "01 04 04 45 a2 26 c7 14 98"),
    ],
)
def test_recorded_frames(request_hex: str, reply_hex: str) -> None:
    bench = Bench()
    bench.flowing = dataclasses.replace(
        FLOWING, voltage_v=(230.200012, 230.0, 230.0), import_wh=(5_188_847.0, 0.0, 0.0)
    )
    assert bench.meter.answer(bytes.fromhex(request_hex)) == bytes.fromhex(reply_hex)


@pytest.mark.parametrize(
    ("register", "value"),
    [
        (0x0000, 230.0),
        (0x0002, 231.5),
        (0x0004, 229.25),
        (0x0006, 16.0),
        (0x0008, 10.5),
        (0x000A, 6.25),
        (0x000C, 3680.0),
        (0x000E, 2430.75),
        (0x0010, 1432.5),
        (0x0034, 7543.25),
        (0x0046, 49.875),
        (0x0048, 7168.75),
        (0x004A, 768.0),
        (0x0156, 7936.75),
        (0x015A, 1024.5),
        (0x015C, 2048.25),
        (0x015E, 4096.0),
        (0x0160, 256.0),
        (0x0162, 256.0),
        (0x0164, 256.0),
        (0x0166, 1280.5),
        (0x0168, 2304.25),
        (0x016A, 4352.0),
    ],
)
def test_input_registers(register: int, value: float) -> None:
    assert Bench().float_at(register) == value


@pytest.mark.parametrize(
    ("register", "value"), [(0x000A, 3.0), (0x0012, 0.0), (0x0014, 7.0), (0x001C, 3.0)]
)
def test_holding_registers(register: int, value: float) -> None:
    bench = Bench(address=7, baudrate=19200)
    reply = bench.ask(3, register, 2, address=7)
    assert reply == frame(b"\x07\x03\x04" + struct.pack(">f", value))


def test_serial_number_and_meter_code_are_whole_numbers() -> None:
    bench = Bench(serial=0x0123_4567)
    assert bench.ask(3, 0xFC00, 2) == frame(bytes.fromhex("01 03 04 01 23 45 67"))
    assert bench.ask(3, 0xFC02, 1) == frame(bytes.fromhex("01 03 02 00 70"))


def test_a_block_is_its_registers_in_a_row_and_zero_in_the_gaps() -> None:
    reply = Bench().ask(4, 0x0034, 24)
    assert reply is not None
    assert struct.unpack(">12f", reply[3:-2]) == (
        *(7543.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        *(49.875, 7168.75, 768.0),
    )


def test_the_total_is_the_sum_before_it_is_rounded() -> None:
    bench = Bench()
    bench.flowing = dataclasses.replace(FLOWING, import_wh=(4_100_000.3, 4_100_000.3, 4_100_000.3))
    (total,) = struct.unpack(">f", struct.pack(">f", 12300.0009))
    assert bench.float_at(0x0048) == total


@pytest.mark.parametrize(
    ("function", "start", "count", "code"),
    [
        (1, 0x0000, 2, 1),
        (6, 0xF010, 3, 1),
        (4, 0x0000, 1, 3),
        (4, 0x0000, 3, 3),
        (4, 0x0000, 0, 3),
        (4, 0x0000, 82, 3),
        (4, 0x0000, 65534, 3),
        (4, 0x0001, 2, 2),
        (4, 0x0070, 2, 2),
        (4, 0x0068, 8, 2),
        (4, 0x0180, 2, 2),
        (4, 0xFFFE, 4, 2),
        (3, 0x0048, 2, 2),
        (3, 0xFC00, 4, 2),
    ],
)
def test_refusals(function: int, start: int, count: int, code: int) -> None:
    expected = frame(bytes((1, function | 0x80, code)))
    assert Bench().ask(function, start, count) == expected


def test_a_refusal_byte_by_byte() -> None:
    """Illegal data address, with the checksum that Modbus examples show for it."""
    assert Bench().ask(4, 0x0180, 2) == bytes.fromhex("01 84 02 c2 c1")


@pytest.mark.parametrize("limit", [6, 10, 50])
def test_a_unit_with_a_smaller_limit(limit: int) -> None:
    bench = Bench(max_registers=limit)
    longer = bench.ask(4, 0x0000, limit + 2)
    assert longer == exception_reply(1, 4, 3)
    reply = bench.ask(4, 0x0000, limit)
    assert reply is not None
    assert len(reply) == 5 + 2 * limit


def test_what_is_not_for_this_meter_gets_no_answer() -> None:
    bench = Bench()
    request = frame(struct.pack(">BBHH", 1, 4, 0, 2))
    assert bench.ask(4, 0, 2, address=2) is None
    assert bench.ask(4, 0, 2, address=0) is None
    assert bench.meter.answer(request[:-1] + bytes((request[-1] ^ 1,))) is None
    assert bench.meter.answer(request + b"\x00") is None
    assert bench.meter.answer(request[:-1]) is None
    assert bench.meter.answer(b"") is None


@settings(max_examples=500, derandomize=True)
@given(request=st.binary(max_size=20), sound=st.booleans())
def test_any_request_gets_a_sound_reply_or_none(request: bytes, sound: bool) -> None:
    reply = Bench().meter.answer(frame(b"\x01" + request) if sound else request)
    assert reply is None or (is_sound(reply) and reply[0] == 1)


def test_registers_are_refreshed_in_intervals() -> None:
    bench = Bench(update_s=0.5)
    assert bench.float_at(0x0048) == 7168.75
    bench.draw(1000.0, 0.0, 0.0)
    bench.now += 0.4
    assert bench.float_at(0x0048) == 7168.75
    bench.now += 0.1
    assert bench.float_at(0x0048) == 7169.75


def test_nan() -> None:
    bench = Bench()
    bench.faults.set("meter-nan")
    assert all(math.isnan(value) for value in bench.imports())
    assert math.isnan(bench.float_at(0x0034))
    bench.faults.clear("meter-nan")
    assert bench.imports() == [7168.75, 1024.5, 2048.25, 4096.0]


def test_a_thousand_times_too_much() -> None:
    bench = Bench()
    bench.faults.set("meter-x1000")
    assert bench.imports() == [7_168_750.0, 1_024_500.0, 2_048_250.0, 4_096_000.0]
    assert bench.float_at(0x0034) == 7543.25


def test_wrapped() -> None:
    bench = Bench()
    bench.faults.set("meter-2to32")
    total, l1, l2, l3 = bench.imports()
    assert total == pytest.approx(4_294_967.296 + 7168.75, abs=0.5)
    assert l1 == pytest.approx(4_294_967.296 + 1024.5, abs=0.5)
    assert (l2, l3) == (2048.25, 4096.0)


def test_frozen() -> None:
    bench = Bench()
    bench.imports()
    bench.faults.set("meter-frozen")
    bench.draw(1000.0, 0.0, 0.0)
    bench.now += 100
    assert bench.float_at(0x0048) == 7168.75
    bench.faults.clear("meter-frozen")
    assert bench.float_at(0x0048) == 7169.75


def test_restart() -> None:
    bench = Bench()
    bench.faults.set("meter-restart")
    assert bench.imports() == [0.0] * 4
    assert bench.float_at(0x0000) == 230.0
    bench.now += RESTART_ZERO_S
    assert bench.imports() == [7168.75, 1024.5, 2048.25, 4096.0]
    bench.faults.set("meter-restart")
    assert bench.imports() == [0.0] * 4


def test_exchanged() -> None:
    bench = Bench(serial=1000)
    bench.faults.set("meter-exchanged")
    assert bench.ask(3, 0xFC00, 2) is None
    bench.now += EXCHANGE_SILENT_S
    assert bench.ask(3, 0xFC00, 2) == frame(b"\x01\x03\x04" + (1001).to_bytes(4, "big"))
    assert bench.imports() == [126.0, 41.0, 42.0, 43.0]
    bench.draw(1000.0, 2000.0, 3000.0)
    assert bench.imports() == [132.0, 42.0, 44.0, 46.0]
    bench.faults.clear("meter-exchanged")
    assert bench.ask(3, 0xFC00, 2) is None
    bench.now += EXCHANGE_SILENT_S
    assert bench.ask(3, 0xFC00, 2) == frame(b"\x01\x03\x04" + (1000).to_bytes(4, "big"))
    assert bench.imports() == [7174.75, 1025.5, 2050.25, 4099.0]


def test_reversed() -> None:
    bench = Bench()
    bench.imports()
    bench.faults.set("meter-reversed")
    bench.imports()
    bench.draw(1000.0, 2000.0, 3000.0)
    assert bench.imports() == [7168.75, 1024.5, 2048.25, 4096.0]
    assert bench.float_at(0x004A) == 774.0
    assert bench.float_at(0x0034) == -7543.25
    assert bench.float_at(0x000C) == -3680.0
    assert bench.float_at(0x0006) == 16.0
    bench.faults.clear("meter-reversed")
    bench.draw(500.0, 0.0, 0.0)
    assert bench.float_at(0x0048) == 7169.25
    assert bench.float_at(0x0034) == 7543.25


def test_faults_by_name() -> None:
    faults = MeterFaults()
    told: list[frozenset[str]] = []
    faults.subscribe(lambda: told.append(faults.active))
    faults.set("meter-silent")
    faults.set("meter-echo")
    faults.clear("meter-silent")
    faults.clear("meter-silent")
    assert faults.active == {"meter-echo"}
    assert faults.since("meter-silent") is None
    assert faults.since("meter-echo") is not None
    faults.clear_all()
    assert told == [
        {"meter-silent"},
        {"meter-silent", "meter-echo"},
        {"meter-echo"},
        {"meter-echo"},
        set(),
    ]
    for change in (faults.set, faults.clear):
        with pytest.raises(ValueError, match="meter-x10; there are meter-silent, "):
            change("meter-x10")


def test_the_faults_of_the_contract() -> None:
    assert set(MeterFault) == {
        *("meter-silent", "meter-garbage", "meter-late-answer", "meter-nan", "meter-2to32"),
        *("meter-x1000", "meter-frozen", "meter-restart", "meter-exchanged", "meter-reversed"),
        *("meter-echo", "meter-unplugged"),
    }


def test_crc_of_the_standard() -> None:
    """MODBUS over Serial Line V1.02: function 7 to slave 2 goes out as 02 07 41 12."""
    assert crc16(b"\x02\x07") == b"\x41\x12"


@pytest.mark.parametrize(
    ("start", "length"),
    [
        ("", None),
        ("01", None),
        ("01 04", 8),
        ("01 03 00 00", 8),
        ("01 06", 8),
        ("01 10 00 00 00 02", None),
        ("01 10 00 00 00 02 04", 13),
        ("01 11", None),
    ],
)
def test_length_of_a_request(start: str, length: int | None) -> None:
    assert request_length(bytes.fromhex(start)) == length
