"""Plays a life with a clock that steps; notes what the clock said whenever a stamp was taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from campaign.clock.script import ClockScript
from campaign.fast.house import House
from campaign.fast.life import Life
from campaign.fast.station import Station
from campaign.fast.timeline import Timeline
from station.rules.messages import Command
from station.rules.state import State

# The years a clock may be set to, so that ten more can still be written.
EARLIEST_S, LATEST_S = 0.0, 4_102_444_800.0


@dataclass(frozen=True, slots=True)
class Stamp:
    """One stamp as it was taken: when in truth, in which boot, and what the clock said then."""

    at_s: float
    true_utc: datetime
    said_utc: datetime
    synced: bool
    boot_id: str

    @property
    def off_s(self) -> float:
        return (self.said_utc - self.true_utc).total_seconds()


class ClockLife(Life):
    """``begun`` and ``ended``: the stamps by uuid. ``decided``: when an end was decided; the stamp
    is that of the opening, which a car that ramps down delays. ``set_in``: by boot, how wrong the
    clock was when it first called itself synced. ``taps``: when which tag was held to the box.
    """

    def __init__(self, told: ClockScript, house: House, token: str, timeline: Timeline) -> None:
        super().__init__(told.script, house, token, timeline)
        self.told = told
        self.began_s = timeline.now_s
        self.begun: dict[str, Stamp] = {}
        self.decided: dict[str, float] = {}
        self.ended: dict[str, Stamp] = {}
        self.set_in: dict[str, float] = {}
        self.taps: list[tuple[float, str]] = []

    def tap(self, tag: str) -> None:
        self.taps.append((self.timeline.now_s, tag))
        super().tap(tag)

    def _start(self) -> None:
        super()._start()
        if self.station is not None:
            self._delay(self.station)

    def _delay(self, station: Station) -> None:
        """What the server says the time is, is as old as its answer was long on its way."""
        learn = station.clock.learn

        def learn_late(server_time: datetime) -> None:
            learn(server_time - timedelta(seconds=self.road.took_s))

        station.clock.learn = learn_late  # type: ignore[method-assign]

    def stepped(self, station: Station, before: State, commands: tuple[Command, ...]) -> None:
        stamp = self._stamp(station)
        if stamp.synced:
            self.set_in.setdefault(stamp.boot_id, stamp.off_s)
        session = station.state.session
        if session is not None:
            self.begun.setdefault(session.uuid, stamp)
            if session.reason is not None:
                self.decided.setdefault(session.uuid, stamp.at_s)
            earlier = before.session
            if session.ended_s is not None and (
                earlier is None or earlier.ended_s != session.ended_s
            ):
                self.ended[session.uuid] = stamp
        super().stepped(station, before, commands)

    def _stamp(self, station: Station) -> Stamp:
        now = station.clock.now()
        return Stamp(
            self.timeline.now_s, self.timeline.utc(), now.utc, now.synced, station.clock.boot_id
        )

    def _do(self, what: str, arg: Any) -> None:
        if what not in ("tap", "clock jumps"):
            super()._do(what, arg)
            return
        self.counted[what] += 1
        if what == "tap":
            self.tap(arg)
            return
        now_s = self.timeline.now_s
        wall_s = self.box.clock.wall_s(now_s) + arg
        self.box.set_clock(min(max(wall_s, EARLIEST_S), LATEST_S), now_s)
