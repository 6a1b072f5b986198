"""Virtual time. Everything of a fast life reads it, and only the life moves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


@dataclass(slots=True)
class Timeline:
    """``now_s``: monotonic seconds, the same for box, station and server."""

    now_s: float = 1000.0
    beginning: datetime = BEGINNING

    def monotonic(self) -> float:
        return self.now_s

    def utc(self) -> datetime:
        """The true time: what the server's clock says, whatever the box's does."""
        return self.beginning + timedelta(seconds=self.now_s - 1000.0)


class Gone(BaseException):
    """The program ends at this very instant: ``power`` is cut, or it is killed.

    ``position``: where in the witness's log; None: all that was written so far.
    """

    def __init__(self, *, power: bool, position: int | None = None) -> None:
        super().__init__("power cut" if power else "killed")
        self.power = power
        self.position = position
