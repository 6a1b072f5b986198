"""The line to a server on a pseudo-terminal that is unplugged and comes back, and over TCP."""

from __future__ import annotations

import contextlib
import os
import pty
import socket
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.errors import LinePortLost
from drivers.text_line import TextLine
from tests.descriptors import terminals

PATIENCE_S = 20.0


class Adapter:
    """A USB adapter with a name that stays; ``far`` is what hangs on its other side."""

    def __init__(self, folder: Path) -> None:
        self.name = folder / "usb-adapter"
        self.far = -1
        self._near = -1

    def plug(self) -> None:
        self.far, self._near = pty.openpty()
        tty.setraw(self._near)
        self.name.symlink_to(os.ttyname(self._near))
        # Held by nobody but the kernel, as a real one: only so its end is a hang-up.
        os.close(self._near)

    def unplug(self) -> None:
        if self.far >= 0:
            os.close(self.far)
            self.name.unlink()
        self.far = -1


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    made = Adapter(tmp_path)
    made.plug()
    yield made
    made.unplug()


@pytest.fixture
def line(adapter: Adapter) -> Iterator[TextLine]:
    made = TextLine(str(adapter.name), 9600)
    made.open()
    yield made
    made.close()


def test_both_ways(adapter: Adapter, line: TextLine) -> None:
    line.write(b"MCSP/1.0 PING\r\n")
    assert os.read(adapter.far, 100) == b"MCSP/1.0 PING\r\n"
    os.write(adapter.far, b"MCSP/1.0 OK\r\n")
    assert line.read(PATIENCE_S) == b"MCSP/1.0 OK\r\n"
    assert line.read(0.0) == b""
    assert line.read(0.01) == b""


def test_unplugged_and_back_under_its_name(adapter: Adapter, line: TextLine) -> None:
    before = terminals()
    for _ in range(5):
        adapter.unplug()
        with pytest.raises(LinePortLost, match="is gone"):
            line.read(PATIENCE_S)
        assert not line.is_open
        for use in (lambda: line.read(0.0), lambda: line.write(b"x")):
            with pytest.raises(LinePortLost, match="is not open"):
                use()
        with pytest.raises(LinePortLost, match="check \\[server\\] port"):
            line.open()
        adapter.plug()
        line.open()
        line.write(b"again\r\n")
        assert os.read(adapter.far, 100) == b"again\r\n"
    assert terminals() <= before


def test_unplugged_while_it_is_written_to(adapter: Adapter, line: TextLine) -> None:
    adapter.unplug()
    with pytest.raises(LinePortLost):
        line.write(b"MCSP/1.0 START\r\n")
    line.close()
    line.close()


def test_nobody_else_reads_from_it(adapter: Adapter, line: TextLine) -> None:
    with pytest.raises(LinePortLost, match="no other program has it"):
        TextLine(str(adapter.name), 9600).open()


def test_a_peer_that_floods_is_read_in_parts_and_in_time(adapter: Adapter, line: TextLine) -> None:
    os.set_blocking(adapter.far, False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += os.write(adapter.far, b"\xff" * 4096)
    got = 0
    while got < sent:
        part = line.read(PATIENCE_S)
        assert 0 < len(part) <= 65536
        got += len(part)
    assert line.read(0.0) == b""


def test_over_tcp_a_peer_that_leaves_is_a_lost_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = TextLine(f"tcp://127.0.0.1:{listener.getsockname()[1]}", 9600)
        line.open()
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"OK\r\n")
            got = b""
            while len(got) < 4:
                got += line.read(PATIENCE_S)
            assert got == b"OK\r\n"
        with pytest.raises(LinePortLost, match="is gone"):
            line.read(PATIENCE_S)
        line.open()
        line.close()
