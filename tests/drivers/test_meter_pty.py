"""The meter driver on a pseudo-terminal: the real pyserial, the real kernel."""

from __future__ import annotations

import termios
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers import serial_line
from drivers.errors import (
    MeterError,
    MeterGarbage,
    MeterNoAnswer,
    MeterPortLost,
    MeterRefused,
)
from drivers.meter import Meter
from simulator.electrical import Electrical
from simulator.meter.meter_faults import MeterFaults
from simulator.meter.sdm630 import EXCHANGE_SILENT_S, Sdm630
from tests.descriptors import terminals
from tests.drivers.meter_rig import FLOWING, SERIAL, once_identified, pty_line


@contextmanager
def opened(port: str, **options: object) -> Iterator[Meter]:
    meter = Meter(port, **options)
    meter.open()
    try:
        yield meter
    finally:
        meter.close()


def test_both_samples() -> None:
    with pty_line() as (line, _), opened(line.port) as meter:
        before = time.monotonic()
        energy, everything = meter.read_energy(), meter.read_all()
        after = time.monotonic()
    assert energy.serial == everything.serial == str(SERIAL)
    assert energy.import_wh == everything.import_wh == 7_168_750
    assert energy.phase_wh == everything.phase_wh == (1_024_500, 2_048_250, 4_096_000)
    assert everything.voltage_v == FLOWING.voltage_v
    assert everything.current_a == FLOWING.current_a
    assert everything.power_w == sum(FLOWING.power_w)
    assert before <= energy.requested_at <= energy.received_at
    assert energy.received_at <= everything.requested_at <= everything.received_at <= after


def test_at_the_lines_own_pace() -> None:
    with (
        pty_line(pace=True, baudrate=19200) as (line, _),
        opened(line.port, baudrate=19200) as meter,
    ):
        assert meter.read_all().import_wh == 7_168_750


