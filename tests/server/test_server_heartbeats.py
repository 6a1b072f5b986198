"""What heartbeats give away and what they may cost: boxes that share a token, endless lists."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evcs.api.requests import LIST_MAX
from evcs.kinds import CommandType
from evcs.models import Command
from evcs.services import commands, heartbeats
from tests.server.server_rig import Box, Clock

MOST = heartbeats.EARLIER_BOOTS + 1


@pytest.mark.parametrize("boxes", [2, 3, MOST])
def test_boxes_that_share_a_token_are_noticed(box: Box, clock: Clock, boxes: int) -> None:
    boots = [str(uuid.UUID(int=number)) for number in range(boxes)]
    for boot in boots:
        clock.advance(20)
        box.heartbeat(boot_id=boot)
    assert box.station.two_boxes_at is None
    clock.advance(20)
    box.heartbeat(boot_id=boots[0])
    assert box.station.two_boxes_at == clock.now


def test_a_box_that_boots_ever_again_is_one_box(box: Box, clock: Clock) -> None:
    for number in range(5 * MOST):
        clock.advance(20)
        for _ in range(2):
            box.heartbeat(boot_id=f"{number}" * 40)
    station = box.station
    assert station.two_boxes_at is None
    room = type(station)._meta.get_field("earlier_boot_id").max_length
    assert room is not None
    assert len(station.earlier_boot_id) <= room


def test_a_boot_that_was_stored_before_several_were_is_left_out(box: Box) -> None:
    type(box.station).objects.update(boot_id="now", earlier_boot_id=str(uuid.UUID(int=7)))
    for boot in range(2 * MOST):
        box.heartbeat(boot_id=str(boot))
    assert len(box.station.earlier_boot_id) <= 64


def test_an_endless_list_of_results_costs_what_a_short_one_costs(box: Box) -> None:
    """The station's row is locked meanwhile."""
    given = commands.give(box.station, CommandType.DISABLE)
    box.heartbeat()
    counts = []
    for many in (1, LIST_MAX):
        Command.objects.update(done_at=None)
        done = [{"id": str(given.pk), "result": "ok"}]
        done += [{"id": str(uuid.UUID(int=n)), "result": "ok"} for n in range(many)]
        with CaptureQueriesContext(connection) as queries:
            assert box.heartbeat(done=done).json()["commands"] == []
        counts.append(len(queries))
    assert len(set(counts)) == 1


def test_results_past_the_longest_list_are_told_again_later(box: Box) -> None:
    given = commands.give(box.station, CommandType.DISABLE)
    strange = ({"id": str(uuid.UUID(int=n)), "result": "ok"} for n in range(LIST_MAX))
    mine = {"id": str(given.pk), "result": "ok"}
    assert len(box.heartbeat(done=[*strange, mine]).json()["commands"]) == 1
    assert box.heartbeat(done=[mine]).json()["commands"] == []


def test_of_two_results_of_one_command_the_first_counts(box: Box) -> None:
    given = commands.give(box.station, CommandType.DISABLE)
    box.heartbeat(done=[{"id": str(given.pk), "result": result} for result in ("refused", "ok")])
    assert Command.objects.get().result == "refused"
