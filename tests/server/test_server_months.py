"""A closed month never changes; late energy is a line of its own."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from evcs.models import Entry, Tag
from evcs.services import closing, consumption, reconciliation, settlement, tags
from evcs.services.closing import Override
from evcs.services.consumption import Consumption
from server.mmetering.models import Flat
from tests.server.server_rig import STRANGER, TAG, Box, Clock, new_uuid, stored

A, B, C = new_uuid(1), new_uuid(2), new_uuid(3)
OCTOBER, NOVEMBER = dt.date(2026, 10, 1), dt.date(2026, 11, 1)
THEN: dict[str, Any] = {
    "started_at": "2026-10-20T10:00:00Z",
    "ended_at": "2026-10-20T12:00:00Z",
}


def close(month: dt.date) -> None:
    """Close it, whatever is open."""
    closing.close(month, "V", override=Override("V", "a test"))


def of(flat: Flat | None, month: dt.date) -> Consumption:
    """Return what counts."""
    return consumption.of_flat(flat.pk if flat else None, month)


def test_late_session_counts_in_the_next_open_month(box: Box, flat: Flat) -> None:
    close(OCTOBER)
    assert box.end(A, **THEN).json()["flags"] == ["late_month"]
    assert of(flat, OCTOBER).energy_wh == 0
    assert (of(flat, NOVEMBER).sessions, of(flat, NOVEMBER).energy_wh) == (1, 11240)
    assert stored(A).month == NOVEMBER


def test_late_session_passes_over_every_closed_month(box: Box, clock: Clock, flat: Flat) -> None:
    clock.now = dt.datetime(2027, 1, 3, tzinfo=dt.UTC)
    for month in (OCTOBER, NOVEMBER, dt.date(2026, 12, 1)):
        close(month)
    box.end(A, **THEN)
    assert of(flat, dt.date(2027, 1, 1)).energy_wh == 11240


def test_provisional_end_of_a_closed_month_is_settled_by_an_entry(box: Box, flat: Flat) -> None:
    box.start(A, seq=1, wh=1000, authorized_by="list", started_at=THEN["started_at"])
    late = "2026-10-21T00:00:00Z"
    box.start(B, seq=2, wh=5000, authorized_by="list", started_at=late, tag=STRANGER)
    close(OCTOBER)
    body = box.end(A, seq=1, wh=1000, end_wh=4500, **THEN).json()
    assert (body["energy_wh"], body["flags"]) == (3500, ["late_month"])
    assert (of(flat, OCTOBER).sessions, of(flat, OCTOBER).energy_wh) == (1, 4000)
    assert (of(flat, NOVEMBER).late_wh, of(flat, NOVEMBER).energy_wh) == (-500, -500)
    box.end(A, seq=1, wh=1000, end_wh=4500, **THEN)
    assert Entry.objects.count() == 1
    assert of(flat, OCTOBER).energy_wh + of(flat, NOVEMBER).energy_wh == stored(A).energy_wh


def test_exact_end_after_the_close(box: Box, flat: Flat) -> None:
    box.end(A, end_wh=2000, estimated=True, **THEN)
    close(OCTOBER)
    assert box.end(A, end_wh=2300, **THEN).json()["energy_wh"] == 1300
    assert of(flat, OCTOBER).energy_wh == 1000
    assert of(flat, NOVEMBER).late_wh == 300


def test_closed_month_keeps_its_apartment(box: Box, flat: Flat) -> None:
    newcomer = Flat.objects.create(name="Wohnung 4")
    moved = dt.datetime(2026, 10, 20, 10, 30, tzinfo=dt.UTC)
    tags.assign(Tag.objects.get(uid=TAG), newcomer.pk, since=moved)
    guessed = {**THEN, "started_at": "2026-10-20T11:00:00Z"}
    box.end(A, time_quality="estimated", end_time_quality="synced", **guessed)
    close(OCTOBER)
    box.end(A, **THEN)
    assert stored(A).started_at == dt.datetime(2026, 10, 20, 10, tzinfo=dt.UTC)
    assert stored(A).flat_id == newcomer.pk
    assert of(newcomer, OCTOBER).energy_wh == 11240


def test_reconciliation_stands_where_the_energy_flowed(box: Box) -> None:
    box.end(A, seq=1, wh=0, end_wh=1000, **THEN)
    close(OCTOBER)
    box.end(B, seq=2, wh=1010, end_wh=2000, **THEN)
    box.end(C, seq=3, wh=2020, end_wh=3000)
    (line,) = reconciliation.reconcile(box.station, OCTOBER)
    assert (line.energy_wh, line.unassigned_wh) == (1990, 10)
    (line,) = reconciliation.reconcile(box.station, NOVEMBER)
    assert (line.energy_wh, line.unassigned_wh) == (980, 20)


def test_close_command(clock: Clock, db: None, capsys: Any) -> None:
    call_command("evcs_close_month", "2026-10")
    assert capsys.readouterr().out.startswith("2026-10 is closed: 0 statement(s)")
    for month, why in (("2026-10", "already"), ("2026-11", "not over"), ("11/2026", "no month")):
        with pytest.raises(CommandError, match=why):
            call_command("evcs_close_month", month)


def test_month_after_december() -> None:
    assert settlement.following(dt.date(2026, 12, 1)) == dt.date(2027, 1, 1)
    assert settlement.following(dt.date(2026, 1, 1)) == dt.date(2026, 2, 1)
