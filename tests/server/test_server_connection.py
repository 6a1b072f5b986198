"""The database goes away, in the middle and at the worst moment, and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, close_old_connections, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpResponse

from evcs.kinds import CommandType
from evcs.models import Command, Session
from evcs.services import commands, stations, tags, transactions
from evcs.services.errors import Unavailable
from mcsp.codes import Code
from server.mmetering.models import Flat
from tests.server.server_rig import TAG, Box, Clock, assert_problem, new_uuid, stored

A = new_uuid(1)

on_a_server = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite has no connection that somebody could cut"
)


@pytest.fixture
def box(transactional_db: None, clock: Clock) -> Box:
    """A station, committed."""
    flat = Flat.objects.create(name="Wohnung 3 links")
    tags.assign(tags.register(TAG), flat.pk)
    return Box(*stations.create("Lader1"), clock)


def served(call: Callable[..., HttpResponse], *arguments: Any, **more: Any) -> HttpResponse:
    """Make a request as a server in operation does; Django's test client leaves this out."""
    close_old_connections()
    try:
        return call(*arguments, **more)
    finally:
        close_old_connections()


def cut(victim: BaseDatabaseWrapper) -> None:
    """End a connection from the side of the server."""
    other = victim.copy()
    try:
        with other.cursor() as cursor:
            if victim.vendor == "postgresql":
                pid = victim.connection.info.backend_pid
                cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
                assert cursor.fetchone() == (True,)
            else:
                cursor.execute(f"KILL CONNECTION {victim.connection.thread_id()}")
    finally:
        other.close()


@contextmanager
def cut_before(statement: str, times: int) -> Iterator[list[str]]:
    """Cut the connection each time it is about to send ``statement``, so often; yield what was
    not sent."""
    unsent: list[str] = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(statement) and len(unsent) < times:
            unsent.append(sql)
            cut(context["connection"])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield unsent


@contextmanager
def away() -> Iterator[None]:
    """Let the database be nowhere."""
    place = connection.settings_dict
    before = place["HOST"], place["NAME"]
    if connection.vendor == "sqlite":
        place["NAME"] = "/nowhere/at-all"
    else:
        place["HOST"] = "/nowhere"
    connection.close()
    try:
        yield
    finally:
        place["HOST"], place["NAME"] = before


@pytest.fixture
def lose_commit(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the next commit happen, and its answer be lost."""

    def lose() -> None:
        wrapper = connections["default"]
        commit = wrapper.commit

        def commit_unheard() -> None:
            monkeypatch.setattr(wrapper, "commit", commit)
            commit()
            if wrapper.vendor != "sqlite":
                cut(wrapper)
            raise OperationalError("the connection was lost")

        monkeypatch.setattr(wrapper, "commit", commit_unheard)

    return lose


@on_a_server
def test_connection_that_was_cut_at_rest_is_not_noticed(box: Box) -> None:
    assert served(box.start, A).status_code == 201
    cut(connections["default"])
    assert served(box.end, A).status_code == 200
    assert stored(A).energy_wh == 11240


@on_a_server
def test_cut_in_the_middle_of_a_transaction_is_tried_again(box: Box) -> None:
    with cut_before("INSERT INTO", times=1) as unsent:
        assert served(box.start, A).status_code == 201
    assert "evcs_session" in unsent[0]
    assert Session.objects.get().state == "open"


@on_a_server
def test_cut_every_time_is_unavailable_and_works_afterwards(box: Box) -> None:
    with cut_before("INSERT INTO", times=transactions.TRIES) as unsent:
        problem = served(box.start, A)
    assert len(unsent) == transactions.TRIES
    assert_problem(problem, 503, Code.UNAVAILABLE)
    assert problem.headers["Retry-After"] == "5"
    assert Session.objects.count() == 0
    assert served(box.start, A).status_code == 201


@on_a_server
def test_cut_while_somebody_only_reads(box: Box) -> None:
    """The token is looked up outside of any transaction."""
    with cut_before("SELECT", times=1):
        assert_problem(served(box.start, A), 503, Code.UNAVAILABLE)
    assert served(box.start, A).status_code == 201


@on_a_server
def test_a_command_that_runs_on_gets_a_new_connection(box: Box) -> None:
    """No request begins or ends there, which is when Django looks after its connections."""
    cut(connections["default"])
    tag = tags.register("16AC936B")
    assert tag.uid == "16AC936B"


def test_database_that_is_away_and_comes_back(box: Box) -> None:
    with away():
        problem = served(box.start, A)
        assert_problem(problem, 503, Code.UNAVAILABLE)
        assert problem.headers["Retry-After"] == "5"
        with pytest.raises(Unavailable):
            tags.register("16AC936B")
    assert served(box.start, A).status_code == 201
    assert served(box.end, A).status_code == 200


def test_commit_whose_answer_was_lost_is_not_made_twice(
    box: Box, lose_commit: Callable[[], None]
) -> None:
    station = box.station
    lose_commit()
    with pytest.raises(Unavailable, match="looks first"):
        commands.give(station, CommandType.DISABLE)
    assert Command.objects.count() == 1


def test_station_sends_again_what_was_committed_unheard(
    box: Box, lose_commit: Callable[[], None]
) -> None:
    # Within the same second, so that the START is all that the next request writes.
    served(box.heartbeat)
    lose_commit()
    assert_problem(served(box.start, A), 503, Code.UNAVAILABLE)
    assert served(box.start, A).status_code == 200
    assert Session.objects.count() == 1
