"""The control socket: one JSON object each way, and no client that can hurt the daemon."""

from __future__ import annotations

import errno
import json
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station import control
from station.control import MAX_REQUEST_BYTES, ControlServer, ask, socket_path
from station.rules.settings import Settings
from station.rules.state import State
from station.rules.values import Load, Now
from station.status import shown, snapshot
from tests.station.journal_rig import NOON

PATIENCE_S = 20.0


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A short path: a socket's is limited to 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="evcs") as name:
        yield Path(name)


@pytest.fixture
def crashes() -> Queue[str]:
    return Queue()


@pytest.fixture
def server(run_dir: Path, crashes: Queue[str]) -> Iterator[ControlServer]:
    state = State(settings=Settings(load=Load.WALLBOX, phases=3, max_current_a=16))

    def status(request: Mapping[str, Any]) -> Mapping[str, Any]:
        return shown(snapshot(state, Now(1000.0, NOON, True)), 1000.0)

    def echo(request: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"echo": dict(request), "thread": threading.current_thread().name}

    def stumble(request: Mapping[str, Any]) -> Mapping[str, Any]:
        raise OverflowError("date value out of range")

    handlers = {"status": status, "echo": echo, "stumble": stumble}
    server = ControlServer(run_dir, handlers, crashes.put)
    server.start()
    yield server
    server.stop()
    server.join(PATIENCE_S)
    assert not server.is_alive()
    assert crashes.empty(), crashes.get_nowait()


