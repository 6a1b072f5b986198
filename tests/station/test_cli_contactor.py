"""`contactor test`: what the box's line did, whoever or whatever came in between."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import UTC, datetime

import pytest

from station.rules.messages import Announce
from station.rules.values import Fault, Record
from tests.station.cli_rig import CONTACTOR, CliRig, ended_session
from tools.installation import Station, until

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEARTBEAT = 26
PATIENCE_S = 60.0


def fitted(rig: CliRig) -> Station:
    """Stop and mirror contact are wired in the box; the config knows of both."""
    return rig.station(contactor={"feedback_pin": 24}, inputs={"stop_pin": 22})


def begin(rig: CliRig, station: Station, *words: str) -> tuple[subprocess.Popen[str], int]:
    """A test whose yes has been typed, and the recorder's mark before it."""
    since = rig.recorder.mark()
    process = rig.spawn(station, "contactor", "test", *words)
    assert process.stdin is not None
    process.stdin.write("yes\n")
    process.stdin.flush()
    return process, since


def closed(rig: CliRig, since: int) -> None:
    """Wait until the contactor's line went to its active level."""
    rig.recorder.wait(
        lambda _: 1 in rig.levels(CONTACTOR, since), PATIENCE_S, "the contactor's line active"
    )


def opened_after_s(rig: CliRig, since: int) -> float:
    """How long the line was active, by the box's own clock, once it is inactive again."""

    def edges(events: list[dict]) -> list[tuple[int, int]]:
        return [
            (event["level"], event["t_us"])
            for event in events[since:]
            if event["event"] == "line" and event["bcm"] == CONTACTOR
        ]

    def cycle(events: list[dict]) -> tuple[int, int] | None:
        seen = edges(events)
        rises = [n for n, (level, _) in enumerate(seen) if level == 1]
        if not rises or len(seen) == rises[0] + 1:
            return None
        assert len(rises) == 1, seen
        return seen[rises[0]][1], seen[rises[0] + 1][1]

    rose_us, fell_us = rig.recorder.wait(cycle, PATIENCE_S, "the contactor's line inactive again")
    return (fell_us - rose_us) / 1e6


def test_it_closes_for_3_s_and_tells_what_flowed(rig: CliRig) -> None:
    rig.box.client.call("plug", kw=11.0)
    before_wh = rig.box.state["meter"]["shown_wh"]
    process, since = begin(rig, fitted(rig), "--json")
    out, err = process.communicate(timeout=PATIENCE_S)
    shown = json.loads(out)
    assert process.returncode == 0, (shown, err)
    assert shown["problems"] == []
    assert opened_after_s(rig, since) == pytest.approx(3.0, abs=0.5)
    assert rig.levels(CONTACTOR, since)[-2:] == [1, 0]
    assert shown["before"]["import_wh"] == before_wh
    assert shown["after"]["import_wh"] == rig.box.state["meter"]["shown_wh"]
    assert shown["energy_wh"] == shown["after"]["import_wh"] - before_wh > 0
    # The simulated contactor takes 20 ms to close and 15 ms to open.
    assert 20 <= shown["feedback_closed_ms"] < 500
    assert 15 <= shown["feedback_open_ms"] < 500
    assert all(200 < volts < 260 for volts in shown["after"]["voltage_v"])
    assert "type yes" in err
    (ledger_tags,) = [rig.box.client.call("ledger")["by_tag"].keys()]
    assert set(ledger_tags) == {""}


def test_it_tells_a_person_where_the_energy_goes(rig: CliRig) -> None:
    process, since = begin(rig, rig.station())
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert rig.levels(CONTACTOR, since)[-2:] == [1, 0]
    assert "unassigned energy" in out
    assert "feedback" not in out


@pytest.mark.parametrize("typed", ["no\n", "y\n", "YES!\n", "\n", ""])
def test_without_a_yes_nothing_moves(rig: CliRig, typed: str) -> None:
    since = rig.recorder.mark()
    process = rig.spawn(rig.station(), "contactor", "test")
    out, err = process.communicate(typed, timeout=PATIENCE_S)
    assert process.returncode == 1
    assert out == ""
    assert "stays open" in err
    assert 1 not in rig.levels(CONTACTOR, since)


def refused(rig: CliRig, station: Station) -> str:
    """What it says instead of closing."""
    process, since = begin(rig, station)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert out == ""
    assert 1 not in rig.levels(CONTACTOR, since)
    return err


def test_refused_while_a_daemon_runs(rig: CliRig) -> None:
    station = rig.start(rig.station())
    assert "stop it first" in refused(rig, station)


def test_refused_with_a_session_that_has_no_end(rig: CliRig) -> None:
    with rig.journal() as store:
        store.put_session(ended_session(), Record.ENDING, "boot", Announce.NOTHING)
    assert "no end yet" in refused(rig, rig.station())


def test_refused_with_a_latched_fault(rig: CliRig) -> None:
    with rig.journal() as store:
        store.put_fault(Fault("contactor_fault", NOW, "900 W flow", welded=True))
    assert "contactor_fault is latched (900 W flow)" in refused(rig, rig.station())


