"""The ETag that a heartbeat is answered with is that of the list, whatever changed and when."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evcs.kinds import TagState
from evcs.models import Tag
from evcs.services import stations, tag_lists, tags
from evcs.services.errors import UsageError
from server.mmetering.models import Flat
from tests.server.server_rig import NOW, TAG, Box

HOUR = dt.timedelta(hours=1)
OTHER_TAG = "CAFE0001"
UIDS = (TAG, OTHER_TAG, "CAFECAFE")

steps = st.lists(
    st.tuples(
        st.sampled_from(["block", "accept", "assign", "later", "release", "limit", "everywhere"]),
        st.sampled_from(UIDS),
        st.integers(-2, 5),
    ),
    max_size=8,
)


@pytest.mark.django_db
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps)
def test_after_any_change_at_any_time(flat: Flat, box: Box, other_box: Box, steps: Any) -> None:
    now = NOW
    for what, uid, hours in steps:
        tag = tags.register(uid)
        # A later assignment stands in the way: nothing changes.
        with contextlib.suppress(UsageError):
            _change(what, tag, flat, box, now + hours * HOUR)
        for station in (box.station, other_box.station):
            for at in (now, now - HOUR, now + HOUR, now + 3 * HOUR, now):
                assert tag_lists.etag_for(station, at) == tag_lists.list_for(station, at).etag
        now += HOUR


def _change(what: str, tag: Tag, flat: Flat, box: Box, at: dt.datetime) -> None:
    match what:
        case "block":
            tags.set_state(tag, TagState.BLOCKED)
        case "accept":
            tags.set_state(tag, TagState.ACCEPTED, at)
        case "assign":
            tags.assign(tag, flat.pk, since=at)
        case "later":
            tags.assign(tag, flat.pk, since=at, until=at + HOUR)
        case "release":
            tags.release(tag, at)
        case "limit":
            tags.set_stations(tag, [box.station])
        case _:
            tags.set_stations(tag, [])


@pytest.mark.django_db
def test_a_list_that_stays_is_not_made_again(box: Box, flat: Flat) -> None:
    station = box.station
    tag_lists.etag_for(station, NOW)
    with CaptureQueriesContext(connection) as seen:
        tag_lists.etag_for(station, NOW + HOUR)
    assert len(seen) == 1
    tags.assign(tags.register(OTHER_TAG), flat.pk)
    with CaptureQueriesContext(connection) as seen:
        tag_lists.etag_for(station, NOW + HOUR)
    assert len(seen) == 3


@pytest.mark.django_db
def test_so_many_are_kept_and_no_more(flat: Flat, monkeypatch: pytest.MonkeyPatch) -> None:
    tags.register(TAG)
    monkeypatch.setattr(tag_lists, "MOST_KEPT", 2)
    made = [stations.create(f"Lader{number}")[0] for number in range(4)]
    for station in made:
        tag_lists.etag_for(station, NOW)
    assert len(tag_lists._kept) <= 2
    assert tag_lists.etag_for(made[0], NOW) == tag_lists.list_for(made[0], NOW).etag
