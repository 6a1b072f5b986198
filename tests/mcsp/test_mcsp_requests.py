"""What a server understands: rule by rule, in any pieces, after any garbage."""

from __future__ import annotations

import os
import random
import time
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcsp import values, writer
from mcsp.codes import Code
from mcsp.messages import EndRequest, Meter, PingRequest, Request, StartRequest
from mcsp.requests import RequestReader, Wrong

KEY = UUID("1b671a64-40d5-491e-99b0-da01ff1f3341")
ID_LINE = f"Request-Id: {KEY}"
PING = b"MMETERING/1.0 PING\nContent-Length: 1\nName: Lader1\n"
STREAMS = int(os.environ.get("EVCS_MCSP_STREAMS", "20000"))


def read(data: bytes) -> list[Request | Wrong]:
    return RequestReader().feed(data, 0.0)


def start(*headers: str, first: str = "MMETERING/1.0 START", length: int | str = "") -> bytes:
    counted = len(headers) if length == "" else length
    return "\n".join([first, f"Content-Length: {counted}", *headers, ""]).encode("latin-1")


GOOD = ("Name: Lader1", "Key: 16AC936B")


def code_of(data: bytes) -> int:
    (found,) = read(data)
    assert isinstance(found, Wrong), found
    return int(found.code)


@pytest.mark.parametrize(
    "data",
    [
        start(*GOOD),
        start(*GOOD).replace(b"\n", b"\r\n"),
        start(*reversed(GOOD)),
        start("NAME: Lader1", "kEy:16ac936b"),
        start("Name: Lader1", "Key: 16 AC:93 6b"),
        start(*GOOD, "X-Future: whatever: it is"),
        start(*GOOD, first="MMETERING/1.7 START"),
        start(*GOOD).replace(b"Content-Length", b"content-LENGTH"),
    ],
)
def test_understood(data: bytes) -> None:
    assert read(data) == [StartRequest("Lader1", "16AC936B")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (start(*GOOD, length=33), 400),
        (start(*GOOD, length="two"), 400),
        (start(*GOOD, length=-1), 400),
        (b"MMETERING/1.0 START\nName: Lader1\nKey: 16AC936B\n", 400),
        (b"MMETERING/1.0 START\n\n", 400),
        (b"MMETERING/1.0START\n", 400),
        (b"MMETERING/one START\n", 400),
        (start(*GOOD, first="MMETERING/2.0 START"), 505),
        (start(*GOOD, first="MMETERING/1.0 CHARGE"), 405),
        (start(*GOOD, first="MMETERING/1.0 start"), 405),
        (start("Name: Lader1"), 400),
        (start("Key: 16AC936B"), 400),
        (start(), 400),
        (start(*GOOD, "Key: 16AC936B"), 400),
        (start("Name: Lader 1", "Key: 16AC936B"), 400),
        (start("Name: " + "x" * 21, "Key: 16AC936B"), 400),
        (start("Name: Lader1", "Key: 16AC93"), 400),
        (start("Name: Lader1", "Key: 16AC93|B"), 400),
        (start("Name: Lader1", "Key 16AC936B"), 400),
        (start("Name: Lader1", ": 16AC936B"), 400),
        (start("Name: L\xe4der", "Key: 16AC936B"), 400),
        (start("Name: Lader1", "Key: 16AC936B\x00"), 400),
        (start("Name: Lader1", "X: " + "y" * 256), 400),
        (start(*GOOD, "Meter: 1,5"), 400),
        (start(*GOOD, "Meter: -1"), 400),
        (start(*GOOD, "Meter: 1e3"), 400),
        (start(*GOOD, "Meter: 10000000000.001"), 422),
        (start(*GOOD, "Meter: 1", "Meter-Serial: " + "x" * 65), 422),
        (start(*GOOD, "Seq: 0"), 422),
        (start(*GOOD, "Seq: 9007199254740992"), 422),
        (start(*GOOD, "Seq: 1.0"), 400),
        (start(*GOOD, "Time: 2026-11-22T06:40:00"), 400),
        (start(*GOOD, "Time: 2026-13-22T06:40:00Z"), 400),
        (start(*GOOD, "Time: 1969-12-31T23:59:59Z"), 422),
        (start(*GOOD, "Request-Id: 17"), 400),
        (start(*GOOD, "Authorized-By: The Server"), 400),
    ],
)
def test_refused(data: bytes, code: int) -> None:
    assert code_of(data) == code
    # And the next one is understood.
    assert read(data + PING)[-1] == PingRequest("Lader1")


