"""The reader thread: polls the antenna, posts a tag once per holding, heals the chip.

It owns the SPI bus. A held card is one event (drivers.presence); a chip that lost its settings is
initialised again at once, a silent one is reset with a growing pause.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from drivers.errors import DriverError, ReaderReset
from drivers.presence import Presence
from drivers.reader import Card, Reader
from station.clock import monotonic
from station.rules.messages import ReaderStateChanged, SeveralTagsPresented, TagPresented
from station.workers.thread import Post, Worker

VERIFY_EVERY_POLLS = 20
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0


class ReaderWorker(Worker):
    """Posts TagPresented, SeveralTagsPresented and ReaderStateChanged."""

    def __init__(
        self, reader: Reader, poll_s: float, post: Post, on_crash: Callable[[str], None]
    ) -> None:
        super().__init__("reader", on_crash)
        self._reader = reader
        self._poll_s = poll_s
        self._post = post
        self._presence = Presence()
        self._problem: str | None = "not opened yet"

    def work(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self.stopping.is_set():
            try:
                self._reader.open()
                self._report(None)
                pause_s = FIRST_PAUSE_S
                self._poll_until_it_fails()
            except ReaderReset as error:
                self.log.warning("%s", error)
            except DriverError as error:
                self._report(str(error))
                self.stopping.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._reader.close()

    def _poll_until_it_fails(self) -> None:
        due_s = monotonic()
        polls = 0
        while not self.stopping.is_set():
            self._poll()
            polls += 1
            if polls % VERIFY_EVERY_POLLS == 0:
                self._reader.verify()
            due_s = max(due_s + self._poll_s, monotonic())
            self.stopping.wait(due_s - monotonic())

    def _poll(self) -> None:
        found = self._presence.feed(self._reader.scan())
        if isinstance(found, Card):
            self._post(TagPresented(found.tag, str(uuid.uuid4())))
        elif found is not None:
            self._post(SeveralTagsPresented())

    def _report(self, problem: str | None) -> None:
        """Once per change, so that a dead reader does not fill the log."""
        if problem == self._problem:
            return
        self._problem = problem
        if problem is None:
            self.log.info("reader works")
        else:
            self.log.error("%s", problem)
        self._post(ReaderStateChanged(problem))
