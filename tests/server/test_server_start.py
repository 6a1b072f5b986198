"""START, sentence by sentence of the contract."""

from __future__ import annotations

import datetime as dt

import pytest

from evcs.kinds import TagState
from evcs.models import Session, SessionChange, Tag
from evcs.services import stations, tags
from server.mmetering.models import Flat
from tests.server.server_rig import (
    NOW,
    STRANGER,
    TAG,
    Box,
    assert_answer,
    assert_problem,
    at,
    meter,
    new_uuid,
    stored,
)

A, B, C = new_uuid(1), new_uuid(2), new_uuid(3)


def test_new_start_is_created_and_the_same_again_is_not(box: Box, flat: Flat) -> None:
    first = assert_answer(box.start(A, seq=17), 201)
    assert first["action"] == "continue"
    assert first["flags"] == []
    assert first["last_seq"] == 17
    assert first["group"]
    again = assert_answer(box.start(A, seq=17), 200)
    assert again["session_id"] == first["session_id"]
    assert Session.objects.count() == 1
    session = stored(A)
    assert (session.flat_id, session.state, session.energy_wh) == (flat.pk, "open", 0)
    assert session.started_at == NOW - dt.timedelta(seconds=60)


def test_upper_case_uuid_is_the_same_session(box: Box) -> None:
    box.start(A)
    assert box.start(str(A).upper()).status_code == 200


@pytest.mark.parametrize(
    ("prepare", "status", "code"),
    [
        ("unknown", 403, 401),
        ("blocked", 403, 403),
        ("expired", 403, 403),
        ("elsewhere_only", 403, 403),
        ("released", 403, 401),
        ("disabled", 403, 406),
    ],
)
def test_refused_start_opens_nothing_and_counts_the_seq(
    box: Box, other_box: Box, prepare: str, status: int, code: int
) -> None:
    tag = Tag.objects.get(uid=TAG)
    if prepare == "blocked":
        tags.set_state(tag, TagState.BLOCKED)
    elif prepare == "expired":
        tags.set_state(tag, TagState.ACCEPTED, NOW - dt.timedelta(days=1))
    elif prepare == "elsewhere_only":
        tags.set_stations(tag, [other_box.station])
    elif prepare == "released":
        tags.release(tag, NOW - dt.timedelta(days=1))
    elif prepare == "disabled":
        stations.set_enabled(box.station, False)
    uid = STRANGER if prepare == "unknown" else TAG
    body = assert_problem(box.start(A, seq=5, tag=uid), status, code)
    assert body["last_seq"] == 5
    assert Session.objects.count() == 0
    assert box.station.last_seq == 5


def test_refused_start_ends_no_session_and_its_register_is_not_used(box: Box) -> None:
    box.start(A, seq=1, wh=1000)
    box.start(B, seq=2, wh=5000, tag=STRANGER)
    assert stored(A).state == "open"
    box.start(C, seq=3, wh=9000)
    assert stored(A).energy_wh == 8000


def test_refused_start_sent_again_may_succeed(box: Box) -> None:
    tag = Tag.objects.get(uid=TAG)
    tags.set_state(tag, TagState.BLOCKED)
    assert_problem(box.start(A, seq=4), 403, 403)
    tags.set_state(tag, TagState.ACCEPTED)
    body = assert_answer(box.start(A, seq=4), 201)
    assert body["flags"] == []
    assert stored(A).state == "open"


@pytest.mark.parametrize("how", ["list", "none", "sorcery"])
@pytest.mark.parametrize(
    ("case", "flag"),
    [("unknown", "unknown_tag"), ("blocked", "blocked_tag"), ("expired", "expired_tag")],
)
def test_reported_start_is_never_refused(
    box: Box, flat: Flat, how: str, case: str, flag: str
) -> None:
    tag = Tag.objects.get(uid=TAG)
    stations.set_enabled(box.station, False)
    if case == "blocked":
        tags.set_state(tag, TagState.BLOCKED)
    if case == "expired":
        tags.set_state(tag, TagState.ACCEPTED, NOW - dt.timedelta(days=1))
    uid = STRANGER if case == "unknown" else TAG
    body = assert_answer(box.start(A, authorized_by=how, tag=uid), 201)
    assert body["flags"] == [flag]
    assert body["action"] == ("continue" if how == "none" else "stop")
    assert body["group"] is None if case == "unknown" else body["group"]
    assert stored(A).flat_id == (None if case == "unknown" else flat.pk)
    assert stored(A).authorized_by == ("other" if how == "sorcery" else how)


