"""Commands to stations: given, listed until done, done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone

from evcs.kinds import CommandResult, CommandType
from evcs.models import Command, Station
from evcs.services.errors import UsageError
from evcs.services.messages import CommandDone
from evcs.services.transactions import in_transaction, lock_station

LIFETIME = dt.timedelta(minutes=10)


@in_transaction
def give(
    station: Station,
    kind: CommandType,
    *,
    session: UUID | None = None,
    fault: str | None = None,
    since: dt.datetime | None = None,
    user: Any = None,
) -> Command:
    """Give a command; the station learns of it in the answer to its next heartbeat.

    ``stop`` needs the session, ``reset`` the fault and its ``since``, so that neither hits
    something that began after the person looked; the same once more, while the first waits for its
    answer, is that one. ``disable`` and ``enable`` also decide whether the server lets new sessions
    begin. Raises UsageError if something is missing.
    """
    if kind is CommandType.STOP and session is None:
        raise UsageError("stop needs the uuid of the session that is to end")
    if kind is CommandType.RESET and (fault is None or since is None):
        raise UsageError("reset needs the name of the fault and since when it stands")
    now = timezone.now()
    lock_station(station.pk)
    if kind in (CommandType.DISABLE, CommandType.ENABLE):
        enabled = kind is CommandType.ENABLE
        Station.objects.filter(pk=station.pk).update(enabled=enabled)
    elif (waiting := _waiting(station, kind, now, session, fault, since)) is not None:
        return waiting
    return Command.objects.create(
        station=station,
        type=kind,
        session_uuid=session,
        fault=fault,
        since=since,
        created_at=now,
        created_by=user,
        expires_at=now + LIFETIME,
    )


def _waiting(
    station: Station,
    kind: CommandType,
    now: dt.datetime,
    session: UUID | None,
    fault: str | None,
    since: dt.datetime | None,
) -> Command | None:
    same = Command.objects.filter(
        station=station, type=kind, session_uuid=session, fault=fault, since=since
    )
    return same.filter(done_at=None, expires_at__gt=now).order_by("-created_at").first()


def listed(station: Station) -> list[Command]:
    """Return the commands without a ``done``, oldest first; expired ones stay until theirs."""
    return list(Command.objects.filter(station=station, done_at=None).order_by("created_at", "pk"))


def take_done(station: Station, done: Sequence[CommandDone], now: dt.datetime) -> None:
    """Note results, within the caller's transaction. Unknown and repeated ids change nothing.

    However much a station says, it costs a write for each command that waits.
    """
    results: dict[UUID, CommandResult] = {}
    for item in done:
        try:
            results.setdefault(UUID(item.id), item.result)
        except ValueError:
            continue
    if not results:
        return
    for command in listed(station):
        if command.pk in results:
            Command.objects.filter(pk=command.pk).update(done_at=now, result=results[command.pk])