def test_refused_with_a_journal_that_cannot_tell(rig: CliRig) -> None:
    (rig.folder / "data").mkdir()
    (rig.folder / "data" / "journal.sqlite3").write_bytes(b"no database" * 1000)
    assert "cannot tell" in refused(rig, rig.station())


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("stop-pressed", "stop input is open"),
        ("undervoltage", "voltage out of range"),
        ("meter-silent", "no answer"),
    ],
)
def test_refused_by_what_inputs_and_meter_say(rig: CliRig, fault: str, word: str) -> None:
    station = fitted(rig)
    rig.fault(fault)
    assert word in refused(rig, station)


def test_a_stop_pressed_after_the_question_still_counts(rig: CliRig) -> None:
    since = rig.recorder.mark()
    process = rig.spawn(fitted(rig), "contactor", "test")
    assert process.stderr is not None
    while "type yes" not in process.stderr.readline():
        assert process.poll() is None
    rig.fault("stop-pressed")
    _, err = process.communicate("yes\n", timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "stop input is open" in err
    assert 1 not in rig.levels(CONTACTOR, since)


def test_a_stop_pressed_while_it_is_closed_opens_it(rig: CliRig) -> None:
    process, since = begin(rig, fitted(rig), "--json")
    closed(rig, since)
    rig.fault("stop-pressed")
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert json.loads(out)["problems"][0] == "opened early: the stop input is open"
    assert opened_after_s(rig, since) < 3.0


def test_feedback_that_does_not_follow_opens_it(rig: CliRig) -> None:
    rig.fault("contactor-stuck-open")
    process, since = begin(rig, fitted(rig), "--json")
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "did not follow within 500 ms" in json.loads(out)["problems"][0]
    assert opened_after_s(rig, since) == pytest.approx(0.5, abs=0.4)


def test_contacts_that_drop_by_themselves_end_it(rig: CliRig) -> None:
    process, since = begin(rig, fitted(rig), "--json")
    rig.recorder.wait(
        lambda events: any(
            event["event"] == "contactor" and event["closed"] for event in events[since:]
        ),
        PATIENCE_S,
        "closed contacts",
    )
    rig.fault("contactor-stuck-open")
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    (problem,) = json.loads(out)["problems"]
    # Whether it was seen to close before it dropped is a matter of milliseconds.
    assert "mirror contact says open" in problem or "did not follow" in problem
    assert opened_after_s(rig, since) < 3.0


def test_contacts_that_weld_are_found(rig: CliRig) -> None:
    process, since = begin(rig, fitted(rig), "--json")
    closed(rig, since)
    rig.fault("contactor-welded")
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert any("welded" in problem for problem in json.loads(out)["problems"])
    assert rig.levels(CONTACTOR, since)[-1] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTSTP])
def test_a_signal_opens_it(rig: CliRig, number: signal.Signals) -> None:
    process, since = begin(rig, rig.station(), "--json")
    closed(rig, since)
    process.send_signal(number)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert json.loads(out)["problems"] == [f"opened early: signal {number.name}"]
    assert opened_after_s(rig, since) < 3.0


def test_killed_while_closed_the_watchman_opens_it(rig: CliRig) -> None:
    process, since = begin(rig, rig.station())
    closed(rig, since)
    process.kill()
    assert opened_after_s(rig, since) < 3.0


def test_stopped_while_closed_the_watchman_opens_it(rig: CliRig) -> None:
    process, since = begin(rig, rig.station())
    closed(rig, since)
    process.send_signal(signal.SIGSTOP)
    try:
        assert opened_after_s(rig, since) < 10.0
    finally:
        process.send_signal(signal.SIGCONT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert rig.levels(CONTACTOR, since)[-1] == 0


def test_the_heartbeat_beats_before_and_while_it_is_closed(rig: CliRig) -> None:
    """An external time relay behind it gives the coil its power, and only to a living program."""
    process, since = begin(rig, rig.station(contactor={"heartbeat_pin": HEARTBEAT}))
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, out
    events = rig.recorder.events[since:]
    rise = next(
        n for n, e in enumerate(events) if e.get("bcm") == CONTACTOR and e.get("level") == 1
    )
    fall = next(
        n
        for n, e in enumerate(events)
        if e.get("bcm") == CONTACTOR and e["level"] == 0 and n > rise
    )
    beats = [n for n, event in enumerate(events) if event.get("bcm") == HEARTBEAT]
    assert sum(n < rise for n in beats) >= 4
    assert sum(rise < n < fall for n in beats) >= 8


def test_the_next_closing_waits_for_the_contacts_to_rest(rig: CliRig) -> None:
    station = rig.station(contactor={"min_off_s": 4.0})
    began_us = rig.box.state["t_us"]
    process, since = begin(rig, station)
    closed(rig, since)
    rose_us = next(
        event["t_us"]
        for event in rig.recorder.events[since:]
        if event.get("bcm") == CONTACTOR and event.get("level") == 1
    )
    assert rose_us - began_us >= 4.0e6
    _, err = process.communicate(timeout=PATIENCE_S)
    assert "min_off_s" in err


def test_the_line_is_free_afterwards(rig: CliRig) -> None:
    station = rig.station()
    process, _ = begin(rig, station)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    rig.start(station)
    until(lambda: (station.status or {}).get("faults") == [], "a daemon without a fault")
    assert station.status is not None
    assert station.status["contactor"] == {"commanded_closed": False, "line": False}
