"""The order of sessions: seq, provisional ends, orphans."""

from __future__ import annotations

import datetime as dt
from itertools import permutations

import pytest

from evcs.models import Tag
from evcs.services import tags
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

A, B, C, D = (new_uuid(number) for number in range(1, 5))


def test_every_answer_carries_last_seq(box: Box) -> None:
    assert box.heartbeat().json()["last_seq"] == 0
    assert box.start(A, seq=5).json()["last_seq"] == 5
    assert box.start(A, seq=5, wh=2).json()["last_seq"] == 5
    assert box.start(B, seq=7, tag=STRANGER).json()["last_seq"] == 7
    assert box.end(C, seq=6, end_wh=2000).json()["last_seq"] == 7
    assert box.heartbeat().json()["last_seq"] == 7


@pytest.mark.parametrize("body", [{"seq": 0}, {"seq": "9"}, {"seq": 9, "tag": "dead"}])
def test_malformed_and_out_of_range_do_not_raise_last_seq(box: Box, body: dict) -> None:
    assert box.start(A, **body).status_code in (400, 422)
    assert box.station.last_seq == 0


def test_lower_seq_is_history_and_never_open(box: Box) -> None:
    box.start(B, seq=2, wh=5000)
    body = assert_answer(box.start(A, seq=1, wh=1000), 201)
    assert (body["flags"], body["action"]) == (["implicit_end", "late_seq"], "continue")
    assert (stored(A).state, stored(A).energy_wh) == ("provisional", 4000)
    assert stored(B).state == "open"


def test_late_seq_stays_and_implicit_end_goes_with_the_end(box: Box) -> None:
    box.start(B, seq=2, wh=5000)
    box.start(A, seq=1, wh=1000)
    body = assert_answer(box.end(A, seq=1, wh=1000, end_wh=4000), 200)
    assert (body["energy_wh"], body["flags"]) == (3000, ["late_seq"])
    assert box.end(D, seq=1, end_wh=2000).json()["flags"] == ["late_seq"]


def test_same_seq_under_two_uuids_makes_the_later_one_history(box: Box) -> None:
    box.start(A, seq=4, wh=1000)
    body = assert_answer(box.start(B, seq=4, wh=2000), 201)
    assert body["flags"] == ["implicit_end", "late_seq"]
    assert stored(A).state == "open"
    assert (stored(B).state, stored(B).energy_wh) == ("provisional", 0)


def test_higher_seq_ends_the_open_one_at_its_start_register(box: Box) -> None:
    box.start(A, seq=1, wh=1000)
    box.clock.advance(100)
    box.start(B, seq=9, wh=8000, started_at=at(90))
    session = stored(A)
    assert (session.flags, session.energy_wh) == (["implicit_end"], 7000)
    assert session.closed_at == NOW + dt.timedelta(seconds=90)
    assert session.ended_at is None
    assert session.end_wh is None


def test_an_end_without_start_ends_the_open_one_too(box: Box) -> None:
    box.start(A, seq=1, wh=1000)
    box.end(B, seq=2, wh=8000, end_wh=9000)
    assert (stored(A).state, stored(A).energy_wh) == ("provisional", 7000)


def test_provisional_end_is_recomputed_when_a_seq_in_between_arrives(box: Box) -> None:
    box.start(A, seq=1, wh=1000)
    box.start(D, seq=4, wh=9000)
    assert stored(A).energy_wh == 8000
    box.end(C, seq=3, wh=7000, end_wh=8000)
    assert stored(A).energy_wh == 6000
    box.end(B, seq=2, wh=2000, end_wh=3000)
    assert stored(A).energy_wh == 1000


def test_another_meter_in_between_is_not_used(box: Box) -> None:
    box.start(A, seq=1, wh=1000)
    box.start(B, seq=2, meter=meter(50, "NEW"))
    assert (stored(A).energy_wh, stored(A).flags) == (0, ["implicit_end"])
    box.start(C, seq=3, wh=6000)
    assert stored(A).energy_wh == 5000


def test_register_that_ran_backwards_counts_nothing(box: Box) -> None:
    box.start(A, seq=1, wh=1000)
    box.start(B, seq=2, wh=900)
    assert (stored(A).energy_wh, stored(A).flags) == (0, ["implicit_end", "meter_backwards"])


def test_session_ended_provisionally_goes_on_and_is_not_reopened(box: Box) -> None:
    box.start(A, seq=1, wh=1000)
    box.start(B, seq=2, wh=2000)
    assert assert_answer(box.start(A, seq=1, wh=1000), 200)["action"] == "continue"
    assert stored(A).state == "provisional"
    reading = {"n": 1, "at": at(), "import_wh": 1500, "power_w": 9000}
    assert box.post(f"sessions/{A}/readings", {"readings": [reading]}).json() == {
        "service": "evcs",
        "stored": 1,
        "action": "continue",
        "server_time": "2026-11-22T12:00:00Z",
    }
    assert box.heartbeat(session=str(A)).json()["action"] == "continue"


