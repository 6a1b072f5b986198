"""``runevcs`` as people start it: its options, and the process from its start to SIGTERM."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from evcs.listener import service
from evcs.management.commands import runevcs
from mcsp import writer
from mcsp.messages import PingRequest
from tools.installation import Process, Server, free_port, until

REQUEST_ID = UUID(int=7, version=4)


@pytest.mark.parametrize(
    ("ports", "says"),
    [
        (["/dev/ttyUSB0"], "write DEVICE=STATION"),
        (["tcp://192.0.2.1:4711=Lader1"], "loopback"),
        (["/dev/a=Lader1", "/dev/a=Lader2"], "named twice: /dev/a"),
        (["/dev/a=Lader1", "/dev/b=Lader1"], "named twice: Lader1"),
    ],
)
def test_options_that_cannot_be(ports: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("runevcs", *(word for port in ports for word in ("--port", port)))


def test_a_line_that_died_ends_the_whole(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that looks well and answers one line less would never be started anew."""

    def die(self: service.LineService) -> None:
        return None

    monkeypatch.setattr(service.LineService, "run", die)
    monkeypatch.setattr(runevcs, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(CommandError, match="ended by itself, see above: line Lader1"):
        call_command("runevcs", "--port", f"tcp://127.0.0.1:{free_port()}=Lader1")


def test_it_answers_until_it_is_told_to_end(tmp_path: Path) -> None:
    server = Server(tmp_path, 0)
    server.manage("migrate", "--verbosity", "0")
    server.manage("evcs_station", "Lader1")
    port = free_port()
    listen = ("server.manage", "runevcs", "--port", f"tcp://127.0.0.1:{port}=Lader1")
    told = (*listen, "--port", f"{tmp_path / 'unplugged'}=Lader2")
    log = tmp_path / "runevcs.log"
    process = Process("runevcs", log, sys.executable, "-m", *told, **server.environment)
    try:

        def connected() -> socket.socket | None:
            try:
                return socket.create_connection(("127.0.0.1", port), 5)
            except OSError:
                return None

        with until(connected, "a listener") as line:
            line.sendall(writer.request(PingRequest("Lader1", REQUEST_ID)))
            answer = line.recv(4096)
        assert answer == f"MMETERING/1.0 OK\nRequest-Id: {REQUEST_ID}\n".encode()
    finally:
        status = process.end(signal.SIGTERM)
    said = log.read_text()
    assert status == 0, said
    assert "there is no station Lader2 yet" in said
    assert "unplugged" in said
    assert "Traceback" not in said
