"""The commands of ``evcs-simbox``: one line each, JSON on request, errors of one line."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from simulator.cli import main
from simulator.serving.service import Service
from simulator.serving.usage import SOCKET_VARIABLE


@pytest.fixture(scope="module")
def socket_path():
    folder = Path(tempfile.mkdtemp(prefix="box"))
    service = Service(folder / "s", seed=3)
    service.start()
    yield str(folder / "s")
    service.stop()
    shutil.rmtree(folder)


@pytest.fixture
def run(socket_path, capsys):
    """``run("tap 04A1B2C3") -> (exit status, standard output, standard error)``."""

    def run_command(text: str, *, named: bool = True) -> tuple[int, str, str]:
        where = ["--socket", socket_path] if named else []
        try:
            status = main([*where, *text.split()])
        except SystemExit as leaving:
            status = leaving.code
        return status, *capsys.readouterr()

    yield run_command
    for command in ("power restore", "clear all", "unplug", "remove"):
        run_command(command)


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        (["tap 04:a1:b2:c3"], ["04A1B2C3", "0.6 s"]),
        (["tap 04A1B2C3 --hold 0.1"], ["0.1 s"]),
        (["present 04A1B2C3 04112233445566"], ["04A1B2C3, 04112233445566"]),
        (["remove"], ["nothing"]),
        (["plug"], ["11 kW, 3 phases, 40 kWh battery at 20.0 %"]),
        (
            ["plug --kw 3.7 --phases 1 --battery-kwh 10 --soc 55"],
            ["3.7 kW, 1 phase, 10 kWh battery at 55.0 %"],
        ),
        (
            ["plug --kw 0.2 --phases 1 --battery-kwh 0.5"],
            ["0.2 kW, 1 phase, 0.5 kWh battery at 20.0 %"],
        ),
        (
            ["plug --after 3600 --precondition --taper-w 150"],
            ["departure timer 3600 s", "150 W at the end", "preconditioning when full"],
        ),
        (["plug", "unplug"], ["unplugged at 20.0 %"]),
        (["power cut"], ["mains off"]),
        (["power cut", "power restore --after 300"], ["mains on", "boot "]),
        (["clock set 2026-03-01T12:00:00+01:00"], ["2026-03-01T11:00:0", "synced"]),
        (["clock set 2026-03-01T12:00:00Z", "clock step -3600"], ["2026-03-01T11:00:0"]),
        (["clock unsynced"], ["unsynced"]),
        (["clock synced"], [", synced"]),
        (["fault contactor-welded"], ["contactor-welded"]),
        (["fault pi-undervoltage", "fault feedback-broken"], ["feedback-broken, pi-undervoltage"]),
        (["fault meter-nan", "fault stop-pressed", "faults"], ["meter-nan, stop-pressed"]),
        (["fault meter-nan", "clear meter-nan"], ["none"]),
        (["fault undervoltage", "clear all"], ["none"]),
        (["meter set 2000000"], ["2000000.000 Wh"]),
        (["state"], ["contactor open", "mains on", "0 W", "faults: none"]),
        (["ledger"], ["0.000 Wh"]),
    ],
)
def test_each_command_prints_one_line(run, commands, words):
    for command in commands:
        status, output, errors = run(command)
        assert (status, errors, output.count("\n")) == (0, "", 1)
    assert all(word in output for word in words), output


def test_what_was_said_was_done(run):
    run("present 04A1B2C3")
    run("plug --soc 50 --after 7200 --taper-w 150")
    run("meter set 1500000")
    run("fault undervoltage")
    run("clock set 2030-01-01T00:00:00+00:00")
    run("clock unsynced")
    state = json.loads(run("state --json")[1])
    assert state["tags"] == ["04A1B2C3"]
    assert state["car"] == {
        "kw": 11.0, "phases": 3, "battery_kwh": 40.0, "soc": 0.5, "after_s": 7200.0,
        "precondition": False, "taper_w": 150.0, "mode": "off", "drawing": False,
    }  # fmt: skip
    assert state["load"] == {
        "kind": "wallbox", "standby_w": 3.0, "supplied": False, "released": True, "tripped": False,
    }  # fmt: skip
    assert state["supply"] == {"undervoltage": False}
    assert state["meter"]["shown_wh"] == 1_500_000
    assert state["meter"]["wh"] == pytest.approx(1_500_000.0)
    assert state["faults"] == ["undervoltage"]
    assert state["clock"]["wall"].startswith("2030-01-01T00:0")
    assert state["clock"]["synced"] is False
    assert set(state["lines"]) == {str(bcm) for bcm in range(28)}
    assert state["lines"]["17"] == {
        "name": "contactor", "direction": "in", "level": 0, "pull": "down",
    }  # fmt: skip
    assert state["contactor"] == {"closed": False, "commanded": False, "coil": False}
    assert json.loads(run("ledger --json")[1])["intervals"] == []


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("", "COMMAND"),
        ("dance", "dance"),
        ("tap", "UID"),
        ("tap 04A1B2", "no UID"),
        ("tap grün", "no UID"),
        ("tap 04A1B2C3 --hold soon", "soon"),
        ("plug --kw much", "much"),
        ("clock set yesterday", "yesterday"),
        ("clock", "set|step"),
        ("power", "cut|restore"),
        ("fault gremlins", "contactor-welded"),
        ("clear gremlins", "reader-noise"),
        ("meter", "set"),
        ("serve --wiring contactor=99", "contactor=99"),
        ("serve --load gate", "gate"),
        ("serve --load socket --wiring enable=27", "no release"),
        ("serve --load enable --wiring green=27", "both on GPIO27"),
        ("serve --standby-w -1", "standby-w"),
        ("plug --after later", "later"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(run, command, word):
    status, output, errors = run(command)
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert word in errors


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("unplug", "no car"),
        ("plug --kw 99", "kw"),
        ("plug --kw nan", "finite"),
        ("plug --after -1", "after"),
        ("plug --kw 1 --taper-w 1001", "taper-w"),
        ("reset-trip", "nothing has tripped"),
        ("power restore", "power cut"),
        ("meter set -1", "0 to"),
        ("clock step 1e15", "1970 to 9999"),
        ("tap 04A1B2C3 --hold 0", "hold"),
        ("serve", "running"),
    ],
)
def test_what_the_box_refuses_is_one_line_and_status_1(run, command, word):
    status, output, errors = run(command)
    assert (status, output, errors.count("\n")) == (1, "", 1)
    assert word in errors


def test_the_socket_comes_from_the_environment_or_is_asked_for(run, socket_path, monkeypatch):
    monkeypatch.delenv(SOCKET_VARIABLE, raising=False)
    status, _, errors = run("state", named=False)
    assert (status, errors.count("\n")) == (2, 1)
    assert SOCKET_VARIABLE in errors
    monkeypatch.setenv(SOCKET_VARIABLE, socket_path)
    assert run("state", named=False)[0] == 0
    assert run(f"state --socket {socket_path}", named=False)[0] == 0


def test_serving_leaves_the_signals_of_its_process_alone(run):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert run("serve")[0] == 1
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_no_box_is_one_line_and_status_1(run, tmp_path):
    for command in ("state", "watch"):
        status, output, errors = run(f"{command} --socket {tmp_path / 'none'}", named=False)
        assert (status, output, errors.count("\n")) == (1, "", 1)
        assert "no simulated box answers" in errors