def test_provisional_end_counts_in_its_month_until_the_own_end(box: Box) -> None:
    box.clock.now = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
    box.start(A, seq=1, wh=1000, started_at="2026-11-30T11:59:00Z")
    box.clock.now = dt.datetime(2026, 12, 2, 12, tzinfo=dt.UTC)
    box.start(B, seq=2, wh=2000, started_at="2026-12-02T11:59:00Z")
    assert stored(A).month == dt.date(2026, 12, 1)
    box.end(A, seq=1, wh=1000, end_wh=1900, ended_at="2026-11-30T20:00:00Z")
    assert stored(A).month == dt.date(2026, 11, 1)


def test_repaired_start_moves_the_provisional_end_before_it(box: Box) -> None:
    box.start(A, seq=1, wh=1000, started_at=at(-9000))
    box.start(B, seq=2, wh=2000, started_at=at(-100), time_quality="estimated")
    assert stored(A).closed_at == NOW - dt.timedelta(seconds=100)
    box.start(B, seq=2, wh=2000, started_at=at(-400))
    assert stored(A).closed_at == NOW - dt.timedelta(seconds=400)


@pytest.mark.parametrize("order", list(permutations("ABC")))
def test_the_order_of_arrival_does_not_decide_whose_it_is(
    box: Box, flat: Flat, order: tuple[str, ...]
) -> None:
    """Two of three charges were made without a clock, after the tag changed hands."""
    newcomer = Flat.objects.create(name="Wohnung 4")
    tags.assign(Tag.objects.get(uid=TAG), newcomer.pk, since=NOW - dt.timedelta(days=30))
    guess = {"time_quality": "estimated", "end_time_quality": "estimated"}
    early = {"started_at": "1970-01-01T00:05:00Z", "ended_at": "1970-01-01T03:00:00Z", **guess}
    synced = {"started_at": "2026-11-20T10:00:00Z", "ended_at": "2026-11-20T12:00:00Z"}
    send = {
        "A": lambda: box.end(A, seq=1, wh=1000, end_wh=2000, **synced),
        "B": lambda: box.end(B, seq=2, wh=2000, end_wh=5000, **early),
        "C": lambda: box.end(new_uuid(3), seq=3, wh=5000, end_wh=6000, **early),
    }
    for one in order:
        assert send[one]().status_code == 201
    ended = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
    for uuid in (B, new_uuid(3)):
        session = stored(uuid)
        assert (session.flat_id, session.month) == (newcomer.pk, dt.date(2026, 11, 1))
        assert (session.started_effective, session.closed_at) == (ended, ended)


class TestOrphans:
    """A session that its station knows nothing of."""

    def test_two_heartbeats_in_a_row_end_it_at_the_register(self, box: Box) -> None:
        box.start(A, wh=1000)
        box.clock.advance(61)
        box.heartbeat(meter=meter(3000))
        assert stored(A).state == "open"
        box.clock.advance(60)
        box.heartbeat(meter=meter(3100))
        session = stored(A)
        assert (session.state, session.energy_wh) == ("provisional", 2100)
        assert session.flags == ["implicit_end"]
        assert session.closed_at == NOW + dt.timedelta(seconds=121)

    def test_not_within_60_seconds_of_the_start(self, box: Box) -> None:
        box.start(A)
        box.clock.advance(60)
        for _ in range(3):
            box.heartbeat()
        assert stored(A).state == "open"

    @pytest.mark.parametrize("interlude", [{"session": str(A)}, {"pending": 1}])
    def test_only_in_a_row(self, box: Box, interlude: dict) -> None:
        box.start(A)
        box.clock.advance(61)
        box.heartbeat()
        box.heartbeat(**interlude)
        box.heartbeat()
        assert stored(A).state == "open"
        box.heartbeat()
        assert stored(A).state == "provisional"

    def test_naming_another_session_counts(self, box: Box) -> None:
        box.start(A, wh=1000)
        box.clock.advance(61)
        for _ in range(2):
            box.heartbeat(session=str(B), meter=meter(1500))
        assert stored(A).energy_wh == 500

    @pytest.mark.parametrize("register", [None, meter(9000, "NEW")])
    def test_without_a_register_of_its_meter_it_counts_nothing(
        self, box: Box, register: dict | None
    ) -> None:
        box.start(A, wh=1000)
        box.clock.advance(61)
        for _ in range(2):
            box.heartbeat(meter=register)
        assert (stored(A).state, stored(A).energy_wh) == ("provisional", 0)

    def test_a_higher_seq_replaces_the_register_and_the_end_both(self, box: Box) -> None:
        box.start(A, seq=1, wh=1000)
        box.clock.advance(61)
        for _ in range(2):
            box.heartbeat(meter=meter(1500))
        box.start(B, seq=2, wh=1400, started_at=at(50))
        assert stored(A).energy_wh == 400
        box.end(A, seq=1, wh=1000, end_wh=1300)
        assert stored(A).energy_wh == 300

    def test_the_tag_is_free_again(self, box: Box, other_box: Box) -> None:
        box.start(A)
        assert_problem(other_box.start(B), 409, 409)
        box.clock.advance(61)
        for _ in range(2):
            box.heartbeat()
        assert other_box.start(B).status_code == 201
