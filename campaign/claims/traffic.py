"""Shared by the claims about delivery: charges of a box without a server, the workers that deliver
them, and what the server has booked in the end.

The outlet is used as much as one outlet can be: a charge every 259 s, which is 10,000 in 30 days,
each as long as the next one allows. Charges of hours would be fewer, with the same number of
readings.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from station.clock import Clock, SystemClock
from station.journal.database import connect
from station.journal.rows import ReportedReading
from station.journal.store import Store
from station.rules.messages import Announce, Event, StoreLifeSign, TagListReceived
from station.rules.switching import LIFE_SIGN_S
from station.rules.values import (
    AuthorizedBy,
    EndReason,
    MeterFacts,
    Phase,
    Record,
    Session,
    Stage,
    TimeQuality,
)
from station.status import Snapshot
from station.transport.answers import Transport
from station.workers.journal import JournalWorker
from station.workers.link import Link
from station.workers.uplink import UplinkWorker
from tools.installation import Server

SESSIONS = 10_000
DAYS = 30
PERIOD_S = DAYS * 86400 / SESSIONS
# Without current between two charges: min_off_s, the tap, and the server that is asked in vain.
PAUSE_S = (40.0, 75.0)
POWER_W = (1_380, 11_000)
BOOT_ID = "6c1f9f0a-5d7e-4a55-9b5c-0c8f5a1e7d21"
GROUP = "5e2d9c41b7a0f386"
SOFTWARE = "evcs-station campaign"

Wrap = Callable[[Transport], Transport]


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge that the box's own tag list allowed: how it ended, its signs of life."""

    session: Session
    signs: tuple[StoreLifeSign, ...]

    @property
    def energy_wh(self) -> int:
        start, end = self.session.start, self.session.end
        assert start is not None
        assert end is not None
        return end.import_wh - start.import_wh

    @property
    def readings(self) -> list[ReportedReading]:
        """What the journal keeps of the signs of life for the server."""
        return [
            ReportedReading(sign.uuid, sign.minute, sign.at, sign.import_wh, sign.power_w)
            for sign in self.signs
            if sign.minute is not None
        ]


