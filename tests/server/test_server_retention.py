"""What is deleted in time, and what nobody can delete."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import RequestFactory

from evcs.management import loop
from evcs.models import QuarantineItem, Reading, Session, UnknownTag
from evcs.services import retention, reviews
from tests.server.server_rig import STRANGER, Box, Clock, at, new_uuid


def readings(box: Box, number: int) -> None:
    box.post(
        f"sessions/{new_uuid(number)}/readings",
        {"readings": [{"n": 1, "at": at(60), "import_wh": 1001, "power_w": 7000}]},
    )


def test_readings_go_in_time_and_the_energy_stays(box: Box, clock: Clock) -> None:
    box.end(new_uuid(1), seq=1)
    readings(box, 1)
    clock.advance(89 * 86400)
    assert retention.apply()["readings"] == 0
    clock.advance(2 * 86400)
    assert retention.apply(dry_run=True)["readings"] == 1
    assert Reading.objects.count() == 1
    assert retention.apply()["readings"] == 1
    assert Reading.objects.count() == 0
    assert Session.objects.get().energy_wh == 11240


def test_those_of_a_session_without_its_end_stay(box: Box, clock: Clock) -> None:
    box.start(new_uuid(1))
    readings(box, 1)
    clock.advance(365 * 86400)
    assert retention.apply()["readings"] == 0


def test_unknown_tags_wait_until_they_are_settled(box: Box, clock: Clock) -> None:
    box.start(new_uuid(1), tag=STRANGER)
    clock.advance(1000 * 86400)
    assert retention.apply()["settled unknown tags"] == 0
    UnknownTag.objects.update(settled_at=clock.now - dt.timedelta(days=181))
    assert retention.apply()["settled unknown tags"] == 1


def test_in_batches(box: Box, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(1, 6):
        box.end(new_uuid(number), seq=number)
        readings(box, number)
    clock.advance(100 * 86400)
    out = StringIO()
    call_command("evcs_retention", stdout=out)
    assert "readings: 5" in out.getvalue()


def test_settled_messages_go_and_those_that_wait_stay(box: Box, clock: Clock) -> None:
    for number in ("1", "2"):
        box.post("quarantine", {"id": number, "raw": json.dumps({"tag": STRANGER}), "reason": "-"})
    item = QuarantineItem.objects.get(item_id="1")
    reviews.settle_quarantine(item, by_name="V", note="angesehen")
    clock.advance(179 * 86400)
    assert retention.apply()["settled refused messages"] == 0
    clock.advance(2 * 86400)
    assert retention.apply()["settled refused messages"] == 1
    assert QuarantineItem.objects.get().item_id == "2"


class TestLoop:
    """``evcs_retention --loop``, the service of compose.yaml."""

    @pytest.fixture(autouse=True)
    def own_signals(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        monkeypatch.setattr(loop, "close_old_connections", lambda: None)
        yield
        for number, handler in kept.items():
            signal.signal(number, handler)

    def test_at_once_and_again_after_a_failure_until_it_is_ended(
        self, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = []

        def apply(*, dry_run: bool) -> dict[str, int]:
            calls.append(dry_run)
            if len(calls) == 1:
                raise OperationalError("gone away")
            os.kill(os.getpid(), signal.SIGTERM)
            return {"readings": 3}

        monkeypatch.setattr(retention, "apply", apply)
        monkeypatch.setattr(loop, "AGAIN_S", 0.0)
        out, err = StringIO(), StringIO()
        call_command("evcs_retention", "--loop", "86400", stdout=out, stderr=err)
        assert (len(calls), out.getvalue()) == (2, "readings: 3\n")
        assert "gone away" in err.getvalue()

    @pytest.mark.parametrize("every", ["0", "-1", "nan"])
    def test_times_that_are_none(self, db: None, every: str) -> None:
        with pytest.raises(CommandError, match="a second or more"):
            call_command("evcs_retention", f"--loop={every}")


# What people may write in the admin; everything else is a fact.
WRITABLE: dict[str, set[str]] = {
    "station": {"add", "change"},
    "tag": {"add", "change"},
    # Of a day in an open month; the service refuses the others.
    "tariff": {"add", "change"},
    "statementrecipient": {"add", "change"},
    "resident": {"add", "change", "delete"},
}


@pytest.mark.django_db
def test_nothing_in_the_admin_breaks_the_books() -> None:
    """Not even for who may do everything: by model, what can be added, changed, deleted."""
    request: Any = RequestFactory().get("/admin/")
    request.user = get_user_model().objects.create_superuser("boss")
    seen = {}
    for model, page in admin.site._registry.items():
        if model._meta.app_label != "evcs":
            continue
        may = {
            name
            for name in ("add", "change", "delete")
            if getattr(page, f"has_{name}_permission")(request)
        }
        assert "delete_selected" not in page.get_actions(request) or "delete" in may, model
        for inline in page.get_inline_instances(request):
            assert not inline.has_add_permission(request, None), (model, inline)
            assert not inline.has_change_permission(request, None), (model, inline)
            assert not inline.has_delete_permission(request, None), (model, inline)
        seen[model._meta.model_name] = may
    assert {name: may for name, may in seen.items() if may} == WRITABLE
    assert {"session", "closedmonth", "statement", "quarantineitem"} <= set(seen)
