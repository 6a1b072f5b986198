"""Alerts: told once when it begins and once when it is over, and nothing lost on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from io import StringIO
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client

from evcs.listener.answering import answer
from evcs.management import loop
from evcs.models import Alert, ClosedMonth, QuarantineItem, Run
from evcs.services import alerts, health, reviews, runs, session_mails
from evcs.services.errors import Unavailable
from mcsp.messages import PingRequest, StartRequest
from tests.server.server_rig import BASE, TAG, Box, Clock, at, meter, new_uuid

LANDLORD, ELECTRICIAN = "vermieter@example.org", "elektriker@example.org"
FAULT = {"name": "contactor_fault", "since": "2026-11-22T11:59:00Z"}


@pytest.fixture(autouse=True)
def addresses(settings: Any) -> None:
    settings.EVCS = {"LANDLORD_EMAIL": LANDLORD, "ELECTRICIAN_EMAIL": ELECTRICIAN}


class Away(EmailBackend):
    """A mail server that takes nothing."""

    def send_messages(self, messages: Any) -> int:
        raise SMTPServerDisconnected("gone")


class NoElectrician(EmailBackend):
    """A mail server that knows no such electrician."""

    def send_messages(self, messages: Any) -> int:
        if any(ELECTRICIAN in message.to for message in messages):
            raise SMTPRecipientsRefused({ELECTRICIAN: (550, b"no such user")})
        return int(super().send_messages(messages))


def subjects() -> list[tuple[str, str]]:
    """Who got what since the last time this was asked."""
    found = [(to, one.subject) for one in mail.outbox for to in one.to]
    mail.outbox.clear()
    return found


def pass_time(clock: Clock, minutes: int, beat: Callable[[], object] = lambda: None) -> None:
    """Look every minute, each time after ``beat``."""
    for _ in range(minutes):
        clock.advance(60)
        beat()
        alerts.look()


def broken(box: Box) -> Callable[[], object]:
    return lambda: box.heartbeat(phase="faulted", faults=[FAULT])


def unavailable(box: Box) -> Callable[[], object]:
    return lambda: box.heartbeat(phase="unavailable")


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


class TestSilence:
    """Nothing heard, and what it does not mean."""

    def test_silence_and_return(self, box: Box, clock: Clock) -> None:
        box.heartbeat()
        alerts.look()
        pass_time(clock, 10)
        assert subjects() == []
        pass_time(clock, 1)
        assert "meldet sich nicht: zuletzt gehört 22.11.2026 13:00" in subjects()[0][1]
        box.heartbeat()
        alerts.look()
        assert "vorbei" in subjects()[0][1]

    def test_a_weld_is_not_over_because_the_box_is_silent(self, box: Box, clock: Clock) -> None:
        broken(box)()
        alerts.look()
        subjects()
        pass_time(clock, 15)
        told = subjects()
        assert {subject for _, subject in told} == {
            "Lader1: meldet sich nicht: zuletzt gehört 22.11.2026 13:00"
        }
        box.heartbeat()
        alerts.look()
        assert "vorbei" in mail.outbox[0].body
        assert "contactor_fault" in mail.outbox[0].body

    def test_a_weld_that_came_just_before_the_silence_is_told(self, box: Box, clock: Clock) -> None:
        broken(box)()
        clock.advance(700)
        alerts.look()
        assert "contactor_fault" in subjects()[0][1]

    def test_one_that_is_looked_at_every_five_minutes(self, box: Box, clock: Clock) -> None:
        box.heartbeat()
        for _ in range(3):
            assert subjects() == []
            alerts.look()
            clock.advance(runs.SLOWEST.total_seconds() + 1)
        alerts.look()
        assert "meldet sich nicht" in subjects()[0][1]

    def test_a_lost_meter_is_not_over_because_the_box_is_silent(
        self, box: Box, clock: Clock
    ) -> None:
        pass_time(clock, 7, unavailable(box))
        subjects()
        pass_time(clock, 30)
        assert not any("vorbei" in subject for _, subject in subjects())

    def test_while_the_server_was_off_no_station_was_silent(self, box: Box, clock: Clock) -> None:
        pass_time(clock, 3, box.heartbeat)
        clock.advance(12 * 60)
        pass_time(clock, 10)
        assert subjects() == []
        pass_time(clock, 2)
        assert "meldet sich nicht" in subjects()[0][1], "it has not come since"

    def test_one_that_was_silent_before_the_server_was_off_is_not_back(
        self, box: Box, clock: Clock
    ) -> None:
        box.heartbeat()
        pass_time(clock, 12)
        assert len(subjects()) == 2
        clock.advance(3600)
        pass_time(clock, 20)
        assert subjects() == []
        box.heartbeat()
        alerts.look()
        assert "vorbei" in subjects()[0][1]

    def test_an_old_client_on_a_line_is_silent_between_charges(
        self, box: Box, clock: Clock
    ) -> None:
        answer(StartRequest(name="Lader1", key=TAG), "Lader1")
        assert box.station.last_seen == clock.now
        pass_time(clock, 60)
        assert subjects() == []

    def test_one_that_pings_is_missed(self, box: Box, clock: Clock) -> None:
        answer(PingRequest("Lader1", None), "Lader1")
        pass_time(clock, 12)
        assert "meldet sich nicht" in subjects()[0][1]

    def test_a_clock_that_was_set_back(self, box: Box, clock: Clock) -> None:
        clock.advance(86400)
        pass_time(clock, 2, box.heartbeat)
        clock.advance(-86400)
        pass_time(clock, 10)
        assert subjects() == []
        pass_time(clock, 2)
        assert "meldet sich nicht" in subjects()[0][1]


class TestUnavailable:
    """No charge is taken: told when it lasts, over when it does not come back."""

    def test_told_when_it_lasts(self, box: Box, clock: Clock) -> None:
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

    def test_one_that_passed_before_it_was_told_is_forgotten(self, box: Box, clock: Clock) -> None:
        pass_time(clock, 2, unavailable(box))
        pass_time(clock, 7, box.heartbeat)
        assert subjects() == []
        assert not Alert.objects.exists()

    def test_lost_again_and_again_is_told_once_and_over_once(self, box: Box, clock: Clock) -> None:
        for _ in range(10):
            pass_time(clock, 4, unavailable(box))
            pass_time(clock, 1, box.heartbeat)
        assert len(subjects()) == 2
        pass_time(clock, 4, box.heartbeat)
        assert subjects() == []
        pass_time(clock, 2, box.heartbeat)
        told = subjects()
        assert len(told) == 2
        assert all("vorbei um 22.11.2026 13:50" in subject for _, subject in told)


def test_a_refused_message_is_the_landlords(box: Box) -> None:
    box.heartbeat()
    box.post("quarantine", {"id": "7", "raw": "x", "reason": "wrong"})
    alerts.look()
    assert [to for to, _ in subjects()] == [LANDLORD]


def test_a_further_refused_message_is_told_too(box: Box, clock: Clock) -> None:
    box.heartbeat()
    box.post("quarantine", {"id": "7", "raw": "x", "reason": "wrong"})
    alerts.look()
    assert "1 zurückgewiesene" in subjects()[0][1]
    clock.advance(30 * 86400)
    box.heartbeat()
    box.post("quarantine", {"id": "8", "raw": "y", "reason": "wrong"})
    alerts.look()
    assert "2 zurückgewiesene" in subjects()[0][1]
    assert health.health().well
    alerts.look()
    for item in QuarantineItem.objects.order_by("-pk"):
        assert subjects() == []
        reviews.settle_quarantine(item, by_name="V", note="looked at")
        alerts.look()
    assert "vorbei" in subjects()[0][1]


class TestUnassigned:
    """Energy of no session."""

    def test_above_the_threshold(self, box: Box, settings: Any) -> None:
        settings.EVCS = {"LANDLORD_EMAIL": LANDLORD, "UNASSIGNED_ALERT_WH": 500}
        box.end(new_uuid(1), seq=1, wh=1000, end_wh=2000)
        box.end(new_uuid(2), seq=2, wh=2500, end_wh=3000)
        alerts.look()
        assert subjects() == []
        box.end(new_uuid(3), seq=3, wh=3001, end_wh=4000, meter_end=meter(4000))
        alerts.look()
        assert "501 Wh ohne Ladevorgang" in subjects()[0][1]

    def test_what_flows_now_is_told_by_the_heartbeats(self, box: Box, clock: Clock) -> None:
        box.end(new_uuid(1), wh=1000, end_wh=2000)
        for register in (2000, 4000):
            box.heartbeat(meter=meter(register))
            alerts.look()
            assert subjects() == []
        box.heartbeat(meter=meter(4001))
        alerts.look()
        assert subjects() == [
            (
                LANDLORD,
                "Lader1: Energie ohne Ladevorgang: 2001 Wh ohne Ladevorgang, Zähler 4711, "
                "seit dem letzten Ladevorgang",
            )
        ]
        box.heartbeat(meter=meter(9000))
        alerts.look()
        assert subjects() == []

    @pytest.mark.parametrize(
        "more",
        [
            {"pending": 2},
            {"session": str(new_uuid(2)), "phase": "charging"},
            {"meter": None},
            {"meter": meter(90000, "4712")},
        ],
        ids=["messages on their way", "a session at the box", "no meter", "another meter"],
    )
    def test_what_may_have_a_session_is_waited_for(self, box: Box, more: dict[str, Any]) -> None:
        box.end(new_uuid(1), wh=1000, end_wh=2000)
        box.heartbeat(**{"meter": meter(90000)} | more)
        alerts.look()
        assert subjects() == []

    def test_a_session_end_after_it_tells_nothing_twice(self, box: Box, clock: Clock) -> None:
        box.end(new_uuid(1), wh=1000, end_wh=2000)
        box.heartbeat(meter=meter(50000))
        alerts.look()
        assert len(subjects()) == 1
        box.start(new_uuid(2), seq=2, wh=50000, started_at=at())
        box.heartbeat(meter=meter(51000), session=str(new_uuid(2)), phase="charging")
        alerts.look()
        box.end(new_uuid(2), seq=2, wh=50000, end_wh=52000, started_at=at(), ended_at=at())
        box.heartbeat(meter=meter(52000))
        alerts.look()
        assert subjects() == []
        (alert,) = Alert.objects.all()
        assert (alert.subject, alert.ended_at) == ("2026-11 4711", None)
        box.heartbeat(meter=meter(55000))
        alerts.look()
        assert "3000 Wh" in subjects()[0][1], "what flows after it is new"
        box.end(new_uuid(3), seq=3, wh=55000, end_wh=56000, started_at=at(), ended_at=at())
        box.heartbeat(meter=meter(56000))
        alerts.look()
        assert subjects() == []
        assert Alert.objects.get(ended_at=None).subject == "2026-11 4711"

    def test_a_session_that_came_late_ends_it(self, box: Box) -> None:
        box.end(new_uuid(1), wh=1000, end_wh=2000)
        box.heartbeat(meter=meter(50000))
        alerts.look()
        subjects()
        box.end(new_uuid(2), seq=2, wh=2000, end_wh=50000)
        alerts.look()
        assert "vorbei" in subjects()[0][1]

    def test_an_exchanged_meter_takes_none_of_it_back(self, box: Box) -> None:
        box.end(new_uuid(1), wh=1000, end_wh=2000)
        box.heartbeat(meter=meter(50000))
        alerts.look()
        subjects()
        box.heartbeat(meter=None)
        alerts.look()
        assert Alert.objects.filter(ended_at=None).exists()
        box.heartbeat(meter=meter(0, "4712"))
        alerts.look()
        alerts.look()
        assert subjects() == []
        assert not Alert.objects.filter(ended_at=None).exists()
        assert health.health().well

    def late_in_november(self, box: Box) -> None:
        """48 kWh of no session on the last day of November."""
        for seq, wh in ((1, 1000), (2, 50000)):
            day = dt.datetime(2026, 11, 30, 8 + seq, tzinfo=dt.UTC).isoformat()
            box.end(new_uuid(seq), seq=seq, wh=wh, end_wh=wh + 1000, started_at=day, ended_at=day)
        box.heartbeat(meter=meter(51000))

    def test_it_is_not_over_with_the_month(self, box: Box, clock: Clock) -> None:
        clock.now = dt.datetime(2026, 11, 30, 20, tzinfo=dt.UTC)
        self.late_in_november(box)
        alerts.look()
        assert "2026-11" in subjects()[0][1]
        for month in (12, 13, 14):
            clock.now = dt.datetime(2026 + month // 13, (month - 1) % 12 + 1, 2, tzinfo=dt.UTC)
            box.heartbeat(meter=meter(51000))
            alerts.look()
            assert subjects() == []
            assert Alert.objects.filter(ended_at=None).count() == 1

    def test_what_came_late_is_told_in_the_next_month(self, box: Box, clock: Clock) -> None:
        clock.now = dt.datetime(2026, 12, 1, 10, tzinfo=dt.UTC)
        self.late_in_november(box)
        alerts.look()
        assert "48000 Wh ohne Ladevorgang, Zähler 4711, 2026-11" in subjects()[0][1]

    def test_closing_the_month_settles_it_without_a_mail(
        self, box: Box, clock: Clock, settings: Any
    ) -> None:
        clock.now = dt.datetime(2026, 12, 1, 10, tzinfo=dt.UTC)
        self.late_in_november(box)
        good, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.Away"
        alerts.look()
        ClosedMonth.objects.create(month=dt.date(2026, 11, 1), closed_at=clock.now)
        alerts.look()
        settings.EMAIL_BACKEND = good
        alerts.look()
        assert "48000 Wh" in subjects()[0][1], "it was not told before the month was closed"
        alerts.look()
        clock.advance(86400)
        box.heartbeat(meter=meter(51000))
        alerts.look()
        assert subjects() == []
        assert Alert.objects.get().ended_at is not None
        assert health.health().well


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


def test_what_passed_while_the_mail_server_was_away_is_told(
    box: Box, clock: Clock, settings: Any
) -> None:
    good, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.Away"
    pass_time(clock, 3, broken(box))
    pass_time(clock, 3, box.heartbeat)
    settings.EMAIL_BACKEND = good
    alerts.look()
    told = subjects()
    assert [to for to, _ in told] == [LANDLORD, ELECTRICIAN]
    span = "von 22.11.2026 13:01 bis 22.11.2026 13:04, vorbei: contactor_fault"
    assert all(span in subject for _, subject in told)
    alerts.look()
    assert subjects() == []
    assert Alert.objects.count() == 1


class TestARefusedAddress:
    """The mail server takes the landlord's mail and not the electrician's."""

    @pytest.fixture(autouse=True)
    def refused(self, settings: Any, box: Box) -> str:
        good, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.NoElectrician"
        return str(good)

    def test_the_other_one_is_told_once(self, box: Box, clock: Clock) -> None:
        pass_time(clock, 5, broken(box))
        assert [to for to, _ in subjects()] == [LANDLORD]
        assert set(alerts.look().failed) == {ELECTRICIAN}
        pass_time(clock, 5, box.heartbeat)
        ((to, subject),) = subjects()
        assert to == LANDLORD
        assert "vorbei" in subject

    def test_it_gets_it_as_soon_as_it_is_taken(
        self, box: Box, clock: Clock, settings: Any, refused: str
    ) -> None:
        pass_time(clock, 2, broken(box))
        subjects()
        settings.EMAIL_BACKEND = refused
        pass_time(clock, 2, broken(box))
        assert [to for to, _ in subjects()] == [ELECTRICIAN]
        pass_time(clock, 1, box.heartbeat)
        assert [to for to, _ in subjects()] == [LANDLORD, ELECTRICIAN]

    def test_health_says_so_until_the_address_is_another(
        self, box: Box, clock: Clock, settings: Any
    ) -> None:
        pass_time(clock, 20, broken(box))
        assert not health.health().well
        settings.EVCS = {"LANDLORD_EMAIL": LANDLORD}
        alerts.look()
        assert health.health().well


class TestOneAddress:
    """Whoever is alone is told everything."""

    @pytest.mark.parametrize("who", ["LANDLORD_EMAIL", "ELECTRICIAN_EMAIL"])
    def test_everything(self, box: Box, clock: Clock, settings: Any, who: str) -> None:
        settings.EVCS = {who: "einer@example.org"}
        box.post("quarantine", {"id": "7", "raw": "x", "reason": "wrong"})
        pass_time(clock, 20, broken(box))
        ((to, _),) = {(to, "") for to, _ in subjects()}
        assert to == "einer@example.org"
        assert Alert.objects.filter(told_at=None).count() == 0
        assert health.health().well


def test_many_at_once_are_one_mail(box: Box, other_box: Box) -> None:
    for one in (box, other_box):
        one.heartbeat(phase="faulted", faults=[FAULT, FAULT | {"name": "lease_lapse"}])
    out = StringIO()
    call_command("evcs_alerts", stdout=out)
    told = subjects()
    assert [to for to, _ in told] == [LANDLORD, ELECTRICIAN]
    assert "(und 3 weitere)" in told[0][1]
    assert "4 new, 0 over" in out.getvalue()


def test_without_an_address_it_is_only_listed(box: Box, clock: Clock, settings: Any) -> None:
    given, settings.EVCS = settings.EVCS, {}
    pass_time(clock, 20, broken(box))
    assert subjects() == []
    assert Alert.objects.filter(ended_at=None).count() == 1
    assert health.health().well
    pass_time(clock, 1, box.heartbeat)
    assert Alert.objects.filter(ended_at__isnull=False).count() == 1
    settings.EVCS = given
    pass_time(clock, 20, box.heartbeat)
    assert subjects() == [], "what was over before there was an address is nobody's news"
    assert health.health().well


class LooksToo(EmailBackend):
    """While it takes a mail another run begins."""

    later_s = 0.0
    clock: Clock
    outcomes: list[Any] = []

    def send_messages(self, messages: Any) -> int:
        if len(self.outcomes) < 2:
            self.outcomes.append(None)
            self.clock.advance(self.later_s)
            self.outcomes[-1] = (alerts.look(), session_mails.send())
        return int(super().send_messages(messages))


class TestOneRunAtATime:
    """Whatever starts them."""

    @pytest.fixture(autouse=True)
    def another(self, clock: Clock, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.EMAIL_BACKEND = f"{__name__}.LooksToo"
        monkeypatch.setattr(LooksToo, "clock", clock, raising=False)
        monkeypatch.setattr(LooksToo, "outcomes", [])

    def test_two_at_once_tell_it_once(self, box: Box) -> None:
        broken(box)()
        alerts.look()
        assert [to for to, _ in subjects()] == [LANDLORD, ELECTRICIAN]
        assert all(looked.busy and not looked.mailed for looked, _ in LooksToo.outcomes)

    def test_one_that_was_taken_over_stops(self, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LooksToo, "later_s", runs.LEASE.total_seconds() + 1)
        broken(box)()
        assert alerts.look().busy
        assert [to for to, _ in subjects()].count(ELECTRICIAN) == 1

    @pytest.mark.parametrize("wait_s", [301, -86400], ids=["it ends", "the clock was set back"])
    def test_one_that_was_killed_does_not_keep_others_out(
        self, box: Box, clock: Clock, wait_s: float
    ) -> None:
        held = {"holder": "x", "held_until": clock.now + runs.LEASE}
        Run.objects.create(name=alerts.JOB, **held)
        box.heartbeat()
        assert alerts.look().busy
        out = StringIO()
        call_command("evcs_alerts", stdout=out)
        assert "another run is looking" in out.getvalue()
        clock.advance(wait_s)
        assert not alerts.look().busy

    def test_one_that_began_while_this_one_waited_for_the_row(self, box: Box, clock: Clock) -> None:
        held_until = clock.now + runs.LEASE + dt.timedelta(seconds=2)
        Run.objects.create(name=alerts.JOB, holder="x", held_until=held_until)
        assert alerts.look().busy

    def test_one_that_failed_lets_the_next_one_look(
        self, box: Box, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: Any) -> Any:
            raise Unavailable(0, "gone")  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(alerts, "_note", away)
            with pytest.raises(Unavailable):
                alerts.look()
        assert not alerts.look().busy


class TestDatabaseAway:
    """evcs_alerts while the database is away."""

    @pytest.fixture
    def looks(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What each look comes to; after the last one SIGTERM comes."""
        found: list[str] = []
        given = iter([OperationalError("server closed the connection"), None])

        def look() -> alerts.Outcome:
            error = next(given)
            found.append(str(error))
            if error is not None:
                raise error
            return alerts.Outcome()

        monkeypatch.setattr(alerts, "look", look)
        monkeypatch.setattr(loop, "close_old_connections", lambda: None)

        class Term:
            def set(self) -> None: ...
            def wait(self, _: float) -> bool:
                return len(found) == 2

        monkeypatch.setattr(loop.threading, "Event", Term)
        monkeypatch.setattr(loop.signal, "signal", lambda *_: None)
        return found

    @pytest.mark.usefixtures("db")
    def test_the_loop_goes_on(self, looks: list[str]) -> None:
        err = StringIO()
        call_command("evcs_alerts", "--loop", "1", stderr=err)
        assert looks == ["server closed the connection", "None"]
        assert "the database: server closed the connection" in err.getvalue()

    @pytest.mark.usefixtures("looks")
    def test_a_single_run_says_so(self) -> None:
        with pytest.raises(CommandError, match=r"the database: server closed.*next look"):
            call_command("evcs_alerts")


