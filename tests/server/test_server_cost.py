"""What a message costs the database: so many statements, and none over a station's history."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from tests.server.server_rig import Box, at, new_uuid

SEVERAL = 30


def cost(call: Callable[..., HttpResponse], *arguments: object, **more: object) -> int:
    with CaptureQueriesContext(connection) as seen:
        response = call(*arguments, **more)
    assert response.status_code in (200, 201), response.content
    return len(seen)


def charge(box: Box, number: int) -> tuple[int, int]:
    """Statements of START and END of one charge."""
    key = new_uuid(number)
    return cost(box.start, key, seq=number, wh=number), cost(box.end, key, seq=number, wh=number)


def test_statements_of_a_message(box: Box) -> None:
    charge(box, 1)
    start, end = charge(box, 2)
    readings = {"readings": [{"n": 1, "at": at(60), "import_wh": 1001, "power_w": 7000}]}
    again = cost(box.post, f"sessions/{new_uuid(2)}/readings", readings)
    # Savepoints of the test's own transaction included.
    assert start <= 14
    assert end <= 7
    assert again <= 10


def test_a_later_charge_costs_no_more_than_an_early_one(box: Box) -> None:
    charge(box, 1)
    early = charge(box, 2)
    for number in range(3, SEVERAL):
        charge(box, number)
    assert charge(box, SEVERAL) == early


def test_what_waits_for_its_end_is_found_without_reading_the_rest(box: Box) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("reads the plan of SQLite")
    charge(box, 1)
    with CaptureQueriesContext(connection) as seen:
        box.start(new_uuid(2), seq=2, wh=5000)
    asked = [one["sql"] for one in seen if '"end_received_at" IS NULL' in one["sql"]]
    assert len(asked) == 1, asked
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked[0]}")
        plan = " ".join(str(row[3]) for row in cursor.fetchall())
    assert "end_received_at=?" in plan, plan
