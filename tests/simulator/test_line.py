"""The simulated line by what comes out of the pseudo-terminal, and when. No driver of ours."""

from __future__ import annotations

import dataclasses
import select
import struct
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import serial

from simulator.electrical import Electrical
from simulator.meter.line import RtuLine
from simulator.meter.meter_faults import MeterFaults
from simulator.meter.modbus_rtu import frame, is_sound
from simulator.meter.sdm630 import Sdm630
from tests.descriptors import terminals

FLOWING = Electrical(
    (230.0, 230.0, 230.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (5_188_847.0, 0.0, 0.0)
)
READ_IMPORT = bytes.fromhex("01 04 00 48 00 02 f1 dd")
IMPORT = bytes.fromhex("01 04 04 45 a2 26 c7 14 98")
READ_18 = bytes.fromhex("01 04 00 00 00 12 70 07")
ENOUGH_S = 10.0


@contextmanager
def running(**options: object) -> Iterator[tuple[RtuLine, MeterFaults]]:
    faults = MeterFaults()
    answer = options.pop("answer", Sdm630(lambda: FLOWING, update_s=0, faults=faults).answer)
    line = RtuLine(answer, faults=faults, **options)
    line.start()
    try:
        yield line, faults
    finally:
        line.stop()


@contextmanager
def client(line: RtuLine, timeout_s: float = ENOUGH_S) -> Iterator[serial.Serial]:
    with serial.Serial(line.port, timeout=timeout_s) as port:
        yield port


def ask(port: serial.Serial, request: bytes, size: int) -> tuple[bytes, float]:
    began = time.monotonic()
    port.write(request)
    reply = port.read(size)
    return reply, time.monotonic() - began


def hears_nothing(port: serial.Serial, within_s: float = 0.2) -> bool:
    return not select.select([port.fileno()], [], [], within_s)[0]


def hung_up(port: serial.Serial) -> bool:
    poll = select.poll()
    poll.register(port.fileno(), select.POLLIN)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def test_a_request_is_answered() -> None:
    with running(pace=False) as (line, _), client(line) as port:
        for _ in range(20):
            assert ask(port, READ_IMPORT, len(IMPORT))[0] == IMPORT


@pytest.mark.parametrize("baudrate", [9600, 38400])
@pytest.mark.parametrize(("request_", "size"), [(READ_IMPORT, 9), (READ_18, 41)])
def test_no_byte_is_faster_than_the_line(baudrate: int, request_: bytes, size: int) -> None:
    char_s = 10 / baudrate
    with running(baudrate=baudrate, turnaround_s=0.02) as (line, _), client(line) as port:
        began = time.monotonic()
        port.write(request_)
        for count in range(1, size + 1):
            assert len(port.read(1)) == 1
            needed_s = (8 + count) * char_s + 0.02
            assert time.monotonic() - began >= needed_s - 1e-4, f"byte {count}"


def test_the_line_keeps_up_with_its_own_pace() -> None:
    nominal_s = (8 + 41) * 10 / 9600 + 0.02
    with running() as (line, _), client(line) as port:
        took = [ask(port, READ_18, 41)[1] for _ in range(15)]
    assert min(took) < 1.5 * nominal_s


def test_eleven_bits_take_longer() -> None:
    with running(bits_per_char=11, turnaround_s=0) as (line, _), client(line) as port:
        assert ask(port, READ_18, 41)[1] >= 49 * 11 / 9600 - 1e-4


def test_a_request_may_come_in_parts() -> None:
    with running() as (line, _), client(line) as port:
        port.write(READ_IMPORT[:3])
        port.write(READ_IMPORT[3:])
        assert port.read(9) == IMPORT


def test_requests_that_come_together_are_answered_in_turn() -> None:
    with running(baudrate=38400) as (line, _), client(line) as port:
        port.write(READ_18 + READ_IMPORT)
        both = port.read(41 + 9)
    assert is_sound(both[:41])
    assert both[41:] == IMPORT


@pytest.mark.parametrize(
    "noise", [b"\x00", b"\x01\x04\x00", READ_IMPORT[:-1], READ_IMPORT[:-1] + b"\x00", b"\xff" * 30]
)
def test_noise_is_forgotten_after_a_silence(noise: bytes) -> None:
    with running() as (line, _), client(line) as port:
        port.write(noise)
        assert hears_nothing(port)
        assert ask(port, READ_IMPORT, 9)[0] == IMPORT


def test_noise_right_in_front_spoils_a_request() -> None:
    with running() as (line, _), client(line) as port:
        port.write(b"\x00\xff" + READ_IMPORT)
        assert hears_nothing(port)
        assert ask(port, READ_IMPORT, 9)[0] == IMPORT


def test_silence_ends_a_request_of_unknown_length() -> None:
    with running() as (line, _), client(line) as port:
        assert ask(port, frame(b"\x01\x11"), 5)[0] == frame(b"\x01\x91\x01")


def test_another_program_may_open_the_port_later() -> None:
    with running(pace=False) as (line, _):
        for _ in range(3):
            with client(line) as port:
                assert ask(port, READ_IMPORT, 9)[0] == IMPORT


def test_without_power_it_is_silent() -> None:
    with running(pace=False, warm_up_s=0.0) as (line, _), client(line) as port:
        line.set_powered(False)
        port.write(READ_IMPORT)
        assert hears_nothing(port)
        line.set_powered(True)
        assert ask(port, READ_IMPORT, 9)[0] == IMPORT


def test_when_power_comes_back_it_is_silent_for_its_warm_up() -> None:
    warm_up_s = 0.5
    with running(pace=False, warm_up_s=warm_up_s) as (line, _), client(line) as port:
        assert ask(port, READ_IMPORT, 9)[0] == IMPORT
        line.set_powered(False)
        before = time.monotonic()
        line.set_powered(True)
        line.set_powered(True)
        port.timeout = 0.05
        while ask(port, READ_IMPORT, 9)[0] != IMPORT:
            port.reset_input_buffer()
            assert time.monotonic() - before < ENOUGH_S
        assert time.monotonic() - before >= warm_up_s


def test_power_that_never_went_needs_no_warm_up() -> None:
    with running(pace=False, warm_up_s=3600.0) as (line, _), client(line) as port:
        assert ask(port, READ_IMPORT, 9)[0] == IMPORT
        line.set_powered(True)
        assert ask(port, READ_IMPORT, 9)[0] == IMPORT


def test_a_power_cut_breaks_a_reply_off() -> None:
    with running(baudrate=2400) as (line, _), client(line, timeout_s=0.5) as port:
        port.write(READ_18)
        assert len(port.read(1)) == 1
        line.set_powered(False)
        assert len(port.read(40)) < 40


def test_unplugged_the_port_is_gone_and_comes_back_as_another() -> None:
    with running(pace=False) as (line, _), client(line) as port:
        path = line.port
        line.plug(False)
        assert line.port == ""
        assert hung_up(port)
        with pytest.raises(serial.SerialException):
            port.read(1)
        with pytest.raises(termios.error):
            port.reset_input_buffer()
        line.plug(True)
        line.plug(True)
        # The old one is still open, so its name is not free.
        assert line.port not in ("", path)
        with client(line) as again:
            assert ask(again, READ_IMPORT, 9)[0] == IMPORT


def test_it_hangs_up_before_unplugging_returns() -> None:
    with running(pace=False) as (line, _):
        for _ in range(40):
            with client(line) as port:
                line.plug(False)
                assert hung_up(port)
            line.plug(True)


def test_requests_to_the_old_port_are_not_answered_on_the_new_one() -> None:
    with running(baudrate=2400) as (line, _):
        with client(line) as port:
            port.write(READ_18 + READ_IMPORT)
            assert len(port.read(1)) == 1
            line.plug(False)
        line.plug(True)
        with client(line) as port:
            assert hears_nothing(port, 0.3)


def test_unplugging_in_mid_reply() -> None:
    with running(baudrate=2400) as (line, _):
        for _ in range(3):
            with client(line) as port:
                port.write(READ_18)
                assert len(port.read(1)) == 1
                line.plug(False)
                with pytest.raises(serial.SerialException):
                    port.read(40)
            line.plug(True)
        with client(line) as port:
            assert ask(port, READ_IMPORT, 9)[0] == IMPORT


def test_plugging_does_not_wait_for_the_meter() -> None:
    """The box unplugs under its own lock, which the meter's source may be waiting for."""
    asked, go_on = threading.Event(), threading.Event()

    def answer(request: bytes) -> bytes | None:
        asked.set()
        assert go_on.wait(ENOUGH_S)
        return IMPORT

    with running(answer=answer, pace=False) as (line, faults), client(line) as port:
        port.write(READ_IMPORT)
        assert asked.wait(ENOUGH_S)
        faults.set("meter-unplugged")
        assert line.port == ""
        faults.clear("meter-unplugged")
        with client(line) as again:
            go_on.set()
            assert hears_nothing(again)
            assert ask(again, READ_IMPORT, 9)[0] == IMPORT


def test_the_port_is_told() -> None:
    told: list[str] = []
    with running(on_port=told.append) as (line, faults):
        told.append("started")
        faults.set("meter-unplugged")
        line.plug(False)
        faults.clear("meter-unplugged")
        assert line.port == ""
        told.append("wanted")
        line.plug(True)
        last = line.port
    assert told == [told[0], "started", "", "wanted", last, ""]
    assert all(port.startswith("/dev/pts/") for port in (told[0], last))


def test_silent() -> None:
    with running(pace=False) as (line, faults), client(line) as port:
        faults.set("meter-silent")
        port.write(READ_IMPORT)
        assert hears_nothing(port)


def test_garbage_is_never_sound() -> None:
    with running(pace=False, seed=3) as (line, faults), client(line, timeout_s=0.02) as port:
        faults.set("meter-garbage")
        seen = set()
        for _ in range(60):
            port.write(READ_IMPORT)
            assert not hears_nothing(port, ENOUGH_S)
            reply = port.read(20)
            assert not is_sound(reply), reply.hex(" ")
            seen.add(len(reply))
        assert seen >= {5, 9, 10, 11, 12}


def test_late_answers_keep_their_order() -> None:
    with running(pace=False, seed=3) as (line, faults), client(line) as port:
        faults.set("meter-late-answer")
        began = time.monotonic()
        port.write(READ_18)
        assert hears_nothing(port, 0.15)
        port.write(READ_IMPORT)
        both = port.read(41 + 9)
        assert time.monotonic() - began >= 0.4
    assert is_sound(both[:41])
    assert both[41:] == IMPORT


def test_echo_comes_before_the_reply() -> None:
    with running() as (line, faults), client(line) as port:
        faults.set("meter-echo")
        assert ask(port, READ_IMPORT, 17)[0] == READ_IMPORT + IMPORT


def test_values_are_read_when_they_are_asked_for() -> None:
    energy = [1.0]
    meter = Sdm630(
        lambda: dataclasses.replace(FLOWING, import_wh=(energy[0] * 1000, 0.0, 0.0)), update_s=0
    )
    with running(answer=meter.answer, pace=False) as (line, _), client(line) as port:
        for energy[0] in (1.0, 2.5, 1024.0):
            reply = ask(port, READ_IMPORT, 9)[0]
            assert struct.unpack(">f", reply[3:7]) == (energy[0],)


def test_stopping_leaves_nothing_behind() -> None:
    threads = set(threading.enumerate())
    before = terminals()
    with running() as (line, _), client(line) as port:
        port.write(READ_18)
    line.stop()
    assert line.port == ""
    assert set(threading.enumerate()) <= threads
    assert terminals() <= before