@pytest.mark.parametrize("every_s", ["0.5", "301", "nan"])
def test_a_loop_too_slow_to_tell_silence_is_refused(every_s: str) -> None:
    with pytest.raises(CommandError, match=r"give 1 to 300 s"):
        call_command("evcs_alerts", "--loop", every_s)


class TestHealth:
    """GET health."""

    def ask(self) -> tuple[int, dict[str, Any]]:
        answer = Client().get(f"{BASE}health")
        return answer.status_code, answer.json()

    def test_well(self, box: Box) -> None:
        alerts.look()
        status, body = self.ask()
        assert (status, body["database"], body["migrated"]) == (200, True, True)
        assert (body["looking"], body["last_look"]) == (True, "2026-11-22T12:00:00Z")
        assert set(body) == {
            "service", "server_time", "database", "migrated", "last_look", "looking", "recipients",
            "open_alerts", "untold_alerts",
        }  # fmt: skip

    def test_a_database_that_is_away(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        def away() -> bool:
            raise OperationalError("gone")

        monkeypatch.setattr(health, "_is_migrated", away)
        assert health.health() == health.Health(False, False)
        assert self.ask()[0] == 503

    def test_alerts_that_nobody_was_told_of(self, box: Box, clock: Clock, settings: Any) -> None:
        settings.EMAIL_BACKEND = f"{__name__}.Away"
        broken(box)()
        pass_time(clock, 15, broken(box))
        assert self.ask()[0] == 200
        pass_time(clock, 2, broken(box))
        status, body = self.ask()
        assert (status, body["untold_alerts"], body["looking"]) == (503, 1, True)

    def test_an_end_that_nobody_was_told_of(self, box: Box, clock: Clock, settings: Any) -> None:
        pass_time(clock, 1, broken(box))
        settings.EMAIL_BACKEND = f"{__name__}.Away"
        pass_time(clock, 16, box.heartbeat)
        assert self.ask()[0] == 200
        pass_time(clock, 1, box.heartbeat)
        status, body = self.ask()
        assert (status, body["untold_alerts"], body["open_alerts"]) == (503, 1, 0)

    def test_nobody_looks_any_more(self, box: Box, clock: Clock, settings: Any) -> None:
        alerts.look()
        clock.advance(15 * 60)
        assert self.ask()[0] == 200
        clock.advance(1)
        for given in (settings.EVCS, {}):
            settings.EVCS = given
            status, body = self.ask()
            assert (status, body["looking"]) == (503, False)
            assert body["last_look"] is not None

    def test_nobody_ever_looked(self, box: Box, settings: Any) -> None:
        status, body = self.ask()
        assert (status, body["last_look"], body["recipients"]) == (503, None, True)
        settings.EVCS = {}
        status, body = self.ask()
        assert (status, body["last_look"], body["recipients"]) == (200, None, False)

    def test_a_look_that_failed_is_none(
        self, box: Box, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: Any) -> Any:
            raise OperationalError("gone")

        monkeypatch.setattr(alerts, "_note", away)
        with pytest.raises(OperationalError):
            alerts.look()
        assert self.ask()[1]["looking"] is False


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
