"""`meter --scan`: which bytes go over the line, and what counts as an answer.

The slave is made by hand on a pseudo-terminal, apart from the simulated meter.
"""

from __future__ import annotations

import os
import pty
import select
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from drivers.errors import MeterGarbage, MeterPortLost
from station.cli import scan
from station.cli.scan import Found, checksum, is_answer, search
from station.config import MeterConfig

# Holding register 0014 of slave 1, which says 1.0; checksums by the table of the Modbus guide.
ASKED = bytes.fromhex("01 03 00 14 00 02 84 0f")
ANSWER = bytes.fromhex("01 03 04 3f 80 00 00 f7 cf")
REFUSAL = bytes.fromhex("01 83 02 c0 f1")

Slave = Callable[[bytes, int], bytes]


def framed(body: bytes) -> bytes:
    return body + checksum(body)


class Line:
    """A serial port on which ``slave`` is given every request and the speed it came at."""

    def __init__(self, slave: Slave) -> None:
        self.heard: list[bytes] = []
        self._slave = slave
        self._master, self._end = pty.openpty()
        tty.setraw(self._end)
        self.port = os.ttyname(self._end)
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        pending = b""
        while True:
            ready, _, _ = select.select([self._master, self._stop_read], [], [])
            if self._stop_read in ready:
                return
            pending += os.read(self._master, 256)
            while len(pending) >= len(ASKED):
                request, pending = pending[: len(ASKED)], pending[len(ASKED) :]
                self.heard.append(request)
                os.write(self._master, self._slave(request, self._speed()))

    def _speed(self) -> int:
        return int(termios.tcgetattr(self._end)[4])

    def close(self) -> None:
        os.write(self._stop_write, b".")
        self._thread.join()
        for handle in (self._master, self._end, self._stop_read, self._stop_write):
            os.close(handle)


@contextmanager
def line_to(slave: Slave) -> Iterator[Line]:
    line = Line(slave)
    try:
        yield line
    finally:
        line.close()


def found(line: Line, addresses: Sequence[int], said: list[str] | None = None) -> list[Found]:
    wanted = MeterConfig("sdm630", line.port, 1, None, None, 1)
    return list(search(wanted, addresses, progress=([] if said is None else said).append))


def test_the_request_is_the_one_of_the_protocol() -> None:
    assert checksum(ASKED[:-2]) == ASKED[-2:]
    assert is_answer(ANSWER, 1)
    assert is_answer(REFUSAL, 1)
    with line_to(lambda request, _: REFUSAL if request == ASKED else b"") as line:
        (only,) = found(line, [1])
    assert line.heard[0] == ASKED
    assert (only.address, only.model) == (1, None)
    assert "answers, but is none of sdm630" in str(only)


def test_any_address_answers_at_its_own_speed_and_the_scan_ends_there() -> None:
    def slave(request: bytes, speed: int) -> bytes:
        address = request[0]
        if speed != termios.B19200 or address not in (3, 5):
            return b""
        return framed(bytes((address, 0x83, 2)))

    said: list[str] = []
    with line_to(slave) as line:
        both = found(line, [3, 4, 5], said)
    assert [(one.address, one.baudrate, one.parity) for one in both] == [
        (3, 19200, "none"),
        (5, 19200, "none"),
    ]
    tried = [words.split(":")[0] for words in said if "at most" in words]
    assert tried[0] == "9600 baud, parity none"
    assert tried[-1] == "19200 baud, parity none"
    assert len(tried) == 7
    left_s = [float(words.split()[-3]) for words in said if "at most" in words]
    assert left_s == sorted(left_s, reverse=True)


def test_a_silent_line_ends_in_time_without_a_find() -> None:
    said: list[str] = []
    with line_to(lambda _, __: b"") as line:
        assert found(line, [1], said) == []
    settings = len(scan.BAUDRATES) * len(scan.PARITIES)
    assert sum("at most" in words for words in said) == settings
    # A pseudo-terminal refuses parity, as some adapters do.
    refused = sum("cannot do that" in words for words in said)
    assert len(line.heard) == settings - refused >= len(scan.BAUDRATES)


def test_the_whole_scan_is_bounded() -> None:
    worst_s = sum(
        scan._timeout_s(scan._char_s(baudrate, parity)) * len(scan.ADDRESSES)
        for baudrate in scan.BAUDRATES
        for parity in scan.PARITIES
    )
    assert worst_s < 60
    assert list(scan.ADDRESSES) == list(range(1, 11))
    assert list(scan.ALL_ADDRESSES) == list(range(1, 248))


def test_an_echo_is_named_and_not_taken_for_a_meter() -> None:
    with line_to(lambda request, _: request) as line, pytest.raises(MeterGarbage, match="echo"):
        found(line, [1])


def test_a_port_that_is_not_there() -> None:
    wanted = MeterConfig("sdm630", "/dev/no-such-port", 1, None, None, 1)
    with pytest.raises(MeterPortLost, match="no-such-port"):
        list(search(wanted, [1], progress=lambda _: None))


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        ANSWER[:-1],
        ANSWER[:5],
        bytes((2,)) + ANSWER[1:],
        ANSWER[:-1] + bytes((ANSWER[-1] ^ 1,)),
        framed(bytes((2, 3)) + ANSWER[2:-2]),
        framed(bytes((1, 4)) + ANSWER[2:-2]),
        framed(bytes((1, 0x84, 2))),
        REFUSAL + b"\0\0\0\0",
    ],
)
def test_what_is_no_answer_of_this_slave(reply: bytes) -> None:
    assert not is_answer(reply, 1)


@hypothesis_settings(derandomize=True, max_examples=300)
@given(reply=st.binary(max_size=9), address=st.integers(1, 247))
def test_noise_never_breaks_the_scan_and_hardly_ever_passes(reply: bytes, address: int) -> None:
    assert is_answer(reply, address) == (
        len(reply) in (5, 9)
        and reply[0] == address
        and reply[1] == (0x83 if len(reply) == 5 else 0x03)
        and checksum(reply[:-2]) == reply[-2:]
    )


@hypothesis_settings(derandomize=True, max_examples=100)
@given(address=st.integers(1, 247), value=st.binary(min_size=4, max_size=4), bit=st.integers(0, 71))
def test_one_flipped_bit_is_always_seen(address: int, value: bytes, bit: int) -> None:
    answer = framed(bytes((address, 3, 4)) + value)
    assert is_answer(answer, address)
    flipped = bytearray(answer)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not is_answer(bytes(flipped), address)
