"""What the original project recorded becomes sessions: no row lost, no energy invented, once."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evcs.models import Session, Station
from evcs.services import tags, upstream_import
from evcs.services.errors import UsageError
from evcs.services.upstream_import import Row, Taken
from server.mmetering.models import Flat

BERLIN = ZoneInfo("Europe/Berlin")
TEN, ELEVEN = dt.datetime(2018, 10, 9, 10), dt.datetime(2018, 10, 9, 11)
METERS = {1: [(None, dt.datetime(2018, 12, 1), "4711"), (dt.datetime(2018, 12, 1), None, "0815")]}


def row(number: int = 1, **more: Any) -> Row:
    given: dict[str, Any] = {
        "rfid": "16 AC 93 6B",
        "station_flat": 1,
        "start_time": TEN,
        "end_time": ELEVEN,
        "start_kwh": 1234.567,
        "end_kwh": 1245.807,
    }
    return Row(id=number, **given | more)


def take(*rows: Row) -> list[Taken]:
    return list(upstream_import.take(rows, {1: "Lader 1"}, METERS, BERLIN))


def session(number: int = 1) -> Session:
    return Session.objects.get(uuid=upstream_import.key_of(row(number)))


@pytest.mark.django_db
class TestRows:
    """One row each."""

    def test_a_good_one(self) -> None:
        (taken,) = take(row())
        assert (taken.what, taken.energy_wh, taken.problems) == ("imported", 11240, [])
        made = session()
        assert (made.tag_uid, made.start_wh, made.end_wh) == ("16AC936B", 1_234_567, 1_245_807)
        assert (made.start_serial, made.end_serial) == ("4711", "4711")
        assert made.started_at == dt.datetime(2018, 10, 9, 8, tzinfo=dt.UTC)
        assert made.month == dt.date(2018, 10, 1)
        assert (made.flat_id, made.flags) == (None, ["unknown_tag"])

    def test_the_station_is_there_and_cannot_be_used(self) -> None:
        take(row())
        station = Station.objects.get()
        assert (station.name, station.enabled) == ("old-1-Lader-1", False)
        assert station.created_at == dt.datetime(2018, 10, 9, 8, tzinfo=dt.UTC)

    def test_a_tag_that_is_registered_before_the_import(self) -> None:
        flat = Flat.objects.create(name="Wohnung 3")
        tags.assign(tags.register("16AC936B"), flat.pk)
        take(row())
        assert session().flat_id == flat.pk

    @pytest.mark.parametrize(
        ("more", "energy_wh", "problem"),
        [
            ({"start_kwh": None}, 0, "no register at the start"),
            ({"end_kwh": None, "end_time": None}, 0, "no register at the end"),
            ({"end_kwh": 1.0}, 0, "ran backwards"),
            ({"end_kwh": float("nan")}, 0, "nan kWh is no register"),
            ({"end_kwh": -1.0}, 0, "no register"),
            ({"end_kwh": 1e30}, 0, "no register"),
            ({"start_time": ELEVEN, "end_time": TEN}, 11240, "ends before it begins"),
            ({"start_time": None}, 11240, "no time of the start"),
            ({"end_time": None}, 11240, "no time of the end"),
            ({"start_time": None, "end_time": None}, 11240, "no time"),
            ({"rfid": "D6|4"}, 11240, "is no tag"),
            ({"rfid": ""}, 11240, "is no tag"),
            ({"rfid": "ä" * 30}, 11240, "is no tag"),
            ({"station_flat": None}, 11240, ""),
        ],
    )
    def test_one_that_wants_a_person(
        self, more: dict[str, Any], energy_wh: int, problem: str
    ) -> None:
        (taken,) = take(row(**more))
        assert (taken.what, taken.energy_wh) == ("imported", energy_wh)
        assert problem in "; ".join(taken.problems)
        assert session().energy_wh == energy_wh

    @pytest.mark.parametrize(
        ("rfid", "uid"),
        [
            ("16AC936B", "16AC936B"),
            ("16ac936b\n", "16AC936B"),
            ("16:AC:93:6B", "16AC936B"),
            ("16 AC 93 6B 16 92 E7 3A", "16AC936B1692E73A"),
            ("16|AC 93|6B", "16AC936B"),
        ],
    )
    def test_tags_as_the_original_wrote_them(self, rfid: str, uid: str) -> None:
        (taken,) = take(row(rfid=rfid))
        assert (session().tag_uid, taken.problems) == (uid, [])

    def test_the_meter_of_that_time(self) -> None:
        take(row(start_time=dt.datetime(2018, 12, 1), end_time=dt.datetime(2018, 12, 2)))
        assert session().start_serial == "0815"

    @pytest.mark.parametrize(
        ("when", "quality"),
        [
            (dt.datetime(2018, 10, 28, 2, 30), "estimated"),
            (dt.datetime(2018, 3, 25, 2, 30), "estimated"),
            (dt.datetime(2018, 10, 28, 3), "synced"),
        ],
    )
    def test_a_wall_clock_that_is_no_instant(self, when: dt.datetime, quality: str) -> None:
        take(row(start_time=when, end_time=when + dt.timedelta(hours=4)))
        assert session().time_quality == quality

    def test_in_the_order_of_their_start(self) -> None:
        take(row(1, start_time=ELEVEN), row(2, start_time=TEN), row(3, start_time=ELEVEN))
        assert [session(number).seq for number in (2, 1, 3)] == [1, 2, 3]
        assert "late_seq" not in ",".join(Session.objects.values_list("flags_text", flat=True))

    def test_again(self) -> None:
        take(row(1), row(2, start_kwh=None))
        before = list(Session.objects.order_by("pk").values())
        again = take(row(1), row(2, start_kwh=None), row(3))
        assert [one.what for one in again] == ["there already", "there already", "imported"]
        assert list(Session.objects.order_by("pk").values())[:2] == before

    def test_a_row_that_was_changed_is_told_and_not_taken(self) -> None:
        take(row())
        (taken,) = take(row(end_kwh=9999.0))
        assert (taken.what, taken.energy_wh) == ("changed since", 11240)
        assert session().end_wh == 1_245_807

    def test_cut_off_in_the_middle(self) -> None:
        rows = [row(number) for number in range(1, 6)]
        going = upstream_import.take(rows, {}, {}, BERLIN)
        next(going)
        next(going)
        going.close()
        assert [one.what for one in take(*rows)].count("imported") == 3
        assert Session.objects.count() == 5

    def test_no_table(self) -> None:
        with pytest.raises(UsageError, match="--database"):
            upstream_import.read()


WALL_CLOCKS = st.one_of(st.none(), st.datetimes(dt.datetime(2016, 1, 1), dt.datetime(2019, 12, 31)))
REGISTERS = st.one_of(
    st.none(), st.floats(0, 100_000), st.sampled_from([float("nan"), -1.0, 1e30, 0.0005, 0.0015])
)
ROWS = st.builds(
    Row,
    id=st.integers(1, 10**6),
    rfid=st.one_of(st.text(max_size=30), st.sampled_from(["16AC936B", "16 ac 93 6b"])),
    station_flat=st.sampled_from([None, 1, 2]),
    start_time=WALL_CLOCKS,
    end_time=WALL_CLOCKS,
    start_kwh=REGISTERS,
    end_kwh=REGISTERS,
)


def meant_wh(one: Row) -> int:
    """What a row charged, worked out apart from the importer: exact fractions, half to even."""
    from fractions import Fraction

    found = []
    for kwh in (one.start_kwh, one.end_kwh):
        if kwh is None or not 0 <= kwh <= 1e10:
            return 0
        found.append(round(Fraction(repr(float(kwh))) * 1000))
    return max(0, found[1] - found[0])


@pytest.mark.django_db
@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(ROWS, max_size=6, unique_by=lambda one: one.id))
def test_no_row_lost_and_no_energy_invented(rows: list[Row]) -> None:
    with transaction.atomic():
        first = list(upstream_import.take(rows, {1: "Lader 1"}, METERS, BERLIN))
        assert sorted(one.row_id for one in first) == sorted(one.id for one in rows)
        assert Session.objects.count() == len(rows)
        assert sum(Session.objects.values_list("booked_wh", flat=True)) == sum(
            meant_wh(one) for one in rows
        )
        before = list(Session.objects.order_by("pk").values())
        again = list(upstream_import.take(rows, {1: "Lader 1"}, METERS, BERLIN))
        assert {one.what for one in again} <= {"there already"}
        assert list(Session.objects.order_by("pk").values()) == before
        transaction.set_rollback(True)
