"""Corrections and moves: entries with a reason and a name; the session stays as it was."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evcs.models import Entry, Session, Tag
from evcs.services import closing, consumption, corrections, tags
from evcs.services.closing import Override
from evcs.services.consumption import Consumption
from evcs.services.errors import UsageError
from server.mmetering.models import Flat
from tests.server.server_rig import NOW, STRANGER, TAG, Box, at, meter, new_uuid, stored

A = new_uuid(1)
OCTOBER, NOVEMBER = dt.date(2026, 10, 1), dt.date(2026, 11, 1)
THEN: dict[str, Any] = {
    "started_at": "2026-10-20T10:00:00Z",
    "ended_at": "2026-10-20T12:00:00Z",
}
BY = "Frau Verwalter"


def close(month: dt.date) -> None:
    closing.close(month, "V", override=Override("V", "a test"))


def of(flat: Flat | None, month: dt.date = OCTOBER) -> Consumption:
    return consumption.of_flat(flat.pk if flat else None, month)


@pytest.fixture
def other(flat: Flat) -> Flat:
    return Flat.objects.create(name="Wohnung 4")


@pytest.mark.parametrize("closed", [False, True])
def test_a_correction_is_an_entry_with_a_reason_and_a_name(
    box: Box, flat: Flat, closed: bool
) -> None:
    user = get_user_model().objects.create_user("vermieter")
    box.end(A, meter_end=meter(50, "NEW"), **THEN)
    if closed:
        close(OCTOBER)
    corrections.correct(stored(A), 7000, " read from the old meter ", by_name=BY, user=user)
    month = NOVEMBER if closed else OCTOBER
    assert (of(flat, month).corrected_wh, of(flat, month).energy_wh) == (7000, 7000)
    assert stored(A).energy_wh == 0
    entry = Entry.objects.get()
    assert (entry.reason, entry.by_name, entry.user) == ("read from the old meter", BY, user)


def test_an_unassigned_session_is_given_to_an_apartment(box: Box, flat: Flat) -> None:
    box.end(A, tag=STRANGER, **THEN)
    corrections.reassign(stored(A), flat.pk, "new card, entered too late", by_name=BY)
    assert of(flat).energy_wh == 11240
    assert of(None).energy_wh == 0
    assert stored(A).flat_id is None
    with pytest.raises(UsageError, match="already"):
        corrections.reassign(stored(A), flat.pk, "again", by_name=BY)


def test_there_and_back(box: Box, flat: Flat, other: Flat) -> None:
    box.end(A, **THEN)
    corrections.reassign(stored(A), other.pk, "lent", by_name=BY)
    assert (of(flat).energy_wh, of(other).energy_wh) == (0, 11240)
    corrections.reassign(stored(A), flat.pk, "not lent", by_name=BY)
    assert (of(flat).energy_wh, of(other).energy_wh) == (11240, 0)
    assert Entry.objects.count() == 4


@pytest.mark.parametrize(
    ("reason", "by_name", "told"),
    [("", BY, "reason"), ("  ", BY, "reason"), ("x" * 201, BY, "at most 200"), ("ok", " ", "name")],
)
def test_reason_and_name_are_needed(
    box: Box, flat: Flat, other: Flat, reason: str, by_name: str, told: str
) -> None:
    box.end(A)
    with pytest.raises(UsageError, match=told):
        corrections.correct(stored(A), 1, reason, by_name=by_name)
    with pytest.raises(UsageError, match=told):
        corrections.reassign(stored(A), other.pk, reason, by_name=by_name)
    assert not Entry.objects.exists()


@pytest.mark.parametrize(
    ("difference_wh", "told"),
    [
        (0, "0 Wh"),
        (-11241, "-0.001 kWh"),
        (corrections.MOST_WH + 1, "at most 10000 kWh"),
        (-(10**30), "kWh would be left"),
        (10**30, "at most 10000 kWh"),
    ],
)
def test_corrections_that_cannot_be(box: Box, difference_wh: int, told: str) -> None:
    box.end(A)
    with pytest.raises(UsageError, match=told):
        corrections.correct(stored(A), difference_wh, "why not", by_name=BY)


def test_an_open_session_is_not_corrected(box: Box, other: Flat) -> None:
    box.start(A)
    with pytest.raises(UsageError, match="open"):
        corrections.correct(stored(A), 1, "why not", by_name=BY)
    with pytest.raises(UsageError, match="open"):
        corrections.reassign(stored(A), other.pk, "why not", by_name=BY)


@pytest.mark.parametrize("closed", [False, True])
def test_what_is_settled_later_follows_the_move(
    box: Box, flat: Flat, other: Flat, closed: bool
) -> None:
    box.end(A, end_wh=12000, estimated=True, **THEN)
    corrections.reassign(stored(A), other.pk, "lent", by_name=BY)
    if closed:
        close(OCTOBER)
    box.end(A, end_wh=12240, **THEN)
    paid = {
        name: of(whose).energy_wh + of(whose, NOVEMBER).energy_wh
        for name, whose in (("flat", flat), ("other", other))
    }
    assert paid == {"flat": 0, "other": 11240}
    assert of(other, NOVEMBER).energy_wh == (240 if closed else 0)


def test_a_correction_goes_to_who_pays(box: Box, flat: Flat, other: Flat) -> None:
    box.end(A, **THEN)
    corrections.reassign(stored(A), other.pk, "lent", by_name=BY)
    corrections.correct(stored(A), -3000, "read wrongly", by_name=BY)
    assert (of(flat).energy_wh, of(other).energy_wh) == (0, 8240)
    with pytest.raises(UsageError, match="less than nothing"):
        corrections.correct(stored(A), -8241, "why not", by_name=BY)


def test_after_it_became_less_what_comes_late_still_goes_to_who_pays(
    box: Box, flat: Flat, other: Flat
) -> None:
    """The difference of a charge that became less is moved along; that is nobody's decision."""
    box.start(A, seq=1, wh=30_000)
    box.start(new_uuid(3), seq=3, wh=40_000)
    corrections.reassign(stored(A), other.pk, "lent", by_name=BY)
    box.start(new_uuid(2), seq=2, wh=38_000, authorized_by="list")
    assert (of(flat, NOVEMBER).energy_wh, of(other, NOVEMBER).energy_wh) == (2000, 8000)
    box.end(A, seq=1, wh=30_000, end_wh=39_000)
    assert stored(A).entries.count() == 6
    own_wh = of(flat, NOVEMBER).energy_wh - stored(new_uuid(2)).booked_wh
    assert (own_wh, of(other, NOVEMBER).energy_wh) == (0, 9000)


