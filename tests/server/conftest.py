"""The house the server is tested with, a box that talks to it, and a clock that can be set."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from evcs.models import Station
from evcs.services import stations, tags
from server.mmetering.models import Flat
from tests.server.server_rig import NOW, TAG, Box, Clock


@pytest.fixture(autouse=True)
def nobody_called_before() -> None:
    """What throttles count."""
    cache.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The server's time, standing still until it is moved."""
    clock = Clock(NOW)
    monkeypatch.setattr(timezone, "now", clock)
    return clock


@pytest.fixture
def flat(db: None) -> Flat:
    """The apartment of TAG."""
    flat = Flat.objects.create(name="Wohnung 3 links")
    tags.assign(tags.register(TAG), flat.pk)
    return flat


@pytest.fixture
def box(clock: Clock, flat: Flat) -> Box:
    """A station of the house."""
    return make_box("Lader1", clock)


@pytest.fixture
def other_box(clock: Clock, flat: Flat) -> Box:
    """Another station of the house."""
    return make_box("Lader2", clock)


@pytest.fixture
def landlord(db: None) -> Client:
    """A browser of somebody who may see sessions."""
    user = get_user_model().objects.create_user("vermieter", password="geheim-genug")
    user.user_permissions.add(
        Permission.objects.get(codename="view_session", content_type__app_label="evcs")
    )
    client = Client()
    client.force_login(user)
    return client


def make_box(name: str, clock: Clock) -> Box:
    """Create a station that exists for a year."""
    station, token = stations.create(name)
    Station.objects.filter(pk=station.pk).update(created_at=NOW - dt.timedelta(days=365))
    return Box(station, token, clock)