def test_an_error_names_the_request_as_far_as_it_is_known() -> None:
    for data in (
        start(ID_LINE, "Name: Lader1"),
        start(ID_LINE, *GOOD, first="MMETERING/2.0 START"),
        start(ID_LINE, *GOOD, first="MMETERING/1.0 CHARGE"),
        start(ID_LINE, "no header", length=4),
        start(ID_LINE, "Name: Lader1", "Seq: 0", "Key: 16AC936B"),
    ):
        (found,) = read(data)
        assert isinstance(found, Wrong)
        assert found.request_id == KEY


@pytest.mark.parametrize(
    ("text", "wh"),
    [("1234.567", 1_234_567), ("0", 0), ("1.0005", 1000), ("1.0015", 1002), ("00012.3", 12_300)],
)
def test_registers(text: str, wh: int) -> None:
    (found,) = read(start(*GOOD, f"Meter: {text}"))
    assert isinstance(found, StartRequest)
    assert found.meter == Meter(wh)


def test_phases_without_a_total_are_no_register() -> None:
    (found,) = read(start(*GOOD, "Meter-L1: 1"))
    assert isinstance(found, StartRequest)
    assert found.meter is None


class TestTime:
    """2 s between lines, 5 s in all."""

    def test_silence_in_the_middle(self) -> None:
        reader = RequestReader()
        reader.feed(start(*GOOD)[:40], 0.0)
        assert not reader.look_at_time(2.0)
        assert reader.look_at_time(2.1)
        assert reader.feed(start(*GOOD)[40:] + PING, 2.2) == [PingRequest("Lader1")]

    def test_too_slow_in_all(self) -> None:
        reader, data = RequestReader(), start(*GOOD)
        found: list[Request | Wrong] = []
        for number, byte in enumerate(data):
            found += reader.feed(bytes([byte]), 0.1 * number)
        assert found == []
        assert reader.feed(PING, 20.0) == [PingRequest("Lader1")]

    def test_slow_but_in_time(self) -> None:
        reader = RequestReader()
        found: list[Request | Wrong] = []
        for number, line in enumerate(start(*GOOD).splitlines(keepends=True)):
            found += reader.feed(line, 1.5 * number)
        assert found == [StartRequest("Lader1", "16AC936B")]

    def test_half_a_line_of_noise_is_forgotten(self) -> None:
        reader = RequestReader()
        reader.feed(b"\x00\xffnoise without an end", 0.0)
        assert reader.feed(PING, 2.5) == [PingRequest("Lader1")]


def test_a_request_that_another_one_breaks_off() -> None:
    first, second = read(start(*GOOD, length=5) + PING)
    assert isinstance(first, Wrong)
    assert first.code is Code.MALFORMED
    assert second == PingRequest("Lader1")


KEYS = st.sampled_from(["16AC936B", "04A3C6CAE26180", "16AC936B1692E73A", "0" * 20])
NAMES = st.from_regex(values.NAME, fullmatch=True)
WH = st.integers(0, values.LARGEST_WH)
TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)
TIMES = st.datetimes(
    min_value=__import__("datetime").datetime(1971, 1, 1),
    max_value=__import__("datetime").datetime(9998, 1, 1),
    timezones=st.just(__import__("datetime").UTC),
)
WORDS = st.from_regex(values.WORD, fullmatch=True)
METERS = st.builds(Meter, WH, st.none() | TEXTS, st.none() | WH, st.none() | WH, st.none() | WH)
COMMON = {
    "name": NAMES,
    "key": KEYS,
    "request_id": st.none() | st.uuids(),
    "meter": st.none() | METERS,
    "time": st.none() | TIMES,
    "time_quality": st.none() | WORDS,
    "seq": st.none() | st.integers(1, values.LARGEST_SEQ),
    "authorized_by": st.none() | WORDS,
}
REQUESTS = st.one_of(
    st.builds(StartRequest, **COMMON),
    st.builds(
        EndRequest,
        **COMMON,
        session_id=st.none() | TEXTS,
        meter_start_wh=st.none() | WH,
        started=st.none() | TIMES,
        reason=st.none() | WORDS,
        estimated=st.none() | st.booleans(),
    ),
    st.builds(PingRequest, name=NAMES, request_id=st.none() | st.uuids()),
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(message=REQUESTS)
def test_what_is_written_is_read(message: Request) -> None:
    assert read(writer.request(message)) == [message]


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    messages=st.lists(REQUESTS, max_size=4),
    noise=st.lists(st.binary(max_size=40), max_size=4),
    cuts=st.lists(st.integers(0, 3000), max_size=12),
)
def test_the_pieces_do_not_matter(
    messages: list[Request], noise: list[bytes], cuts: list[int]
) -> None:
    parts = [writer.request(message) for message in messages]
    stream = b"".join(
        part + b"\n" + piece + b"\n" for part, piece in zip(parts, noise, strict=False)
    )
    whole = read(stream)
    reader, found = RequestReader(), []
    at = 0
    for cut in [*sorted(cuts), len(stream)]:
        found += reader.feed(stream[at:cut], 0.0)
        at = max(at, cut)
    assert found == whole


