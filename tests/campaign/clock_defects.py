"""Careless ways with the wall clock, planted by campaign.clock.play in a process of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from station.journal.store import Store
from station.rules import charging, returning
from station.rules.messages import RepairStamps
from station.rules.values import Now, Session


def wall_clock_for_limits() -> None:
    """How long a charge has run is told by the wall clock."""
    careful = charging._Charging.check_limits

    def careless(self: Any, session: Session) -> None:
        now = self.now
        by_wall_s = (session.closed_at_s or 0.0) + (now.utc - session.started_at).total_seconds()
        self.now = Now(by_wall_s, now.utc, now.synced)
        careful(self, session)
        self.now = now

    charging._Charging.check_limits = careless  # type: ignore[method-assign]


def no_repair() -> None:
    """Stamps of an unsynced clock stay as they are."""
    returning._repaired = lambda session, now: session
    Store.repair_stamps = lambda self, repair, boot_id: 0  # type: ignore[method-assign]


def repaired_to_the_moment_of_repair() -> None:
    """The time of the repair is taken for the time of the stamp."""
    repaired, careful = returning._repaired, Store.repair_stamps

    def careless(session: Session, now: Now) -> Session:
        return repaired(session, _Flat(now.mono_s, now.utc, now.synced))

    def careless_journal(self: Store, repair: RepairStamps, boot_id: str) -> int:
        return careful(self, replace(repair, mono_s=0.0), boot_id)

    returning._repaired = careless
    Store.repair_stamps = careless_journal  # type: ignore[method-assign]


class _Flat(Now):
    """A moment that takes itself for every other one."""

    def at(self, mono_s: float) -> Any:
        return self.utc
