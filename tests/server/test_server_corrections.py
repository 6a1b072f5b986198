"""Corrections and moves: entries with a reason and a name; the session stays as it was."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evcs.models import Entry, Session
from evcs.services import closing, consumption, corrections
from evcs.services.closing import Override
from evcs.services.consumption import Consumption
from evcs.services.errors import UsageError
from server.mmetering.models import Flat
from tests.server.server_rig import STRANGER, Box, meter, new_uuid, stored

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


@pytest.mark.parametrize(("difference_wh", "told"), [(0, "0 Wh"), (-11241, "-1 Wh")])
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
            st.tuples(st.just("close"), st.just(0)),
        ),
        max_size=8,
    )
)
def test_whatever_is_corrected_and_moved_the_sum_is_what_was_charged_and_corrected(
    box: Box, flat: Flat, steps: list[tuple[str, int]]
) -> None:
    from django.db import transaction

    with transaction.atomic():
        flats = [None, flat, Flat.objects.create(name="Wohnung 4")]
        box.end(A, **THEN)
        expected, holder = 11240, flat
        for what, value in steps:
            try:
                if what == "correct":
                    corrections.correct(stored(A), value, "why not", by_name=BY)
                    expected += value
                elif what == "move":
                    target = flats[value]
                    corrections.reassign(
                        stored(A), target.pk if target else None, "why not", by_name=BY
                    )
                else:
                    close(OCTOBER)
            except UsageError:
                continue
        total = sum(of(one, month).energy_wh for one in flats for month in (OCTOBER, NOVEMBER))
        assert total == expected >= 0
        assert Session.objects.get(uuid=A).energy_wh == 11240
        transaction.set_rollback(True)
    assert holder is flat
