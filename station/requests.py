"""Requests of a person at the box: posted as events, answered when the core has decided.

The control thread calls and waits; the main thread answers.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotAnswered
from typing import Any

from station.rules.messages import Request, RequestMade
from station.workers.thread import Post

ANSWER_WITHIN_S = 1.5


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
