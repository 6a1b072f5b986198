"""Each way in which the line can fail, and the error that names it."""

from __future__ import annotations

import random
import termios
from itertools import pairwise

import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import (
    MeterError,
    MeterGarbage,
    MeterNoAnswer,
    MeterPortLost,
    MeterRefused,
)
from drivers.modbus import BUSY_PAUSE_S
from simulator.meter.modbus_rtu import exception_reply, frame
from tests.drivers.meter_rig import (
    READ_SERIAL_NUMBER,
    Replies,
    Slave,
    VirtualLine,
    once_identified,
    promptly,
    sdm630,
    virtual_meter,
)

IMPORT_EXPORT = bytes.fromhex("01 04 00 48 00 04 71 df")
PHASE_IMPORTS = bytes.fromhex("01 04 01 5a 00 06 51 e7")
GOOD = frame(b"\x01\x04\x08" + bytes.fromhex("45 a2 26 c7 00 00 00 00"))
# 13 + 2 x 4 characters at 9600 baud, 200 ms of turnaround, 32 ms of the USB adapter.
TIMEOUT_S = 21 * 10 / 9600 + 0.232


class Failing:
    """The simulated meter; once open, its first answers to the energy request are replaced."""

    def __init__(self, *first: bytes | None) -> None:
        self._meter = sdm630()
        self._first = list(first)
        self.answer = once_identified(self._meter.answer, self._answer)

    def _answer(self, request: bytes) -> bytes | None:
        if request == IMPORT_EXPORT and self._first:
            return self._first.pop(0)
        return self._meter.answer(request)


def tries(line: VirtualLine) -> int:
    """How often the energy was asked for since it is open."""
    return line.asked[line.asked.index(READ_SERIAL_NUMBER) :].count(IMPORT_EXPORT)


def test_silence_is_no_answer_after_three_tries() -> None:
    with virtual_meter(promptly(Failing(*[None] * 3).answer)) as (meter, line):
        meter.open()
        opened = len(line.asked)
        began = line.clock.now_s
        with pytest.raises(
            MeterNoAnswer,
            match=r"no answer from address 1 on /dev/virtual after 3 tries; check .*A/B wiring",
        ):
            meter.read_energy()
        assert tries(line) == 3
        assert PHASE_IMPORTS not in line.asked
        assert meter.counters.silent == 3
        assert line.clock.now_s - began < 1.5
        apart = [later - earlier for earlier, later in pairwise(line.asked_at[opened:])]
        assert min(apart) == pytest.approx(2 * TIMEOUT_S)


@pytest.mark.parametrize("failures", [1, 2])
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(None, id="silence"),
        pytest.param(GOOD[:1], id="one byte"),
        pytest.param(GOOD[:4], id="four bytes"),
        pytest.param(GOOD[:-1], id="last byte missing"),
        pytest.param(GOOD[:-1] + bytes((GOOD[-1] ^ 1,)), id="checksum"),
        pytest.param(b"\x00\xff" + GOOD, id="noise in front"),
        pytest.param(frame(b"\x02" + GOOD[1:-2]), id="another address"),
        pytest.param(frame(b"\x01\x03" + GOOD[2:-2]), id="another function"),
        pytest.param(frame(b"\x01\x04\x06" + GOOD[3:-2]), id="wrong byte count"),
        pytest.param(frame(b"\x01\x04\x04" + GOOD[3:7]), id="a shorter answer"),
        pytest.param(frame(b"\x01\x04\x0c" + bytes(12)), id="a longer answer"),
        pytest.param(bytes(400), id="babbling"),
    ],
)
def test_one_good_answer_in_three_tries_is_enough(reply: bytes | None, failures: int) -> None:
    with virtual_meter(promptly(Failing(*[reply] * failures).answer)) as (meter, line):
        meter.open()
        assert meter.read_energy().import_wh == 7_168_750
        assert tries(line) == failures + 1


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(GOOD[:1], id="one byte"),
        pytest.param(GOOD[:-1], id="last byte missing"),
        pytest.param(GOOD[:-1] + bytes((GOOD[-1] ^ 1,)), id="checksum"),
        pytest.param(b"\x00" + GOOD, id="noise in front"),
        pytest.param(frame(b"\x02" + GOOD[1:-2]), id="another address"),
        pytest.param(frame(b"\x01\x04\x04" + GOOD[3:7]), id="a shorter answer"),
        pytest.param(frame(b"\x01\x04\x0c" + bytes(12)), id="a longer answer"),
        pytest.param(bytes(400), id="babbling"),
    ],
)
def test_damage_is_garbage_after_three_tries(reply: bytes) -> None:
    with virtual_meter(promptly(Failing(*[reply] * 3).answer)) as (meter, line):
        meter.open()
        with pytest.raises(MeterGarbage, match=r"0048\.\.004B.*check termination"):
            meter.read_energy()
        assert tries(line) == 3
        assert meter.counters.damaged == 3


