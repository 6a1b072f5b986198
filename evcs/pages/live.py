"""The stations as they are now. Three queries, however many sessions there are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from evcs.kinds import Phase
from evcs.models import Command, Session, Station
from evcs.services import stations

REFRESH_S = 5
WATCH_S = 60
# So long the outcome of a command stays beside its station.
SHOWN = dt.timedelta(minutes=15)
# After so many heartbeats without a word a station is silent, as in the contract.
PATIENCE = 3
BUSY = {Phase.PREPARING, Phase.CHARGING, Phase.SUSPENDED_EV, Phase.FINISHING}
BROKEN = {Phase.FAULTED, Phase.UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class Board:
    """A station, what it does, and for whom. What is not fresh is None."""

    station: Station
    silent: bool
    session: Session | None
    power_w: int | None
    energy_wh: int | None
    commands: list[Command]

    @property
    def look(self) -> str:
        """Free, busy, broken or silent: one word for style sheets."""
        if self.silent:
            return "silent"
        if self.station.phase in BROKEN or self.station.faults:
            return "broken"
        return "busy" if self.session or self.station.phase in BUSY else "free"

    @property
    def stopping(self) -> bool:
        """Whether the running session has been told to stop and may still answer."""
        uuid = self.session.uuid if self.session else None
        now = timezone.now()
        return any(
            one.session_uuid == uuid and one.done_at is None and one.expires_at > now
            for one in self.commands
        )


def boards() -> list[Board]:
    """Return all stations."""
    now = timezone.now()
    stations_here = list(Station.objects.order_by("name"))
    # By station, because that is what the index begins with.
    running = Session.objects.filter(station__in=stations_here, open_slot=1)
    by_station = {session.station_id: session for session in running.select_related("flat", "tag")}
    told: dict[int, list[Command]] = {}
    recent = Command.objects.filter(created_at__gt=now - SHOWN).select_related("created_by")
    for command in recent.order_by("-created_at"):
        told.setdefault(command.station_id, []).append(command)
    return [
        _board(station, by_station.get(station.pk), told.get(station.pk, []), now)
        for station in stations_here
    ]


def is_silent(station: Station, now: dt.datetime) -> bool:
    """Whether a station was not heard for three heartbeats."""
    if station.heartbeat_at is None:
        return True
    return now - station.heartbeat_at > dt.timedelta(seconds=PATIENCE * station.heartbeat_s)


def watch(shown: Iterable[Station]) -> None:
    """Let all stations report faster while somebody looks. It writes about twice a minute, so
    that many watchers cost no more than one; it stands in the database, for all workers."""
    soon = timezone.now() + dt.timedelta(seconds=WATCH_S / 2)
    if any(_until(station) < soon for station in shown):
        stations.watch_all(WATCH_S)


def _until(station: Station) -> dt.datetime:
    return station.watched_until or dt.datetime.min.replace(tzinfo=dt.UTC)


def _board(
    station: Station, session: Session | None, commands: list[Command], now: dt.datetime
) -> Board:
    silent = is_silent(station, now)
    energy_wh = None
    same = session is not None and station.session_uuid == session.uuid
    if same and session is not None and station.meter_serial == session.start_serial:
        registers = (station.meter_wh, session.start_wh)
        if registers[0] is not None and registers[1] is not None:
            energy_wh = registers[0] - registers[1]
    return Board(
        station=station,
        silent=silent,
        session=session,
        power_w=None if silent else station.power_w,
        energy_wh=energy_wh,
        commands=commands,
    )