def test_what_a_person_moved_stays_when_the_clock_is_set(box: Box, flat: Flat, other: Flat) -> None:
    """The apartment follows a repaired time, unless somebody said already who pays."""
    tags.assign(Tag.objects.get(uid=TAG), other.pk, since=NOW - dt.timedelta(hours=2))
    box.start(A, seq=1, wh=1000, started_at=at(-60), time_quality="estimated")
    box.start(new_uuid(2), seq=2, wh=4000)
    assert (of(flat, NOVEMBER).energy_wh, of(other, NOVEMBER).energy_wh) == (0, 3000)
    corrections.reassign(stored(A), flat.pk, "was there before", by_name=BY)
    box.start(A, seq=1, wh=1000, started_at=at(-3 * 3600))
    assert stored(A).time_quality == "synced"
    assert (of(flat, NOVEMBER).energy_wh, of(other, NOVEMBER).energy_wh) == (3000, 0)


def test_what_is_moved_may_be_less_than_nothing_by_then(box: Box, flat: Flat, other: Flat) -> None:
    """Most was taken away by hand while the end was estimated; then the charge was moved."""
    box.start(A, seq=1, wh=1000)
    box.start(new_uuid(2), seq=2, wh=12_240, tag="DEADBEEF", authorized_by="list")
    corrections.correct(stored(A), -11_000, "was not charging", by_name=BY)
    box.end(A, seq=1, wh=1000, end_wh=1100, estimated=True)
    corrections.reassign(stored(A), other.pk, "lent", by_name=BY)
    box.end(A, seq=1, wh=1000, end_wh=12_240)
    assert (of(flat, NOVEMBER).energy_wh, of(other, NOVEMBER).energy_wh) == (0, 240)


