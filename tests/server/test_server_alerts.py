"""Alerts: told once when it begins and once when it is over, and nothing lost on the way."""

from __future__ import annotations

from io import StringIO
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client

from evcs.kinds import AlertKind
from evcs.models import Alert
from evcs.services import alerts, health
from tests.server.server_rig import BASE, Box, Clock, meter, new_uuid

LANDLORD, ELECTRICIAN = "vermieter@example.org", "elektriker@example.org"
FAULT = {"name": "contactor_fault", "since": "2026-11-22T11:59:00Z"}


@pytest.fixture(autouse=True)
def addresses(settings: Any) -> None:
    settings.EVCS = {"LANDLORD_EMAIL": LANDLORD, "ELECTRICIAN_EMAIL": ELECTRICIAN}


class Away(EmailBackend):
    """A mail server that takes nothing."""

    def send_messages(self, messages: Any) -> int:
        raise SMTPServerDisconnected("gone")


def subjects() -> list[tuple[str, str]]:
    """Who got what since the last time this was asked."""
    found = [(to, one.subject) for one in mail.outbox for to in one.to]
    mail.outbox.clear()
    return found


def test_a_weld_is_told_to_both_at_once_and_once(box: Box) -> None:
    box.heartbeat(phase="faulted", faults=[FAULT])
    alerts.look()
    told = subjects()
    assert [to for to, _ in told] == [LANDLORD, ELECTRICIAN]
    assert all("Lader1: Störung: contactor_fault" in subject for _, subject in told)
    alerts.look()
    assert subjects() == []
    box.heartbeat()
    alerts.look()
    told = subjects()
    assert [to for to, _ in told] == [LANDLORD, ELECTRICIAN]
    assert all("vorbei" in subject and "contactor_fault" in subject for _, subject in told)
    alerts.look()
    assert subjects() == []
    box.heartbeat(phase="faulted", faults=[FAULT])
    alerts.look()
    assert len(subjects()) == 2, "a new one is a new one"


def test_silence_and_return(box: Box, clock: Clock) -> None:
    box.heartbeat()
    clock.advance(599)
    alerts.look()
    assert subjects() == []
    clock.advance(2)
    alerts.look()
    assert "meldet sich nicht: zuletzt gehört 22.11.2026 13:00" in subjects()[0][1]
    box.heartbeat()
    alerts.look()
    assert "vorbei" in subjects()[0][1]


def test_what_a_silent_station_said_last_is_not_told_as_new(box: Box, clock: Clock) -> None:
    box.heartbeat(phase="faulted", faults=[FAULT])
    alerts.look()
    subjects()
    clock.advance(700)
    alerts.look()
    kinds = set(Alert.objects.filter(ended_at=None).values_list("kind", flat=True))
    assert AlertKind.SILENT in kinds


def test_a_lost_meter_is_told_when_it_lasts(box: Box, clock: Clock) -> None:
    box.heartbeat(phase="unavailable")
    alerts.look()
    assert subjects() == []
    clock.advance(299)
    box.heartbeat(phase="unavailable")
    alerts.look()
    assert subjects() == []
    clock.advance(1)
    box.heartbeat(phase="unavailable")
    alerts.look()
    assert len(subjects()) == 2


def test_one_that_passed_before_it_was_told_is_forgotten(box: Box) -> None:
    box.heartbeat(phase="unavailable")
    alerts.look()
    box.heartbeat()
    alerts.look()
    assert subjects() == []
    assert not Alert.objects.exists()


def test_a_refused_message_is_the_landlords(box: Box) -> None:
    box.heartbeat()
    box.post("quarantine", {"id": "7", "raw": "x", "reason": "wrong"})
    alerts.look()
    assert [to for to, _ in subjects()] == [LANDLORD]


