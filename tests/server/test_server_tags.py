"""Whose a tag is and when: periods never overlap, and nothing that has a history is deleted."""

from __future__ import annotations

import datetime as dt
import threading
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import ProtectedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evcs.kinds import TagState
from evcs.models import Station, Tag, TagAssignment
from evcs.services import tags
from evcs.services.errors import Unavailable, UsageError
from server.mmetering.models import Flat
from tests.server.server_rig import NOW, STRANGER, TAG, Box, new_uuid, stored

A, B = new_uuid(1), new_uuid(2)


def at(day: int) -> dt.datetime:
    return NOW + dt.timedelta(days=day)


def periods(tag: Tag) -> list[tuple[dt.datetime | None, dt.datetime | None]]:
    found = TagAssignment.objects.filter(tag=tag).values_list("valid_from", "valid_to")
    return sorted(found, key=lambda one: one[0] or at(-9999))


def assert_apart(tag: Tag) -> None:
    for (_, ends), (begins, _) in pairwise(periods(tag)):
        assert ends is not None
        assert begins is not None
        assert ends <= begins


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["assign", "release"]),
            st.integers(0, 1),
            st.one_of(st.none(), st.integers(-5, 5)),
            st.one_of(st.none(), st.integers(-5, 5)),
        ),
        max_size=8,
    )
)
def test_periods_never_overlap(flat: Flat, clock: Any, steps: list[Any]) -> None:
    with transaction.atomic():
        flats = [flat, Flat.objects.create(name="Wohnung 4")]
        tag = tags.register(STRANGER)
        for what, whose, since, until in steps:
            begin = at(since) if since is not None else None
            end = at(until) if until is not None else None
            try:
                if what == "assign":
                    tags.assign(tag, flats[whose].pk, since=begin, until=end)
                else:
                    tags.release(tag, end)
            except UsageError:
                continue
            assert_apart(tag)
        transaction.set_rollback(True)


def test_a_period_with_an_end(box: Box, flat: Flat) -> None:
    tag = tags.register(STRANGER)
    tags.assign(tag, flat.pk, since=at(-2), until=at(-1))
    early = {"started_at": at(-1).isoformat(), "ended_at": at(0).isoformat()}
    box.end(A, tag=STRANGER, **early | {"started_at": (at(-1) - dt.timedelta(hours=1)).isoformat()})
    box.end(B, seq=2, wh=20000, end_wh=20001, tag=STRANGER, **early)
    assert (stored(A).flat_id, stored(B).flat_id) == (flat.pk, None)


@pytest.mark.parametrize("until", [-1, 0])
def test_a_period_without_a_moment(flat: Flat, clock: Any, until: int) -> None:
    tag = Tag.objects.get(uid=TAG)
    with pytest.raises(UsageError, match="no moment"):
        tags.assign(tag, flat.pk, since=at(0), until=at(until))


def test_sessions_keep_their_apartment(box: Box, flat: Flat) -> None:
    box.end(A)
    other = Flat.objects.create(name="Wohnung 4")
    tags.assign(Tag.objects.get(uid=TAG), other.pk, since=at(-10))
    assert stored(A).flat_id == flat.pk


def test_release_takes_back_what_has_not_begun(flat: Flat, clock: Any) -> None:
    tag, other = Tag.objects.get(uid=TAG), Flat.objects.create(name="Wohnung 4")
    tags.assign(tag, other.pk, since=at(5))
    tags.release(tag, at(1))
    assert periods(tag) == [(None, at(1))]


def test_release_before_a_period_that_has_begun(flat: Flat, clock: Any) -> None:
    tag, other = Tag.objects.get(uid=TAG), Flat.objects.create(name="Wohnung 4")
    tags.assign(tag, other.pk, since=at(-5))
    with pytest.raises(UsageError, match="after"):
        tags.release(tag, at(-10))
    assert periods(tag) == [(None, at(-5)), (at(-5), None)]


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once() -> None:
    """Both assign the same tag from the same moment on: one wins, the other is told."""
    flats = [Flat.objects.create(name=f"Wohnung {number}") for number in range(8)]
    tag = tags.register(STRANGER)
    tags.assign(tag, flats[0].pk)
    # To whom it belongs already, nothing is to be told.
    others = flats[1:]
    barrier, told = threading.Barrier(len(others)), []

    def work(flat: Flat) -> None:
        barrier.wait()
        try:
            tags.assign(tag, flat.pk, since=NOW)
        except (UsageError, Unavailable) as error:
            told.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(flat,)) for flat in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_apart(tag)
    assert len(periods(tag)) == 2
    assert len(told) == len(others) - 1
    assert all(isinstance(error, UsageError) for error in told)


