"""The commands as typed, with and without a daemon: what they print, and what the box saw."""

from __future__ import annotations

import json
import os
import signal
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station import control
from station.cli import check, main
from station.cli.meter import text as meter_text
from station.daemon import only_one
from station.requests import ASKED_FOR_S, LARGEST_ID, TapWindow
from station.rules.messages import Announce
from station.rules.values import Fault, Record
from tests.station import journal_rig
from tests.station.cli_rig import (
    BUZZER,
    CONTACTOR,
    GREEN,
    RED,
    CliRig,
    ended_session,
    quarantine_one,
    results,
)
from tests.station.test_checks import serving
from tools.installation import until

SERIAL = "21487365"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

# --- usage ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "word"),
    [
        ("", "COMMAND"),
        ("dance", "dance"),
        ("check --observe soon", "soon"),
        ("check --observe nan", "nan"),
        ("check --observe -1", "-1"),
        ("check --obs 3", "--obs"),
        ("meter --all", "--scan"),
        ("outbox --retry one", "one"),
        ("outbox --retry ²", "²"),
        ("outbox --retry 99999999999999999999", "id of a message"),
        ("outbox --quarantine --retry 1", "not allowed"),
        ("outbox --resend 22.11.2026", "a date like 2026-11-22"),
        ("tag --timeout 0", "seconds"),
        ("contactor", "test"),
        ("contactor close", "close"),
        ("reset one two", "two"),
    ],
)
def test_a_mistake_in_the_usage_is_one_line(
    words: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main.main(words.split())
    printed = capsys.readouterr()
    assert leaving.value.code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert word in printed.err


@pytest.mark.parametrize(
    "words",
    [
        "check",
        "status",
        "sessions",
        "outbox",
        "tag",
        "meter",
        "meter --scan",
        "contactor test",
        "reset",
        "run",
    ],
)
def test_a_config_that_cannot_be_used_is_a_line_per_mistake(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[station]\nname = "box 1"\ncolour = "red"\n')
    assert main.main([*words.split(), "--config", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("evcs-station: ") for line in lines)
    assert sum("[station] name" in line for line in lines) == 1
    assert sum("[station] colour" in line for line in lines) == 1


# --- check ------------------------------------------------------------------------------------


def hello_now(**more: object) -> dict[str, object]:
    return {"service": "evcs", "server_time": datetime.now(UTC).isoformat(), "tags": [], **more}


def test_check_finds_nothing_wrong_and_shows_the_lamps(rig: CliRig) -> None:
    since = rig.recorder.mark()
    rig.box.client.call("present", uids=["04A3C6CAE26180"])
    with serving(hello_now()) as (url, _):
        done = rig.station(url).command("check", "--json")
    found = results(done)
    assert done.returncode == 0, done.stdout
    assert [probe.name for probe in check.PROBES] == list(found)
    assert "of 20 polls" in found["reader"]["text"]
    assert SERIAL in found["meter"]["text"]
    assert rig.levels(GREEN, since) == [0, 1, 0]
    assert rig.levels(RED, since) == [0, 1, 0, 1]
    assert rig.levels(BUZZER, since) == [0, 1, 0]
    assert rig.levels(CONTACTOR, since) in ([], [0])


def test_check_prints_a_line_for_each(rig: CliRig) -> None:
    done = rig.station().command("check")
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert [line.split()[1] for line in lines] == [probe.name for probe in check.PROBES]
    assert {line.split()[1] for line in lines if line.startswith("PROBLEM")} == {"server", "token"}


@pytest.mark.parametrize(
    ("fault", "probe", "word"),
    [
        ("reader-dead-00", "reader", "nothing answers"),
        ("reader-dead-ff", "reader", "nothing answers"),
        ("reader-hung", "reader", "finishes nothing"),
        ("reader-noise", "reader", "3.3 V"),
        ("meter-silent", "meter", "behind the contactor"),
        ("meter-echo", "meter", "local echo"),
        ("meter-garbage", "meter", "meter --scan"),
        ("stop-pressed", "inputs", "stop input is open"),
        ("undervoltage", "meter", "outside 200-260 V"),
        ("pi-undervoltage", "supply", "below 4.63 V"),
    ],
)
def test_check_finds_what_is_broken_and_goes_on(
    rig: CliRig, fault: str, probe: str, word: str
) -> None:
    station = rig.station(inputs={"stop_pin": 22})
    rig.fault(fault)
    done = station.command("check", "--json")
    found = results(done)
    assert done.returncode == 1
    assert {name for name, one in found.items() if not one["ok"]} == {probe, "server", "token"}
    assert word in found[probe]["text"]


def test_check_with_the_meter_of_another_model(rig: CliRig) -> None:
    done = rig.station(meter={"model": "sdm72"}).command("check", "--json")
    found = results(done)["meter"]
    assert not found["ok"]
    assert 'set [meter] model = "sdm630"' in found["text"]


def test_check_with_the_meter_at_another_address_or_speed(rig: CliRig) -> None:
    for wrong in ({"address": 2}, {"baudrate": 2400}):
        found = results(rig.station(meter=wrong).command("check", "--json"))["meter"]
        assert not found["ok"]
        assert "baud" in found["text"]


def test_check_without_mains_still_has_a_line_for_each(rig: CliRig) -> None:
    station = rig.station()
    rig.box.client.call("power_cut")
    found = results(station.command("check", "--json"))
    assert list(found) == [probe.name for probe in check.PROBES]
    assert not any(found[name]["ok"] for name in ("reader", "contactor", "meter", "indicators"))
    assert found["disk"]["ok"]


def test_check_with_a_clock_that_nobody_set(rig: CliRig) -> None:
    rig.box.client.call("clock_synced", synced=False)
    assert not results(rig.station().command("check", "--json"))["clock"]["ok"]


def test_check_beside_a_daemon_touches_none_of_its_devices(rig: CliRig) -> None:
    station = rig.start(rig.station())
    since = rig.recorder.mark()
    found = results(station.command("check", "--json"))
    assert "new journal" in found["daemon"]["text"]
    assert SERIAL in found["meter"]["text"]
    assert "by the daemon" in found["contactor"]["text"]
    assert all(found[name]["ok"] for name in ("reader", "contactor", "meter", "indicators"))
    assert rig.levels(CONTACTOR, since) == []


def test_check_beside_a_daemon_that_hangs(rig: CliRig) -> None:
    station = rig.start(rig.station())
    assert station.process is not None
    station.process.popen.send_signal(signal.SIGSTOP)
    try:
        done = station.command("check", "--json")
    finally:
        station.process.popen.send_signal(signal.SIGCONT)
    found = results(done)
    assert done.returncode == 1
    assert "does not answer" in found["daemon"]["text"]
    assert "does not answer" in found["meter"]["text"]
    assert found["disk"]["ok"]


def test_check_beside_another_command(rig: CliRig) -> None:
    station = rig.station()
    with only_one(station.run_dir):
        found = results(station.command("check", "--json"))
    assert f"process {os.getpid()}" in found["contactor"]["text"]
    assert found["disk"]["ok"]


def test_without_its_simulated_box_a_command_says_so(rig: CliRig) -> None:
    station = rig.station()
    left = rig.folder / "left.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left))
    config = station.config_file.read_text().replace(str(rig.box.socket), str(left))
    station.config_file.write_text(config.replace("[meter]", '[meter]\nport = "/dev/null"'))
    for words in ("check", "meter", "tag", "contactor test"):
        done = station.command(*words.split())
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "evcs-simbox serve" in done.stderr


def test_check_observes(rig: CliRig) -> None:
    done = rig.station().command("check", "--observe", "3", "--json")
    found = results(done)["observe"]
    assert "at rest" in found["text"]


# --- meter ------------------------------------------------------------------------------------


def test_meter_without_a_daemon(rig: CliRig) -> None:
    station = rig.station()
    done = station.command("meter", "--json")
    shown = json.loads(done.stdout)
    assert done.returncode == 0
    assert shown["serial"] == SERIAL
    assert shown["import_wh"] == rig.box.state["meter"]["shown_wh"]
    assert shown["age_s"] == 0.0
    assert shown["export_wh"] == 0
    text = station.command("meter").stdout
    assert f"{shown['import_wh'] / 1000:.3f} kWh\n" in text
    assert " Hz" in text


def test_meter_beside_a_daemon_tells_the_age(rig: CliRig) -> None:
    station = rig.start(rig.station())
    shown = json.loads(station.command("meter", "--json").stdout)
    assert shown["import_wh"] == rig.box.state["meter"]["shown_wh"]
    assert 0.0 <= shown["age_s"] < 60.0
    assert len(shown["phase_wh"]) == 3
    assert meter_text({**shown, "age_s": 4.2}).splitlines()[1].endswith("kWh (4.2 s ago)")


def test_meter_that_is_silent(rig: CliRig) -> None:
    rig.fault("meter-silent")
    done = rig.station().command("meter")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no answer from address 1" in done.stderr


def test_a_scan_finds_the_meter_and_needs_the_line_for_itself(rig: CliRig) -> None:
    station = rig.station()
    done = station.command("meter", "--scan", "--json")
    assert done.returncode == 0
    (found,) = json.loads(done.stdout)
    assert (found["address"], found["model"], found["serial"]) == (1, "sdm630", SERIAL)
    assert "at most" in done.stderr
    rig.start(station)
    refused = station.command("meter", "--scan")
    assert refused.returncode == 1
    assert "stop the daemon first" in refused.stderr


# --- tag --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uid", "kind", "word"),
    [
        ("04A3C6CAE26180", "7-byte UID, SAK ", ""),
        ("7D21F0A4", "4-byte UID, SAK ", ""),
        ("08A1B2C3", "4-byte UID, SAK ", "cannot be enrolled"),
    ],
)
def test_tag_without_a_daemon(rig: CliRig, uid: str, kind: str, word: str) -> None:
    rig.box.client.call("present", uids=[uid])
    done = rig.station().command("tag")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    # A card with a random UID shows another one in every field.
    assert lines[0] == uid or (word and lines[0].startswith("08"))
    assert lines[1].startswith(kind)
    assert (word in done.stderr) if word else ("enrolled" not in done.stderr)


def test_two_tags_at_once_are_told_and_the_one_that_stays_is_shown(rig: CliRig) -> None:
    rig.box.client.call("present", uids=["04A3C6CAE26180", "7D21F0A4"])
    process = rig.spawn(rig.station(), "tag", "--json")
    assert process.stderr is not None
    assert "hold a tag" in process.stderr.readline()
    assert "hold one alone" in process.stderr.readline()
    rig.box.client.call("present", uids=["7D21F0A4"])
    out, _ = process.communicate(timeout=30)
    assert json.loads(out)["tag"] == "7D21F0A4"


def test_no_tag_is_a_problem(rig: CliRig) -> None:
    done = rig.station().command("tag", "--timeout", "0.3")
    assert done.returncode == 1
    assert "no tag was seen within 0.3 s" in done.stderr


def test_tag_with_a_dead_reader(rig: CliRig) -> None:
    rig.fault("reader-dead-00")
    done = rig.station().command("tag")
    assert done.returncode == 1
    assert "nothing answers" in done.stderr


def test_tag_beside_a_daemon_whose_reader_is_dead(rig: CliRig) -> None:
    rig.fault("reader-dead-00")
    station = rig.start(rig.station())
    until(lambda: "nothing answers" in station.tail(), "the daemon's complaint")
    done = station.command("tag")
    assert done.returncode == 1
    assert "nothing answers" in done.stderr


def test_tag_beside_a_daemon_shows_the_next_tap_in_full(rig: CliRig) -> None:
    station = rig.start(rig.station())
    until(lambda: "reader works" in station.tail(), "the reader")
    rig.box.client.call("tap", uids=["04D55E1F904C81"], hold_s=0.5)
    until(lambda: "tag 04D5" in station.tail(), "the tap before")
    until(lambda: rig.box.state["tags"] == [], "the tag's leaving")
    process = rig.spawn(station, "tag", "--json")
    assert process.stderr is not None
    assert "also does what a tap does" in process.stderr.readline()
    rig.box.client.call("tap", uids=["04A3C6CAE26180"], hold_s=0.5)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(out) == {"tag": "04A3C6CAE26180", "sak": None, "atqa": None, "random": False}
    assert "04A3C6CAE26180" not in station.tail()


def test_taps_are_shown_to_who_asks_and_to_nobody_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("station.requests.monotonic", lambda: now)
    window = TapWindow()
    window.tapped("7D21F0A4")
    assert window.ask({}) == {"tags": []}
    window.tapped("7D21F0A4")
    window.tapped("16AC936B")
    assert window.ask({}) == {"tags": ["7D21F0A4", "16AC936B"]}
    assert window.ask({}) == {"tags": []}
    window.tapped("7D21F0A4")
    now += ASKED_FOR_S
    assert window.ask({}) == {"tags": []}
    now += 2 * ASKED_FOR_S
    window.tapped("7D21F0A4")
    assert window.ask({}) == {"tags": []}


# --- reset ------------------------------------------------------------------------------------


def test_reset_needs_the_daemon(rig: CliRig) -> None:
    done = rig.station().command("reset")
    assert done.returncode == 1
    assert "start it first" in done.stderr


def test_reset_clears_a_fault_and_names_what_stays(rig: CliRig) -> None:
    with rig.journal() as store:
        store.put_fault(Fault("lease_lapse", NOW, "three lapses within 24 hours"))
    station = rig.start(rig.station())
    other = station.command("reset", "power_unstable")
    assert other.returncode == 1
    assert "no such fault" in other.stderr
    assert station.status is not None
    assert [fault["name"] for fault in station.status["faults"]] == ["lease_lapse"]
    done = station.command("reset", "lease_lapse", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["result"] == "ok"
    until(lambda: (station.status or {"faults": [0]})["faults"] == [], "no fault")
    station.stop()
    with rig.journal() as store:
        assert store.faults() == ()


def test_reset_leaves_a_fault_whose_cause_is_there(rig: CliRig) -> None:
    rig.fault("stop-pressed")
    station = rig.start(rig.station(inputs={"stop_pin": 22}))
    station.wait_for("faulted")
    done = station.command("reset")
    assert done.returncode == 1
    assert "release the button" in done.stderr
    assert station.phase == "faulted"


# --- outbox --retry ---------------------------------------------------------------------------


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a daemon"])
def test_retry_puts_a_message_back_into_the_line(rig: CliRig, beside: bool) -> None:
    with rig.journal() as store:
        message_id = quarantine_one(store)
    station = rig.station()
    if beside:
        rig.start(station)
    wrong = station.command("outbox", "--retry", str(message_id + 1))
    assert wrong.returncode == 1
    assert "is in quarantine" in wrong.stderr
    done = station.command("outbox", "--retry", str(message_id))
    assert done.returncode == 0
    waiting = json.loads(station.command("outbox", "--json").stdout)
    assert [(row["id"], row["kind"]) for row in waiting] == [(message_id, "end")]
    assert json.loads(station.command("outbox", "--quarantine", "--json").stdout) == []
    assert station.command("outbox", "--retry", str(message_id)).returncode == 1


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a daemon"])
def test_resend_tells_again_what_ended_since_that_day(rig: CliRig, beside: bool) -> None:
    """As after a server's restore from a backup: each once, those before it not."""
    with rig.journal() as store:
        for number in range(1, 4):
            session = journal_rig.ended(number)
            day = timedelta(days=number)
            store.put_session(
                replace(session, ended_at=journal_rig.NOON + day, started_at=journal_rig.NOON),
                *(Record.ENDED, journal_rig.BOOT, Announce.END),
            )
        store.delivered(store.next_messages(20))
    station = rig.station()
    if beside:
        rig.start(station)
    since = (journal_rig.NOON + timedelta(days=2)).date().isoformat()
    done = station.command("outbox", "--resend", since)
    assert done.returncode == 0, done.stderr
    assert "2 session(s)" in done.stdout
    waiting = json.loads(station.command("outbox", "--json").stdout)
    assert [row["kind"] for row in waiting] == ["end", "end"]
    again = station.command("outbox", "--resend", since, "--json")
    assert json.loads(again.stdout) == {"count": 0}


def test_retry_begins_no_journal_and_waits_for_no_lock(rig: CliRig) -> None:
    station = rig.station()
    done = station.command("outbox", "--retry", "1")
    assert done.returncode == 1
    assert "no journal" in done.stderr
    assert not (rig.folder / "data").exists()
    with only_one(station.run_dir):
        held = station.command("outbox", "--retry", "1")
    assert held.returncode == 1
    assert f"process {os.getpid()}" in held.stderr


def test_the_daemon_survives_any_id(rig: CliRig) -> None:
    station = rig.start(rig.station())
    for bad in (None, "1", 1.5, True, -1, 10**30, [1], {}):
        answer = control.ask(station.run_dir, "retry", id=bad)
        assert answer is not None
        assert "whole number" in answer["error"], bad
    assert control.ask(station.run_dir, "retry", id=LARGEST_ID) == {"found": False}
    assert station.status is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root leaves files to others")
def test_what_root_leaves_behind_belongs_to_the_service(rig: CliRig) -> None:
    with rig.journal() as store:
        message_id = quarantine_one(store)
    data = rig.folder / "data"
    for path in (data, *data.iterdir()):
        os.chown(path, 12345, 12345)
    station = rig.station()
    assert station.command("outbox", "--retry", str(message_id)).returncode == 0
    owned = [station.run_dir, station.run_dir / "lock", *data.iterdir()]
    assert {path.stat().st_uid for path in owned} == {12345}


# --- status and sessions go on as they were -------------------------------------------------


def test_status_and_sessions(rig: CliRig) -> None:
    with rig.journal() as store:
        store.put_session(ended_session(), Record.ENDED, "a-boot", Announce.NOTHING)
    station = rig.station()
    nobody = station.command("status")
    assert nobody.returncode == 1
    assert "no daemon runs" in nobody.stderr
    (row,) = json.loads(station.command("sessions", "--json").stdout)
    assert row["energy_wh"] == 1000
    rig.start(station)
    assert station.command("status").stdout.startswith("available, contactor open")
