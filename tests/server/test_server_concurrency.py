"""Requests at the same moment, on a database as in operation: each is answered, none with an error,
and what is booked is what one after the other would have booked."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from evcs.kinds import Flag
from evcs.models import ClosedMonth, Entry, Reading, Session, SessionChange, Station, Tag
from evcs.services import (
    closing,
    consumption,
    month_report,
    stations,
    tags,
    tariffs,
    unknown_tags,
)
from evcs.services.closing import Override
from evcs.services.errors import UsageError
from evcs.services.settlement import following
from server.mmetering.models import Flat
from tests.server.server_rig import STRANGER, TAG, Box, Clock, meter, new_uuid, stored

PARALLEL = 20

Answer = tuple[int, dict[str, Any]]


@pytest.fixture
def rng() -> random.Random:
    """Decides who is first at the gate. A failure shows the seed; EVCS_SEED repeats it."""
    seed = int(os.environ.get("EVCS_SEED") or random.randrange(2**32))
    sys.stdout.write(f"EVCS_SEED={seed}\n")
    return random.Random(seed)


@pytest.fixture
def flat(transactional_db: None) -> Flat:
    """The tag's apartment, committed."""
    flat = Flat.objects.create(name="Wohnung 3 links")
    tags.assign(tags.register(TAG), flat.pk)
    return flat


@pytest.fixture
def boxes(flat: Flat) -> list[Box]:
    """As many stations as there are requests, committed."""
    made = []
    for number in range(PARALLEL):
        station, token = stations.create(f"Lader{number}")
        made.append(Box(station, token, Clock(station.created_at)))
    return made


@pytest.fixture
def box(boxes: list[Box]) -> Box:
    """One of them."""
    return boxes[0]


def at_once(calls: list[Callable[[], Any]], rng: random.Random) -> list[Answer]:
    """Run all calls at the same moment, each on a connection of its own; return their answers."""
    gate = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(position: int) -> None:
        try:
            gate.wait()
            response = calls[position]()
            if response is not None:
                answers[position] = (response.status_code, response.json())
        finally:
            connections.close_all()

    order = rng.sample(range(len(calls)), len(calls))
    threads = [threading.Thread(target=run, args=(position,)) for position in order]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def statuses(answers: list[Answer]) -> dict[int, int]:
    """Return how often each HTTP status was answered."""
    return dict(Counter(status for status, _ in answers))


def test_the_database_is_a_file_as_in_operation(transactional_db: None) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            assert cursor.fetchone() == ("wal",)
            cursor.execute("PRAGMA synchronous")
            assert cursor.fetchone() == (2,)


def test_one_uuid_is_one_session(box: Box, rng: random.Random) -> None:
    key = new_uuid(1)
    answers = at_once([lambda: box.start(key, seq=1)] * PARALLEL, rng)
    assert statuses(answers) == {201: 1, 200: PARALLEL - 1}
    assert len({body["session_id"] for _, body in answers}) == 1
    assert Session.objects.count() == 1


def test_one_station_has_one_open_session(box: Box, rng: random.Random) -> None:
    def start(seq: int) -> Callable[[], Any]:
        return lambda: box.start(new_uuid(seq), seq=seq, wh=1000 * seq)

    answers = at_once([start(seq) for seq in range(1, PARALLEL + 1)], rng)
    assert statuses(answers) == {201: PARALLEL}
    assert all(body["last_seq"] >= seq for seq, (_, body) in enumerate(answers, start=1))
    *before, last = Session.objects.order_by("seq")
    assert (last.seq, last.state, last.energy_wh) == (PARALLEL, "open", 0)
    assert {(one.state, one.energy_wh) for one in before} == {("provisional", 1000)}
    assert all(Flag.IMPLICIT_END in one.flags for one in before)
    # Whoever came after a higher seq is history from the beginning, and says so.
    late = {one.seq for one in before if Flag.LATE_SEQ in one.flags}
    assert late == {s for s, (_, body) in enumerate(answers, start=1) if body["last_seq"] > s}
    assert Station.objects.get(pk=box.pk).last_seq == PARALLEL


def test_one_tag_charges_at_one_station(boxes: list[Box], rng: random.Random) -> None:
    calls = [lambda box=box: box.start(new_uuid(box.pk), seq=1) for box in boxes]
    answers = at_once(calls, rng)
    assert statuses(answers) == {201: 1, 409: PARALLEL - 1}
    assert {body["code"] for status, body in answers if status == 409} == {409}
    assert Session.objects.get().open_slot == 1
    # What was refused is counted all the same.
    assert set(Station.objects.values_list("last_seq", flat=True)) == {1}