def charges(
    count: int, rng: random.Random, serial: str, tags: Sequence[str], now: datetime
) -> Iterator[Charge]:
    """``count`` charges at one meter, one after the other, the last one over before ``now``."""
    register_wh = float(rng.randrange(1_000_000, 9_000_000))
    for seq in range(1, count + 1):
        tap_s = (seq - 1 - count) * PERIOD_S
        lasts_s = PERIOD_S - rng.uniform(*PAUSE_S)
        power_w = rng.randint(*POWER_W)
        key = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        started_at = now + timedelta(seconds=tap_s)
        tag = rng.choice(tags)

        def register(seconds: float, base: float = register_wh, power_w: int = power_w) -> int:
            return round(base + power_w * seconds / 3600)

        signs = tuple(
            StoreLifeSign(
                uuid=key,
                at=started_at + timedelta(seconds=number * LIFE_SIGN_S),
                quality=TimeQuality.SYNCED,
                import_wh=register(number * LIFE_SIGN_S),
                power_w=power_w,
                closed_s=number * LIFE_SIGN_S,
                charged_s=number * LIFE_SIGN_S,
                minute=number // 2 if number % 2 == 0 else None,
            )
            for number in range(1, int(lasts_s // LIFE_SIGN_S) + 1)
        )
        session = Session(
            uuid=key,
            seq=seq,
            tag=tag,
            started_at=started_at,
            time_quality=TimeQuality.SYNCED,
            stage=Stage.STORING_END,
            stage_since_s=0.0,
            start=_facts(serial, register(0)),
            authorized_by=AuthorizedBy.LIST,
            group=GROUP,
            reason=EndReason.LOCAL,
            ended_at=started_at + timedelta(seconds=lasts_s),
            stop_tag=tag,
            end=_facts(serial, register(lasts_s)),
            started_s=count * PERIOD_S + tap_s,
            ended_s=count * PERIOD_S + tap_s + lasts_s,
        )
        yield Charge(session, signs)
        register_wh += power_w * lasts_s / 3600 + rng.random()


def _facts(serial: str, import_wh: int) -> MeterFacts:
    third = import_wh // 3
    return MeterFacts(serial, import_wh, (third, third, import_wh - 2 * third))


def fill(path: Path, kept: Iterable[Charge]) -> int:
    """Write charges into a journal, commit by commit as the daemon does.

    Without its fsyncs, which change no byte of the files. Returns the growth of the journal in
    bytes: the main file and the write-ahead log as they lie on the disk beside a running daemon,
    less what a journal without a session takes.
    """
    store = Store(connect(path))
    try:
        store.database.execute("PRAGMA synchronous=OFF")
        empty = size(path)
        for charge in kept:
            live(store, charge)
        return size(path) - empty
    finally:
        store.database.close()


def live(store: Store, charge: Charge) -> None:
    """Store a charge as the daemon does: commit by commit."""
    ended = charge.session
    ending = replace(ended, end=None)
    running = replace(ending, reason=None, ended_at=None, ended_s=None, stop_tag=None)
    asked = replace(running, authorized_by=AuthorizedBy.SERVER, group=None)
    store.put_session(asked, Record.ASKED, BOOT_ID, Announce.NOTHING)
    store.put_session(running, Record.ACCEPTED, BOOT_ID, Announce.START)
    for sign in charge.signs:
        store.put_life_sign(sign)
    store.put_session(ending, Record.ENDING, BOOT_ID, Announce.NOTHING)
    store.put_session(ended, Record.ENDED, BOOT_ID, Announce.END)


def size(path: Path) -> int:
    """The bytes of a journal: main file and write-ahead log."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(one.stat().st_size for one in files if one.exists())


@contextmanager
def installed(folder: Path) -> Iterator[tuple[Server, str]]:
    """The real server with the demo's flats and tags, and the token of its station box-1."""
    folder.mkdir()
    server = Server(folder, 0)
    server.prepare()
    try:
        server.start()
        yield server, (folder / "box-1.token").read_text().strip()
    finally:
        server.stop()


class Box:
    """What the uplink sees of the rest of the daemon: a box at rest that keeps its tag list."""

    def __init__(self) -> None:
        self._etag: str | None = None
        self.crashes: list[str] = []

    def post(self, event: Event) -> None:
        if isinstance(event, TagListReceived):
            self._etag = event.tags.etag

    def snapshot(self) -> Snapshot:
        return Snapshot(Phase.AVAILABLE, time.monotonic(), tags_etag=self._etag, booted=True)


@contextmanager
def delivering(path: Path, transport: Transport, link: Link | None = None) -> Iterator[Box]:
    """The daemon's journal and uplink threads at work on a journal.

    Raises RuntimeError at the end if a thread of them failed.
    """
    box, clock = Box(), Clock(SystemClock())
    pokes: list[Callable[[], None]] = []

    def poke() -> None:
        for one in pokes:
            one()

    journal = JournalWorker(path, clock, box.post, poke, box.crashes.append)
    uplink = UplinkWorker(
        transport, journal, clock, box.snapshot, SOFTWARE, box.post, box.crashes.append, link
    )
    pokes.append(uplink.poke)
    log = logging.getLogger("station")
    before = log.level
    # Thousands of answers get lost on purpose.
    log.setLevel(logging.ERROR)
    journal.start()
    uplink.start()
    try:
        yield box
    finally:
        log.setLevel(before)
        for worker in (uplink, journal):
            worker.stop()
            worker.join()
    if box.crashes:
        raise RuntimeError("; ".join(box.crashes))


@dataclass(frozen=True, slots=True)
class Left:
    """What a journal still has for the server."""

    waiting: int
    quarantined: int
    readings: int

    @property
    def nothing_waits(self) -> bool:
        return self.waiting == 0 and self.readings == 0

    @property
    def all(self) -> int:
        return self.waiting + self.quarantined + self.readings


def left(path: Path) -> Left:
    """Looked at from beside, by a reader of its own."""
    with _read_only(path) as database:
        waiting, refused = Store(database).pending()
        (readings,) = database.execute("SELECT count(*) FROM readings").fetchone()
        return Left(waiting, refused, readings)


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
    database.row_factory = sqlite3.Row
    try:
        yield database
    finally:
        database.close()