@pytest.mark.parametrize(
    ("options", "speed", "flags"),
    [
        ({}, termios.B9600, 0),
        ({"baudrate": 2400}, termios.B2400, 0),
        ({"parity": "even"}, termios.B9600, termios.PARENB),
        ({"parity": "odd"}, termios.B9600, termios.PARENB | termios.PARODD),
        ({"stopbits": 2}, termios.B9600, termios.CSTOPB),
    ],
)
def test_what_the_kernel_is_asked_for(
    options: dict[str, object], speed: int, flags: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pseudo-terminal has no parity: what it was asked for is all that can be seen."""
    asked: list[list[int]] = []
    real = termios.tcsetattr

    def recording(descriptor: int, when: int, attributes: list[int]) -> None:
        asked.append(attributes)
        real(descriptor, when, attributes)

    with pty_line(baudrate=options.get("baudrate", 9600)) as (line, _):
        monkeypatch.setattr(termios, "tcsetattr", recording)
        with opened(line.port, **options) as meter:
            assert meter.read_energy().import_wh == 7_168_750
    assert asked
    for _, _, cflag, _, ispeed, ospeed, _ in asked:
        assert cflag & (termios.PARENB | termios.PARODD | termios.CSTOPB) == flags
        assert cflag & termios.CSIZE == termios.CS8
        assert ispeed == ospeed == speed


def test_a_second_one_is_kept_out() -> None:
    with pty_line() as (line, _):
        with opened(line.port) as meter:
            with pytest.raises(MeterPortLost, match="another program holds it"):
                Meter(line.port).open()
            assert meter.read_energy().import_wh == 7_168_750
        with opened(line.port) as next_meter:
            assert next_meter.read_energy().import_wh == 7_168_750


def test_a_port_that_is_not_there() -> None:
    with pytest.raises(MeterPortLost, match=r"cannot open /dev/not-there: .*plugged in"):
        Meter("/dev/not-there").open()


def test_a_file_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MeterPortLost, match="check that it is a serial port"):
        Meter(str(tmp_path / "file")).open()


def test_a_refused_open_leaves_the_port_free() -> None:
    meter = Sdm630(lambda: FLOWING, meter_code=0x0084)
    with pty_line(meter.answer) as (line, _):
        for _ in range(2):
            with pytest.raises(MeterRefused, match="model sdm72 "):
                Meter(line.port).open()


def test_an_exception_reply_does_not_wait_for_the_time_out() -> None:
    """It is shorter than the reply that was asked for."""
    meter_itself = Sdm630(lambda: FLOWING, update_s=0, max_registers=6)
    with pty_line(meter_itself.answer) as (line, _), opened(line.port) as meter:
        counts = []
        for _ in range(5):
            meter.close()
            meter.open()
            began = time.monotonic()
            assert meter.read_all().voltage_v == FLOWING.voltage_v
            counts.append(time.monotonic() - began)
        assert meter.counters.refused == 5
    # The time-out of the refused block alone is 283 ms.
    assert min(counts) < 0.25


def test_it_sleeps_while_the_line_carries_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """41 bytes arrive one by one; the reader may wake for a few of them only."""
    wakes = [0]

    def counting(*args: object) -> object:
        wakes[0] += 1
        return real(*args)

    with pty_line(pace=True) as (line, _), opened(line.port) as meter:
        real = serial_line.select.select
        monkeypatch.setattr(serial_line, "select", types.SimpleNamespace(select=counting))
        fewest = []
        for _ in range(5):
            wakes[0] = 0
            meter.read_all()
            fewest.append(wakes[0])
    assert 3 <= min(fewest) <= 15


def test_a_reply_in_time_counts_though_the_reader_wakes_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def oversleep(seconds: float) -> None:
        time.sleep(seconds + 0.3)

    with (
        pty_line(pace=True, baudrate=38400) as (line, _),
        opened(line.port, baudrate=38400) as meter,
    ):
        late = types.SimpleNamespace(monotonic=time.monotonic, sleep=oversleep)
        monkeypatch.setattr(serial_line, "time", late)
        assert meter.read_energy().import_wh == 7_168_750
        assert meter.counters.silent == meter.counters.damaged == 0


def test_unplugged_and_plugged_in_again() -> None:
    with pty_line() as (line, _), opened(line.port) as meter:
        assert meter.read_energy().import_wh == 7_168_750
        line.plug(False)
        with pytest.raises(MeterPortLost, match="is gone"):
            meter.read_energy()
        line.plug(True)
        with pytest.raises(MeterPortLost, match="not open"):
            meter.read_energy()
        meter.close()
        with opened(line.port) as again:
            assert again.read_energy().import_wh == 7_168_750


def test_a_name_that_stays_leads_to_the_new_port(tmp_path: Path) -> None:
    link = tmp_path / "meter"

    def follow(port: str) -> None:
        link.unlink(missing_ok=True)
        if port:
            link.symlink_to(port)

    with pty_line(on_port=follow) as (line, faults), opened(str(link)) as meter:
        for _ in range(3):
            faults.set("meter-unplugged")
            with pytest.raises(MeterPortLost, match="is gone"):
                meter.read_all()
            with pytest.raises(MeterPortLost, match="there is no such port"):
                meter.open()
            faults.clear("meter-unplugged")
            assert line.port
            meter.open()
            assert meter.read_all().import_wh == 7_168_750
        assert meter.counters.port_losses == 3


def test_unplugged_while_it_waits_for_the_answer() -> None:
    asked, unplugged = threading.Event(), threading.Event()
    good = Sdm630(lambda: FLOWING, serial=SERIAL, update_s=0)

    def held_up(request: bytes) -> bytes | None:
        asked.set()
        unplugged.wait(10)
        return good.answer(request)

    with pty_line(once_identified(good.answer, held_up)) as (line, _), opened(line.port) as meter:

        def pull() -> None:
            asked.wait(10)
            line.plug(False)
            unplugged.set()

        puller = threading.Thread(target=pull)
        puller.start()
        with pytest.raises(MeterPortLost):
            meter.read_energy()
        puller.join()


def test_lost_ports_leave_no_descriptors_behind() -> None:
    with pty_line() as (line, _):
        counts = []
        for _ in range(4):
            meter = Meter(line.port)
            meter.open()
            line.plug(False)
            with pytest.raises(MeterPortLost):
                meter.read_energy()
            line.plug(True)
            counts.append(terminals())
    assert counts[0] == counts[-1]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("meter-silent", MeterNoAnswer),
        ("meter-garbage", MeterGarbage),
        ("meter-echo", MeterGarbage),
        ("meter-nan", MeterGarbage),
        ("meter-unplugged", MeterPortLost),
    ],
)
def test_each_fault_of_the_box_has_its_error(fault: str, error: type[MeterError]) -> None:
    with pty_line() as (line, faults), opened(line.port) as meter:
        faults.set(fault)
        with pytest.raises(error) as caught:
            meter.read_all()
        assert caught.type is error or fault == "meter-echo"
        assert ("local echo" in str(caught.value)) == (fault == "meter-echo")
        faults.clear(fault)
        meter.close()
        with opened(line.port) as again:
            assert again.read_all().import_wh == 7_168_750


def test_without_mains_the_meter_is_silent() -> None:
    with pty_line(warm_up_s=0.0) as (line, _), opened(line.port) as meter:
        line.set_powered(False)
        with pytest.raises(MeterNoAnswer):
            meter.read_energy()
        line.set_powered(True)
        assert meter.read_energy().import_wh == 7_168_750


def test_an_exchanged_meter_shows_its_own_serial_number() -> None:
    now = [100.0]
    faults = MeterFaults(lambda: now[0])
    slave = Sdm630(
        lambda: FLOWING, serial=SERIAL, update_s=0, faults=faults, monotonic=lambda: now[0]
    )
    with pty_line(slave.answer) as (line, _), opened(line.port) as meter:
        assert meter.read_energy().serial == str(SERIAL)
        faults.set("meter-exchanged")
        with pytest.raises(MeterNoAnswer):
            meter.read_energy()
        now[0] += EXCHANGE_SILENT_S
        sample = meter.read_energy()
    assert sample.serial == str(SERIAL + 1)
    assert sample.import_wh != 7_168_750


def test_counters_that_move() -> None:
    """The difference of two samples is the energy between them, within one step."""
    drawn_wh = [0.0]

    def source() -> Electrical:
        third = drawn_wh[0] / 3
        return Electrical(
            (230.0,) * 3, (16.0,) * 3, (3680.0,) * 3, (third, third + 5e6, third + 6e6)
        )

    slave = Sdm630(source, update_s=0)
    with pty_line(slave.answer) as (line, _), opened(line.port) as meter:
        first = meter.read_energy()
        for drawn_wh[0] in (1.0, 500.0, 11_240.0, 50_000.0):
            sample = meter.read_energy()
            moved_wh = sample.import_wh - first.import_wh
            assert abs(moved_wh - drawn_wh[0]) <= sample.grid_wh + 1