def test_damage_then_silence_is_garbage() -> None:
    """Somebody is there: another diagnosis than a dead line."""
    with virtual_meter(promptly(Failing(GOOD[:4], None, None).answer)) as (meter, _):
        meter.open()
        with pytest.raises(MeterGarbage, match="damaged answers"):
            meter.read_energy()


def test_the_line_is_quiet_before_it_is_asked_again() -> None:
    """What follows a damaged answer is thrown away, not taken for the next one."""
    meter_itself = sdm630()
    noisy = [False]

    def replies(request: bytes) -> Replies:
        good = meter_itself.answer(request)
        assert good is not None
        if noisy[0]:
            noisy[0] = False
            return [(0.0, b"\x55\xaa" + good), (0.2, good)]
        return [(0.0, good)]

    with virtual_meter(replies) as (meter, line):
        meter.open()
        noisy[0] = True
        assert meter.read_energy().import_wh == 7_168_750
        assert tries(line) == 2
        assert meter.counters.stray_bytes == 15
        assert not line.coming


@pytest.mark.parametrize("code", [4, 5, 6, 7, 8, 10, 11, 99])
def test_a_busy_meter_is_asked_twice(code: int) -> None:
    busy = exception_reply(1, 4, code)
    with virtual_meter(promptly(Failing(busy, busy).answer)) as (meter, line):
        meter.open()
        with pytest.raises(MeterRefused, match="answers, but not with"):
            meter.read_energy()
        assert tries(line) == 2
        assert line.asked_at[-1] - line.asked_at[-2] >= BUSY_PAUSE_S
        assert meter.counters.busy == 2


@pytest.mark.parametrize("code", [4, 5, 6])
def test_a_meter_busy_once_is_read(code: int) -> None:
    busy = exception_reply(1, 4, code)
    with virtual_meter(promptly(Failing(busy).answer)) as (meter, _):
        meter.open()
        assert meter.read_energy().import_wh == 7_168_750


@pytest.mark.parametrize("code", [1, 2, 3])
def test_a_refused_request_is_not_repeated(code: int) -> None:
    slave = Failing(*[exception_reply(1, 4, code)] * 3)
    with virtual_meter(promptly(slave.answer)) as (meter, line):
        meter.open()
        with pytest.raises(MeterRefused, match=r"0048\.\.004B.*check \[meter\] model"):
            meter.read_energy()
        assert tries(line) == 1


@pytest.mark.parametrize("silent", [True, False])
def test_local_echo_is_recognised(silent: bool) -> None:
    meter_itself = sdm630()

    def replies(request: bytes) -> Replies:
        reply = None if silent else meter_itself.answer(request)
        return [(-0.02, request)] + ([] if reply is None else [(0.0, reply)])

    with virtual_meter(replies) as (meter, line):
        with pytest.raises(MeterGarbage, match=r"local echo.*switch the echo off"):
            meter.open()
        assert len(line.asked) == 1
        assert meter.counters.echoes == 1
        assert not line.is_open


@pytest.mark.parametrize(
    "error",
    [
        serial.SerialException("device reports readiness to read but returned no data"),
        termios.error(5, "Input/output error"),
        OSError(6, "No such device or address"),
    ],
)
def test_a_lost_port_wants_a_new_open(error: Exception) -> None:
    with virtual_meter(promptly(sdm630().answer)) as (meter, line):
        meter.open()
        line.broken = error
        with pytest.raises(MeterPortLost, match="/dev/virtual is gone"):
            meter.read_energy()
        assert not line.is_open
        line.broken = None
        asked = len(line.asked)
        with pytest.raises(MeterPortLost, match="not open"):
            meter.read_all()
        assert len(line.asked) == asked
        meter.close()
        meter.open()
        assert READ_SERIAL_NUMBER in line.asked[asked:]
        assert meter.read_energy().import_wh == 7_168_750
        assert meter.counters.port_losses == 1


