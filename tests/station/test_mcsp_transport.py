"""McspTransport over a line that is played by hand: bytes, silence, late answers, older peers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from drivers.errors import LinePortLost
from mcsp import writer
from mcsp.answers import ANSWER_S, SILENCE_S
from mcsp.codes import Code
from mcsp.messages import Answer as Said
from mcsp.messages import EndRequest, Failure, Meter, Ok, PingRequest, Request, StartRequest
from mcsp.requests import RequestReader, Wrong
from station.transport.answers import Kind
from station.transport.mcsp import McspTransport

UUID, OTHER = (
    "1b671a64-40d5-491e-99b0-da01ff1f3341",
    "2b671a64-40d5-491e-99b0-da01ff1f3341",
)
START: dict[str, Any] = {
    "seq": 17,
    "tag": "04A3C6CAE26180",
    "started_at": "2026-11-22T12:00:00Z",
    "time_quality": "synced",
    "meter": {"serial": "4711", "import_wh": 1_234_567, "l1_wh": 1, "l2_wh": 2, "l3_wh": None},
    "authorized_by": "server",
}
END: dict[str, Any] = {
    **START,
    "ended_at": "2026-11-22T13:00:00Z",
    "end_time_quality": "synced",
    "end_reason": "local",
    "meter_end": {"serial": "4711", "import_wh": 1_245_807, "l1_wh": None, "l2_wh": None,
                  "l3_wh": None},
    "estimated": False,
    "stop_tag": None,
    "interruptions": [],
}  # fmt: skip

Server = Callable[[Request | Wrong], bytes | None]


class Line:
    """The other end answers at once, or as the test says; time passes while one waits for bytes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.now_s = 100.0
        self.is_open = False
        self.broken = False
        self.opened = 0
        self.asked: list[Request | Wrong] = []
        self.late: list[tuple[float, bytes]] = []
        self._reader = RequestReader()
        self._coming = b""

    def monotonic(self) -> float:
        return self.now_s

    def open(self) -> None:
        if self.broken:
            raise LinePortLost("unplugged")
        self.is_open = True
        self.opened += 1

    def read(self, within_s: float) -> bytes:
        if self.broken:
            self.is_open = False
            raise LinePortLost("unplugged")
        for at_s, data in list(self.late):
            if at_s <= self.now_s + within_s:
                self.now_s = max(self.now_s, at_s)
                self.late.remove((at_s, data))
                self._coming += data
        if not self._coming:
            self.now_s += within_s
        found, self._coming = self._coming, b""
        return found

    def write(self, data: bytes) -> None:
        for request in self._reader.feed(data, self.now_s):
            self.asked.append(request)
            self._coming += self.server(request) or b""

    def close(self) -> None:
        self.is_open = False


def transport_over(server: Server, **options: Any) -> tuple[McspTransport, Line]:
    line = Line(server)
    return McspTransport(line, "Lader1", monotonic=line.monotonic, **options), line


def good(request: Request | Wrong) -> bytes:
    assert not isinstance(request, Wrong)
    session = "23" if isinstance(request, StartRequest) else None
    return writer.answer(Ok(request.request_id, session))


def saying(said: Callable[[Any], Said]) -> Server:
    return lambda request: writer.answer(said(request))


def mute(_: Request | Wrong) -> None:
    return None


def test_a_charge_byte_for_byte() -> None:
    transport, line = transport_over(good)
    assert transport.start(UUID, START).kind is Kind.DONE
    assert transport.end(UUID, END).kind is Kind.DONE
    start, end = line.asked
    assert isinstance(start, StartRequest)
    assert isinstance(end, EndRequest)
    assert (start.name, start.key, str(start.request_id)) == ("Lader1", START["tag"], UUID)
    assert start.meter == Meter(1_234_567, "4711", 1, 2, None)
    assert (start.seq, start.authorized_by) == (17, "server")
    assert (end.session_id, str(end.request_id)) == ("23", UUID)
    assert (end.meter, end.meter_start_wh) == (Meter(1_245_807, "4711"), 1_234_567)
    assert (end.reason, end.estimated) == ("local", False)
    assert end.started == start.time


