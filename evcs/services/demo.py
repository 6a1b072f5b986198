"""The demo house: apartments, tags, a station, two logins. Safe to run again."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.utils import timezone

from evcs.kinds import TagState
from evcs.models import Resident, Station
from evcs.services import stations, tags, tokenfile
from evcs.services.transactions import in_transaction
from evcs.settings import evcs_settings

ADMIN = "admin"
RESIDENT, HOME = "mieter", "Wohnung 3 links"


@dataclass(frozen=True, slots=True)
class DemoTag:
    """A resident's tag; ``expired`` since a year ago."""

    uid: str
    flat: str
    label: str
    state: TagState = TagState.ACCEPTED
    expired: bool = False


TAGS = (
    DemoTag("16AC936B", "Wohnung 1 links", "Schlüsselanhänger"),
    DemoTag("04B17A5C3D6E80", "Wohnung 2 rechts", "Karte"),
    DemoTag("04A3C6CAE26180", "Wohnung 3 links", "Karte"),
    DemoTag("7D21F0A4", "Wohnung 3 links", "Schlüsselanhänger, zweite Karte der Wohnung"),
    DemoTag("04D55E1F904C81", "Wohnung 3 links", "verloren", state=TagState.BLOCKED),
    DemoTag("5E0B9C38", "Wohnung 2 rechts", "Gastkarte, abgelaufen", expired=True),
)


def fill(
    *, station_name: str, token_file: Path | None = None, password: str | None = None
) -> Iterator[str]:
    """Make what is missing of the demo house; yield a line for each thing in it.

    The token is written to ``token_file`` unless that holds a valid one of the station; without a
    file a new station's token is in the line. ``password`` is set for the administrator and the
    resident; without it new ones get a random one, and existing ones keep theirs.
    """
    for tag in TAGS:
        yield _tag(tag)
    yield _station(station_name, token_file)
    yield _login(ADMIN, password, superuser=True)
    yield _login(RESIDENT, password, superuser=False)
    _let_live(RESIDENT, HOME)


@in_transaction
def _tag(demo: DemoTag) -> str:
    flat = _flat(demo.flat)
    expires_at = timezone.now() - dt.timedelta(days=365) if demo.expired else None
    tag = tags.register(demo.uid, label=demo.label, expires_at=expires_at)
    if not tag.assignments.exists():
        tags.assign(tag, flat.pk)
        tags.set_state(tag, demo.state, tag.expires_at)
    state = "expired" if demo.expired else demo.state.value
    return f"tag {demo.uid} of {demo.flat}: {state}"


def _flat(name: str) -> Any:
    model = apps.get_model(evcs_settings.FLAT_MODEL)
    by_name = {evcs_settings.FLAT_NAME_FIELD: name}
    return model._default_manager.filter(**by_name).first() or model._default_manager.create(
        **by_name
    )


def _station(name: str, token_file: Path | None) -> str:
    station = Station.objects.filter(name=name).first()
    token = None
    if station is None:
        station, token = stations.create(name)
    if token_file is None:
        shown = f"token {token}" if token else "token unchanged"
        return f"station {name}: {shown}"
    if token is None:
        principal = stations.authenticate(tokenfile.read(token_file))
        if principal is not None and principal.station.pk == station.pk:
            return f"station {name}: token in {token_file}"
        token = stations.rotate_key(station)
    tokenfile.write(token_file, token)
    return f"station {name}: new token written to {token_file}"


def _login(name: str, password: str | None, *, superuser: bool) -> str:
    users = get_user_model()._default_manager
    user = _user(name)
    if user is not None and password is None:
        return f"login {name}: password unchanged"
    password = password or secrets.token_urlsafe(9)
    if user is None:
        create = users.create_superuser if superuser else users.create_user
        create(name, password=password)
    else:
        user.set_password(password)
        user.save()
    return f"login {name}: password {password}"


@in_transaction
def _let_live(name: str, flat: str) -> None:
    Resident.objects.get_or_create(user=_user(name), flat=_flat(flat))


def _user(name: str) -> Any:
    model = get_user_model()
    return model._default_manager.filter(**{model.USERNAME_FIELD: name}).first()