class TestNothingIsDeleted:
    """The database itself refuses."""

    def test_what_has_sessions(self, box: Box, flat: Flat) -> None:
        box.end(A)
        for row in (box.station, Tag.objects.get(uid=TAG), flat, stored(A).station):
            with pytest.raises(ProtectedError):
                row.delete()
        assert stored(A).flat_id == flat.pk

    def test_an_apartment_with_a_tag(self, flat: Flat) -> None:
        with pytest.raises(ProtectedError):
            flat.delete()

    def test_a_session_with_a_history(self, box: Box) -> None:
        box.end(A, estimated=True)
        box.end(A, end_wh=12241)
        with pytest.raises(ProtectedError):
            stored(A).delete()


class TestCommand:
    """``evcs_tag`` as it is typed."""

    def run(self, *words: str) -> str:
        out = StringIO()
        call_command("evcs_tag", *words, stdout=out)
        return out.getvalue()

    def test_all_of_it(self, box: Box, flat: Flat) -> None:
        told = self.run(
            *("de:ad:be:ef", "--flat", flat.name, "--since", "2026-11-01", "--until", "2026-12-01"),
            *("--label", "Gast", "--expires", "2026-11-25T00:00:00Z", "--station", box.name),
        )
        assert told.splitlines() == [
            "tag DEADBEEF belongs to Wohnung 3 links",
            "tag DEADBEEF is valid at Lader1 only",
            "tag DEADBEEF is accepted",
        ]
        tag = Tag.objects.get(uid="DEADBEEF")
        assert (tag.label, tag.expires_at) == ("Gast", dt.datetime(2026, 11, 25, tzinfo=dt.UTC))
        # Midnight in the house.
        assert periods(tag) == [
            (None, dt.datetime(2026, 11, 30, 23, tzinfo=dt.UTC))
            if periods(tag)[0][0] is None
            else (
                dt.datetime(2026, 10, 31, 23, tzinfo=dt.UTC),
                dt.datetime(2026, 11, 30, 23, tzinfo=dt.UTC),
            )
        ]
        self.run("DEADBEEF", "--expires", "none", "--block")
        tag.refresh_from_db()
        assert (tag.state, tag.expires_at) == (TagState.BLOCKED, None)
        assert "belongs to nobody" in self.run("DEADBEEF", "--release")

    def test_a_label_for_a_tag_that_is_known(self, box: Box, flat: Flat) -> None:
        assert "is called 'Oma'" in self.run(TAG, "--flat", flat.name, "--label", "Oma")
        assert Tag.objects.get(uid=TAG).label == "Oma"
        tags.set_stations(Tag.objects.get(uid=TAG), [box.station])
        self.run(TAG, "--label", "Opa")
        tag = Tag.objects.get(uid=TAG)
        assert (tag.label, [one.name for one in tag.stations.all()]) == ("Opa", [box.name])
        self.run(TAG, "--block")
        assert Tag.objects.get(uid=TAG).label == "Opa"
        self.run(TAG, "--label", "")
        assert Tag.objects.get(uid=TAG).label == ""

    def test_list(self, box: Box, flat: Flat) -> None:
        box.start(A, tag=STRANGER)
        assert self.run("--list").splitlines() == [
            f"{TAG}: accepted, Wohnung 3 links, everywhere",
            f"{STRANGER}: unknown, 1 time(s) at Lader1, last 2026-11-22 13:00",
        ]

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            ([], "name the tag"),
            (["DEADBEEF"], "say what to do"),
            (["nonsense", "--block"], "no UID"),
            (["DEADBEEF", "--flat", "nowhere"], "no apartment"),
            (["DEADBEEF", "--station", "nowhere"], "no station"),
            (["DEADBEEF", "--flat", "Wohnung 3 links", "--since", "yesterday"], "offset"),
            (["DEADBEEF", "--flat", "Wohnung 3 links", "--since", "2026-13-01"], "month"),
        ],
    )
    def test_what_is_wrong(self, flat: Flat, words: list[str], told: str) -> None:
        with pytest.raises(CommandError, match=told):
            self.run(*words)
        assert not Tag.objects.filter(uid="DEADBEEF").exists()
        assert not Station.objects.exists()