@pytest.mark.parametrize("closed", [False, True])
def test_what_is_booked_beside_it_goes_along_to_another_month(
    box: Box, flat: Flat, other: Flat, closed: bool
) -> None:
    """It ended provisionally in October; its own end says that it was in November."""
    guess: dict[str, Any] = {"authorized_by": "list", "time_quality": "estimated"}
    box.start(A, seq=1, wh=1000, started_at="2026-10-31T10:00:00Z", **guess)
    more = {"tag": STRANGER, **guess}
    box.start(new_uuid(2), seq=2, wh=5000, started_at="2026-10-31T12:00:00Z", **more)
    corrections.reassign(stored(A), other.pk, "lent", by_name=BY)
    corrections.correct(stored(A), 500, "read wrongly", by_name=BY)
    assert (of(other).energy_wh, of(flat).energy_wh) == (4500, 0)
    if closed:
        close(OCTOBER)
    times = {"started_at": "2026-11-02T10:00:00Z", "ended_at": "2026-11-02T11:00:00Z"}
    box.end(A, seq=1, wh=1000, end_wh=5000, **times)
    assert (of(flat).energy_wh, of(flat, NOVEMBER).energy_wh) == (0, 0)
    counted = (of(other).energy_wh, of(other, NOVEMBER).energy_wh)
    assert counted == ((4500, 0) if closed else (0, 4500))


def test_a_second_click_books_nothing(box: Box, other: Flat) -> None:
    box.end(A, **THEN)
    seen: dict[str, Any] = {"by_name": BY, "entries_seen": 0}
    corrections.correct(stored(A), 1000, "read wrongly", **seen)
    with pytest.raises(UsageError, match="booked beside this charge meanwhile"):
        corrections.correct(stored(A), 1000, "read wrongly", **seen)
    with pytest.raises(UsageError, match="booked beside this charge meanwhile"):
        corrections.reassign(stored(A), other.pk, "lent", **seen)
    assert Entry.objects.count() == 1
    corrections.correct(stored(A), 1000, "and again", by_name=BY, entries_seen=1)
    assert Entry.objects.count() == 2


@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("correct"), st.integers(-20_000, 20_000)),
            st.tuples(st.just("move"), st.sampled_from([0, 1, 2])),
            st.tuples(st.just("exact"), st.integers(0, 20_000)),
            st.tuples(st.just("close"), st.just(0)),
        ),
        max_size=8,
    )
)
def test_whatever_is_corrected_and_moved_one_apartment_pays_all_of_it(
    box: Box, flat: Flat, steps: list[tuple[str, int]]
) -> None:
    """The session may turn out to have counted something else in between, once."""
    from django.db import transaction

    with transaction.atomic():
        flats = [None, flat, Flat.objects.create(name="Wohnung 4")]
        box.end(A, estimated=True, **THEN)
        counted, corrected, payer = 11240, 0, flat
        exact = False
        for what, value in steps:
            try:
                if what == "correct":
                    corrections.correct(stored(A), value, "why not", by_name=BY)
                    corrected += value
                elif what == "move":
                    target = flats[value]
                    corrections.reassign(
                        stored(A), target.pk if target else None, "why not", by_name=BY
                    )
                    payer = target
                elif what == "exact":
                    # Less than what was taken away by hand would be less than nothing.
                    if not exact and value + corrected >= 0:
                        assert box.end(A, end_wh=1000 + value, **THEN).status_code == 200
                        counted, exact = value, True
                else:
                    close(OCTOBER)
            except UsageError:
                continue
        paid = {
            one: sum(of(one, month).energy_wh for month in (OCTOBER, NOVEMBER)) for one in flats
        }
        assert paid == dict.fromkeys(flats, 0) | {payer: counted + corrected}
        assert Session.objects.get(uuid=A).energy_wh == counted
        transaction.set_rollback(True)