def test_energy_of_no_session_above_the_threshold(box: Box, settings: Any) -> None:
    settings.EVCS = {"LANDLORD_EMAIL": LANDLORD, "UNASSIGNED_ALERT_WH": 500}
    box.end(new_uuid(1), seq=1, wh=1000, end_wh=2000)
    box.end(new_uuid(2), seq=2, wh=2500, end_wh=3000)
    alerts.look()
    assert subjects() == []
    box.end(new_uuid(3), seq=3, wh=3001, end_wh=4000, meter_end=meter(4000))
    alerts.look()
    assert "501 Wh ohne Ladevorgang" in subjects()[0][1]


def test_a_reboot_is_one_box_and_two_boots_in_turn_are_two(box: Box, clock: Clock) -> None:
    for boot in ("a", "b", "c"):
        box.heartbeat(boot_id=boot)
    alerts.look()
    assert subjects() == []
    box.heartbeat(boot_id="b")
    alerts.look()
    assert "zwei Geräte" in subjects()[0][1]
    clock.advance(24 * 3600)
    box.heartbeat(boot_id="b")
    alerts.look()
    assert "vorbei" in subjects()[0][1]


def test_a_mail_server_that_is_away_loses_nothing(box: Box, settings: Any) -> None:
    box.heartbeat(phase="faulted", faults=[FAULT])
    good = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.Away"
    outcome = alerts.look()
    assert set(outcome.failed) == {LANDLORD, ELECTRICIAN}
    with pytest.raises(CommandError, match=r"gone.*next look"):
        call_command("evcs_alerts")
    settings.EMAIL_BACKEND = good
    alerts.look()
    assert len(subjects()) == 2


def test_many_at_once_are_one_mail(box: Box, other_box: Box) -> None:
    for one in (box, other_box):
        one.heartbeat(phase="faulted", faults=[FAULT, FAULT | {"name": "lease_lapse"}])
    out = StringIO()
    call_command("evcs_alerts", stdout=out)
    told = subjects()
    assert [to for to, _ in told] == [LANDLORD, ELECTRICIAN]
    assert "(und 3 weitere)" in told[0][1]
    assert "4 new, 0 over" in out.getvalue()


def test_without_an_address_it_is_only_listed(box: Box, settings: Any) -> None:
    settings.EVCS = {}
    box.heartbeat(phase="faulted", faults=[FAULT])
    alerts.look()
    assert subjects() == []
    assert Alert.objects.filter(ended_at=None).count() == 1
    assert health.health().well


class TestHealth:
    """GET health."""

    def test_well(self, box: Box) -> None:
        answer = Client().get(f"{BASE}health")
        body = answer.json()
        assert (answer.status_code, body["database"], body["migrated"]) == (200, True, True)
        assert set(body) == {
            "service", "server_time", "database", "migrated", "open_alerts", "untold_alerts",
        }  # fmt: skip

    def test_a_database_that_is_away(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        def away() -> bool:
            raise OperationalError("gone")

        monkeypatch.setattr(health, "_is_migrated", away)
        assert health.health() == health.Health(False, False, 0, 0)
        assert Client().get(f"{BASE}health").status_code == 503

    def test_alerts_that_nobody_was_told_of(self, box: Box, clock: Clock, settings: Any) -> None:
        settings.EMAIL_BACKEND = f"{__name__}.Away"
        box.heartbeat(phase="faulted", faults=[FAULT])
        alerts.look()
        clock.advance(14 * 60)
        assert Client().get(f"{BASE}health").status_code == 200
        clock.advance(120)
        answer = Client().get(f"{BASE}health")
        assert (answer.status_code, answer.json()["untold_alerts"]) == (503, 1)


class TestWrongTokens:
    """A wrong token is answered so often; a right one always."""

    def test_so_many_from_one_address(self, box: Box, settings: Any) -> None:
        settings.EVCS = {"WRONG_TOKEN_RATE": "3/min"}
        wrong = Client(headers={"Authorization": "Bearer evcs_00000000_" + "x" * 43})
        told = [wrong.get(f"{BASE}tags").status_code for _ in range(5)]
        assert told == [401, 401, 401, 429, 429]
        assert box.get("tags").status_code == 200
        other = wrong.get(f"{BASE}tags", REMOTE_ADDR="192.0.2.7")
        assert other.status_code == 401
