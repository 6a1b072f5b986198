"""Tags that belong to nobody: kept whether the START was refused or taken, listed, adopted."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evcs.models import Entry, Tag, UnknownTag
from evcs.services import closing, consumption, corrections, tags, unknown_tags
from evcs.services.errors import UsageError
from server.mmetering.models import Flat
from tests.server.server_rig import NOW, STRANGER, TAG, Box, meter, new_uuid, stored

A, B = new_uuid(1), new_uuid(2)
BY = "Frau Verwalter"


def listed() -> list[tuple[str, str, int]]:
    return [(one.uid, one.station.name, one.times) for one in unknown_tags.listed()]


def test_kept_when_its_start_is_refused(box: Box) -> None:
    assert box.start(A, tag=STRANGER).status_code == 403
    assert listed() == [(STRANGER, "Lader1", 1)]


def test_kept_when_it_charged_without_being_asked_for(box: Box) -> None:
    box.start(A, tag=STRANGER, authorized_by="none")
    box.end(B, seq=2, tag="DEADBEE0")
    assert sorted(listed()) == [("DEADBEE0", "Lader1", 1), (STRANGER, "Lader1", 1)]


def test_one_row_for_each_station(box: Box, other_box: Box) -> None:
    box.start(A, tag=STRANGER)
    box.clock.advance(3600)
    box.start(B, seq=2, tag=STRANGER)
    other_box.start(new_uuid(3), tag=STRANGER)
    assert sorted(listed()) == [(STRANGER, "Lader1", 2), (STRANGER, "Lader2", 1)]
    one = UnknownTag.objects.get(station=box.station)
    assert (one.first_at, one.last_at) == (NOW, NOW + dt.timedelta(hours=1))


def test_known_tags_are_not_kept_and_cost_nothing(box: Box) -> None:
    with CaptureQueriesContext(connection) as seen:
        box.start(A)
    assert not [one for one in seen if "unknowntag" in one["sql"]]
    tags.set_state(Tag.objects.get(uid=TAG), "blocked")
    box.start(B, seq=2)
    assert listed() == []


def test_a_tag_between_two_apartments_is_kept(box: Box) -> None:
    tags.release(Tag.objects.get(uid=TAG), NOW - dt.timedelta(days=1))
    box.start(A)
    assert listed() == [(TAG, "Lader1", 1)]


def test_adopted(box: Box, other_box: Box, flat: Flat) -> None:
    box.end(A, tag=STRANGER)
    other_box.start(B, tag=STRANGER)
    tag = unknown_tags.adopt(STRANGER, flat.pk, "neue Karte", by_name=BY)
    assert (tag.label, listed()) == ("neue Karte", [])
    assert {one.settled_by for one in UnknownTag.objects.all()} == {BY}
    # What it charged before is nobody's until a person moves it.
    assert stored(A).flat_id is None
    assert box.start(new_uuid(9), seq=9, wh=20000, tag=STRANGER).status_code == 201


def test_adopting_a_tag_that_belongs_to_somebody(box: Box, flat: Flat) -> None:
    with pytest.raises(UsageError, match="already"):
        unknown_tags.adopt(TAG, flat.pk, "", by_name=BY)


def test_its_past_comes_along_or_nothing_does(box: Box, flat: Flat) -> None:
    """The tag was given to somebody in between: nothing is adopted, nothing moved."""
    box.end(A, tag=STRANGER)
    other = Flat.objects.create(name="Wohnung 4")
    tags.assign(tags.register(STRANGER), other.pk)
    with pytest.raises(UsageError, match="already"):
        unknown_tags.adopt(STRANGER, flat.pk, "", by_name=BY, past="adopted later")
    assert not Entry.objects.exists()
    assert listed() != []
    tags.release(Tag.objects.get(uid=STRANGER))
    Tag.objects.get(uid=STRANGER).assignments.all().delete()
    unknown_tags.adopt(STRANGER, flat.pk, "", by_name=BY, past="adopted later")
    assert {(one.flat_id, one.energy_wh) for one in Entry.objects.all()} == {
        (None, -11240),
        (flat.pk, 11240),
    }


def test_set_aside_until_it_comes_again(box: Box) -> None:
    box.start(A, tag=STRANGER)
    unknown_tags.set_aside(STRANGER, by_name=BY)
    assert listed() == []
    with pytest.raises(UsageError, match="not on the list"):
        unknown_tags.set_aside(STRANGER, by_name=BY)
    box.start(B, seq=2, tag=STRANGER)
    assert listed() == [(STRANGER, "Lader1", 2)]


def test_a_name_is_needed(box: Box, flat: Flat) -> None:
    box.start(A, tag=STRANGER)
    with pytest.raises(UsageError, match="who"):
        unknown_tags.adopt(STRANGER, flat.pk, "", by_name=" ")
    with pytest.raises(UsageError, match="who"):
        unknown_tags.set_aside(STRANGER, by_name="")
    assert listed() == [(STRANGER, "Lader1", 1)]


def test_a_box_cannot_fill_the_disk(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_tags, "MOST", 3)
    for number in range(1, 7):
        box.clock.advance(1)
        box.start(new_uuid(number), seq=number, tag=f"{number:08X}")
    assert [uid for uid, _, _ in listed()] == ["00000006", "00000005", "00000004"]
    assert UnknownTag.objects.count() == 3


OCTOBER, NOVEMBER = dt.date(2026, 10, 1), dt.date(2026, 11, 1)
THEN = {"started_at": "2026-10-20T10:00:00Z", "ended_at": "2026-10-20T12:00:00Z"}


def paid_by(flat: Flat | None) -> int:
    key = flat.pk if flat else None
    return sum(consumption.of_flat(key, month).energy_wh for month in (OCTOBER, NOVEMBER))


@pytest.mark.parametrize("estimated_wh", [1000, 2000])
def test_what_came_late_is_claimed_as_well(box: Box, flat: Flat, estimated_wh: int) -> None:
    """The month was closed with an estimated register; the exact one came afterwards."""
    box.end(A, tag=STRANGER, end_wh=estimated_wh, estimated=True, **THEN)
    closing.close(OCTOBER, "Test", override=closing.Override("Test", "Test"))
    box.end(A, tag=STRANGER, end_wh=12_240, **THEN)
    assert paid_by(None) == 11_240
    unknown_tags.adopt(STRANGER, flat.pk, "", by_name=BY, past="was theirs")
    assert (paid_by(None), paid_by(flat)) == (0, 11_240)


@pytest.mark.parametrize(
    ("end", "difference_wh", "left_wh"),
    [
        ({"end_wh": 12_240}, -240, 11_000),
        ({"meter_end": meter(50, "NEW")}, 7000, 7000),
    ],
)
def test_what_was_corrected_is_claimed_as_it_is_now(
    box: Box, flat: Flat, end: dict[str, Any], difference_wh: int, left_wh: int
) -> None:
    box.end(A, tag=STRANGER, **end, **THEN)
    corrections.correct(stored(A), difference_wh, "read from the meter", by_name=BY)
    unknown_tags.adopt(STRANGER, flat.pk, "", by_name=BY, past="was theirs")
    assert (paid_by(None), paid_by(flat)) == (0, left_wh)
