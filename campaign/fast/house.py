"""The server in this process: the real Django app on SQLite in memory, on virtual time.

Each life has the house to itself; what it wrote is rolled back when it ends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from campaign.fast import django_ready  # noqa: F401 - before the first model
from campaign.fast.timeline import Timeline
from evcs.kinds import CommandType, TagState
from evcs.models import Command, QuarantineItem, Session, Station, Tag
from evcs.services import commands, demo, reconciliation, stations, tags

HOST = "127.0.0.1"
NAME = "box-1"
_PASSED_ON = ("Authorization", "If-None-Match")


class House:
    """``answer`` is the server; the other methods are the landlord's.

    It takes its process for itself: the time that Django knows, the settings, the database.
    """

    def __init__(self) -> None:
        logging.getLogger("evcs").setLevel(logging.ERROR)
        self.timeline = Timeline()
        timezone.now = self._now
        # Fewer heartbeats than in a house: they would be most of what a life costs.
        settings.EVCS.update(HEARTBEAT_REST_S=120, HEARTBEAT_BUSY_S=45)
        if settings.DATABASES["default"]["NAME"] != ":memory:":
            raise RuntimeError("a house is built in memory: start it by campaign.fast.run.player")
        call_command("migrate", verbosity=0)
        list(demo.fill(station_name="box-2", password="campaign"))
        self._client = Client(raise_request_exception=False)

    def _now(self) -> Any:
        return self.timeline.utc()

    @contextmanager
    def life(self, timeline: Timeline) -> Iterator[str]:
        """The house as it was built, for one life; yields the token of its station."""
        self.timeline = timeline
        with transaction.atomic():
            yield stations.create(NAME)[1]
            transaction.set_rollback(True)

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """One request, carried out: status, headers, body."""
        response = self._client.generic(
            method,
            path,
            body,
            headers.get("Content-Type", "application/json"),
            headers={name: headers[name] for name in _PASSED_ON if name in headers},
            SERVER_NAME=HOST,
        )
        return response.status_code, dict(response.headers), response.content

    # -- the landlord

    @property
    def _station(self) -> Station:
        return Station.objects.get(name=NAME)

    def set_tag(self, uid: str, *, blocked: bool) -> None:
        found = Tag.objects.get(uid=uid)
        state = TagState.BLOCKED if blocked else TagState.ACCEPTED
        tags.set_state(found, state, found.expires_at)

    def stop(self) -> bool:
        """Ask for the end of what the server thinks is running. False: it knows of nothing."""
        station = self._station
        session = Session.objects.filter(station=station, open_slot=1).first()
        if session is None:
            return False
        commands.give(station, CommandType.STOP, session=session.uuid)
        return True

    def set_enabled(self, enabled: bool) -> None:
        kind = CommandType.ENABLE if enabled else CommandType.DISABLE
        commands.give(self._station, kind)

    # -- the books

    def sessions(self) -> list[Session]:
        """What the server has of this life's station, in the order of seq."""
        return list(Session.objects.filter(station__name=NAME).order_by("seq", "pk"))

    def unassigned_wh(self) -> int:
        """By the landlord's own report, over all months of this life and all meters."""
        station = self._station
        months = {one.month for one in self.sessions() if one.month is not None}
        return sum(
            line.unassigned_wh
            for month in months
            for line in reconciliation.reconcile(station, month)
        )

    def refused(self) -> int:
        return QuarantineItem.objects.filter(station__name=NAME).count()

    def unanswered(self) -> int:
        """Commands of which nobody knows what became."""
        return Command.objects.filter(station__name=NAME, done_at=None).count()
