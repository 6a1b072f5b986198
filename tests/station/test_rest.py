"""RestTransport against small servers on loopback: what came over the wire decides.

The servers are raw sockets, because most of what is tried here no HTTP library would send.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.transport.answers import Answer, Kind
from station.transport.rest import API, MAX_BODY_BYTES, RestTransport

UUID = "7f9c24e8-3b12-4f5a-9c7d-0123456789ab"
TOKEN = "evcs_0123abcd_s3cret"
PATIENCE_S = 20.0

# A certificate of its own for 127.0.0.1, valid until 2120, that no machine trusts.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIBAjAKBggqhkjOPQQDAjAbMRkwFwYDVQQDDBBldmNzIHRl
c3Qgc2VydmVyMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAbMRkw
FwYDVQQDDBBldmNzIHRlc3Qgc2VydmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
QgAEyDJIaBaFrbkmjiFt6dPP6Vl2fl4XqKOcvypZ8gYQCT3r9EGPqiTIW30VCCv7
pYjT55VSvegL+AzNNT33TmmUcKN0MHIwDwYDVR0RBAgwBocEfwAAATAPBgNVHRMB
Af8EBTADAQH/MB0GA1UdDgQWBBSTRqvPm0qeHhkmZjrbqhEVmdawHjAfBgNVHSME
GDAWgBSTRqvPm0qeHhkmZjrbqhEVmdawHjAOBgNVHQ8BAf8EBAMCAoQwCgYIKoZI
zj0EAwIDSAAwRQIgIum8xF/hrUIc5xACouVTq5qtFkJr0fMc9ubYJrauX2oCIQD8
suUK/jP1wi41cLS0sAz+Gw/3/V6q83QIvD0LBywitw==
-----END CERTIFICATE-----
"""
PRIVATE_KEY = """\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIJxoj+PzjTmYPReDDxeqhX8tOlyThNmv99RCSeim4m+IoAoGCCqGSM49
AwEHoUQDQgAEyDJIaBaFrbkmjiFt6dPP6Vl2fl4XqKOcvypZ8gYQCT3r9EGPqiTI
W30VCCv7pYjT55VSvegL+AzNNT33TmmUcA==
-----END EC PRIVATE KEY-----
"""


