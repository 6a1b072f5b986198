"""The wire of a whole life really does to messages what a life says it does."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from campaign.whole.acts import Way
from campaign.whole.answers import half
from campaign.whole.tls import Certificates, issue
from campaign.whole.wire import Delivery, Wire
from station.transport.answers import Kind
from station.transport.rest import RestTransport

BODY = {"seq": 1}


class Server:
    """Counts what arrives; the answer tells the how-manieth request it was."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.heard.append(self.path)
                answer = {"service": "evcs", "session_id": len(outer.heard)}
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return None

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._http.server_port
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def wait_for(self, count: int, within_s: float = 10.0) -> None:
        by_s = time.monotonic() + within_s
        while len(self.heard) < count:
            assert time.monotonic() < by_s, f"{len(self.heard)} of {count} requests arrived"
            time.sleep(0.01)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


Lay = Callable[[Delivery], tuple[Wire, RestTransport]]


@pytest.fixture
def lay(server: Server, certificates: Certificates) -> Iterator[Lay]:
    wires: list[Wire] = []

    def one(delivery: Delivery) -> tuple[Wire, RestTransport]:
        wires.append(Wire(server.port, certificates, delivery, seed=1))
        ca_file = str(certificates.ca_file)
        return wires[-1], RestTransport(wires[-1].url, "token", timeout_s=2.0, ca_file=ca_file)

    yield one
    for wire in wires:
        wire.close()


@pytest.mark.parametrize("last", [False, True])
def test_a_message_is_delivered_several_times(server: Server, lay: Lay, last: bool) -> None:
    _, transport = lay(Delivery(copies=4, last_answer=last))
    answer = transport.start("u", BODY)
    assert answer.body["session_id"] == (4 if last else 1)
    assert len(server.heard) == 4


def test_a_late_copy_arrives_after_later_messages(server: Server, lay: Lay) -> None:
    wire, transport = lay(Delivery(late=1.0))
    transport.start("first", BODY)
    transport.start("second", BODY)
    assert not wire.quiet()
    server.wait_for(4)
    assert [path.rsplit("/", 1)[-1] for path in server.heard][:2] == ["first", "second"]


def test_an_answer_is_lost_after_the_server_has_taken_the_message(server: Server, lay: Lay) -> None:
    wire, transport = lay(Delivery())
    wire.set(Way.LOSES_ANSWERS)
    assert transport.start("u", BODY).kind is Kind.SILENT
    assert len(server.heard) == 1


def test_a_held_message_arrives_though_nobody_waits_any_more(server: Server, lay: Lay) -> None:
    wire, transport = lay(Delivery())
    wire.set(Way.HELD)
    assert transport.start("u", BODY).kind is Kind.SILENT
    assert server.heard == []
    server.wait_for(1)


@pytest.mark.parametrize(
    "way",
    [
        Way.CUT,
        Way.MUTE,
        Way.EXPIRED,
        Way.PROXY_502,
        Way.PROXY_404,
        Way.PROXY_PAGE,
        Way.STRANGER,
        Way.MALFORMED,
        Way.HALF,
    ],
)
def test_what_is_not_the_servers_word_is_silence_until_it_is_mended(lay: Lay, way: Way) -> None:
    wire, transport = lay(Delivery())
    wire.set(way)
    assert transport.start("u", BODY).kind is Kind.SILENT
    wire.set(Way.PASS)
    assert transport.start("u", BODY).kind is Kind.DONE


def test_an_expired_certificate_is_named_as_the_reason(lay: Lay) -> None:
    wire, transport = lay(Delivery())
    wire.set(Way.EXPIRED)
    assert "expired" in transport.start("u", BODY).detail


def test_a_server_that_finds_everything_wrong_says_so_itself(lay: Lay) -> None:
    wire, transport = lay(Delivery())
    wire.set(Way.REFUSED)
    assert transport.end("u", BODY).kind is Kind.WRONG
    wire.set(Way.BUSY)
    assert transport.end("u", BODY).kind is Kind.LATER


def test_half_an_answer_is_half_of_it() -> None:
    assert half(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd").endswith(b"\r\n\r\nab")
    assert half(b"HTTP/1.1 304 Not Modified\r\n\r\n") == b"HTTP/1.1 304"


def test_nobody_is_there_any_more_when_it_is_closed(server: Server, lay: Lay) -> None:
    wire, _ = lay(Delivery())
    wire.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", wire.port), 1.0).close()
