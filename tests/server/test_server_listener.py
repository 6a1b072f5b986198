"""MCSP at the server: each message by the same services as REST, and nothing that stops a line."""

from __future__ import annotations

import errno
import os
import pty
import socket
import time
import tty
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError

from evcs.kinds import CommandType
from evcs.listener import answering, ports
from evcs.listener.ports import Bound, LineLost, SerialPort, TcpPort
from evcs.listener.service import LineService
from evcs.models import Session, Station, UnknownTag
from evcs.services import commands, consumption
from mcsp import writer
from mcsp.codes import Code
from mcsp.messages import (
    Answer,
    EndRequest,
    Failure,
    Meter,
    Ok,
    PingRequest,
    Request,
    StartRequest,
)
from mcsp.requests import Wrong
from server.mmetering.models import Flat
from tests.server.server_rig import NOW, SERIAL, STRANGER, TAG, Box, meter, new_uuid, stored
from tools.installation import free_port, until

A, B = new_uuid(1), new_uuid(2)


def start(request_id: UUID | None = A, **more: Any) -> StartRequest:
    given: dict[str, Any] = {
        "name": "Lader1", "key": TAG, "request_id": request_id, "meter": Meter(1000, SERIAL),
        "time": NOW,
        "time_quality": "synced", "seq": 1, "authorized_by": "server",
    }  # fmt: skip
    return StartRequest(**given | more)


def end(request_id: UUID | None = A, **more: Any) -> EndRequest:
    given: dict[str, Any] = {
        "name": "Lader1", "key": TAG, "request_id": request_id, "meter": Meter(12240, SERIAL),
        "time": NOW,
        "time_quality": "synced", "seq": 1, "authorized_by": "server", "meter_start_wh": 1000,
        "started": NOW, "reason": "local", "estimated": False,
    }  # fmt: skip
    return EndRequest(**given | more)


def say(request: Request | Wrong, station: str = "Lader1") -> Answer:
    return answering.answer(request, station)


def code(request: Request | Wrong) -> int | None:
    found = say(request)
    assert isinstance(found, Failure), found
    return found.code