@dataclass
class Request:
    """What one request looked like on the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


Reply = bytes | Callable[[socket.socket], None]


@dataclass
class Server:
    """Answers each request with ``reply``; keeps what it saw. One thread per connection."""

    reply: Reply = b""
    context: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self.closing = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.closing.set()
        # A close alone would leave the accepting thread waiting.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                if self.context is not None:
                    connection = self.context.wrap_socket(connection, server_side=True)
                while (request := _request(connection)) is not None:
                    self.requests.append(request)
                    if callable(self.reply):
                        self.reply(connection)
                        return
                    connection.sendall(self.reply)
                    if not self.reply.startswith(b"HTTP/1.1") or b"close\r\n" in self.reply:
                        return
            except OSError:
                return


def _request(connection: socket.socket) -> Request | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        raw += chunk
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Request(line, headers, body)


def response(
    status: int = 200,
    body: bytes | dict[str, Any] = b"",
    *headers: str,
    length: int | None = None,
) -> bytes:
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    length = len(raw) if length is None else length
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {length}", *headers]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + raw


def evcs(**fields: Any) -> dict[str, Any]:
    return {"service": "evcs", **fields}


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@contextmanager
def client(server: Server, timeout_s: float = PATIENCE_S, **more: Any) -> Iterator[RestTransport]:
    transport = RestTransport(server.url, TOKEN, timeout_s=timeout_s, **more)
    yield transport
    transport.close()


def tell(server: Server, reply: Reply, **more: Any) -> Answer:
    """The outcome of an END that is answered so."""
    server.reply = reply
    with client(server, **more) as transport:
        return transport.end(UUID, {"seq": 17})


# --- what is sent -----------------------------------------------------------------------------


def test_every_call_as_the_contract_has_it(server: Server):
    server.reply = response(200, evcs())
    with client(server) as transport:
        assert transport.start(UUID, {"seq": 17}).kind is Kind.DONE
        transport.end(UUID, {"seq": 17, "tag": "04A3"})
        transport.readings(UUID, {"readings": []})
        transport.heartbeat({"phase": "available"})
        transport.tags(None)
        transport.tags('"abc"')
        transport.quarantine("7", "raw text", "code 400")
        transport.hello()
    assert [(request.line, request.body) for request in server.requests] == [
        (f"PUT {API}sessions/{UUID} HTTP/1.1", b'{"seq": 17}'),
        (f"PUT {API}sessions/{UUID}/end HTTP/1.1", b'{"seq": 17, "tag": "04A3"}'),
        (f"POST {API}sessions/{UUID}/readings HTTP/1.1", b'{"readings": []}'),
        (f"POST {API}heartbeat HTTP/1.1", b'{"phase": "available"}'),
        (f"GET {API}tags HTTP/1.1", b""),
        (f"GET {API}tags HTTP/1.1", b""),
        (
            f"POST {API}quarantine HTTP/1.1",
            b'{"id": "7", "raw": "raw text", "reason": "code 400"}',
        ),
        (f"GET {API} HTTP/1.1", b""),
    ]
    for request in server.requests:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers.get("content-type") == ("application/json" if request.body else None)
    sent = [request.headers.get("if-none-match") for request in server.requests]
    assert sent == [None] * 5 + ['"abc"'] + [None] * 2


def test_one_connection_serves_all(server: Server):
    server.reply = response(200, evcs())
    with client(server) as transport:
        for _ in range(5):
            assert transport.hello().kind is Kind.DONE
    assert len(server.requests) == 5
    assert server.connections == 1


def test_neither_proxy_nor_netrc_of_the_environment_counts(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert tell(server, response(200, evcs())).kind is Kind.DONE
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


# --- what the station does with an answer -----------------------------------------------------

VERDICTS = [
    # status, code, outcome of START, outcome of END and readings
    (200, None, Kind.DONE, Kind.DONE),
    (201, None, Kind.DONE, Kind.DONE),
    (202, None, Kind.DONE, Kind.DONE),
    (403, 401, Kind.REFUSED, Kind.WRONG),  # key is not registered
    (403, 403, Kind.REFUSED, Kind.WRONG),  # key is blocked
    (403, 406, Kind.REFUSED, Kind.WRONG),  # station disabled
    (409, 409, Kind.REFUSED, Kind.WRONG),  # key is charging elsewhere
    (409, 412, Kind.WRONG, Kind.WRONG),  # facts differ
    (400, 400, Kind.WRONG, Kind.WRONG),
    (405, 405, Kind.WRONG, Kind.WRONG),
    (415, 400, Kind.WRONG, Kind.WRONG),
    (422, 422, Kind.WRONG, Kind.WRONG),
    (404, 404, Kind.UNKNOWN_SESSION, Kind.UNKNOWN_SESSION),
    (413, 422, Kind.TOO_LARGE, Kind.TOO_LARGE),
    (401, 406, Kind.UNAUTHORIZED, Kind.UNAUTHORIZED),  # the token
    (429, 503, Kind.LATER, Kind.LATER),
    (500, 500, Kind.LATER, Kind.LATER),
    (503, 503, Kind.LATER, Kind.LATER),
    (505, 505, Kind.LATER, Kind.LATER),
]


@pytest.mark.parametrize(("status", "code", "of_start", "of_fact"), VERDICTS)
def test_the_servers_word(
    server: Server, status: int, code: int | None, of_start: Kind, of_fact: Kind
):
    body = evcs(title="Title", detail="words", **({} if code is None else {"code": code}))
    server.reply = response(status, body, "Content-Type: application/problem+json")
    with client(server) as transport:
        start, end = transport.start(UUID, {}), transport.end(UUID, {})
        readings = transport.readings(UUID, {})
    assert (start.kind, end.kind, readings.kind) == (of_start, of_fact, of_fact)
    for answer in (start, end, readings):
        assert answer.heard
        assert answer.body == body
        assert answer.code == code
        assert answer.detail == ("" if code is None else f"HTTP {status} code {code}: Title words")


def test_without_a_code_the_status_stands_for_it(server: Server):
    answer = tell(server, response(422, evcs(code="422", title=5, detail=["x"])))
    assert (answer.kind, answer.code, answer.detail) == (Kind.WRONG, 422, "HTTP 422 code 422")


NOT_THE_SERVER = {
    "200 without service": response(200, {"session_id": 23}),
    "200 of another service": response(200, {"service": "nginx"}),
    "service is no text": response(200, {"service": ["evcs"]}),
    "empty body": response(200, b""),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a JSON text": response(200, b'"evcs"'),
    "a JSON list": response(200, b'[{"service": "evcs"}]'),
    "a proxy's 404": response(404, b"<html>not found</html>", "Content-Type: text/html"),
    "a proxy's 401": response(401, b"who are you?", "WWW-Authenticate: Basic"),
    "a proxy's 413": response(413, b"<html>too large</html>"),
    "a proxy's 502": response(502, b"<html>bad gateway</html>"),
    "302 of a captive portal": response(302, b"", "Location: http://login.example/"),
    "302 that speaks JSON": response(302, evcs(), "Location: http://login.example/"),
    "304 that was not asked for": b'HTTP/1.1 304 X\r\nETag: "a"\r\n\r\n',
    "half a body": response(200, evcs(), length=500) + b"",
    "half of the JSON": response(200, b'{"service": "evcs", "ses'),
    "not UTF-8": response(200, b'{"service": "evcs", "title": "\xff"}'),
    "half a surrogate pair": response(200, b'{"service": "evcs", "group": "\\ud800"}'),
    "not a number": response(200, b'{"service": "evcs", "heartbeat_s": NaN}'),
    "a number without end": response(200, b'{"service": "evcs", "last_seq": %s}' % (b"9" * 9999)),
    "depth without end": response(200, b"[" * 200_000),
    "objects without end": response(200, b'{"service":"evcs","a":' * 100_000),
    "garbage": b"\x00\xff\x17 nothing of HTTP \x80\r\n\r\n",
    "nothing": b"",
    "an older HTTP": b"HTTP/0.9 200\r\n\r\n",
    "a broken chunk": b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "half a gzip": response(
        200, gzip.compress(b'{"service": "evcs"}')[:15], "Content-Encoding: gzip"
    ),
    "no gzip": response(200, b'{"service": "evcs"}', "Content-Encoding: gzip"),
    "headers without end": b"HTTP/1.1 200 X\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    "a header line without end": b"HTTP/1.1 200 X\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("reply", NOT_THE_SERVER.values(), ids=NOT_THE_SERVER.keys())
def test_whatever_is_not_the_servers_word_is_silence(server: Server, reply: bytes):
    def once(connection: socket.socket) -> None:
        connection.sendall(reply)
        connection.shutdown(socket.SHUT_WR)

    answer = tell(server, once)
    assert answer.kind is Kind.SILENT
    assert not answer.heard
    assert answer.detail
    assert len(server.requests) == 1, "silence is not answered by another try in the same call"


@pytest.mark.parametrize(
    "reply",
    [
        response(200, evcs(x=1)),
        response(200, gzip.compress(b'{"service": "evcs", "x": 1}'), "Content-Encoding: gzip"),
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'1b\r\n{"service": "evcs", "x": 1}\r\n0\r\n\r\n',
        b'HTTP/1.0 200 X\r\n\r\n{"service": "evcs", "x": 1}',
        b"HTTP/1.1 100 Continue\r\n\r\n" + response(200, evcs(x=1)),
        response(200, b'\n {"service":"evcs","x":1}\n', "Content-Type: text/plain"),
    ],
    ids=["plain", "gzip", "chunked", "until close", "100 first", "other content type"],
)
def test_an_answer_in_any_clothes_is_heard(server: Server, reply: bytes):
    def once(connection: socket.socket) -> None:
        connection.sendall(reply)
        connection.shutdown(socket.SHUT_WR)

    answer = tell(server, once)
    assert (answer.kind, answer.body) == (Kind.DONE, {"service": "evcs", "x": 1})


def test_a_huge_body_is_not_read_to_its_end(server: Server):
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b'HTTP/1.1 200 X\r\n\r\n{"service": "evcs", "x": "')
        while not server.closing.is_set():
            connection.sendall(b"x" * 65536)
            sent += 65536

    answer = tell(server, flood)
    assert answer.kind is Kind.SILENT
    assert "larger" in answer.detail
    assert sent < 10 * MAX_BODY_BYTES


def test_a_large_tag_list_is_no_huge_body(server: Server):
    tags = [{"tag": f"{n:014X}", "status": "accepted", "expires_at": None} for n in range(20_000)]
    server.reply = response(200, evcs(tags=tags), 'ETag: "e"')
    with client(server) as transport:
        answer = transport.tags(None)
    assert (answer.kind, answer.etag) == (Kind.DONE, '"e"')
    assert len(answer.body["tags"]) == 20_000


# --- the tag list and its ETag ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "answered", "kind"),
    [
        ('"abc"', '"abc"', Kind.UNCHANGED),
        ('"abc"', '"abd"', Kind.SILENT),
        ('"abc"', 'W/"abc"', Kind.SILENT),
        ('"abc"', None, Kind.SILENT),
        (None, '"abc"', Kind.SILENT),
        (None, None, Kind.SILENT),
    ],
)
def test_304_is_the_servers_word_when_it_names_what_was_sent(
    server: Server, sent: str | None, answered: str | None, kind: Kind
):
    etag = f"ETag: {answered}\r\n" if answered else ""
    server.reply = f"HTTP/1.1 304 Not Modified\r\n{etag}\r\n".encode()
    with client(server) as transport:
        assert transport.tags(sent).kind is kind


def test_an_etag_that_could_not_be_sent_back_is_none(server: Server):
    server.reply = response(200, evcs(tags=[]), "ETag: \xa0abc")
    with client(server) as transport:
        assert transport.tags(None).etag is None


# --- Retry-After ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("999999", 999_999.0),
        ("9999999", None),
        ("-5", None),
        ("1.5", None),
        ("\xb2", None),  # a digit to str.isdigit, and no number
        ("soon", None),
        ("Sun, 22 Nov 2026 10:00:00 GMT", None),
    ],
)
def test_retry_after_in_seconds(server: Server, header: str, seconds: float | None):
    answer = tell(server, response(503, evcs(code=503), f"Retry-After: {header}"))
    assert (answer.kind, answer.retry_after_s) == (Kind.LATER, seconds)


# --- time -------------------------------------------------------------------------------------


def dripping(server: Server, raw: bytes) -> Callable[[socket.socket], None]:
    def drip(connection: socket.socket) -> None:
        for i in range(len(raw)):
            connection.sendall(raw[i : i + 1])
            if server.closing.wait(0.1):
                return

    return drip


SLOW = {
    "nothing at all": b"",
    "status line": b"HTTP/1.1 200 X" + b"X" * 600,
    "headers": b"HTTP/1.1 200 X\r\n" + b"A: b\r\n" * 100,
    "body": response(200, evcs(text="x" * 600)),
    "body until close": b'HTTP/1.1 200 X\r\n\r\n{"service": "evcs", "x": "' + b"x" * 600,
    "chunks": b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100,
    "100 again and again": b"HTTP/1.1 100 Continue\r\n\r\n" * 30,
}


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("raw", SLOW.values(), ids=SLOW.keys())
def test_a_server_that_drips_is_silent_at_the_deadline(tmp_path: Path, raw: bytes, tls: bool):
    """Sixty seconds of bytes, one in 0.1 s; the call has half a second."""
    server = secure_server(tmp_path) if tls else Server()
    drip = dripping(server, raw)

    def slow(connection: socket.socket) -> None:
        drip(connection)
        server.closing.wait()

    server.reply = slow
    began_s = time.monotonic()
    with client(server, timeout_s=0.5, ca_file=str(tmp_path / "ca.pem") if tls else None) as one:
        answer = one.heartbeat({})
    took_s = time.monotonic() - began_s
    server.close()
    assert answer.kind is Kind.SILENT
    assert "im" in answer.detail, "the words say that it was the time"
    assert len(server.requests) == 1
    assert 0.4 < took_s < 10.0


def test_the_deadline_is_set_anew_for_every_call(server: Server):
    clock = 0.0
    server.reply = response(200, evcs())
    transport = RestTransport(server.url, TOKEN, timeout_s=5.0, monotonic=lambda: clock)
    for _ in range(3):
        assert transport.hello().kind is Kind.DONE
        clock += 100.0
    transport.close()


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    transport = RestTransport(f"http://127.0.0.1:{port}", TOKEN, timeout_s=PATIENCE_S)
    answer = transport.hello()
    transport.close()
    assert answer.kind is Kind.SILENT
    assert "refused" in answer.detail


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example", "exa_mple..x"])
def test_names_that_cannot_be_looked_up(host: str):
    transport = RestTransport(f"http://{host}", TOKEN, timeout_s=1.0)
    answer = transport.hello()
    transport.close()
    assert answer.kind is Kind.SILENT
    assert answer.detail


def test_after_silence_the_next_call_is_a_new_connection(server: Server):
    with client(server) as transport:
        server.reply = b"garbage\r\n\r\n"
        assert transport.hello().kind is Kind.SILENT
        server.reply = response(200, evcs())
        assert transport.hello().kind is Kind.DONE
    assert server.connections == 2


# --- whom the token is told -------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_is_never_sent_to_where_a_redirect_points(server: Server, status: int):
    other = Server(response(200, evcs()))
    server.reply = response(status, b"", f"Location: {other.url}{API}heartbeat")
    with client(server) as transport:
        assert transport.heartbeat({}).kind is Kind.SILENT
        assert transport.tags(None).kind is Kind.SILENT
        assert transport.end(UUID, {}).kind is Kind.SILENT
    other.close()
    assert other.connections == 0
    assert len(server.requests) == 3


def secure_server(folder: Path) -> Server:
    (folder / "ca.pem").write_text(CERTIFICATE)
    (folder / "key.pem").write_text(PRIVATE_KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return Server(response(200, evcs()), context=context)


def test_an_unknown_certificate_authority_is_silence_with_words(tmp_path: Path):
    server = secure_server(tmp_path)
    with client(server) as transport:
        answer = transport.hello()
    server.close()
    assert answer.kind is Kind.SILENT
    assert "certificate" in answer.detail.lower()
    assert server.requests == [], "the token went to somebody unknown"


def test_an_own_certificate_authority_is_trusted_when_it_is_named(tmp_path: Path):
    server = secure_server(tmp_path)
    with client(server, ca_file=str(tmp_path / "ca.pem")) as transport:
        assert [transport.hello().kind for _ in range(2)] == [Kind.DONE, Kind.DONE]
    server.close()
    assert server.connections == 1


def test_a_certificate_file_of_the_environment_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    server = secure_server(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with client(server) as transport:
        assert transport.hello().kind is Kind.SILENT
    server.close()


# --- whatever comes ---------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["evcs", "stop", 401, 403, 404, 406, 409, 412, 2**70])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = ["code", "title", "detail", "errors", "action", "group", "last_seq", "tags", "commands"]
objects = st.dictionaries(st.sampled_from(FIELDS), values, max_size=5).map(
    lambda fields: json.dumps({"service": "evcs", **fields}).encode()
)
bodies = objects | values.map(json.dumps).map(str.encode) | st.binary(max_size=200)
header_text = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f\x85"), max_size=30
)
statuses = st.sampled_from([200, 201, 202, 204, 206, 302, 304, 400, 401, 403, 404, 409, 410, 413])
FUZZ = settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(
    status=statuses | st.sampled_from([418, 422, 429, 500, 502, 503, 505, 599]),
    body=bodies,
    name=st.sampled_from(["Retry-After", "ETag", "Content-Type", "X", "Content-Encoding"]),
    value=header_text,
    call=st.sampled_from(["start", "end", "tags"]),
)
def test_no_answer_makes_the_transport_raise(
    server: Server, status: int, body: bytes, name: str, value: str, call: str
):
    server.reply = response(status, body, f"{name}: {value}", "Connection: close")
    with client(server) as transport:
        match call:
            case "start":
                answer = transport.start(UUID, {})
            case "end":
                answer = transport.end(UUID, {})
            case _:
                answer = transport.tags('"e"')
    assert isinstance(answer, Answer)
    assert json.dumps(answer.detail, ensure_ascii=False).encode()
    assert len(answer.detail) < 5000
    if answer.kind is Kind.UNCHANGED:
        assert status == 304
    elif answer.heard:
        assert answer.body["service"] == "evcs"
        assert not 300 <= status < 400
        assert (answer.kind is Kind.DONE) == (200 <= status < 300)
    if answer.kind is Kind.REFUSED:
        assert call == "start"
        assert answer.code in (401, 403, 406, 409)


@FUZZ
@given(raw=st.binary(max_size=300), prefix=st.sampled_from([b"", b"HTTP/1.1 200 X\r\n"]))
def test_no_bytes_make_the_transport_raise(server: Server, raw: bytes, prefix: bytes):
    def once(connection: socket.socket) -> None:
        connection.sendall(prefix + raw)

    assert tell(server, once).kind is Kind.SILENT
