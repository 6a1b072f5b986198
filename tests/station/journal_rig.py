"""Sessions, clocks and a journal worker as the tests of the station's surroundings want them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from typing import Any, TypeVar

from station.journal.store import Store
from station.rules.messages import Booted, Event
from station.rules.values import (
    AuthorizedBy,
    EndReason,
    MeterFacts,
    Now,
    Session,
    Stage,
    TimeQuality,
)
from station.workers.journal import JournalWorker

E = TypeVar("E")

PATIENCE_S = 30.0
NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
BOOT = "11111111-2222-3333-4444-555555555555"
START = MeterFacts("11223344", 1_234_567, (411_522, 411_522, 411_523))
END = MeterFacts("11223344", 1_245_807, (415_000, 415_402, 415_405))


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def begun(number: int = 1, **changes: Any) -> Session:
    """A session that was asked for."""
    session = Session(
        uuid=uuid(number),
        seq=number,
        tag="04A3C6CAE26180",
        started_at=NOON,
        time_quality=TimeQuality.SYNCED,
        stage=Stage.ASKING,
        stage_since_s=0.0,
        start=START,
    )
    return replace(session, **changes)


def ended(number: int = 1, **changes: Any) -> Session:
    """A session with its end."""
    end: dict[str, Any] = {
        "stage": Stage.STORING_END,
        "reason": EndReason.LOCAL,
        "ended_at": NOON.replace(hour=14),
        "end": END,
        "stop_tag": "04A3C6CAE26180",
    }
    return begun(number, **{**end, **changes})


def offline(number: int = 1, **changes: Any) -> Session:
    return begun(number, authorized_by=AuthorizedBy.LIST, **changes)


@dataclass
class FakeClock:
    """Stands still, unless a test sets it."""

    mono_s: float = 5000.0
    utc: datetime = NOON
    synced: bool = True
    boot_id: str = BOOT
    energy_speed: float = 1.0
    floor: datetime | None = None
    learned: datetime | None = None

    def now(self) -> Now:
        return Now(self.mono_s, self.utc, self.synced)

    def uptime_ms(self) -> int:
        return int(self.mono_s * 1000)

    def not_before(self, utc: datetime | None) -> None:
        self.floor = utc

    def learn(self, server_time: datetime) -> None:
        self.learned = server_time


@dataclass
class Events:
    """What a worker posted. Waiting is bounded; nothing sleeps."""

    queue: Queue[Event] = field(default_factory=Queue)
    crashes: Queue[str] = field(default_factory=Queue)
    seen: list[Event] = field(default_factory=list)

    def next(self) -> Event:
        event = self.queue.get(timeout=PATIENCE_S)
        self.seen.append(event)
        return event

    def next_of(self, kind: type[E]) -> E:
        """The next event of a kind, past all others."""
        while True:
            event = self.next()
            if isinstance(event, kind):
                return event

    def so_far(self) -> list[Event]:
        """All that was posted and not looked at yet."""
        found = []
        while not self.queue.empty():
            found.append(self.next())
        return found


@contextmanager
def running_journal(
    path: Path,
    clock: FakeClock | None = None,
    on_outbox: Callable[[], None] = lambda: None,
) -> Iterator[tuple[JournalWorker, Events]]:
    """A real journal thread on a real file. It has booted when the test begins."""
    events = Events()
    worker = JournalWorker(
        path, clock or FakeClock(), events.queue.put, on_outbox, events.crashes.put
    )
    worker.start()
    try:
        assert isinstance(events.next(), Booted)
        yield worker, events
    finally:
        worker.stop()
        worker.join(PATIENCE_S)
        assert not worker.is_alive()
    assert events.crashes.empty(), events.crashes.get_nowait()


def settled(worker: JournalWorker) -> None:
    """All that was submitted before is done."""
    worker.call(Store.pending)