def test_one_uuid_at_two_stations_belongs_to_one(boxes: list[Box], rng: random.Random) -> None:
    key = new_uuid(1)
    answers = at_once([lambda n=n: boxes[n % 3].end(key, seq=1) for n in range(PARALLEL)], rng)
    owner = Session.objects.get().station_id
    for position, (status, _) in enumerate(answers):
        assert status in ((200, 201) if boxes[position % 3].pk == owner else (404,))


@pytest.mark.parametrize("started", [True, False])
def test_one_end_is_taken_once(box: Box, rng: random.Random, started: bool) -> None:
    key = new_uuid(1)
    if started:
        box.start(key)
    answers = at_once([lambda: box.end(key)] * PARALLEL, rng)
    assert statuses(answers) == ({200: PARALLEL} if started else {201: 1, 200: PARALLEL - 1})
    assert {(body["energy_wh"], *body["flags"]) for _, body in answers} == {(11240,)}
    assert stored(key).state == "ended"
    assert SessionChange.objects.count() == 0


def test_the_first_of_several_ends_stays(box: Box, rng: random.Random) -> None:
    key = new_uuid(1)
    box.start(key)
    calls = [lambda n=n: box.end(key, end_wh=2000 + n) for n in range(PARALLEL)]
    answers = at_once(calls, rng)
    assert statuses(answers) == {200: 1, 409: PARALLEL - 1}
    (winner,) = [body["energy_wh"] for status, body in answers if status == 200]
    assert stored(key).energy_wh == winner
    refused = [body for status, body in answers if status == 409]
    assert {body["errors"]["meter_end"]["import_wh"] for body in refused} == {1000 + winner}


