"""What is around the daemon whose openings are timed: folder, server, and a bystander.

Any of them is for one arm of campaign.claims.latency.
"""

from __future__ import annotations

import queue
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.store import Store
from station.rules.values import TagEntry, TagList
from tools.installation import Server

BYSTANDER_EVERY_S = 0.05


@contextmanager
def short_folder(folder: Path, name: str) -> Iterator[Path]:
    """A place whose name is short enough for a socket's; what was written there is kept."""
    place = Path(tempfile.mkdtemp(prefix="lat"))
    try:
        yield place
    finally:
        shutil.copytree(
            place,
            folder / name,
            dirs_exist_ok=True,
            ignore=lambda _, names: [one for one in names if ".sock" in one],
        )
        shutil.rmtree(place)


@contextmanager
def real_server(folder: Path) -> Iterator[str]:
    server = Server(folder, 0)
    server.prepare()
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


@contextmanager
def mute() -> Iterator[str]:
    """A server that takes every connection and never says a word."""
    kept: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                kept.append(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, name="mute", daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for one in kept:
                one.close()


def as_if_heard_before(folder: Path, name: str, tag: str) -> None:
    """Token, journal and tag list of a box that knew its server before that fell silent."""
    (folder / f"{name}.token").write_text("a-token-that-nobody-looks-at\n")
    connection = database.connect(folder / "data" / JOURNAL_FILE)
    try:
        store = Store(connection)
        store.raise_seq(1)
        store.put_tags(TagList({tag: TagEntry(tag, accepted=True)}), datetime.now(UTC))
    finally:
        connection.close()


@contextmanager
def bystander() -> Iterator[list[float]]:
    """What this machine makes of the bare thing meanwhile: one idle thread hands another a stamp.

    The delays in ms come into the list that is given; nothing of the station is in them.
    """
    delays: list[float] = []
    handed: queue.SimpleQueue[int] = queue.SimpleQueue()
    over = threading.Event()

    def take() -> None:
        while (put_ns := handed.get()) != 0:
            delays.append((time.monotonic_ns() - put_ns) / 1e6)

    def hand() -> None:
        while not over.wait(BYSTANDER_EVERY_S):
            handed.put(time.monotonic_ns())
        handed.put(0)

    threads = [threading.Thread(target=one, daemon=True) for one in (take, hand)]
    for thread in threads:
        thread.start()
    try:
        yield delays
    finally:
        over.set()
        for thread in threads:
            thread.join()
