"""Closing a month: what stands against it, what is frozen, and that it shows if it is changed."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from evcs.models import ClosedMonth, Session, Statement, StatementRecipient, Station
from evcs.services import closing, corrections, open_points, quarantine, reviews
from evcs.services.canonical import sha256
from evcs.services.closing import Override, StillOpen
from evcs.services.errors import UsageError
from server.mmetering.models import Flat
from tests.server.server_rig import STRANGER, Box, Clock, meter, new_uuid, stored

A, B, C = new_uuid(1), new_uuid(2), new_uuid(3)
SEPTEMBER, OCTOBER, NOVEMBER = (dt.date(2026, month, 1) for month in (9, 10, 11))
THEN = {"started_at": "2026-10-20T10:00:00Z", "ended_at": "2026-10-20T12:00:00Z"}
OVER = Override("Frau Verwalter", "the box was taken down")


@pytest.fixture
def heard(box: Box) -> Box:
    """A station that was heard after October and has nothing to deliver."""
    assert box.heartbeat().status_code == 200
    return box


def kinds(month: dt.date = OCTOBER) -> list[str]:
    return [point.kind for point in open_points.of(month)]


def statement(flat: Flat | None, month: dt.date = OCTOBER) -> dict[str, Any]:
    found = Statement.objects.get(closed__month=month, flat=flat)
    return json.loads(found.content)


def report(month: dt.date = OCTOBER) -> dict[str, Any]:
    return json.loads(ClosedMonth.objects.get(month=month).content)


class TestOpenPoints:
    """What may still change a month, or nobody has looked at."""

    def test_nothing(self, heard: Box) -> None:
        heard.end(A, **THEN)
        assert open_points.of(OCTOBER) == []

    def test_a_station_that_was_not_heard_since(self, box: Box, clock: Clock) -> None:
        assert kinds() == ["silent_station"]
        clock.now = dt.datetime(2026, 10, 31, 22, 59, tzinfo=dt.UTC)
        box.heartbeat()
        (point,) = open_points.of(OCTOBER)
        assert "last on 2026-10-31 23:59" in point.detail
        clock.now = dt.datetime(2026, 10, 31, 23, 1, tzinfo=dt.UTC)
        box.heartbeat()
        assert kinds() == []

    def test_a_station_that_was_built_later(self, heard: Box) -> None:
        Station.objects.create(name="new", created_at=dt.datetime(2026, 11, 2, tzinfo=dt.UTC))
        assert kinds() == []

    def test_a_disabled_station_that_never_was_one(self, heard: Box) -> None:
        Station.objects.create(
            name="old", enabled=False, created_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        )
        assert kinds() == []

    def test_messages_that_wait_in_a_box(self, box: Box) -> None:
        box.heartbeat(pending=3)
        (point,) = open_points.of(OCTOBER)
        assert (point.kind, point.station) == ("pending_messages", "Lader1")
        assert "3 message(s)" in point.detail

    def test_a_session_that_runs_over_the_end(self, heard: Box) -> None:
        heard.start(A, started_at="2026-10-31T22:30:00Z")
        assert kinds() == ["open_session"]
        assert kinds(SEPTEMBER) == []

    def test_a_provisional_end(self, heard: Box) -> None:
        heard.start(A, seq=1, wh=1000, started_at="2026-10-20T10:00:00Z")
        heard.start(B, seq=2, wh=1800, started_at="2026-10-20T11:00:00Z")
        heard.end(B, seq=2, wh=1800, end_wh=2000, **{**THEN, "started_at": "2026-10-20T11:00:00Z"})
        # It is flagged besides: the next start register is no end register.
        assert kinds() == ["provisional_session", "review"]

    def test_what_is_doubtful_until_somebody_has_looked(self, heard: Box) -> None:
        heard.end(A, tag=STRANGER, **THEN)
        (point,) = open_points.of(OCTOBER)
        assert (point.kind, point.session_id) == ("review", stored(A).pk)
        assert "unknown_tag" in point.detail
        reviews.review(stored(A), by_name="Frau Verwalter", note="guest")
        assert kinds() == []

    def test_a_message_that_was_refused(self, heard: Box) -> None:
        quarantine.keep(heard.station, "7", "{}", "code 422")
        (point,) = open_points.of(OCTOBER)
        assert (point.kind, point.station) == ("quarantine", "Lader1")
        reviews.settle_quarantine(
            heard.station.quarantine_items.get(), by_name="Frau Verwalter", note="typo"
        )
        assert kinds() == []


class TestClosing:
    """What is written."""

    def test_one_statement_for_each_that_has_something(self, heard: Box, flat: Flat) -> None:
        quiet = Flat.objects.create(name="Wohnung 9")
        Flat.objects.create(name="Wohnung 10")
        StatementRecipient.objects.create(flat=quiet)
        heard.end(A, seq=1, wh=1000, end_wh=2000, **THEN)
        closing.close(OCTOBER, "Frau Verwalter")
        keys = [one.flat_key for one in Statement.objects.all()]
        assert sorted(keys) == sorted([str(flat.pk), str(quiet.pk)])
        assert statement(flat)["total"]["energy_wh"] == 1000
        assert statement(quiet)["sessions"] == []
        assert report()["closed_by"] == "Frau Verwalter"
        assert report()["override"] is None

    def test_the_line_of_the_meter(self, heard: Box, flat: Flat) -> None:
        heard.end(A, seq=1, wh=1000, end_wh=2000, started_at="2026-09-10T10:00:00Z",
                  ended_at="2026-09-10T12:00:00Z")  # fmt: skip
        closing.close(SEPTEMBER, "V")
        heard.end(B, seq=2, wh=2007, end_wh=3000, **THEN)
        closing.close(OCTOBER, "V")
        assert report()["stations"] == [
            {
                "station": "Lader1",
                "serial": "4711",
                "from_wh": 2000,
                "to_wh": 3000,
                "counted_wh": 1000,
                "sessions": 1,
                "sessions_wh": 993,
                "unassigned_wh": 7,
            }
        ]

    def test_hashes_hang_together(self, heard: Box, flat: Flat) -> None:
        heard.end(A, seq=1, **{**THEN, "started_at": "2026-09-10T10:00:00Z",
                               "ended_at": "2026-09-10T12:00:00Z"})  # fmt: skip
        first = closing.close(SEPTEMBER, "V")
        heard.end(B, seq=2, wh=20000, end_wh=21000, **THEN)
        second = closing.close(OCTOBER, "V")
        assert report(SEPTEMBER)["previous"] is None
        assert report()["previous"] == {"month": "2026-09", "sha256": first.sha256}
        for closed in (first, second):
            assert sha256(closed.content) == closed.sha256
            for one in closed.statements.all():
                assert sha256(one.content) == one.sha256
        listed = [one["sha256"] for one in report()["statements"]]
        assert listed == [one.sha256 for one in second.statements.order_by("pk")]
        assert closing.verify() == []

    def test_not_over_open_points(self, heard: Box) -> None:
        heard.end(A, tag=STRANGER, **THEN)
        with pytest.raises(StillOpen) as refused:
            closing.close(OCTOBER, "V")
        assert [point.kind for point in refused.value.points] == ["review"]
        assert not ClosedMonth.objects.exists()

    def test_over_open_points_with_name_and_reason(self, heard: Box) -> None:
        heard.end(A, tag=STRANGER, **THEN)
        closed = closing.close(OCTOBER, "V", override=OVER)
        assert (closed.override_by, closed.override_reason) == (OVER.by, OVER.reason)
        assert report()["override"] == {"by": OVER.by, "reason": OVER.reason}
        assert [point["kind"] for point in report()["open_points"]] == ["review"]
        assert statement(None)["total"]["energy_wh"] == 11240

    def test_an_override_that_was_not_needed_is_none(self, heard: Box) -> None:
        closed = closing.close(OCTOBER, "V", override=OVER)
        assert (closed.override_by, report()["override"]) == ("", None)

    @pytest.mark.parametrize("override", [Override("", "because"), Override("Me", "  ")])
    def test_an_override_needs_both(self, box: Box, override: Override) -> None:
        with pytest.raises(UsageError, match="name and a reason"):
            closing.close(OCTOBER, "V", override=override)

    def test_in_order(self, heard: Box, flat: Flat) -> None:
        heard.end(A, **THEN)
        with pytest.raises(UsageError, match="2026-11 is not over"):
            closing.close(NOVEMBER, "V")
        heard.clock.advance(30 * 86400)
        heard.heartbeat()
        with pytest.raises(UsageError, match="2026-10 is still open"):
            closing.close(NOVEMBER, "V")
        closing.close(OCTOBER, "V")
        with pytest.raises(UsageError, match="closed already"):
            closing.close(OCTOBER, "V")
        closing.close(NOVEMBER, "V")

    def test_late_energy_appears_in_the_next_month_as_such(self, heard: Box, flat: Flat) -> None:
        heard.end(A, seq=1, wh=1000, end_wh=2000, estimated=True, **THEN)
        closing.close(OCTOBER, "V", override=OVER)
        before = Statement.objects.get(flat=flat).content
        # The exact register of a billed session, and a session that comes too late.
        heard.end(A, seq=1, wh=1000, end_wh=2050, **THEN)
        heard.end(B, seq=2, wh=2060, end_wh=2100, **THEN)
        heard.clock.advance(30 * 86400)
        heard.heartbeat()
        closing.close(NOVEMBER, "V", override=OVER)
        assert Statement.objects.get(flat=flat, closed__month=OCTOBER).content == before
        november = statement(flat, NOVEMBER)
        assert [(one["kind"], one["energy_wh"]) for one in november["entries"]] == [("late", 50)]
        assert [one["flags"] for one in november["sessions"]] == [["late_month"]]
        assert november["total"]["energy_wh"] == 90
        assert report(NOVEMBER)["total"] == {
            "sessions": 1,
            "energy_wh": 90,
            "late_wh": 50,
            "corrected_wh": 0,
        }

    def test_a_correction_never_changes_what_was_closed(self, heard: Box, flat: Flat) -> None:
        heard.end(A, **THEN)
        closing.close(OCTOBER, "V")
        before = list(Statement.objects.values_list("content", "sha256"))
        corrections.correct(stored(A), -240, "wrong meter", by_name="Frau Verwalter")
        flat.name = "renamed"
        flat.save()
        assert list(Statement.objects.values_list("content", "sha256")) == before
        assert closing.verify() == []


class TestVerify:
    """Whatever is changed afterwards shows."""

    @pytest.fixture
    def two_months(self, heard: Box, flat: Flat) -> None:
        then = {"started_at": "2026-09-10T10:00:00Z", "ended_at": "2026-09-10T12:00:00Z"}
        heard.end(A, seq=1, **then)
        closing.close(SEPTEMBER, "V")
        heard.end(B, seq=2, wh=20000, end_wh=21000, **THEN)
        closing.close(OCTOBER, "V")

    @pytest.mark.usefixtures("two_months")
    def test_energy_in_a_statement(self) -> None:
        one = Statement.objects.first()
        assert one is not None
        changed = one.content.replace("1000", "1001")
        assert changed != one.content
        Statement.objects.filter(pk=one.pk).update(content=changed)
        assert any("not what was closed" in line for line in closing.verify())
        # A new hash for it does not help: the report names the old one.
        Statement.objects.filter(pk=one.pk).update(sha256=sha256(changed))
        assert any("not what was closed" in line for line in closing.verify())

    @pytest.mark.usefixtures("two_months")
    def test_a_report_with_a_new_hash(self) -> None:
        first = ClosedMonth.objects.get(month=SEPTEMBER)
        changed = first.content.replace('"closed_by":"V"', '"closed_by":"W"')
        ClosedMonth.objects.filter(pk=first.pk).update(content=changed, sha256=sha256(changed))
        assert any("the month before it" in line for line in closing.verify())

    @pytest.mark.usefixtures("two_months")
    def test_a_statement_that_is_gone(self) -> None:
        one = Statement.objects.first()
        assert one is not None
        one.delete()
        assert any("1 statements, 0 stored" in line for line in closing.verify())

    @pytest.mark.usefixtures("two_months")
    def test_a_month_that_is_gone(self) -> None:
        first = ClosedMonth.objects.get(month=SEPTEMBER)
        first.statements.all().delete()
        first.delete()
        assert any("the month before it" in line for line in closing.verify())

    @pytest.mark.usefixtures("two_months")
    def test_the_command(self) -> None:
        out = StringIO()
        call_command("evcs_verify", stdout=out)
        assert "as they were closed" in out.getvalue()
        ClosedMonth.objects.filter(month=OCTOBER).update(content="{}")
        with pytest.raises(CommandError, match="restore them"):
            call_command("evcs_verify", stdout=StringIO())


class TestCommands:
    """As the landlord types them."""

    def test_close_lists_what_is_open(self, heard: Box) -> None:
        heard.end(A, tag=STRANGER, **THEN)
        out = StringIO()
        with pytest.raises(CommandError, match="--over"):
            call_command("evcs_close_month", "2026-10", stdout=out)
        assert "review: Lader1, session" in out.getvalue()
        with pytest.raises(CommandError, match="1 open point"):
            call_command("evcs_close_month", "2026-10", "--check", stdout=StringIO())
        call_command(
            "evcs_close_month", "2026-10", "--over", "guests", "--by", "Frau V", stdout=out
        )
        assert report()["override"] == {"by": "Frau V", "reason": "guests"}
        assert "2026-10 is closed: 1 statement(s)" in out.getvalue()

    def test_the_last_month(self, heard: Box) -> None:
        call_command("evcs_close_month", "--last", stdout=StringIO())
        assert ClosedMonth.objects.get().month == OCTOBER

    def test_check_of_a_clean_month(self, heard: Box) -> None:
        out = StringIO()
        call_command("evcs_close_month", "2026-10", "--check", stdout=out)
        assert out.getvalue() == "nothing is open\n"
        assert not ClosedMonth.objects.exists()

    @pytest.mark.parametrize("kind", ["pdf", "xlsx", "csv", "csv-excel", "json"])
    def test_files(self, heard: Box, flat: Flat, tmp_path: Path, kind: str) -> None:
        twin = Flat.objects.create(name=flat.name)
        StatementRecipient.objects.create(flat=twin)
        heard.end(A, **THEN)
        closing.close(OCTOBER, "V")
        call_command(
            "evcs_statement", "2026-10", "--to", tmp_path, "--format", kind, stdout=StringIO()
        )
        found = sorted(tmp_path.iterdir())
        # The report and two apartments of one name.
        assert len(found) == 3
        assert all(one.stat().st_size > 0 for one in found)
        if kind == "json":
            hashes = {sha256(one.read_text(encoding="utf-8")) for one in found}
            assert hashes == {
                ClosedMonth.objects.get().sha256,
                *Statement.objects.values_list("sha256", flat=True),
            }

    def test_files_of_an_open_month(self, heard: Box, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="evcs_close_month closes it"):
            call_command("evcs_statement", "2026-10", "--to", tmp_path, stdout=StringIO())
        with pytest.raises(CommandError, match="write it as"):
            call_command("evcs_statement", "October", "--to", tmp_path, stdout=StringIO())


def test_sessions_of_an_exchanged_meter_have_a_line_each(heard: Box, flat: Flat) -> None:
    heard.end(A, seq=1, wh=1000, meter_end=meter(7, "NEW"), **THEN)
    closing.close(OCTOBER, "V", override=OVER)
    assert [(one["serial"], one["sessions_wh"]) for one in report()["stations"]] == [("NEW", 0)]


def test_every_watt_hour_of_the_meter_is_in_one_line_whatever_the_clock_said(heard: Box) -> None:
    """The third charge says that it was in May; by seq it was between two of October."""
    may = {"started_at": "2026-05-20T10:00:00Z", "ended_at": "2026-05-20T12:00:00Z"}
    for number, (start_wh, end_wh, when) in enumerate(
        [(1000, 1500, THEN), (1510, 2000, THEN), (2030, 2500, may), (2570, 3000, THEN)], 1
    ):
        heard.end(new_uuid(number), seq=number, wh=start_wh, end_wh=end_wh, **when)
    closing.close(dt.date(2026, 5, 1), "V", override=OVER)
    closing.close(OCTOBER, "V", override=OVER)
    lines = report(dt.date(2026, 5, 1))["stations"] + report()["stations"]
    assert [line["unassigned_wh"] for line in lines] == [30, 80]
    assert sum(line["counted_wh"] for line in lines) == 3000 - 1000
    assert sum(line["sessions_wh"] for line in lines) == sum(
        Session.objects.values_list("energy_wh", flat=True)
    )
