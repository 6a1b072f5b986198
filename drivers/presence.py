"""From polls to taps: a card that is held to the reader is one event, however often it is seen.

Pure; used by the thread that polls. A poll that failed (an exception) is not fed: it says nothing
about the card.
"""

from __future__ import annotations

from drivers.iso14443 import Card, Scan, SeveralCards

GONE_AFTER_MISSES = 3
"""A card at the edge of the field is missed now and then; three misses in a row mean it left."""

_SEVERAL = "several"
_RANDOM = "random"


class Presence:
    """Remembers what lies on the reader."""

    def __init__(self) -> None:
        self._misses: dict[bytes | str, int] = {}

    def feed(self, scan: Scan, *, heard: bool = False) -> Card | SeveralCards | None:
        """Take one poll's result; return it if it is new, None otherwise.

        ``heard``: something answered. If it could not be read, that is no miss: among noise the
        card that lies there would be a new one again and again.
        After several cards at once nothing counts until the field has been empty: one of them alone
        may be the one that was not meant. A random UID changes from poll to poll; one after the
        other they count as one card.
        """
        if isinstance(scan, Card):
            return self._feed_card(scan)
        if scan is None:
            if not heard:
                self._miss(except_for=None)
            return None
        is_new = _SEVERAL not in self._misses
        self._misses = dict.fromkeys((*self._misses, _SEVERAL), 0)
        return scan if is_new else None

    def _feed_card(self, card: Card) -> Card | None:
        if _SEVERAL in self._misses:
            self._misses[_SEVERAL] = 0
            return None
        key: bytes | str = _RANDOM if card.random else card.uid
        is_new = key not in self._misses
        self._miss(except_for=key)
        self._misses[key] = 0
        return card if is_new else None

    def _miss(self, except_for: bytes | str | None) -> None:
        counted = {k: m + (k != except_for) for k, m in self._misses.items()}
        self._misses = {k: m for k, m in counted.items() if m < GONE_AFTER_MISSES}
