"""Requests at the same moment, on a database file as in operation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from evcs.models import Reading, Session, Station
from evcs.services import stations, tags
from server.mmetering.models import Flat
from tests.server.server_rig import TAG, Box, Clock, new_uuid

PARALLEL = 20


@pytest.fixture
def boxes(transactional_db: None) -> list[Box]:
    """Three stations and the tag's apartment, committed."""
    flat = Flat.objects.create(name="Wohnung 3 links")
    tags.assign(tags.register(TAG), flat.pk)
    made = []
    for number in range(3):
        station, token = stations.create(f"Lader{number}")
        made.append(Box(station, token, Clock(station.created_at)))
    return made


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run all calls at the same moment, each on a connection of its own; return their answers."""
    gate = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(position: int, call: Callable[[], Any]) -> None:
        try:
            gate.wait()
            response = call()
            answers[position] = (response.status_code, response.json())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_the_database_is_a_file_as_in_operation(transactional_db: None) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            assert cursor.fetchone() == ("wal",)
            cursor.execute("PRAGMA synchronous")
            assert cursor.fetchone() == (2,)


def test_one_uuid_is_one_session(boxes: list[Box]) -> None:
    key = new_uuid(1)
    answers = at_once([lambda: boxes[0].start(key, seq=1)] * PARALLEL)
    assert sorted(status for status, _ in answers) == [200] * (PARALLEL - 1) + [201]
    assert len({body["session_id"] for _, body in answers}) == 1
    assert Session.objects.count() == 1


def test_one_station_has_one_open_session(boxes: list[Box]) -> None:
    def start(seq: int) -> Callable[[], Any]:
        return lambda: boxes[0].start(new_uuid(seq), seq=seq, wh=1000 * seq)

    answers = at_once([start(seq) for seq in range(1, PARALLEL + 1)])
    assert [status for status, _ in answers] == [201] * PARALLEL
    assert Session.objects.get(open_slot=1).seq == PARALLEL
    energies = Session.objects.order_by("seq").values_list("energy_wh", flat=True)
    assert list(energies) == [1000] * (PARALLEL - 1) + [0]
    assert Station.objects.get(pk=boxes[0].pk).last_seq == PARALLEL


def test_one_tag_charges_at_one_station(boxes: list[Box]) -> None:
    answers = at_once([lambda n=n: boxes[n].start(new_uuid(n), seq=1) for n in range(3)])
    assert sorted(status for status, _ in answers) == [201, 409, 409]
    assert {body["code"] for status, body in answers if status == 409} == {409}
    assert Session.objects.filter(open_slot=1).count() == 1


def test_one_uuid_at_two_stations_belongs_to_one(boxes: list[Box]) -> None:
    key = new_uuid(1)
    answers = at_once(
        [lambda n=n: boxes[n % 3].end(key, seq=1) for n in range(PARALLEL)],
    )
    owner = Session.objects.get().station_id
    for position, (status, _) in enumerate(answers):
        assert status in ((200, 201) if boxes[position % 3].pk == owner else (404,))


def test_start_end_and_readings_together(boxes: list[Box]) -> None:
    key = new_uuid(1)
    reading = {"n": 1, "at": "2026-11-22T12:00:00Z", "import_wh": 5, "power_w": 1}
    calls: list[Callable[[], Any]] = []
    for _ in range(5):
        calls += [
            lambda: boxes[0].start(key, seq=1),
            lambda: boxes[0].end(key, seq=1),
            lambda: boxes[0].post(f"sessions/{key}/readings", {"readings": [reading]}),
            lambda: boxes[0].heartbeat(),
        ]
    answers = at_once(calls)
    assert {status for status, _ in answers} <= {200, 201, 404}
    session = Session.objects.get()
    assert (session.energy_wh, session.state) == (11240, "ended")
    assert Reading.objects.count() <= 1
