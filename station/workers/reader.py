"""The reader thread: polls the antenna, posts a tag once per holding, heals the chip.

It owns the SPI bus. A held card is one event (drivers.presence). Recovery is graded: a chip that
lost its settings is initialised again at once, a hung one gets a hard reset at once, and what does
not come back is reset again and again with a growing pause.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from drivers.errors import DriverError, ReaderHung, ReaderReset
from drivers.presence import Presence
from drivers.reader import LONGEST_SCAN_S, Card, Reader
from station.clock import monotonic
from station.rules.messages import ReaderStateChanged, SeveralTagsPresented, TagPresented
from station.workers.thread import Post, Worker

VERIFY_EVERY_POLLS = 20
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
BLANK_S = 0.5
WELL_AFTER_S = 10.0  # works for so long: the next failure is a new one


class ReaderWorker(Worker):
    """Posts TagPresented, SeveralTagsPresented and ReaderStateChanged.

    ``poll_s`` is the longest a tag may wait to be noticed: a scan with a card takes its time, so
    scans begin that much more often.
    """

    def __init__(
        self, reader: Reader, poll_s: float, post: Post, on_crash: Callable[[str], None]
    ) -> None:
        super().__init__("reader", on_crash)
        self._reader = reader
        self._pause_s = max(0.01, poll_s - LONGEST_SCAN_S)
        self._post = post
        self._presence = Presence()
        self._problem: str | None = "not opened yet"
        self._blank_until_s = 0.0

    def contactor_switched(self) -> None:
        """Any thread: for half a second the chip may be disturbed; then its registers are read."""
        self._blank_until_s = monotonic() + BLANK_S

    def work(self) -> None:
        soft, failures = False, 0
        while not self.stopping.is_set():
            began_s = monotonic()
            try:
                if soft:
                    self._reader.reinit()
                else:
                    self._reader.open()
                self._report(None)
                self._poll_until_it_fails()
            except DriverError as error:
                lasted = monotonic() - began_s >= WELL_AFTER_S
                failures = 1 if lasted else failures + 1
                soft = failures == 1 and isinstance(error, ReaderReset)
                self._cope(error, failures)
        self._reader.close()

    def _cope(self, error: DriverError, failures: int) -> None:
        """The first lost setting or hang is mended at once; what comes back is told, and waits."""
        if monotonic() < self._blank_until_s:
            self.stopping.wait(self._blank_until_s - monotonic())
            return
        if failures == 1 and isinstance(error, ReaderReset | ReaderHung):
            self.log.warning("%s", error)
            return
        self._report(str(error))
        self.stopping.wait(min(FIRST_PAUSE_S * 2 ** min(failures - 1, 10), LONGEST_PAUSE_S))

    def _poll_until_it_fails(self) -> None:
        due_s = monotonic()
        polls = 0
        while not self.stopping.is_set():
            self._poll()
            polls += 1
            blanked = 0 < self._blank_until_s < monotonic()
            if blanked or polls % VERIFY_EVERY_POLLS == 0:
                self._blank_until_s = 0.0
                self._reader.verify()
            due_s = max(due_s + self._pause_s, monotonic())
            self.stopping.wait(due_s - monotonic())

    def _poll(self) -> None:
        scan = self._reader.scan()
        found = self._presence.feed(scan, heard=self._reader.heard)
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
