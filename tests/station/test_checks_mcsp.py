"""`check` where the server is at the other end of a line: it answers, is silent, or says no."""

from __future__ import annotations

import json
import os
import pty
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcsp import writer
from mcsp.codes import Code
from mcsp.messages import Failure, Ok, PingRequest, Request
from mcsp.requests import RequestReader, Wrong
from station.checks import world
from station.checks.probe import Result
from station.cli import main
from station.clock import monotonic
from tests.station.checks_rig import around, look, made, named

SERVER, TOKEN = (named(world.PROBES, name) for name in ("server", "token"))

Said = Callable[[Request | Wrong], bytes]


def good(request: Request | Wrong) -> bytes:
    assert isinstance(request, PingRequest)
    assert request.name == "box-1"
    return writer.answer(Ok(request.request_id))


def no(code: Code) -> Said:
    def said(request: Request | Wrong) -> bytes:
        return writer.answer(Failure(int(code), code.message, request.request_id))

    return said


def mute(_: Request | Wrong) -> bytes:
    return b""


def babbling(_: Request | Wrong) -> bytes:
    return b"\x00\xff~ login: \r\n" * 3


@contextmanager
def peer(said: Said) -> Iterator[str]:
    """A device with somebody at its other end; its path."""
    ours, theirs = pty.openpty()
    over = threading.Event()

    def serve() -> None:
        reader = RequestReader()
        while not over.is_set():
            if select.select([ours], [], [], 0.05)[0]:
                for request in reader.feed(os.read(ours, 4096), monotonic()):
                    os.write(ours, said(request))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        over.set()
        thread.join()
        os.close(ours)
        os.close(theirs)


def on_line(folder: Path, port: str, **changes: Any) -> Any:
    """A config with a line to its server; without url and token."""
    config = made(folder)
    line = replace(config.server, transport="mcsp", port=port, url="", token="", **changes)
    return replace(config, server=line)


def looked(folder: Path, said: Said) -> Result:
    with peer(said) as port:
        return look(SERVER, around(on_line(folder, port)))


def test_a_server_that_answers_its_ping(tmp_path: Path) -> None:
    found = looked(tmp_path, good)
    assert found.ok, found.text
    assert found.text.endswith("answers")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (mute, ["no answer within 3 s", "baud rate", "runevcs"]),
        (babbling, ["no answer within 3 s", "cable"]),
        (no(Code.STATION_NOT_REGISTERED), ["code 406", "bound to another station"]),
        (no(Code.VERSION_NOT_SUPPORTED), ["code 505"]),
        (no(Code.UNAVAILABLE), ["code 503", "look at its log"]),
        (no(Code.INTERNAL), ["code 500", "look at its log"]),
        (no(Code.MALFORMED), ["code 400"]),
    ],
    ids=["mute", "babbling", "406", "505", "503", "500", "400"],
)
def test_a_server_that_does_not_serve(tmp_path: Path, said: Said, words: list[str]) -> None:
    found = looked(tmp_path, said)
    assert not found.ok
    assert all(word in found.text for word in words), found.text
    assert len(found.text) < 400


def test_a_line_that_is_not_there_or_in_other_hands(tmp_path: Path) -> None:
    gone = look(SERVER, around(on_line(tmp_path, "/dev/no-such-line")))
    assert not gone.ok
    assert "[server] port" in gone.text
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    refused = look(SERVER, around(on_line(tmp_path, f"tcp://127.0.0.1:{port}")))
    assert not refused.ok
    assert f"tcp://127.0.0.1:{port}" in refused.text


def test_a_line_of_the_daemon_is_left_alone(tmp_path: Path) -> None:
    """Two that read from one line take each other's answers away."""
    asked: list[Request | Wrong] = []

    def listen(request: Request | Wrong) -> bytes:
        asked.append(request)
        return good(request)

    with peer(listen) as port:
        config = on_line(tmp_path, port)
        beside = look(SERVER, around(config, status={"phase": "available"}))
        held = look(SERVER, around(config, taken="another evcs-station holds the lock"))
    assert beside.ok
    assert "the daemon has the line" in beside.text
    assert not held.ok
    assert asked == []


def test_an_older_server_is_not_asked(tmp_path: Path) -> None:
    config = on_line(tmp_path, "/dev/no-such-line", mcsp_legacy=True)
    found = look(SERVER, around(config))
    assert found.ok
    assert "older server" in found.text


def test_no_token_is_needed_on_a_line(tmp_path: Path) -> None:
    assert look(TOKEN, around(on_line(tmp_path, "/dev/null"))).ok


def test_the_whole_command_with_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From config.toml to the line of output; there are no devices here."""
    with peer(good) as port:
        (tmp_path / "config.toml").write_text(
            f"""
            [station]
            name = "box-1"
            data_dir = "{tmp_path}"
            run_dir = "{tmp_path}"
            [server]
            transport = "mcsp"
            port = "{port}"
            [contactor]
            load = "wallbox"
            pin = 17
            max_current_a = 16
            [meter]
            port = "/dev/null"
            [indicator]
            green_pin = 5
            red_pin = 6
            """
        )
        status = main.main(["check", "--json", "--config", str(tmp_path / "config.toml")])
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert status == 1
    assert not found["board"]["ok"]
    assert found["server"] == {"name": "server", "ok": True, "text": f"MCSP on {port} answers"}
    assert found["token"]["ok"]
