"""END, sentence by sentence of the contract."""

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
    end_body,
    meter,
    new_uuid,
    stored,
)

A, B = new_uuid(1), new_uuid(2)


def test_end_books_end_minus_start(box: Box, flat: Flat) -> None:
    box.start(A, wh=1000)
    body = assert_answer(box.end(A, wh=1000, end_wh=12240), 200)
    assert (body["energy_wh"], body["flags"], body["last_seq"]) == (11240, [], 1)
    session = stored(A)
    assert (session.energy_wh, session.state, session.flat_id) == (11240, "ended", flat.pk)
    assert session.end_reason == "local"
    assert session.month == dt.date(2026, 11, 1)


def test_end_works_when_start_never_arrived(box: Box, flat: Flat) -> None:
    body = assert_answer(box.end(A, seq=9), 201)
    assert (body["energy_wh"], body["flags"], body["last_seq"]) == (11240, [], 9)
    assert stored(A).flat_id == flat.pk
    assert stored(A).state == "ended"


def test_same_end_again_is_the_same_answer(box: Box) -> None:
    first = assert_answer(box.end(A), 201)
    before = Session.objects.values().get(uuid=A)
    again = assert_answer(box.end(A), 200)
    assert {k: v for k, v in again.items() if k != "server_time"} == {
        k: v for k, v in first.items() if k != "server_time"
    }
    assert Session.objects.values().get(uuid=A) == before
    assert SessionChange.objects.count() == 0


@pytest.mark.parametrize("case", ["unknown", "blocked", "expired", "disabled"])
def test_end_is_never_refused(box: Box, flat: Flat, case: str) -> None:
    tag = Tag.objects.get(uid=TAG)
    if case == "blocked":
        tags.set_state(tag, TagState.BLOCKED)
    if case == "expired":
        tags.set_state(tag, TagState.ACCEPTED, NOW - dt.timedelta(days=9))
    if case == "disabled":
        stations.set_enabled(box.station, False)
    body = assert_answer(box.end(A, tag=STRANGER if case == "unknown" else TAG), 201)
    assert body["energy_wh"] == 11240
    assert body["flags"] == ([] if case == "disabled" else [f"{case}_tag"])
    assert stored(A).flat_id == (None if case == "unknown" else flat.pk)


@pytest.mark.parametrize(
    ("change", "energy_wh", "flag"),
    [
        ({"meter_end": meter(999)}, 0, "meter_backwards"),
        ({"meter_end": meter(5000, "4712")}, 0, "meter_exchanged"),
        ({"meter_end": meter(5000, None)}, 0, "meter_exchanged"),
        ({"estimated": True}, 11240, "estimated"),
        ({"end_time_quality": "estimated"}, 11240, "estimated_time"),
        ({"end_time_quality": "moon"}, 11240, "estimated_time"),
        ({"ended_at": at(301)}, 11240, "clock_future"),
    ],
)
def test_doubtful_ends_are_taken_and_flagged(
    box: Box, change: dict[str, object], energy_wh: int, flag: str
) -> None:
    body = assert_answer(box.end(A, **change), 201)
    assert (body["energy_wh"], body["flags"]) == (energy_wh, [flag])


def test_meters_without_a_serial_are_one_meter(box: Box) -> None:
    body = box.end(A, meter=meter(1000, None), meter_end=meter(3000, None)).json()
    assert (body["energy_wh"], body["flags"]) == (2000, [])


@pytest.mark.parametrize("with_start", [True, False])
def test_not_started_counts_nothing(box: Box, with_start: bool) -> None:
    if with_start:
        box.start(A)
    body = assert_answer(box.end(A, end_reason="not_started"), 200 if with_start else 201)
    assert body["energy_wh"] == 0


def test_unknown_reason_is_stored_as_other(box: Box) -> None:
    box.end(A, end_reason="meteorite")
    assert stored(A).end_reason == "other"


def test_what_may_be_absent_may_be_absent(box: Box) -> None:
    body = end_body(time_quality="estimated")
    del body["end_time_quality"]
    assert "estimated" not in body
    assert_answer(box.put(f"sessions/{A}/end", body), 201)
    session = stored(A)
    assert (session.end_estimated, session.stop_tag, session.interruptions) == (False, None, [])
    assert session.end_time_quality == "estimated"


def test_what_else_an_end_tells_is_kept(box: Box) -> None:
    pause = {"from": at(-40), "to": at(-30), "reason": "power_loss"}
    open_pause = {"from": at(-20), "to": None, "reason": "power_loss"}
    box.end(A, stop_tag="16AC936B", interruptions=[pause, open_pause])
    session = stored(A)
    assert session.stop_tag == "16AC936B"
    assert [item["reason"] for item in session.interruptions] == ["power_loss"] * 2
    kept = dt.datetime.fromisoformat(session.interruptions[0]["to"])
    assert kept == NOW - dt.timedelta(seconds=30)
    assert session.interruptions[1]["to"] is None


@pytest.mark.parametrize("change", [{"meter_end": meter(12241)}, {"meter_end": meter(12240, "X")}])
def test_another_end_is_412_and_changes_nothing(box: Box, change: dict[str, object]) -> None:
    box.end(A)
    before = Session.objects.values().get(uuid=A)
    body = assert_problem(box.end(A, **change), 409, 412)
    assert body["errors"]["meter_end"] == {"serial": "4711", "import_wh": 12240}
    assert body["last_seq"] == 1
    assert Session.objects.values().get(uuid=A) == before


