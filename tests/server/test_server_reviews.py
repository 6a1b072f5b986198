"""What a person has to look at, and that they did."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evcs.kinds import Flag
from evcs.models import Session, SessionReview
from evcs.services import quarantine, reviews
from evcs.services.errors import UsageError
from tests.server.server_rig import STRANGER, Box, new_uuid, stored

A = new_uuid(1)
NOVEMBER = dt.date(2026, 11, 1)
BY = "Frau Verwalter"


def waiting(month: dt.date = NOVEMBER) -> list[int]:
    return [session.seq for session in reviews.open_for(month)]


@pytest.mark.parametrize("flag", list(Flag))
def test_which_flags_want_a_look(box: Box, flag: Flag) -> None:
    box.end(A)
    Session.objects.update(flags_text=f",{flag.value},")
    quiet = flag in (Flag.LATE_SEQ, Flag.LATE_MONTH, Flag.ESTIMATED_TIME)
    assert waiting() == ([] if quiet else [1])


def test_until_somebody_has_looked(box: Box) -> None:
    box.end(A, tag=STRANGER)
    assert waiting() == [1]
    assert waiting(dt.date(2026, 10, 1)) == []
    reviews.review(stored(A), by_name=f" {BY} ", note=" guest ")
    assert waiting() == []
    made = SessionReview.objects.get()
    assert (made.by_name, made.note, made.flags_text) == (BY, "guest", ",unknown_tag,")


def test_a_flag_that_comes_later_wants_a_look_of_its_own(box: Box) -> None:
    box.end(A, tag=STRANGER)
    reviews.review(stored(A), by_name=BY, note="guest")
    Session.objects.update(flags_text=",conflict,unknown_tag,")
    assert waiting() == [1]
    reviews.review(stored(A), by_name=BY, note="copy from an old card")
    assert waiting() == []


def test_nothing_to_look_at(box: Box) -> None:
    box.end(A)
    with pytest.raises(UsageError, match="nothing"):
        reviews.review(stored(A), by_name=BY, note="fine")


@pytest.mark.parametrize(
    ("by_name", "note", "told"), [("", "fine", "who"), (BY, " ", "found"), (BY, "x" * 201, "200")]
)
def test_name_and_note_are_needed(box: Box, by_name: str, note: str, told: str) -> None:
    box.end(A, tag=STRANGER)
    quarantine.keep(box.station, "7", "{}", "code 422")
    with pytest.raises(UsageError, match=told):
        reviews.review(stored(A), by_name=by_name, note=note)
    with pytest.raises(UsageError, match=told):
        reviews.settle_quarantine(box.station.quarantine_items.get(), by_name=by_name, note=note)
    assert not SessionReview.objects.exists()


def test_a_refused_message_is_settled_once(box: Box) -> None:
    quarantine.keep(box.station, "7", "{}", "code 422")
    item = box.station.quarantine_items.get()
    reviews.settle_quarantine(item, by_name=BY, note="typo")
    with pytest.raises(UsageError, match="already"):
        reviews.settle_quarantine(item, by_name="Somebody else", note="me too")
    item.refresh_from_db()
    assert (item.settled_by, item.note) == (BY, "typo")


def test_many_take_no_more_queries_than_one(box: Box) -> None:
    counts = []
    for last in (1, 10):
        for seq in range(last // 2 + 1, last + 1):
            box.end(new_uuid(seq), seq=seq, wh=100 * seq, end_wh=100 * seq + 9, tag=STRANGER)
        with CaptureQueriesContext(connection) as seen:
            waiting()
        counts.append(len(seen))
    assert counts[0] == counts[1]
