"""Readings, heartbeats, commands, the tag list, quarantine."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import pytest

from evcs.kinds import CommandType, TagState
from evcs.models import Command, QuarantineItem, Reading, Tag
from evcs.services import commands, stations, tags
from evcs.services.errors import UsageError
from server.mmetering.models import Flat
from tests.server.server_rig import (
    NOW,
    TAG,
    Box,
    assert_answer,
    assert_problem,
    at,
    meter,
    new_uuid,
    stored,
)

A, B = new_uuid(1), new_uuid(2)
OTHER_TAG = "16AC936B"


def reading(n: int, wh: int = 2000) -> dict[str, Any]:
    """A reading of the wire."""
    return {"n": n, "at": at(n), "import_wh": wh, "power_w": 11000}


class TestReadings:
    """POST sessions/{uuid}/readings."""

    def send(self, box: Box, readings: list[dict[str, Any]], key: UUID = A) -> Any:
        """Send a batch."""
        return box.post(f"sessions/{key}/readings", {"readings": readings})

    def test_counts_what_is_new(self, box: Box) -> None:
        box.start(A)
        body = assert_answer(self.send(box, [reading(1), reading(2)]), 200)
        assert (body["stored"], body["action"]) == (2, "continue")
        body = self.send(box, [reading(2, 9999), reading(3), reading(3, 5)]).json()
        assert body["stored"] == 1
        kept = dict(Reading.objects.values_list("n", "import_wh"))
        assert kept == {1: 2000, 2: 2000, 3: 2000}
        assert self.send(box, []).json()["stored"] == 0

    def test_unknown_and_foreign_sessions_are_404(self, box: Box, other_box: Box) -> None:
        assert_problem(self.send(box, [reading(1)]), 404, 404)
        box.start(A)
        assert_problem(self.send(other_box, [reading(1)]), 404, 404)

    def test_500_at_a_time(self, box: Box) -> None:
        box.start(A)
        batch = [reading(n) for n in range(501)]
        assert_problem(self.send(box, batch), 413, 422)
        assert self.send(box, batch[:500]).json()["stored"] == 500

    def test_readings_of_an_ended_session_are_taken(self, box: Box) -> None:
        box.end(A)
        assert self.send(box, [reading(1)]).json()["stored"] == 1

    def test_action_stops_a_blocked_tag(self, box: Box) -> None:
        box.start(A)
        tags.set_state(Tag.objects.get(uid=TAG), TagState.BLOCKED)
        assert self.send(box, []).json()["action"] == "stop"

    @pytest.mark.parametrize(
        ("change", "status"),
        [({"n": -1}, 422), ({"n": "1"}, 400), ({"import_wh": 1.5}, 400), ({"at": at()[:19]}, 400)],
    )
    def test_one_bad_reading_names_its_place(
        self, box: Box, change: dict[str, Any], status: int
    ) -> None:
        box.start(A)
        response = self.send(box, [reading(1), reading(2) | change])
        body = assert_problem(response, status, status)
        assert list(body["errors"]) == [f"readings.1.{next(iter(change))}"]
        assert Reading.objects.count() == 0


class TestHeartbeat:
    """POST heartbeat."""

    def test_state_is_kept(self, box: Box) -> None:
        fault = {"name": "meter_lost", "since": at(-9)}
        body = assert_answer(
            box.heartbeat(
                phase="faulted",
                now=at(3),
                faults=[fault],
                pending=4,
                quarantined=1,
                meter=meter(777),
                boot_id="b" * 80,
            ),
            200,
        )
        station = box.station
        assert (body["action"], body["commands"]) == ("continue", [])
        assert (station.phase, station.pending, station.quarantined) == ("faulted", 4, 1)
        assert (station.meter_wh, station.clock_offset_ms) == (777, 3000)
        assert station.faults[0]["name"] == "meter_lost"
        assert station.boot_id == "b" * 64
        assert station.last_seen == NOW

    @pytest.mark.parametrize(
        ("body", "interval_s"),
        [
            ({}, 60),
            ({"phase": "faulted"}, 60),
            ({"phase": "charging", "session": str(A)}, 10),
            ({"phase": "suspended_ev", "session": str(A)}, 10),
            ({"phase": "preparing"}, 10),
        ],
    )
    def test_interval(self, box: Box, body: dict[str, Any], interval_s: int) -> None:
        assert box.heartbeat(**body).json()["heartbeat_s"] == interval_s
        assert box.station.heartbeat_s == interval_s

    def test_interval_while_somebody_watches(self, box: Box) -> None:
        stations.watch(box.station, 60)
        assert box.heartbeat().json()["heartbeat_s"] == 10
        box.clock.advance(61)
        assert box.heartbeat().json()["heartbeat_s"] == 60

    def test_action_is_that_of_the_named_session(self, box: Box) -> None:
        box.start(A)
        tags.set_state(Tag.objects.get(uid=TAG), TagState.BLOCKED)
        assert box.heartbeat(session=str(A)).json()["action"] == "stop"
        assert box.heartbeat(session=str(B)).json()["action"] == "continue"
        assert box.heartbeat().json()["action"] == "continue"

    def test_session_that_anybody_may_have_goes_on(self, box: Box) -> None:
        box.start(A, authorized_by="none")
        tags.set_state(Tag.objects.get(uid=TAG), TagState.BLOCKED)
        assert box.heartbeat(session=str(A)).json()["action"] == "continue"

    def test_expiry_does_not_stop_a_running_session(self, box: Box) -> None:
        tags.set_state(Tag.objects.get(uid=TAG), TagState.ACCEPTED, NOW + dt.timedelta(minutes=1))
        box.start(A)
        box.clock.advance(3600)
        assert box.heartbeat(session=str(A)).json()["action"] == "continue"

    def test_disabled_station_is_heard(self, box: Box) -> None:
        stations.set_enabled(box.station, False)
        assert_answer(box.heartbeat(), 200)


class TestCommands:
    """Commands in the answers to heartbeats."""

    def test_listed_until_done(self, box: Box, other_box: Box) -> None:
        given = commands.give(box.station, CommandType.STOP, session=A)
        listed = box.heartbeat().json()["commands"]
        assert listed == [
            {
                "id": str(given.pk),
                "type": "stop",
                "session": str(A),
                "fault": None,
                "since": None,
                "expires_at": "2026-11-22T12:10:00Z",
            }
        ]
        assert other_box.heartbeat().json()["commands"] == []
        assert box.heartbeat().json()["commands"] == listed
        done = [{"id": str(given.pk), "result": "ok"}]
        assert box.heartbeat(done=done).json()["commands"] == []
        box.heartbeat(done=[{"id": str(given.pk), "result": "refused"}])
        assert Command.objects.get().result == "ok"

    def test_the_same_once_more_is_the_one_that_waits(self, box: Box) -> None:
        first = commands.give(box.station, CommandType.STOP, session=A)
        assert commands.give(box.station, CommandType.STOP, session=A) == first
        other = commands.give(box.station, CommandType.STOP, session=B)
        box.heartbeat(done=[{"id": str(first.pk), "result": "refused"}])
        again = commands.give(box.station, CommandType.STOP, session=A)
        box.clock.advance(700)
        late = commands.give(box.station, CommandType.STOP, session=B)
        assert len({first.pk, other.pk, again.pk, late.pk}) == Command.objects.count() == 4

    def test_expired_one_is_listed_until_its_done(self, box: Box) -> None:
        given = commands.give(
            box.station, CommandType.RESET, fault="lease_lapse", since=NOW - dt.timedelta(hours=1)
        )
        box.clock.advance(3600)
        listed = box.heartbeat().json()["commands"]
        assert [item["fault"] for item in listed] == ["lease_lapse"]
        assert listed[0]["since"] == "2026-11-22T11:00:00Z"
        done = [{"id": str(given.pk), "result": "expired"}]
        assert box.heartbeat(done=done).json()["commands"] == []
        assert Command.objects.get().result == "expired"

    def test_another_station_cannot_answer(self, box: Box, other_box: Box) -> None:
        given = commands.give(box.station, CommandType.STOP, session=A)
        other_box.heartbeat(done=[{"id": str(given.pk), "result": "ok"}])
        assert len(box.heartbeat().json()["commands"]) == 1

    @pytest.mark.parametrize("key", ["nonsense", 17, str(B)])
    def test_unknown_ids_do_not_hurt(self, box: Box, key: str | int) -> None:
        assert_answer(box.heartbeat(done=[{"id": key, "result": "ok"}]), 200)

    def test_unknown_result_is_other(self, box: Box) -> None:
        given = commands.give(box.station, CommandType.STOP, session=A)
        box.heartbeat(done=[{"id": str(given.pk), "result": "exploded"}])
        assert Command.objects.get().result == "other"

    def test_disable_and_enable_decide_at_the_server_too(self, box: Box) -> None:
        commands.give(box.station, CommandType.DISABLE)
        assert_problem(box.start(A), 403, 406)
        assert box.end(B, seq=2).status_code == 201
        commands.give(box.station, CommandType.ENABLE)
        assert box.start(A, seq=3).status_code == 201
        types = [item["type"] for item in box.heartbeat().json()["commands"]]
        assert sorted(types) == ["disable", "enable"]

    @pytest.mark.parametrize(
        ("kind", "more"),
        [(CommandType.STOP, {}), (CommandType.RESET, {"fault": "x"}), (CommandType.RESET, {})],
    )
    def test_commands_name_what_they_mean(
        self, box: Box, kind: CommandType, more: dict[str, Any]
    ) -> None:
        with pytest.raises(UsageError, match="needs"):
            commands.give(box.station, kind, **more)


class TestTagList:
    """GET tags."""

    def listed(self, box: Box) -> dict[str, dict[str, Any]]:
        """Return the list by tag."""
        return {item["tag"]: item for item in assert_answer(box.get("tags"), 200)["tags"]}

    def test_shape(self, box: Box) -> None:
        (item,) = assert_answer(box.get("tags"), 200)["tags"]
        assert set(item) == {"tag", "status", "expires_at", "group"}
        assert (item["tag"], item["status"], item["expires_at"]) == (TAG, "accepted", None)

    def test_group_is_the_apartment_and_tells_nothing_of_it(self, box: Box, flat: Flat) -> None:
        neighbour = Flat.objects.create(name="Wohnung 4")
        tags.assign(tags.register(OTHER_TAG), flat.pk)
        tags.assign(tags.register("CAFECAFE"), neighbour.pk)
        found = self.listed(box)
        assert found[TAG]["group"] == found[OTHER_TAG]["group"] != found["CAFECAFE"]["group"]
        assert found[TAG]["group"] != str(flat.pk)
        assert box.start(A).json()["group"] == found[TAG]["group"]

    def test_blocked_and_expired_ones_are_listed_as_such(self, box: Box, flat: Flat) -> None:
        tag = tags.register(OTHER_TAG, expires_at=NOW - dt.timedelta(days=1))
        tags.assign(tag, flat.pk)
        tags.set_state(Tag.objects.get(uid=TAG), TagState.BLOCKED)
        found = self.listed(box)
        assert found[TAG]["status"] == "blocked"
        assert found[OTHER_TAG]["status"] == "accepted"
        assert found[OTHER_TAG]["expires_at"] == "2026-11-21T12:00:00Z"

    def test_only_tags_of_this_station_and_of_an_apartment(
        self, box: Box, other_box: Box, flat: Flat
    ) -> None:
        tag = tags.register(OTHER_TAG)
        assert OTHER_TAG not in self.listed(box)
        tags.assign(tag, flat.pk)
        tags.set_stations(tag, [other_box.station])
        assert OTHER_TAG not in self.listed(box)
        assert OTHER_TAG in self.listed(other_box)

    def test_etag(self, box: Box, flat: Flat) -> None:
        first = box.get("tags")
        etag = first.headers["ETag"]
        assert box.heartbeat().json()["tags_etag"] == etag
        for sent in (etag, f"W/{etag}", f'"x", {etag}'):
            same = box.get("tags", **{"If-None-Match": sent})
            assert (same.status_code, same.content) == (304, b"")
            assert same.headers["ETag"] == etag
        assert box.get("tags", **{"If-None-Match": '"other"'}).status_code == 200
        tags.assign(tags.register(OTHER_TAG), flat.pk)
        changed = box.get("tags", **{"If-None-Match": etag})
        assert changed.status_code == 200
        assert changed.headers["ETag"] != etag
        assert box.heartbeat().json()["tags_etag"] == changed.headers["ETag"]

    @pytest.mark.parametrize("change", ["block", "expire", "release"])
    def test_every_change_changes_the_etag(self, box: Box, change: str) -> None:
        before = box.get("tags").headers["ETag"]
        tag = Tag.objects.get(uid=TAG)
        if change == "block":
            tags.set_state(tag, TagState.BLOCKED)
        elif change == "expire":
            tags.set_state(tag, TagState.ACCEPTED, NOW)
        else:
            tags.release(tag)
        assert box.get("tags").headers["ETag"] != before


class TestAssignments:
    """A tag belongs to one apartment at a time."""

    def test_moving_a_tag_ends_where_it_was(self, clock: Any, flat: Flat) -> None:
        other = Flat.objects.create(name="Wohnung 4")
        tag = Tag.objects.get(uid=TAG)
        tags.assign(tag, other.pk, since=NOW)
        spans = list(tag.assignments.values_list("flat_id", "valid_from", "valid_to"))
        assert sorted(spans, key=str) == sorted(
            [(flat.pk, None, NOW), (other.pk, NOW, None)], key=str
        )

    def test_same_apartment_again_changes_nothing(self, clock: Any, flat: Flat) -> None:
        tag = Tag.objects.get(uid=TAG)
        tags.assign(tag, flat.pk)
        assert tag.assignments.count() == 1

    def test_no_assignment_is_put_before_a_later_one(self, clock: Any, flat: Flat) -> None:
        tag = Tag.objects.get(uid=TAG)
        tags.assign(tag, Flat.objects.create(name="Wohnung 4").pk, since=NOW)
        with pytest.raises(UsageError, match="later"):
            tags.assign(tag, flat.pk, since=NOW - dt.timedelta(days=3))
        assert tag.assignments.count() == 2

    @pytest.mark.parametrize("offset_s", [-1, 0, 1])
    def test_the_moment_of_the_move_belongs_to_the_new_one(
        self, box: Box, flat: Flat, offset_s: int
    ) -> None:
        other = Flat.objects.create(name="Wohnung 4")
        moved = NOW - dt.timedelta(hours=1)
        tags.assign(Tag.objects.get(uid=TAG), other.pk, since=moved)
        box.end(A, started_at=at(-3600 + offset_s))
        assert stored(A).flat_id == (flat.pk if offset_s < 0 else other.pk)


class TestQuarantine:
    """POST quarantine."""

    def test_kept_once(self, box: Box, other_box: Box) -> None:
        body = {"id": "41", "raw": '{"seq": broken', "reason": "400 Malformed message"}
        assert_answer(box.post("quarantine", body), 202)
        assert_answer(box.post("quarantine", body | {"raw": "other"}), 202)
        assert_answer(other_box.post("quarantine", body), 202)
        assert_answer(box.post("quarantine", body | {"id": 42}), 202)
        kept = QuarantineItem.objects.filter(station=box.pk).order_by("item_id")
        assert [(item.item_id, item.raw) for item in kept] == [
            ("41", '{"seq": broken'),
            ("42", '{"seq": broken'),
        ]

    @pytest.mark.parametrize("name", ["id", "raw", "reason"])
    def test_every_field_is_needed(self, box: Box, name: str) -> None:
        body = {"id": "41", "raw": "x", "reason": "y"}
        del body[name]
        assert list(assert_problem(box.post("quarantine", body), 400, 400)["errors"]) == [name]