class TestMessages:
    """The contract, by line."""

    def test_a_charge(self, box: Box, flat: Flat) -> None:
        begun = say(start())
        assert begun == Ok(A, str(stored(A).pk))
        assert stored(A).state == "open"
        assert say(end()) == Ok(A)
        session = stored(A)
        assert (session.energy_wh, session.flat, session.end_reason) == (11240, flat, "local")
        assert consumption.of_flat(flat.pk, session.month).energy_wh == 11240

    def test_again_and_again(self, box: Box) -> None:
        first = say(start())
        assert [say(start()), say(start())] == [first, first]
        assert [say(end()), say(end()), say(end())] == [Ok(A)] * 3
        assert say(start()) == first
        assert Session.objects.count() == 1

    def test_an_end_whose_start_never_came(self, box: Box) -> None:
        assert say(end()) == Ok(A)
        assert (stored(A).energy_wh, stored(A).flags) == (11240, [])

    def test_an_end_that_does_not_say_its_start_again(self, box: Box) -> None:
        say(start())
        assert say(end(meter_start_wh=None, started=None, seq=None)) == Ok(A)
        assert (stored(A).energy_wh, stored(A).flags) == (11240, [])

    def test_without_a_register(self, box: Box) -> None:
        say(start(meter=None))
        assert say(end(meter=None, meter_start_wh=None)) == Ok(A)
        assert (stored(A).energy_wh, stored(A).flags) == (0, ["no_reading"])

    def test_offline_reports_are_never_refused(self, box: Box) -> None:
        assert isinstance(say(start(authorized_by="none")), Ok)
        say(end(authorized_by="none"))
        assert isinstance(say(start(B, seq=2, authorized_by="list")), Ok)
        unknown = start(new_uuid(3), key=STRANGER, seq=3, authorized_by="list")
        assert isinstance(say(unknown), Ok)
        assert UnknownTag.objects.get().uid == STRANGER

    def test_another_end_differs(self, box: Box) -> None:
        say(end())
        assert code(end(meter=Meter(12241, SERIAL))) == 412
        assert stored(A).energy_wh == 11240

    def test_an_estimate_is_replaced_once(self, box: Box) -> None:
        say(end(estimated=True))
        assert say(end(meter=Meter(12300, SERIAL))) == Ok(A)
        assert stored(A).energy_wh == 11300

    @pytest.mark.parametrize(
        ("prepare", "request_", "expected"),
        [
            (None, start(name="Lader2"), 406),
            (None, PingRequest("Lader2"), 406),
            (lambda box: commands.give(box.station, CommandType.DISABLE), start(), 406),
            (None, end(None, session_id=None), 404),
            (None, end(None, session_id="17"), 404),
            (None, end(None, session_id="not a number"), 404),
            (None, Wrong(Code.VERSION_NOT_SUPPORTED, "2.0", A), 505),
        ],
    )
    def test_refused(
        self, box: Box, prepare: Any, request_: Request | Wrong, expected: int
    ) -> None:
        if prepare is not None:
            prepare(box)
        found = say(request_)
        assert isinstance(found, Failure)
        assert (found.code, found.message) == (expected, Code(expected).message)
        assert found.request_id == request_.request_id
        assert not Session.objects.exists()

    def test_refused_tags(self, box: Box) -> None:
        assert code(start(key=STRANGER)) == 401
        assert UnknownTag.objects.get().uid == STRANGER

    def test_a_key_that_charges_elsewhere(self, box: Box, other_box: Box) -> None:
        other_box.start(B, seq=1)
        assert code(start()) == 409

    def test_a_station_that_nobody_made(self, box: Box) -> None:
        found = say(StartRequest("Lader9", TAG, A), "Lader9")
        assert isinstance(found, Failure)
        assert found.code == 406

    def test_ping_says_that_it_lives(self, box: Box) -> None:
        Station.objects.update(last_seen=None)
        assert say(PingRequest("Lader1", A)) == Ok(A)
        assert box.station.last_seen == NOW

    def test_what_fails_behind_it_is_answered(
        self, box: Box, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for error, expected in ((OperationalError("gone"), 503), (RuntimeError("ours"), 500)):

            def fail(*_: Any, error: Exception = error) -> None:
                raise error

            monkeypatch.setattr(answering, "_carry_out", fail)
            assert code(start()) == expected

    def test_the_same_as_over_rest(self, box: Box) -> None:
        """A station that changes its transport in the middle of a charge."""
        box.start(A, seq=1, wh=1000)
        assert say(end(started=stored(A).started_at)) == Ok(A)
        say(start(B, seq=2, meter=Meter(13000, SERIAL)))
        body = {"seq": 2, "started_at": NOW.isoformat(), "meter": meter(13000)}
        answer = box.end(B, end_wh=14000, **body)
        assert (answer.status_code, answer.json()["energy_wh"]) == (200, 1000)


class TestOlderPeers:
    """Clients without Request-Id: the original's figure."""

    def test_a_charge(self, box: Box) -> None:
        begun = say(StartRequest("Lader1", TAG))
        assert isinstance(begun, Ok)
        assert begun.request_id is None
        assert say(EndRequest("Lader1", TAG, begun.session_id)) == Ok()
        session = Session.objects.get()
        assert str(session.pk) == begun.session_id
        assert (session.energy_wh, session.flags) == (0, ["estimated_time", "no_reading"])

    def test_with_a_register(self, box: Box) -> None:
        say(StartRequest("Lader1", TAG, meter=Meter(1000)))
        assert say(EndRequest("Lader1", TAG, meter=Meter(1500))) == Ok()
        assert Session.objects.get().energy_wh == 500

    def test_a_start_that_did_not_hear_its_answer(self, box: Box) -> None:
        first = say(StartRequest("Lader1", TAG))
        assert say(StartRequest("Lader1", TAG)) == first
        box.clock.advance(61)
        assert say(StartRequest("Lader1", TAG)) != first
        assert sorted(Session.objects.values_list("seq", flat=True)) == [1, 2]

    def test_an_end_again(self, box: Box) -> None:
        begun = say(StartRequest("Lader1", TAG, meter=Meter(1000)))
        assert isinstance(begun, Ok)
        request = EndRequest("Lader1", TAG, begun.session_id, meter=Meter(1500))
        assert say(request) == Ok()
        assert say(request) == Ok()
        other = EndRequest("Lader1", TAG, begun.session_id, meter=Meter(1501))
        assert code(other) == 412

    def test_another_stations_session(self, box: Box, other_box: Box) -> None:
        other_box.start(B)
        assert code(EndRequest("Lader1", TAG, str(stored(B).pk))) == 404


class Wire:
    """A station's end of a line."""

    def __init__(self, send: Callable[[bytes], Any], read: Callable[[], bytes]) -> None:
        self.send, self._read = send, read
        self.heard = b""

    def await_bytes(self, wanted: bytes) -> None:
        def come() -> bool:
            self.heard += self._read()
            return wanted in self.heard

        until(come, f"{wanted!r} on the line")


def echo(request: Request | Wrong, station: str) -> Answer:
    """Stands for the services: these tests are of the line."""
    if isinstance(request, Wrong):
        return Failure(int(request.code), request.code.message, request.request_id)
    return Ok(request.request_id)


@pytest.fixture
def tcp() -> Iterator[tuple[str, LineService]]:
    port = free_port()
    service = LineService(
        Bound(f"tcp://127.0.0.1:{port}", "Lader1"), TcpPort("127.0.0.1", port), echo
    )
    service.start()
    yield ("127.0.0.1", port), service  # type: ignore[misc]
    service.stop()
    service.join(10)
    assert not service.is_alive()


def dial(address: Any) -> tuple[socket.socket, Wire]:
    def connect() -> socket.socket | None:
        try:
            return socket.create_connection(address, 1.0)
        except OSError:
            return None

    client = until(connect, "a listener")
    client.settimeout(0.2)

    def read() -> bytes:
        try:
            return client.recv(4096)
        except TimeoutError:
            return b""

    return client, Wire(client.sendall, read)


PING = writer.request(PingRequest("Lader1", A))
PONG = writer.answer(Ok(A))


class TestLines:
    """What killed the original's listener, and more."""

    @pytest.mark.parametrize(
        "garbage",
        [
            b"",
            b"LADER 1 lebt\n",
            b"\x00\x80\xff\n" * 50,
            b"x" * 5000 + b"\n",
            b"MMETERING/1.0 START\nContent-Length: 2\nName: Lader1\n",
            b"MMETERING/1.0 START\nContent-Length: 99\n",
            b"MMETERING/1.0 CHARGE\nContent-Length: 0\n",
            b"MMETERING/1.0 END\nContent-Length: 1\nName: Lader1\n",
        ],
    )
    def test_goes_on_after_anything(self, tcp: Any, garbage: bytes) -> None:
        client, wire = dial(tcp[0])
        wire.send(garbage + PING)
        wire.await_bytes(PONG)
        client.close()

    def test_silence_in_the_middle_of_a_message(self, tcp: Any) -> None:
        client, wire = dial(tcp[0])
        wire.send(PING[:30])
        began = time.monotonic()
        wire.send(b"")
        # What was begun is dropped after its time; until then nothing of the next one is glued on.
        until(lambda: time.monotonic() - began > 2.5, "the time of a request")
        wire.send(PING)
        wire.await_bytes(PONG)
        assert b"ERROR" not in wire.heard
        client.close()

    def test_a_client_that_goes_and_comes(self, tcp: Any) -> None:
        for _ in range(3):
            client, wire = dial(tcp[0])
            wire.send(PING)
            wire.await_bytes(PONG)
            client.close()

    def test_a_client_whose_end_nobody_heard(self, tcp: Any) -> None:
        first, wire = dial(tcp[0])
        wire.send(PING)
        wire.await_bytes(PONG)
        second, newer = dial(tcp[0])
        newer.send(PING)
        newer.await_bytes(PONG)
        first.close()
        second.close()

    def test_a_serial_line_that_is_unplugged_and_back(self, tmp_path: Any) -> None:
        device = tmp_path / "ttyUSB0"

        def plug() -> int:
            master, slave = pty.openpty()
            tty.setraw(slave)
            device.unlink(missing_ok=True)
            device.symlink_to(os.ttyname(slave))
            os.set_blocking(master, False)
            os.close(slave)
            return master

        def wire_of(master: int) -> Wire:
            def read() -> bytes:
                try:
                    return os.read(master, 4096)
                except OSError:
                    return b""

            return Wire(lambda data: os.write(master, data), read)

        master = plug()
        service = LineService(Bound(str(device), "Lader1"), SerialPort(str(device), 9600), echo)
        service.start()
        try:
            for _ in range(2):
                wire = wire_of(master)

                def answered(wire: Wire = wire) -> bool:
                    try:
                        wire.send(PING)
                    except OSError:
                        return False
                    time.sleep(0.05)
                    wire.heard += wire._read()
                    return PONG in wire.heard

                until(answered, "an answer")
                os.close(master)
                master = plug()
        finally:
            service.stop()
            service.join(40)
            os.close(master)
        assert not service.is_alive()

    def test_a_device_that_is_not_there(self, tmp_path: Any) -> None:
        with pytest.raises(LineLost, match="cannot be opened"):
            SerialPort(str(tmp_path / "nothing"), 9600).open()

    def test_a_port_that_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = TcpPort("127.0.0.1", taken.getsockname()[1])
            with pytest.raises(LineLost, match="cannot be opened"):
                port.open()
            with pytest.raises(LineLost):
                port.read()

    def test_a_port_that_cannot_take_anybody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No descriptor is left: the line is lost, and opened again, not its thread ended."""
        port = TcpPort("127.0.0.1", 0)
        port.open()

        def refuse(_: socket.socket) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(socket.socket, "accept", refuse)
        with pytest.raises(LineLost, match="takes nobody"):
            port.read()
        port.close()


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("/dev/ttyUSB0=Lader1", Bound("/dev/ttyUSB0", "Lader1")),
        ("/dev/serial/by-id/usb=x=Lader1", Bound("/dev/serial/by-id/usb=x", "Lader1")),
        ("tcp://127.0.0.1:7000=Lader1", Bound("tcp://127.0.0.1:7000", "Lader1")),
        ("tcp://[::1]:7000=Lader1", Bound("tcp://[::1]:7000", "Lader1")),
    ],
)
def test_ports(text: str, bound: Bound) -> None:
    assert ports.parse(text) == bound


@pytest.mark.parametrize(
    "text",
    [
        *("/dev/ttyUSB0", "=Lader1", "/dev/ttyUSB0=", "/dev/ttyUSB0=Lader 1", "tcp://x:1=a"),
        *("tcp://0.0.0.0:7000=a", "tcp://192.168.1.2:7000=a", "tcp://127.0.0.1:0=a"),
        *("tcp://127.0.0.1:70000=a", "tcp://127.0.0.1=a", "tcp://[::]:7000=a"),
    ],
)
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        ports.parse(text)