def test_expired_is_judged_by_the_start(box: Box) -> None:
    tags.set_state(Tag.objects.get(uid=TAG), TagState.ACCEPTED, NOW - dt.timedelta(seconds=30))
    body = assert_answer(box.start(A, started_at=at(-60)), 201)
    assert body["action"] == "continue"


@pytest.mark.parametrize(("offset_s", "status"), [(-1, 403), (0, 403), (1, 201)])
def test_a_tag_ends_at_its_expiry(box: Box, offset_s: int, status: int) -> None:
    expiry = NOW - dt.timedelta(seconds=60 - offset_s)
    tags.set_state(Tag.objects.get(uid=TAG), TagState.ACCEPTED, expiry)
    assert box.start(A, started_at=at(-60)).status_code == status


def test_tag_charging_elsewhere_is_refused_while_the_other_is_heard(
    box: Box, other_box: Box
) -> None:
    other_box.start(A)
    body = assert_problem(box.start(B), 409, 409)
    assert body["last_seq"] == 1
    assert Session.objects.filter(station=box.pk).count() == 0


def test_tag_charging_at_a_silent_station_is_accepted_and_flagged(box: Box, other_box: Box) -> None:
    other_box.start(A)
    other_box.clock.advance(3 * 60 + 1)
    body = assert_answer(box.start(B, started_at=at(180)), 201)
    assert body["flags"] == ["overlap"]
    assert body["action"] == "continue"
    assert stored(A).state == stored(B).state == "open"


def test_three_heartbeats_are_three_of_the_interval_last_told(box: Box, other_box: Box) -> None:
    other_box.start(A)
    assert other_box.heartbeat(session=str(A), phase="charging").json()["heartbeat_s"] == 10
    other_box.clock.advance(31)
    assert box.start(B, started_at=at(20)).status_code == 201


@pytest.mark.parametrize("call", ["tags", "nonsense"])
def test_any_authenticated_call_is_heard(box: Box, other_box: Box, call: str) -> None:
    other_box.start(A)
    other_box.clock.advance(600)
    other_box.get("tags") if call == "tags" else other_box.post("heartbeat", {"nonsense": 1})
    assert_problem(box.start(B, started_at=at(590)), 409, 409)


def test_reported_overlap_is_flagged_and_goes_on(box: Box, other_box: Box) -> None:
    other_box.start(A)
    body = assert_answer(box.start(B, authorized_by="list"), 201)
    assert (body["flags"], body["action"]) == (["overlap"], "continue")


def test_older_open_session_of_the_same_station_is_not_elsewhere(box: Box) -> None:
    box.start(A, seq=1, wh=1000)
    assert assert_answer(box.start(B, seq=2, wh=3000), 201)["flags"] == []
    assert stored(A).state == "provisional"
    assert stored(B).state == "open"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tag": "16AC936B"}, "tag"),
        ({"meter": meter(1001)}, "meter"),
        ({"meter": meter(1000, "4712")}, "meter"),
        ({"meter": meter(1000, None)}, "meter"),
        ({"started_at": at(-59)}, "started_at"),
    ],
)
def test_other_facts_are_412_with_the_stored_ones(
    box: Box, change: dict[str, object], named: str
) -> None:
    box.start(A, seq=3)
    before = Session.objects.values().get(uuid=A)
    body = assert_problem(box.start(A, seq=3, **change), 409, 412)
    assert named in body["errors"]
    assert body["errors"]["tag"] == TAG
    assert body["errors"]["meter"] == {"serial": "4711", "import_wh": 1000}
    assert dt.datetime.fromisoformat(body["errors"]["started_at"]) == NOW - dt.timedelta(seconds=60)
    assert Session.objects.values().get(uuid=A) == before


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 99},
        {"authorized_by": "list"},
        {"meter": meter(1000) | {"l1_wh": 3}},
        {"future_field": {"deep": []}},
        {"started_at": "2026-11-22T12:59:00+01:00"},
    ],
)
def test_what_only_describes_the_message_may_differ(box: Box, change: dict[str, object]) -> None:
    box.start(A, seq=3)
    body = assert_answer(box.start(A, **{"seq": 3} | change), 200)
    assert body["last_seq"] == 3
    assert stored(A).seq == 3


def test_estimated_time_is_replaced_once_by_the_synced_one(box: Box) -> None:
    body = assert_answer(box.start(A, started_at=at(-500), time_quality="estimated"), 201)
    assert body["flags"] == ["estimated_time"]
    body = assert_answer(box.start(A, started_at=at(-60)), 200)
    assert body["flags"] == []
    assert stored(A).started_at == NOW - dt.timedelta(seconds=60)
    change = SessionChange.objects.get(session__uuid=A, field="started_at")
    assert dt.datetime.fromisoformat(change.old) == NOW - dt.timedelta(seconds=500)
    late_copy = box.start(A, started_at=at(-500), time_quality="estimated")
    assert_problem(late_copy, 409, 412)
    assert_problem(box.start(A, started_at=at(-61)), 409, 412)
    assert stored(A).started_at == NOW - dt.timedelta(seconds=60)


