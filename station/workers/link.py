"""Whether and when to try the server again. Pure: time comes in, chance comes in.

While the server is silent, or asks for it, the pauses double from 1 s to 5 min, each shortened by
up to half by chance, so that the boxes of a house do not come back together. What the server asks
for is waited, up to six hours. One word of the server ends that. A token that is not valid is tried
every 5 min.
"""

from __future__ import annotations

import random

from station.transport.answers import Answer, Kind

FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 300.0
TOKEN_REFUSED_S = 300.0
LONGEST_ASKED_S = 6 * 3600.0


class Link:
    """``not_before_s``: the next try, monotonic. ``problem``: why the server cannot be used."""

    def __init__(
        self,
        rng: random.Random,
        *,
        first_s: float = FIRST_BACKOFF_S,
        longest_s: float = LONGEST_BACKOFF_S,
        token_refused_s: float = TOKEN_REFUSED_S,
    ) -> None:
        self._rng = rng
        self._first_s = first_s
        self._longest_s = longest_s
        self._token_refused_s = token_refused_s
        self._backoff_s = 0.0
        self.not_before_s = 0.0
        self.problem: str | None = None

    def note(self, answer: Answer, now_s: float) -> None:
        """Take the outcome of one attempt into account."""
        match answer.kind:
            case Kind.SILENT | Kind.LATER:
                self._back_off(now_s, answer.retry_after_s or 0.0)
            case Kind.UNAUTHORIZED:
                self.not_before_s = now_s + self._token_refused_s
            case _:
                self._backoff_s = self.not_before_s = 0.0
        usable = answer.heard and answer.kind is not Kind.UNAUTHORIZED
        self.problem = None if usable else answer.detail

    def pause(self, now_s: float, seconds: float) -> None:
        """Try nothing for a while, for a reason that is not the server's."""
        self.not_before_s = max(self.not_before_s, now_s + seconds)

    def _back_off(self, now_s: float, asked_s: float) -> None:
        self._backoff_s = min(self._longest_s, max(self._first_s, 2 * self._backoff_s))
        pause_s = self._backoff_s * self._rng.uniform(0.5, 1.0)
        self.not_before_s = now_s + max(pause_s, min(asked_s, LONGEST_ASKED_S))
