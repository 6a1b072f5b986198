"""A real daemon on a line to a server of before MCSP was finished: ``mcsp_legacy``."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.store import Store
from tests.stories.house import tag_of
from tests.stories.stage import StoryBox, StoryStation, until
from tests.stories.wire import hang_up

TAG = tag_of("Anna")


class OlderServer:
    """Answers each START with OK and a Session-Id, each END with ``end_answer``. It knows no
    Request-Id and no PING, and looks at no header but Content-Length, the number of headers."""

    def __init__(self, end_answer: bytes) -> None:
        self._end_answer = end_answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        hang_up(self._listener)

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            with closing(line):
                self._answer(line)

    def _answer(self, line: socket.socket) -> None:
        with line.makefile("rb") as lines:
            for first in lines:
                length = next(lines)
                headers = [next(lines) for _ in range(int(length.split(b":")[1]))]
                self.heard += [first, length, *headers]
                start = first.split()[1:] == [b"START"]
                line.sendall(b"MMETERING/1.0 OK\nSession-Id: 23\n" if start else self._end_answer)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[StoryBox]:
    box = StoryBox(tmp_path, speed=60.0, baudrate=19200)
    box.start()
    yield box
    box.stop()


def charge(box: StoryBox, server: OlderServer, folder: Path) -> StoryStation:
    """One charge from tap to tap; the station, still running."""
    line = {"transport": "mcsp", "port": f"tcp://127.0.0.1:{server.port}", "mcsp_legacy": True}
    changes = {"server": line, "meter": {"baudrate": 19200}}
    station = StoryStation("Lader1", folder, box, "", folder / "none", changes)
    station.start()
    station.wait_for("available")
    box.client.call("plug", kw=11, phases=3)
    box.client.call("tap", uids=[TAG])
    station.wait_for("charging")
    # The first 5 s after closing a second tap means nothing: 11 kW, 60 times as fast.
    until(lambda: (station.status or {})["session"]["energy_wh"] > 1200, "1200 Wh")
    box.client.call("tap", uids=[TAG])
    station.wait_for("available")
    return station


@pytest.mark.takes(25.0)
@pytest.mark.parametrize(
    ("end_answer", "refused"),
    [
        (b"MMETERING/1.0 OK\n", 0),
        (b"MMETERING/1.0 OK\nSession-Id: 23\n", 0),
        (b"MMETERING/1.0 ERROR\n", 1),
    ],
)
def test_a_charge(box: StoryBox, tmp_path: Path, end_answer: bytes, refused: int) -> None:
    server = OlderServer(end_answer)
    station = charge(box, server, tmp_path)
    try:
        with closing(database.connect_readonly(tmp_path / "data" / JOURNAL_FILE)) as connection:
            store = Store(connection)
            until(lambda: not store.waiting(), "all told")
            assert len(store.quarantined()) == refused
        shown = station.command("outbox", "--quarantine").stdout
        assert ("END" in shown.upper() and "ERROR" in shown) == bool(refused), shown
        assert b"Session-Id: 23\n" in server.heard
        assert not any(one.startswith(b"Request-Id") for one in server.heard)
    finally:
        station.stop()
        server.close()
