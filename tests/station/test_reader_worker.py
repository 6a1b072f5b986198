"""The reader thread: recovery in grades, silence while contacts switch, one event per holding."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import station.workers.reader as module
from drivers.errors import ReaderError, ReaderHung, ReaderReset, ReaderSilent
from drivers.reader import Card, Scan
from station.rules.messages import Event, ReaderStateChanged, TagPresented
from station.workers.reader import ReaderWorker

PATIENCE_S = 10.0
ANNA = Card(bytes.fromhex("04A3C6CAE26180"), 0, 0x44)


class ScriptedReader:
    """Answers each call from its script; when that is at its end, there is no card. Keeps calls."""

    def __init__(self, **scripts: list[object]) -> None:
        self.scripts = scripts
        self.calls: queue.Queue[str] = queue.Queue()
        self.heard = False
        self.idle = threading.Event()

    def _next(self, name: str) -> object:
        self.calls.put(name)
        script = self.scripts.get(name, [])
        answer = script.pop(0) if script else None
        if name == "scan" and not script:
            self.idle.set()
        if callable(answer):
            answer()
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def open(self) -> None:
        self._next("open")

    def reinit(self) -> None:
        self._next("reinit")

    def verify(self) -> None:
        self._next("verify")

    def scan(self) -> Scan:
        found = self._next("scan")
        assert found is None or isinstance(found, Card)
        return found

    def close(self) -> None:
        self.calls.put("close")

    def until(self, name: str) -> list[str]:
        """The calls up to and with the next one of a name."""
        seen = []
        while not seen or seen[-1] != name:
            seen.append(self.calls.get(timeout=PATIENCE_S))
        return seen


@contextmanager
def running(reader: ScriptedReader) -> Iterator[tuple[ReaderWorker, queue.Queue[Event]]]:
    events: queue.Queue[Event] = queue.Queue()
    crashes: list[str] = []
    worker = ReaderWorker(reader, 0.06, events.put, crashes.append)  # type: ignore[arg-type]
    worker.start()
    try:
        yield worker, events
    finally:
        worker.stop()
        worker.join(PATIENCE_S)
        assert not worker.is_alive()
    assert crashes == []
    assert reader.until("close")[-1] == "close"


def state(events: queue.Queue[Event]) -> str | None:
    event = events.get(timeout=PATIENCE_S)
    assert isinstance(event, ReaderStateChanged)
    return event.problem


def test_held_card_is_one_event():
    reader = ScriptedReader(scan=[ANNA] * 8)
    with running(reader) as (_, events):
        assert state(events) is None
        event = events.get(timeout=PATIENCE_S)
        assert isinstance(event, TagPresented)
        assert event.tag == ANNA.tag
        assert reader.idle.wait(PATIENCE_S)
    assert events.empty()


def test_lost_settings_are_set_again_at_once_and_nobody_hears_of_it():
    reader = ScriptedReader(scan=[None, ReaderReset("brown-out")])
    with running(reader) as (_, events):
        assert state(events) is None
        assert reader.until("reinit") == ["open", "scan", "scan", "reinit"]
        assert reader.until("scan") == ["scan"]
    assert events.empty()


def test_hung_chip_gets_a_hard_reset_at_once():
    reader = ScriptedReader(scan=[ReaderHung("timer")])
    with running(reader) as (_, events):
        assert state(events) is None
        assert reader.until("scan") == ["open", "scan"]
        assert reader.until("scan") == ["open", "scan"]
    assert events.empty()


@pytest.mark.parametrize("error", [ReaderSilent("dead"), ReaderError("no permission")])
def test_what_does_not_come_back_is_told_once_and_tried_again_and_again(error, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
    reader = ScriptedReader(open=[error] * 5)
    with running(reader) as (_, events):
        assert state(events) == str(error)
        assert state(events) is None, "it came back"
        assert reader.until("scan") == ["open"] * 6 + ["scan"]


def test_lost_settings_again_and_again_are_told_and_reset_hard(monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
    reader = ScriptedReader(scan=[ReaderReset("dip"), ReaderReset("dip"), None])
    with running(reader) as (_, events):
        assert state(events) is None
        assert reader.until("reinit") == ["open", "scan", "reinit"]
        assert state(events) == "dip"
        assert state(events) is None
        assert reader.until("open") == ["scan", "open"]


def test_settings_are_looked_at_now_and_then():
    reader = ScriptedReader()
    with running(reader):
        calls = reader.until("verify")
    assert calls.count("scan") == module.VERIFY_EVERY_POLLS


def test_after_a_switching_errors_are_nothing_for_half_a_second_and_then_registers_are_read(
    monkeypatch,
):
    monkeypatch.setattr(module, "BLANK_S", 0.2)
    switched = threading.Event()
    reader = ScriptedReader(scan=[lambda: switched.wait(PATIENCE_S), ReaderSilent("spark")])
    with running(reader) as (worker, events):
        assert state(events) is None
        worker.contactor_switched()
        switched.set()
        calls = reader.until("verify")
        assert calls.count("open") == 2, "recovered"
        assert calls.count("scan") < module.VERIFY_EVERY_POLLS + 2
    assert events.empty(), "and nobody was told"