def connected(run_dir: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(PATIENCE_S)
    connection.connect(str(socket_path(run_dir)))
    return connection


def said(run_dir: Path, raw: bytes) -> bytes:
    """All that comes back to some bytes and the end of them."""
    with connected(run_dir) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


# --- what is asked and answered ---------------------------------------------------------------


def test_status(run_dir: Path, server: ControlServer):
    found = ask(run_dir, "status")
    assert found is not None
    assert found["phase"] == "unavailable"
    assert found["session"] is None
    assert found["contactor"] == {"commanded_closed": False, "line": None}
    assert found["meter"]["age_s"] is None
    assert "starting" in found["unavailable"]


def test_arguments_reach_the_handler_in_the_servers_thread(run_dir: Path, server: ControlServer):
    found = ask(run_dir, "echo", fault="contactor_fault", text="Straße")
    assert found == {
        "echo": {"op": "echo", "fault": "contactor_fault", "text": "Straße"},
        "thread": "control",
    }


def test_an_answer_is_one_line_of_json(run_dir: Path, server: ControlServer):
    raw = said(run_dir, b'{"op": "status"}\n')
    assert raw.endswith(b"\n")
    assert raw.count(b"\n") == 1
    assert json.loads(raw)["phase"] == "unavailable"


def test_clients_one_after_the_other(run_dir: Path, server: ControlServer):
    assert [ask(run_dir, "echo", n=n)["echo"]["n"] for n in range(20)] == list(range(20))


def test_two_clients_at_once_get_their_own_answers(run_dir: Path, server: ControlServer):
    with connected(run_dir) as first, connected(run_dir) as second:
        second.sendall(b'{"op": "echo", "n": 2}\n')
        first.sendall(b'{"op": "echo", "n": 1}\n')
        answers = [json.loads(one.makefile().readline()) for one in (first, second)]
    assert [answer["echo"]["n"] for answer in answers] == [1, 2]


def test_the_socket_is_for_its_owner_and_group_only(run_dir: Path, server: ControlServer):
    mode = stat.S_IMODE(socket_path(run_dir).stat().st_mode)
    assert mode == 0o660


# --- clients that behave badly ----------------------------------------------------------------

GARBAGE = {
    "nothing": b"",
    "an empty line": b"\n",
    "no JSON": b"status\n",
    "a list": b'["status"]\n',
    "a text": b'"status"\n',
    "no op": b"{}\n",
    "an unknown op": b'{"op": "open sesame"}\n',
    "an op that is no text": b'{"op": ["status"]}\n',
    "op null": b'{"op": null}\n',
    "not UTF-8": b'{"op": "\xff"}\n',
    "half of it": b'{"op": "sta',
    "depth without end": b"[" * 50_000 + b"\n",
    "more than a request may be": b"x" * (MAX_REQUEST_BYTES + 10),
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_answered_by_an_error_that_names_the_ops(
    run_dir: Path, server: ControlServer, raw: bytes
):
    with connected(run_dir) as connection:
        connection.sendall(raw[:MAX_REQUEST_BYTES])
        if not raw.endswith(b"\n"):
            connection.shutdown(socket.SHUT_WR)
        answer = json.loads(connection.makefile().readline())
    assert answer == {"error": "a JSON object with op is wanted; ops: status, echo, stumble"}
    assert ask(run_dir, "status") is not None


@settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(raw=st.binary(max_size=100))
def test_no_bytes_stop_the_server(
    run_dir: Path, server: ControlServer, crashes: Queue[str], raw: bytes
):
    answer = json.loads(said(run_dir, raw))
    assert set(answer) in ({"error"}, {"echo", "thread"})
    assert crashes.empty()
    assert server.is_alive()


def test_a_question_that_cannot_be_answered_ends_nothing(run_dir: Path, server: ControlServer):
    assert ask(run_dir, "stumble") == {"error": "stumble failed: date value out of range"}
    assert ask(run_dir, "status") is not None


def test_without_a_descriptor_the_next_client_waits(
    run_dir: Path, server: ControlServer, monkeypatch: pytest.MonkeyPatch
):
    """The thread goes on: a reset at the box must work when the trouble is over."""
    monkeypatch.setattr(control, "ACCEPT_AGAIN_S", 0.001)
    accept, left = socket.socket.accept, [OSError(errno.EMFILE, "Too many open files")] * 3

    def scarce(listening: socket.socket) -> Any:
        if left:
            raise left.pop()
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", scarce)
    for _ in range(3):
        assert ask(run_dir, "status") is not None
    assert left == []


def test_a_client_that_never_speaks_does_not_stop_the_next_one(
    run_dir: Path, server: ControlServer
):
    """The next one's own patience, 2 s, outlasts the server's with it."""
    with connected(run_dir), connected(run_dir):
        found = ask(run_dir, "status")
    assert found is not None
    assert found["phase"] == "unavailable"


def test_a_client_that_drips_does_not_stop_the_next_one(run_dir: Path, server: ControlServer):
    stop = threading.Event()
    with connected(run_dir) as slow:

        def drip() -> None:
            while not stop.wait(0.05):
                try:
                    slow.sendall(b" ")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        began_s = time.monotonic()
        try:
            with connected(run_dir) as next_one:
                next_one.sendall(b'{"op": "status"}\n')
                assert json.loads(next_one.makefile().readline())["phase"] == "unavailable"
        finally:
            stop.set()
            dripping.join(PATIENCE_S)
    assert time.monotonic() - began_s < PATIENCE_S


def test_a_client_that_leaves_without_its_answer(run_dir: Path, server: ControlServer):
    for _ in range(10):
        with connected(run_dir) as rude:
            rude.sendall(b'{"op": "status"}\n')
    assert ask(run_dir, "status") is not None


# --- without a daemon, and around its life ----------------------------------------------------


def test_no_daemon_is_no_error(run_dir: Path):
    assert ask(run_dir, "status") is None


def test_a_socket_that_a_killed_daemon_left_behind(run_dir: Path, crashes: Queue[str]):
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(socket_path(run_dir)))
    left.close()
    assert socket_path(run_dir).exists()
    assert ask(run_dir, "status") is None
    server = ControlServer(run_dir, {"status": lambda _: {"phase": "x"}}, crashes.put)
    server.start()
    assert ask(run_dir, "status") == {"phase": "x"}
    server.stop()
    server.join(PATIENCE_S)
    assert not socket_path(run_dir).exists()
    assert ask(run_dir, "status") is None


def test_stopping_ends_a_server_that_waits(run_dir: Path, crashes: Queue[str]):
    server = ControlServer(run_dir, {}, crashes.put)
    server.start()
    server.stop()
    server.join(PATIENCE_S)
    assert not server.is_alive()
    assert crashes.empty()


@pytest.mark.parametrize("answer", [b"", b"\n", b"no JSON\n", b"[]\n"])
def test_a_daemon_that_does_not_answer_properly_is_an_os_error(run_dir: Path, answer: bytes):
    """The one error that the commands know how to tell."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(socket_path(run_dir)))
    listener.listen()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(OSError, match=r"control\.sock"):
        ask(run_dir, "status")
    thread.join(PATIENCE_S)
    listener.close()