def test_any_bytes_and_then_a_request() -> None:
    """Nothing undeclared is raised, nothing stalls, memory is bounded, the next one is understood.

    EVCS_MCSP_STREAMS=1000000 runs the million.
    """
    seed = random.SystemRandom().getrandbits(32)
    dice = random.Random(seed)
    vocabulary = [
        *(b"MMETERING/1.0 START\n", b"MMETERING/1.0 END\n", b"MMETERING/2.0 X\n", b"MMETERING/"),
        *(b"Content-Length: 2\n", b"Content-Length: 32\n", b"Name: Lader1\n", b"Key: 16AC936B\n"),
        *(b"Request-Id: x\n", b"\r\n", b"\n", b":", b"\x00", b"\xff" * 9, b"a" * 300, b"Meter: "),
    ]
    reader, now_s, began = RequestReader(), 0.0, time.monotonic()
    for number in range(STREAMS):
        stream = b"".join(
            dice.choice(vocabulary) if dice.random() < 0.7 else dice.randbytes(dice.randrange(20))
            for _ in range(dice.randrange(8))
        )
        told = f"seed {seed}, stream {number}: {stream!r}"
        for found in reader.feed(stream, now_s):
            assert isinstance(found, Wrong | StartRequest | EndRequest | PingRequest), told
        assert len(reader._lines._kept) <= writer.LONGEST_LINE + 2, told
        assert reader._begun is None or len(reader._begun.headers) <= 32, told
        # After a line end, or after the silence that drops what was begun.
        if dice.random() < 0.5:
            end, now_s = b"\n", now_s
        else:
            end, now_s = b"", now_s + 2.5
        assert reader.feed(end + PING, now_s)[-1] == PingRequest("Lader1"), told
    assert time.monotonic() - began < 300


class TestCheck:
    """A flipped bit makes another register of a register."""

    WHOLE = writer.request(StartRequest("Lader1", "16AC936B", KEY, Meter(1_245_807), seq=7))

    def test_there_only_for_peers_with_a_request_id(self) -> None:
        assert self.WHOLE.splitlines()[2].startswith(b"Check: ")
        assert b"Check" not in writer.request(StartRequest("Lader1", "16AC936B", None, Meter(1)))

    def test_every_single_bit(self) -> None:
        """Whatever one flipped bit does, it is never another message that is understood."""
        whole = read(self.WHOLE)
        for place in range(len(self.WHOLE)):
            for bit in range(8):
                spoilt = bytearray(self.WHOLE)
                spoilt[place] ^= 1 << bit
                for found in read(bytes(spoilt)):
                    assert isinstance(found, Wrong) or [found] == whole, bytes(spoilt)

    def test_nothing_is_answered_and_the_next_one_is_understood(self) -> None:
        spoilt = self.WHOLE.replace(b"1245.807", b"1241.807")
        assert read(spoilt) == []
        assert read(spoilt + PING) == [PingRequest("Lader1")]
        assert read(self.WHOLE.replace(b"\n", b"\r\n")) == read(self.WHOLE) != []

    def test_it_is_not_needed(self) -> None:
        assert read(start(*GOOD, ID_LINE)) == [StartRequest("Lader1", "16AC936B", KEY)]