def test_an_exchanged_meter_is_not_told_as_one() -> None:
    transport, line = transport_over(good)
    transport.end(UUID, END | {"meter_end": END["meter_end"] | {"serial": "NEW"}})
    (end,) = line.asked
    assert isinstance(end, EndRequest)
    assert (end.meter, end.meter_start_wh) == (Meter(1_245_807, "NEW"), None)


@pytest.mark.parametrize("which", ["time_quality", "end_time_quality"])
def test_one_estimated_time_makes_both_so(which: str) -> None:
    transport, line = transport_over(good)
    transport.end(UUID, END | {which: "estimated"})
    assert line.asked[0].time_quality == "estimated"  # type: ignore[union-attr]


@pytest.mark.parametrize("serial", [None, "Zähler", "x" * 65])
def test_a_serial_that_the_line_cannot_carry_is_left_out(serial: str | None) -> None:
    transport, line = transport_over(good)
    both = {"meter": START["meter"] | {"serial": serial},
            "meter_end": END["meter_end"] | {"serial": serial}}  # fmt: skip
    assert transport.end(UUID, END | both).kind is Kind.DONE
    assert line.asked[0].meter.serial is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("code", "at_start", "at_end"),
    [
        (Code.MALFORMED, Kind.WRONG, Kind.WRONG),
        (Code.KEY_NOT_REGISTERED, Kind.REFUSED, Kind.WRONG),
        (Code.KEY_BLOCKED, Kind.REFUSED, Kind.WRONG),
        (Code.SESSION_NOT_KNOWN, Kind.UNKNOWN_SESSION, Kind.UNKNOWN_SESSION),
        (Code.ACTION_NOT_KNOWN, Kind.WRONG, Kind.WRONG),
        (Code.STATION_NOT_REGISTERED, Kind.UNAUTHORIZED, Kind.UNAUTHORIZED),
        (Code.KEY_ALREADY_CHARGING, Kind.REFUSED, Kind.WRONG),
        (Code.FACTS_DIFFER, Kind.WRONG, Kind.WRONG),
        (Code.OUT_OF_RANGE, Kind.WRONG, Kind.WRONG),
        (Code.INTERNAL, Kind.LATER, Kind.LATER),
        (Code.UNAVAILABLE, Kind.LATER, Kind.LATER),
        (Code.VERSION_NOT_SUPPORTED, Kind.UNAUTHORIZED, Kind.UNAUTHORIZED),
    ],
)
def test_codes(code: Code, at_start: Kind, at_end: Kind) -> None:
    transport, _ = transport_over(
        saying(lambda request: Failure(int(code), code.message, request.request_id))
    )
    for send, kind in (
        (lambda: transport.start(UUID, START), at_start),
        (lambda: transport.end(UUID, END), at_end),
    ):
        # What is found wrong may have been garbled on the way: only the third time counts.
        doubted = kind in (Kind.WRONG, Kind.UNKNOWN_SESSION)
        answers = [send() for _ in range(3 if doubted else 1)]
        assert [one.kind for one in answers[:-1]] == [Kind.SILENT] * (2 if doubted else 0)
        assert (answers[-1].kind, answers[-1].code) == (kind, code)
        assert code.message in answers[-1].detail


def test_another_message_is_doubted_anew() -> None:
    transport, _ = transport_over(
        saying(lambda request: Failure(400, "Malformed message", request.request_id))
    )
    kinds = [transport.end(uuid, END).kind for uuid in (UUID, UUID, OTHER, OTHER, OTHER)]
    assert kinds == [Kind.SILENT] * 4 + [Kind.WRONG]


