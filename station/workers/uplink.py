"""The uplink thread: turns the sender (station/uplink), and waits when there is nothing to send.

Whatever is new wakes it: a START that somebody waits for, a message in the outbox, what became of a
command.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import random
import sqlite3
from collections.abc import Callable
from concurrent.futures import CancelledError

from station.clock import Clock, monotonic
from station.rules.values import Session
from station.status import Snapshot
from station.transport.answers import Transport
from station.uplink.line import Line
from station.uplink.sender import Sender
from station.workers.journal import JournalWorker
from station.workers.link import Link
from station.workers.thread import Post, Worker


class UplinkWorker(Worker):
    """Posts ServerAnswered, ServerHeard, TagListReceived, TagListConfirmed and StopRequested."""

    def __init__(
        self,
        transport: Transport,
        journal: JournalWorker,
        clock: Clock,
        snapshot: Callable[[], Snapshot],
        software: str,
        post: Post,
        on_crash: Callable[[str], None],
        link: Link | None = None,
    ) -> None:
        super().__init__("uplink", on_crash)
        self._transport = transport
        self._sender = Sender(
            Line(
                transport=transport,
                journal=journal,
                clock=clock,
                snapshot=snapshot,
                post=post,
                link=link or Link(random.Random()),
                log=logging.getLogger("station.uplink"),
                monotonic=monotonic,
            ),
            software,
        )
        self._asks: queue.SimpleQueue[Session | None] = queue.SimpleQueue()

    # -- any thread

    def ask(self, session: Session) -> None:
        """Send this START now, whatever waits; the answer comes as ServerAnswered."""
        self._asks.put(session)

    def answered(self, command_id: str, result: str) -> None:
        """What became of a command of the server: told with the next heartbeat, soon."""
        self._sender.commands.answered(command_id, result)
        self._asks.put(None)

    def poke(self) -> None:
        """There is something new in the outbox."""
        self._asks.put(None)

    def stop(self) -> None:
        super().stop()
        self._asks.put(None)

    # -- the uplink thread

    def work(self) -> None:
        while not self.stopping.is_set():
            try:
                self._turn()
            except sqlite3.Error as error:
                self._sender.journal_failed(error)
            except CancelledError:
                break
        self._transport.close()

    def _turn(self) -> None:
        if (asked := self._waiting()) is not None:
            self._sender.ask(asked)
            return
        wait_s = self._sender.turn()
        if wait_s > 0:
            with contextlib.suppress(queue.Empty):
                asked = self._asks.get(timeout=wait_s)
                if asked is not None:
                    self._sender.ask(asked)

    def _waiting(self) -> Session | None:
        """The next START that somebody waits for, past every poke in the queue."""
        while True:
            try:
                asked = self._asks.get_nowait()
            except queue.Empty:
                return None
            if asked is not None:
                return asked
