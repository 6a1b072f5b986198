"""A house with two apartments, each with a resident and a charge, and the people who look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from evcs.models import Resident, Session
from evcs.services import tags
from server.mmetering.models import Flat
from tests.server.server_rig import Box, Clock, new_uuid

NEIGHBOUR_TAG = "16AC936B"
PERMISSIONS = (
    "view_session",
    "change_session",
    "view_statement",
    "add_closedmonth",
    "change_station",
    "add_station",
    "add_tag",
    "change_tag",
    "add_tariff",
    "delete_tariff",
    "change_unknowntag",
    "change_quarantineitem",
)


@dataclass
class House:
    """What stands in it."""

    box: Box
    other_box: Box
    clock: Clock
    flat: Flat
    neighbour: Flat
    mine: Session
    theirs: Session

    def login(self, name: str, flat: Flat | None = None, **home: Any) -> Client:
        """Return a browser of a new login, resident of ``flat``."""
        user = get_user_model().objects.create_user(name)
        if flat is not None:
            Resident.objects.create(user=user, flat=flat, **home)
        client = Client()
        client.force_login(user)
        return client


@pytest.fixture
def house(box: Box, other_box: Box, clock: Clock, flat: Flat) -> House:
    """The house with a finished charge of each apartment."""
    neighbour = Flat.objects.create(name="Wohnung 1 rechts")
    tags.assign(tags.register(NEIGHBOUR_TAG), neighbour.pk)
    mine, theirs = new_uuid(1), new_uuid(2)
    assert box.end(mine, seq=2).status_code == 201
    assert other_box.end(theirs, seq=1, tag=NEIGHBOUR_TAG, end_wh=5000).status_code == 201
    return House(
        box,
        other_box,
        clock,
        flat,
        neighbour,
        Session.objects.get(uuid=mine),
        Session.objects.get(uuid=theirs),
    )


@pytest.fixture
def owner(db: None) -> Client:
    """A browser of somebody who may do everything on the pages."""
    user = get_user_model().objects.create_user("hausherrin", first_name="Ada", last_name="Haus")
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="evcs", codename__in=PERMISSIONS)
    )
    client = Client()
    client.force_login(user)
    return client