def test_a_port_lost_while_it_settles() -> None:
    with virtual_meter(promptly(Failing(*[None] * 3).answer)) as (meter, line):
        meter.open()
        with pytest.raises(MeterNoAnswer):
            meter.read_energy()
        line.broken = termios.error(5, "Input/output error")
        with pytest.raises(MeterPortLost):
            meter.read_energy()
        assert not line.is_open


def test_after_a_failure_the_serial_number_is_asked_for_again() -> None:
    with virtual_meter(promptly(Failing(None).answer)) as (meter, line):
        meter.open()
        meter.read_energy()
        line.asked.clear()
        meter.read_energy()
        assert line.asked[0] == READ_SERIAL_NUMBER
        line.asked.clear()
        meter.read_energy()
        assert READ_SERIAL_NUMBER not in line.asked


def test_after_a_failure_a_sample_begins_when_the_line_is_quiet() -> None:
    with virtual_meter(promptly(Failing(*[None] * 3).answer)) as (meter, line):
        meter.open()
        with pytest.raises(MeterNoAnswer):
            meter.read_energy()
        failed_at = line.clock.now_s
        asked = len(line.asked)
        sample = meter.read_energy()
        assert sample.requested_at == line.asked_at[asked]
        assert sample.requested_at - failed_at == pytest.approx(TIMEOUT_S)


def mutations(slave: Slave, seed: int) -> Slave:
    """Every reply damaged in one of many ways, or not."""
    chance = random.Random(seed)

    def answer(request: bytes) -> bytes | None:
        reply = slave(request) or b""
        for _ in range(chance.choice((0, 0, 0, 0, 1, 1, 2, 5))):
            at = chance.randrange(len(reply) + 1)
            kind = chance.randrange(4)
            if kind == 0 and at < len(reply):
                reply = (
                    reply[:at] + bytes((reply[at] ^ 1 << chance.randrange(8),)) + reply[at + 1 :]
                )
            elif kind == 1:
                reply = reply[:at]
            elif kind == 2:
                reply = reply[:at] + chance.randbytes(chance.randint(1, 4)) + reply[at:]
            elif kind == 3:
                reply = reply[at:]
        return reply or None

    return answer


def test_a_damaged_answer_is_an_error_or_the_truth() -> None:
    errors = good = 0
    for seed in range(20):
        with virtual_meter(promptly(mutations(sdm630().answer, seed))) as (meter, line):
            for _ in range(50):
                line.clock.sleep(1)
                try:
                    meter.open()
                    sample = meter.read_all()
                except MeterError:
                    errors += 1
                    continue
                good += 1
                assert sample.import_wh == 7_168_750, f"seed {seed}"
                assert sample.phase_wh == (1_024_500, 2_048_250, 4_096_000), f"seed {seed}"
                assert sample.voltage_v == (230.0, 231.5, 229.25), f"seed {seed}"
                assert sample.power_w == 7543.25, f"seed {seed}"
    assert errors > 100
    assert good > 100


@settings(max_examples=400, derandomize=True, deadline=None)
@given(reply=st.binary(min_size=1, max_size=60))
def test_any_bytes_are_an_error_of_the_meter(reply: bytes) -> None:
    with (
        virtual_meter(promptly(lambda _: reply)) as (meter, _),
        pytest.raises(MeterError, match=r"^meter: "),
    ):
        meter.open()


@settings(max_examples=400, derandomize=True, deadline=None)
@given(body=st.binary(min_size=0, max_size=60), function=st.integers(0, 255))
def test_any_sound_frame_is_an_error_or_a_reading(body: bytes, function: int) -> None:
    reply = frame(bytes((1, function)) + body)
    slave = Failing(*[reply] * 3)
    with virtual_meter(promptly(slave.answer)) as (meter, _):
        meter.open()
        try:
            sample = meter.read_energy()
        except MeterError:
            return
    assert (function, len(body)) == (4, 9)
    assert sample.import_wh >= 0