class TestSilence:
    """A late answer is never taken for the next one."""

    def test_no_answer(self) -> None:
        transport, line = transport_over(mute)
        began_s = line.now_s
        assert transport.start(UUID, START).kind is Kind.SILENT
        assert line.now_s - began_s == pytest.approx(ANSWER_S)

    def test_nothing_is_sent_before_the_line_was_silent(self) -> None:
        transport, line = transport_over(mute)
        transport.start(UUID, START)
        line.server = good
        # The answer to the first one comes late, and the next one's must not be taken from it.
        line.late.append((line.now_s + 2, writer.answer(Ok(None, "23"))))
        line.now_s += 2
        assert transport.start(OTHER, START).kind is Kind.SILENT
        line.now_s += SILENCE_S - 0.1
        assert transport.start(OTHER, START).kind is Kind.SILENT
        assert len(line.asked) == 1
        line.now_s += 0.2
        assert transport.start(OTHER, START).kind is Kind.DONE

    def test_the_answer_to_another_request(self) -> None:
        from uuid import UUID as Id

        transport, line = transport_over(saying(lambda _: Ok(Id(OTHER), "9")))
        assert transport.start(UUID, START).kind is Kind.SILENT
        line.now_s += SILENCE_S
        line.server = good
        assert transport.start(UUID, START).kind is Kind.DONE

    def test_garbage_and_then_the_answer(self) -> None:
        transport, _ = transport_over(lambda request: b"\xff\x00MMETER\n" + good(request))
        assert transport.start(UUID, START).kind is Kind.DONE


def test_a_line_that_is_unplugged_and_back() -> None:
    transport, line = transport_over(good)
    transport.start(UUID, START)
    line.broken = True
    answer = transport.end(UUID, END)
    assert (answer.kind, answer.detail) == (Kind.SILENT, "unplugged")
    line.broken = False
    assert transport.end(UUID, END).kind is Kind.DONE
    assert line.opened == 2


def test_alive() -> None:
    transport, line = transport_over(good)
    assert dict(transport.heartbeat({}).body) == {"last_seq": 0}
    assert transport.hello().kind is Kind.DONE
    assert [type(one) for one in line.asked] == [PingRequest, PingRequest]
    line.server = mute
    assert transport.heartbeat({}).kind is Kind.SILENT


def test_what_the_line_does_not_carry_is_not_asked() -> None:
    transport, line = transport_over(mute)
    for answer in (
        transport.readings(UUID, {}),
        transport.tags(None),
        transport.quarantine("1", "", ""),
    ):
        assert answer.kind is Kind.DONE
    assert line.asked == []


class TestOlderServers:
    """``mcsp_legacy``."""

    def test_a_charge(self) -> None:
        transport, line = transport_over(
            lambda request: b"MMETERING/1.0 OK\nSession-Id: 23\n", legacy=True
        )
        assert transport.start(UUID, START).kind is Kind.DONE
        assert transport.end(UUID, END).kind is Kind.DONE
        start, end = line.asked
        assert start.request_id is end.request_id is None  # type: ignore[union-attr]
        assert end.session_id == "23"  # type: ignore[union-attr]

    def test_a_bare_ok_to_end(self) -> None:
        transport, line = transport_over(lambda _: b"MMETERING/1.0 OK\n", legacy=True)
        began_s = line.now_s
        assert transport.end(UUID, END).kind is Kind.DONE
        assert line.now_s - began_s < 1.0

    def test_bare_errors(self) -> None:
        transport, _ = transport_over(lambda _: b"MMETERING/1.0 ERROR\n", legacy=True)
        assert transport.start(UUID, START).kind is Kind.REFUSED
        # Nothing is lost and nothing is sent for ever: it goes to quarantine.
        assert transport.end(UUID, END).kind is Kind.WRONG

    def test_it_is_not_asked_whether_it_lives(self) -> None:
        transport, line = transport_over(mute, legacy=True)
        assert transport.heartbeat({}).kind is Kind.DONE
        assert line.asked == []
