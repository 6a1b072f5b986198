"""Requests of a person at the box, as they come over the control socket.

What the core decides is posted as an event and answered by the main thread; the control thread
calls and waits. Nothing here may raise: an answer with ``error`` says what was wrong.
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotAnswered
from typing import Any

from station.clock import monotonic
from station.journal.store import Store
from station.rules.messages import Request, RequestMade
from station.status import Snapshot
from station.uplink.line import moment
from station.workers.journal import JournalWorker
from station.workers.thread import Post

ANSWER_WITHIN_S = 1.5
ASKED_FOR_S = 5.0
LARGEST_ID = 2**63 - 1


class Requests:
    """What is asked and not answered yet."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[str, Future[tuple[str, str]]] = {}

    def reset(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The control socket's ``reset``: ``fault`` names one, absent means all that are there."""
        fault = request.get("fault")
        made = RequestMade(
            id=f"box:{next(self._numbers)}",
            request=Request.RESET,
            remote=False,
            fault=fault if isinstance(fault, str) else None,
        )
        future: Future[tuple[str, str]] = Future()
        with self._lock:
            self._waiting[made.id] = future
        self._post(made)
        try:
            result, text = future.result(ANSWER_WITHIN_S)
        except NotAnswered:
            return {"error": "the daemon did not answer in time; is it hanging?"}
        finally:
            with self._lock:
                self._waiting.pop(made.id, None)
        return {"result": result, "text": text}

    def answer(self, key: str, result: str, text: str) -> None:
        """Main thread."""
        with self._lock:
            future = self._waiting.get(key)
        if future is not None:
            future.set_result((result, text))


class TapWindow:
    """Shows taps in full to a person who is asking for them, and keeps none for later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until_s = 0.0
        self._tags: list[str] = []

    def ask(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """The control socket's ``tag``: the taps since it was asked last, if that was just now.

        Answers at once: the control thread must not wait for a person. Whoever wants the next tap
        asks again and again, at least every ASKED_FOR_S.
        """
        with self._lock:
            now_s = monotonic()
            tags = self._tags if now_s < self._until_s else []
            self._tags, self._until_s = [], now_s + ASKED_FOR_S
        return {"tags": tags}

    def tapped(self, tag: str) -> None:
        """Main thread."""
        with self._lock:
            if monotonic() < self._until_s:
                self._tags.append(tag)
            else:
                self._tags = []


def retry(
    request: Mapping[str, Any], journal: JournalWorker, on_outbox: Callable[[], None]
) -> dict[str, Any]:
    """The control socket's ``retry``: ``id`` names a message in quarantine."""
    message_id = request.get("id")
    if type(message_id) is not int or not 0 <= message_id <= LARGEST_ID:
        return {"error": "retry wants the id of a message, a whole number"}
    answer = _in_journal(journal, "found", lambda store: store.retry(message_id))
    if answer.get("found"):
        on_outbox()
    return answer


def resend(
    request: Mapping[str, Any], journal: JournalWorker, on_outbox: Callable[[], None]
) -> dict[str, Any]:
    """The control socket's ``resend``: ``since`` is a time with an offset."""
    since = moment(request.get("since"))
    if since is None:
        return {"error": "resend wants a time with an offset"}
    answer = _in_journal(journal, "count", lambda store: store.resend(since))
    if answer.get("count"):
        on_outbox()
    return answer


def _in_journal(
    journal: JournalWorker, name: str, act: Callable[[Store], object]
) -> dict[str, Any]:
    """What ``act`` returns, under this name; or why it could not."""
    try:
        return {name: journal.call(act)}
    except sqlite3.Error as error:
        return {"error": f"the journal cannot be written: {error}"}
    except CancelledError:
        return {"error": "the daemon is leaving; try again when it runs"}


def meter_shown(snapshot: Snapshot, now_s: float) -> dict[str, Any]:
    """The control socket's ``meter``: the last reading that counted, with its age."""
    facts, read_s = snapshot.facts, snapshot.reading_at_s
    if facts is None or read_s is None:
        return {"age_s": None}
    return {
        "age_s": round(now_s - read_s, 1),
        "serial": facts.serial,
        "import_wh": facts.import_wh,
        "phase_wh": facts.phase_wh,
        "voltage_v": snapshot.voltage_v,
        "current_a": snapshot.current_a,
        "power_w": snapshot.power_w,
    }