def test_start_and_end_of_one_session(box: Box, rng: random.Random) -> None:
    key = new_uuid(1)
    answers = at_once([lambda: box.start(key), lambda: box.end(key)] * (PARALLEL // 2), rng)
    assert statuses(answers) == {201: 1, 200: PARALLEL - 1}
    assert (stored(key).state, stored(key).energy_wh, stored(key).flags) == ("ended", 11240, [])


def test_start_end_and_readings_together(box: Box, rng: random.Random) -> None:
    key = new_uuid(1)
    reading = {"n": 1, "at": "2026-11-22T12:00:00Z", "import_wh": 5, "power_w": 1}
    calls: list[Callable[[], Any]] = [
        lambda: box.start(key, seq=1),
        lambda: box.end(key, seq=1),
        lambda: box.post(f"sessions/{key}/readings", {"readings": [reading]}),
        lambda: box.heartbeat(),
    ]
    answers = at_once(calls * (PARALLEL // 4), rng)
    assert {status for status, _ in answers} <= {200, 201, 404}
    session = Session.objects.get()
    assert (session.energy_wh, session.state) == (11240, "ended")
    assert Reading.objects.count() <= 1


def last_month() -> dt.date:
    """Return the first day of the last month that is over."""
    return (timezone.localdate().replace(day=1) - dt.timedelta(days=1)).replace(day=1)


def within(month: dt.date, day: int) -> str:
    """Return noon of a day of ``month`` as the wire has it."""
    return f"{month:%Y-%m}-{day:02}T12:00:00Z"


def frozen_wh(closed: ClosedMonth) -> int:
    """Return the energy of all the statements of a month."""
    contents = (json.loads(one.content) for one in closed.statements.all())
    return sum(item["energy_wh"] for c in contents for item in (*c["sessions"], *c["entries"]))


@pytest.mark.parametrize("closers", [1, 3])
def test_every_watt_hour_is_in_one_month_while_it_is_closed(
    boxes: list[Box], flat: Flat, rng: random.Random, closers: int
) -> None:
    """The last ENDs of a month arrive while it is closed: half of the sessions ended
    provisionally before (4000 Wh instead of 3500), of the others the END is the first word."""
    month = last_month()
    begun = {"authorized_by": "list", "meter": meter(1000), "started_at": within(month, 10)}
    for box in boxes[::2]:
        box.start(new_uuid(box.pk), **begun)
        next_one = {"started_at": within(month, 12), "meter": meter(5000)}
        box.start(new_uuid(100 + box.pk), seq=2, **begun | next_one)
        box.end(
            new_uuid(100 + box.pk),
            seq=2,
            wh=5000,
            end_wh=5000,
            **begun | next_one | {"ended_at": within(month, 13), "meter_end": meter(5000)},
        )
    refusals = []

    def close() -> None:
        try:
            closing.close(month, "landlord", override=Override("landlord", "a race"))
        except UsageError as error:
            refusals.append(str(error))

    def end(box: Box) -> Callable[[], Any]:
        ended = {"ended_at": within(month, 11), "meter_end": meter(4500)}
        return lambda: box.end(new_uuid(box.pk), **begun | ended)

    answers = at_once([*map(end, boxes), *[close] * closers], rng)[:PARALLEL]
    assert {status for status, _ in answers} <= {200, 201}, answers
    assert len(refusals) == closers - 1, refusals

    closed = ClosedMonth.objects.get()
    for box in boxes:
        session = stored(new_uuid(box.pk))
        entries = sum(Entry.objects.filter(session=session).values_list("energy_wh", flat=True))
        assert (session.energy_wh, session.booked_wh + entries) == (3500, 3500), session
        assert (Flag.LATE_MONTH in session.flags) == (session.month != month or entries != 0)
    booked = consumption.of_flat(flat.pk, month).energy_wh
    later = consumption.of_flat(flat.pk, following(month)).energy_wh
    assert booked + later == 3500 * PARALLEL
    assert frozen_wh(closed) == booked
    assert closing.verify() == []


def test_a_price_is_in_the_closed_month_or_refused(
    box: Box, flat: Flat, rng: random.Random
) -> None:
    month = last_month()
    fact = {"authorized_by": "list", "started_at": within(month, 10)}
    box.end(new_uuid(1), ended_at=within(month, 11), **fact)
    refusals = []

    def close() -> None:
        closing.close(month, "landlord", override=Override("landlord", "a race"))

    def price() -> None:
        try:
            tariffs.set_price(month, Decimal("0.3"), Decimal(19))
        except UsageError as error:
            refusals.append(str(error))

    at_once([close, price], rng)

    frozen = [json.loads(one.content) for one in ClosedMonth.objects.get().statements.all()]
    priced = any(item["tariff"] is not None for content in frozen for item in content["sessions"])
    assert priced == (not refusals), frozen
    assert len(tariffs.prices()) == (not refusals)


class Meanwhile:
    """A call by somebody else, begun in the middle of ours. It is waited for only as long as it
    would take to do harm: what ours holds keeps it out until ours is committed."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._thread = threading.Thread(target=self._run)

    def begin(self) -> None:
        self._thread.start()
        self._thread.join(1)

    def end(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._call()
        finally:
            connections.close_all()


not_on_a_file = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="one writer at a time anyway"
)


@not_on_a_file
def test_an_end_that_arrives_while_its_tag_is_adopted(
    box: Box, flat: Flat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked up before the tag is somebody's, stored after its past was claimed: nobody's."""
    past = {"authorized_by": "list", "started_at": within(last_month(), 10)}
    past["ended_at"] = within(last_month(), 11)
    end = Meanwhile(lambda: box.end(new_uuid(1), tag=STRANGER, **past))
    register = tags.register

    def slowly(uid: str, **more: Any) -> Tag:
        end.begin()
        return register(uid, **more)

    monkeypatch.setattr(unknown_tags.tags, "register", slowly)
    unknown_tags.adopt(STRANGER, flat.pk, "", by_name="landlord", past="was theirs")
    end.end()
    months = (last_month(), following(last_month()))
    paid = [
        sum(consumption.of_flat(whose, month).energy_wh for month in months)
        for whose in (None, flat.pk)
    ]
    assert paid == [0, 11_240]


@not_on_a_file
def test_a_station_that_is_made_while_a_month_is_closed(
    box: Box, flat: Flat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would book in a month whose statements are being written without it."""
    month = last_month()

    def arrive() -> None:
        station, token = stations.create("Neu")
        times = {"started_at": within(month, 10), "ended_at": within(month, 11)}
        newcomer = Box(station, token, Clock(station.created_at))
        assert newcomer.end(new_uuid(1), authorized_by="list", **times).status_code == 201

    newcomer = Meanwhile(arrive)
    build = month_report.build

    def slowly(*arguments: Any) -> dict[str, Any]:
        newcomer.begin()
        return build(*arguments)

    monkeypatch.setattr(closing.month_report, "build", slowly)
    closed = closing.close(month, "landlord", override=Override("landlord", "a race"))
    newcomer.end()
    assert stored(new_uuid(1)).month == following(month)
    assert frozen_wh(closed) == consumption.of_flat(flat.pk, month).energy_wh == 0
