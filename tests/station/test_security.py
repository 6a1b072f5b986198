"""A running daemon, looked at from outside: its ports, its files, and what it says of its secrets.

Its server is one that repeats the token in all that it says, and grants every charge.
"""

from __future__ import annotations

import json
import os
import re
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from station import control
from station.log import masked
from tests.descriptors import descriptors
from tests.station.checks_rig import made
from tests.station.cli_rig import CliRig
from tools.installation import ROOT, Station, until

TOKEN = "evcs_5ec2e7aa_kU7ygmQx1PZn3Wd8"
UID = "04A3C6CAE26180"
# What another program could be told: what is listening, and datagrams that are waited for.
_LISTEN = "0A"


class Repeating(BaseHTTPRequestHandler):
    """Says yes to a START, no to the tag list, and the token to everybody."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str]] = []
    action = "continue"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        header = str(self.headers["Authorization"])
        self.seen.append((self.path, header))
        status = 422 if self.path.endswith(("tags", "readings")) else 200
        body = json.dumps(
            {
                "service": "evcs",
                "server_time": datetime.now(UTC).isoformat(),
                "session_id": 23,
                "group": header,
                "action": self.action,
                "last_seq": 0,
                "heartbeat_s": 1,
                "code": 422,
                "title": header,
                "detail": f"you sent {header}",
                "tags_etag": '"x"',
            }
        ).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = _answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repeating() -> Iterator[str]:
    Repeating.seen.clear()
    Repeating.action = "continue"
    server = ThreadingHTTPServer(("127.0.0.1", 0), Repeating)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def sockets(pid: int, table: str) -> list[list[str]]:
    """The rows of one of the kernel's tables that are this process's."""
    inodes = {link[8:-1] for link in descriptors("socket:[", pid)}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]
    column = 6 if table == "unix" else 9
    return [row for row in rows if row[column] in inodes]


def phase(station: Station, *wanted: str) -> None:
    until(lambda: station.phase in wanted, " or ".join(wanted))


def secretive(rig: CliRig, url: str) -> Station:
    station = rig.station(url, station={"log_level": "debug"})
    (rig.folder / "token").write_text(f"{TOKEN}\n")
    return station


def charge(rig: CliRig, station: Station) -> None:
    rig.box.client.call("plug", kw=11)
    rig.box.client.call("tap", uids=[UID])
    phase(station, "charging", "suspended_ev")


def test_nothing_listens_but_the_control_socket(rig: CliRig, repeating: str) -> None:
    station = rig.start(secretive(rig, repeating))
    assert station.process is not None
    pid = station.process.popen.pid
    until(lambda: Repeating.seen, "a word to the server")
    connected = [row for table in ("tcp", "tcp6") for row in sockets(pid, table)]
    assert [row for row in connected if row[3] == _LISTEN] == []
    assert all(sockets(pid, table) == [] for table in ("udp", "udp6", "raw", "raw6"))
    # The seventh field of a unix socket that has been bound is its name.
    named = {row[7] for row in sockets(pid, "unix") if len(row) > 7}
    assert named == {str(control.socket_path(station.run_dir))}


def test_that_test_would_see_a_port() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(type=2) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        rows = sockets(os.getpid(), "tcp")
        port = f":{listener.getsockname()[1]:04X}"
        assert [row[3] for row in rows if row[1].endswith(port)] == [_LISTEN]
        port = f":{datagrams.getsockname()[1]:04X}"
        assert [row for row in sockets(os.getpid(), "udp") if row[1].endswith(port)]


def test_no_file_of_the_daemon_is_for_every_user(rig: CliRig, repeating: str) -> None:
    station = secretive(rig, repeating)
    before = os.umask(0)
    try:
        rig.start(station)
    finally:
        os.umask(before)
    charge(rig, station)
    made = [path for name in ("data", "run") for path in (rig.folder / name).rglob("*")]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert {"journal.sqlite3", "journal.sqlite3-wal", "control.sock", "lock"} <= set(modes)
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o007} == {}
    assert modes["control.sock"] == 0o660
    for name in ("data", "run"):
        assert stat.S_IMODE((rig.folder / name).stat().st_mode) == 0o750


def test_neither_token_nor_tag_is_told(rig: CliRig, repeating: str) -> None:
    """Over a whole charge, at the most talkative level, with every command beside it."""
    station = rig.start(secretive(rig, repeating))
    charge(rig, station)
    said = []
    for words in (
        ["status", "--json"],
        ["check", "--json"],
        ["meter", "--json"],
        ["outbox", "--json"],
        ["outbox", "--quarantine", "--json"],
        ["sessions", "--json"],
        ["sessions", "--csv"],
    ):
        done = station.command(*words)
        assert done.stdout
        said.append((words, done.stdout + done.stderr))
    Repeating.action = "stop"
    phase(station, "finishing", "available")
    assert station.process is not None
    pid = station.process.popen.pid
    for name in ("cmdline", "environ"):
        said.append(([name], Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")))
    station.stop()
    log = station.process.log.read_text()
    assert "available -> preparing" in log, "the log is that of a charge"
    assert {header for _, header in Repeating.seen} == {f"Bearer {TOKEN}"}
    for words, text in [*said, (["log"], log)]:
        assert TOKEN not in text, words
    assert masked(UID) in json.loads(said[0][1])["session"]["tag"]
    assert UID not in said[0][1]
    assert not re.search(UID, log, re.IGNORECASE)


def test_the_token_is_in_no_file_but_its_own(rig: CliRig, repeating: str) -> None:
    station = rig.start(secretive(rig, repeating))
    charge(rig, station)
    Repeating.action = "stop"
    phase(station, "finishing", "available")
    until(lambda: any(path.endswith("/end") for path, _ in Repeating.seen), "an END at the server")
    station.stop()
    holding = [
        path.name
        for path in rig.folder.rglob("*")
        if path.is_file() and TOKEN.encode() in path.read_bytes()
    ]
    assert holding == ["token"]


def test_a_mistake_in_the_token_file_does_not_tell_what_is_in_it(rig: CliRig) -> None:
    station = secretive(rig, "http://127.0.0.1:9")
    for text in (f"{TOKEN}\n{TOKEN}\n", f"{TOKEN}ä", f"token = {TOKEN}"):
        (rig.folder / "token").write_text(text)
        done = station.command("check")
        assert done.returncode == 2
        assert "token_file" in done.stderr
        assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://mmetering.example", True),
        ("http://192.168.1.5:8000", True),
        ("http://localhost.example", True),
        ("https://mmetering.example", False),
        ("http://127.0.0.1:8000", False),
        ("http://localhost", False),
        ("http://[::1]:8000", False),
    ],
)
def test_a_server_to_whom_the_token_goes_in_clear_is_told(
    tmp_path: Path, url: str, told: bool
) -> None:
    warnings = made(tmp_path, server={"url": url}).warnings
    assert any("use https" in warning for warning in warnings) is told


def test_every_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs/security.md").read_text()
    files = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    named = re.findall(r"`(?:(test_\w+\.py))?(?:::(test_\w+))?`", page)
    found = 0
    file = ""
    for name, test in named:
        if not name and not test:
            continue
        file = name or file
        found += 1
        assert file in files, file
        assert not test or f"def {test}(" in files[file], f"{file}::{test}"
    assert found >= 15