@pytest.mark.parametrize(
    "change",
    [
        {"tag": "16AC936B"},
        {"meter": meter(500)},
        {"meter": meter(1000, "4712")},
        {"started_at": at(-50)},
    ],
)
def test_start_facts_that_differ_keep_the_stored_ones(
    box: Box, flat: Flat, change: dict[str, object]
) -> None:
    box.start(A)
    body = assert_answer(box.end(A, **change), 200)
    assert (body["energy_wh"], body["flags"]) == (11240, ["conflict"])
    session = stored(A)
    assert (session.tag_uid, session.start_wh, session.start_serial) == (TAG, 1000, "4711")
    assert (session.flat_id, session.started_at) == (flat.pk, NOW - dt.timedelta(seconds=60))


def test_end_keeps_the_stored_seq(box: Box) -> None:
    box.start(A, seq=3)
    assert box.end(A, seq=30).json()["last_seq"] == 3
    assert stored(A).seq == 3


def test_ended_at_and_reason_stay(box: Box) -> None:
    box.end(A)
    body = assert_answer(box.end(A, ended_at=at(-2), end_reason="remote"), 200)
    assert body["flags"] == ["conflict"]
    assert stored(A).ended_at == NOW - dt.timedelta(seconds=1)
    assert stored(A).end_reason == "local"
    assert box.end(B, seq=2).json()["flags"] == []
    assert box.end(B, seq=2, end_reason="remote").json()["flags"] == []


def test_estimated_end_is_replaced_once_by_the_exact_one(box: Box) -> None:
    box.end(A, end_wh=9000, estimated=True)
    body = assert_answer(box.end(A, end_wh=9400), 200)
    assert (body["energy_wh"], body["flags"]) == (8400, [])
    change = SessionChange.objects.get(session__uuid=A, field="meter_end")
    assert "9000" in change.old
    assert "9400" in change.new
    energy = SessionChange.objects.get(session__uuid=A, field="energy_wh")
    assert (energy.old, energy.new) == ("8000", "8400")
    assert_problem(box.end(A, end_wh=9000, estimated=True), 409, 412)
    assert_problem(box.end(A, end_wh=9500), 409, 412)
    assert stored(A).energy_wh == 8400


def test_two_estimated_ends_are_412(box: Box) -> None:
    box.end(A, end_wh=9000, estimated=True)
    assert_problem(box.end(A, end_wh=9100, estimated=True), 409, 412)


def test_exact_end_is_not_made_estimated_by_a_late_copy(box: Box) -> None:
    box.end(A)
    assert box.end(A, estimated=True).json()["flags"] == []


def test_estimated_end_time_is_replaced_once(box: Box) -> None:
    box.end(A, ended_at=at(-500), end_time_quality="estimated")
    body = assert_answer(box.end(A, ended_at=at(-5)), 200)
    assert body["flags"] == []
    assert stored(A).ended_at == NOW - dt.timedelta(seconds=5)
    assert SessionChange.objects.filter(session__uuid=A, field="ended_at").count() == 1
    body = assert_answer(box.end(A, ended_at=at(-500), end_time_quality="estimated"), 200)
    assert body["flags"] == []
    assert stored(A).ended_at == NOW - dt.timedelta(seconds=5)


def test_end_repairs_the_start_time(box: Box) -> None:
    box.start(A, started_at=at(-900), time_quality="estimated")
    assert box.end(A, started_at=at(-60)).json()["flags"] == []
    assert stored(A).started_at == NOW - dt.timedelta(seconds=60)
    late_copy = box.end(A, started_at=at(-900), time_quality="estimated")
    assert assert_answer(late_copy, 200)["flags"] == []


def test_provisional_end_is_settled_by_the_own_end(box: Box) -> None:
    box.start(A, seq=1, wh=1000)
    box.start(B, seq=2, wh=4000)
    assert stored(A).flags == ["implicit_end"]
    assert stored(A).energy_wh == 3000
    body = assert_answer(box.end(A, seq=1, wh=1000, end_wh=3900), 200)
    assert (body["energy_wh"], body["flags"]) == (2900, [])
    session = stored(A)
    assert session.provisional_wh == 4000
    change = SessionChange.objects.get(session__uuid=A, field="energy_wh")
    assert (change.old, change.new) == ("3000", "2900")


@pytest.mark.parametrize(
    ("ended_at", "month"),
    [
        ("2026-10-31T23:59:59+01:00", dt.date(2026, 10, 1)),
        ("2026-11-01T00:00:00+01:00", dt.date(2026, 11, 1)),
        ("2026-10-31T22:59:59Z", dt.date(2026, 10, 1)),
        ("2026-10-31T23:00:00Z", dt.date(2026, 11, 1)),
        ("2026-06-30T22:00:00Z", dt.date(2026, 7, 1)),
        ("2026-06-30T21:59:59Z", dt.date(2026, 6, 1)),
        ("2026-10-25T02:30:00+02:00", dt.date(2026, 10, 1)),
        ("2026-10-25T02:30:00+01:00", dt.date(2026, 10, 1)),
    ],
)
def test_month_is_that_of_the_end_in_the_house(box: Box, ended_at: str, month: dt.date) -> None:
    box.end(A, started_at="2026-06-01T00:00:00Z", ended_at=ended_at)
    assert stored(A).month == month


@pytest.mark.parametrize("quality", ["estimated", "synced"])
def test_end_in_the_future_counts_at_its_arrival(box: Box, quality: str) -> None:
    box.end(A, ended_at="2030-01-01T00:00:00Z", end_time_quality=quality)
    assert stored(A).month == dt.date(2026, 11, 1)


def test_estimated_end_before_its_start_counts_at_its_start(box: Box) -> None:
    box.end(A, ended_at="1970-01-01T00:01:00Z", end_time_quality="estimated")
    assert stored(A).closed_at == NOW - dt.timedelta(seconds=60)