def test_another_estimated_time_is_412(box: Box) -> None:
    box.start(A, started_at=at(-500), time_quality="estimated")
    assert_problem(box.start(A, started_at=at(-400), time_quality="estimated"), 409, 412)


def test_repair_with_other_facts_is_412_and_changes_nothing(box: Box) -> None:
    box.start(A, started_at=at(-500), time_quality="estimated")
    assert_problem(box.start(A, wh=7), 409, 412)
    assert stored(A).time_quality == "estimated"


def test_unknown_time_quality_reads_as_estimated(box: Box) -> None:
    assert box.start(A, time_quality="gps").json()["flags"] == ["estimated_time"]


def test_start_after_its_end_stops_and_compares_nothing(box: Box) -> None:
    box.end(A)
    before = Session.objects.values().get(uuid=A)
    body = assert_answer(box.start(A, wh=4, tag=STRANGER), 200)
    assert body["action"] == "stop"
    assert Session.objects.values().get(uuid=A) == before


def test_uuid_of_another_station_is_404(box: Box, other_box: Box) -> None:
    box.start(A)
    assert_problem(other_box.start(A, seq=8), 404, 404)
    assert_problem(other_box.end(A, seq=8), 404, 404)
    assert other_box.station.last_seq == 0


def test_action_follows_the_list_as_it_is_now(box: Box) -> None:
    box.start(A)
    tag = Tag.objects.get(uid=TAG)
    tags.set_state(tag, TagState.BLOCKED)
    assert box.start(A).json()["action"] == "stop"
    tags.set_state(tag, TagState.ACCEPTED)
    assert box.start(A).json()["action"] == "continue"


def test_future_clock_is_flagged_and_clamped(box: Box) -> None:
    body = assert_answer(box.start(A, started_at=at(301)), 201)
    assert body["flags"] == ["clock_future"]
    assert body["action"] == "continue"
    session = stored(A)
    assert session.started_at == NOW + dt.timedelta(seconds=301)
    assert session.started_effective == NOW
    assert box.start(B, seq=2, started_at=at(300)).json()["flags"] == []


def test_tag_belongs_to_the_apartment_it_was_assigned_to_at_the_start(box: Box, flat: Flat) -> None:
    other = Flat.objects.create(name="Wohnung 4")
    tags.assign(Tag.objects.get(uid=TAG), other.pk, since=NOW - dt.timedelta(hours=1))
    box.end(A, seq=1, started_at=at(-7200))
    box.end(B, seq=2, started_at=at(-3600))
    assert stored(A).flat_id == flat.pk
    assert stored(B).flat_id == other.pk


def test_session_keeps_the_apartment_of_its_start(box: Box, flat: Flat) -> None:
    box.start(A)
    other = Flat.objects.create(name="Wohnung 4")
    tags.assign(Tag.objects.get(uid=TAG), other.pk)
    box.clock.advance(3600)
    box.end(A, ended_at=at(3600))
    assert stored(A).flat_id == flat.pk


def test_estimated_start_counts_between_the_previous_event_and_the_arrival(
    box: Box, flat: Flat
) -> None:
    newcomer = Flat.objects.create(name="Wohnung 4")
    tags.assign(Tag.objects.get(uid=TAG), newcomer.pk, since=NOW - dt.timedelta(hours=2))
    box.end(A, seq=1, started_at=at(-5000), ended_at=at(-4000))
    box.start(B, seq=2, started_at="1970-01-01T00:00:07Z", time_quality="estimated")
    assert stored(B).started_effective == NOW - dt.timedelta(seconds=4000)
    assert stored(B).flat_id == newcomer.pk
    assert stored(B).started_at.year == 1970


def test_repaired_time_decides_the_apartment(box: Box, flat: Flat) -> None:
    newcomer = Flat.objects.create(name="Wohnung 4")
    tags.assign(Tag.objects.get(uid=TAG), newcomer.pk, since=NOW - dt.timedelta(hours=2))
    box.start(A, started_at=at(-60), time_quality="estimated")
    assert stored(A).flat_id == newcomer.pk
    box.start(A, started_at=at(-3 * 3600))
    assert stored(A).flat_id == flat.pk
    assert SessionChange.objects.filter(session__uuid=A, field="flat").count() == 1
