"""The systemd unit: its values, its failsafes' pins, and a config that no longer fits them."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from station import failsafe, unit
from station.cli.run import run
from station.config import Config, parse
from station.lease import RENEW_EVERY_S

UNIT = Path(unit.__file__).parents[1] / "systemd" / "evcs-station.service"


def config(folder: Path, **changes: dict[str, Any]) -> Config:
    token = folder / "token"
    token.write_text("a-token\n")
    tables: dict[str, dict[str, Any]] = {
        "station": {"name": "box-1", "data_dir": str(folder), "run_dir": str(folder / "run")},
        "server": {"url": "http://127.0.0.1:9", "token_file": str(token)},
        "contactor": {"load": "wallbox", "pin": 17, "max_current_a": 16},
        "meter": {"port": "/dev/null"},
        "indicator": {"green_pin": 5, "red_pin": 6},
    }
    for name, table in changes.items():
        tables.setdefault(name, {}).update(table)
    return parse(tables)


def settings() -> dict[str, list[str]]:
    """The unit's lines by their key."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if line and line[0] not in "#[":
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def test_the_unit_says_what_the_safety_case_says() -> None:
    said = settings()
    wanted = {
        "Type": "notify", "NotifyAccess": "main", "WatchdogSec": "5", "WatchdogSignal": "SIGKILL",
        "TimeoutAbortSec": "1", "TimeoutStopSec": "5", "LimitCORE": "0", "Restart": "always",
        "StartLimitIntervalSec": "0", "LimitMEMLOCK": "infinity", "OOMScoreAdjust": "-900",
    }  # fmt: skip
    assert {key: said.get(key) for key in wanted} == {key: [one] for key, one in wanted.items()}
    assert float(said["RestartSec"][0]) >= 1, "it would spin"
    assert float(said["WatchdogSec"][0]) >= 4 * RENEW_EVERY_S


@pytest.mark.parametrize("key", ["ExecStartPre", "ExecStopPost"])
def test_two_failsafes_before_every_start_and_after_every_end(key: str) -> None:
    pinctrl, own = settings()[key]
    # Only pinctrl may be missing; both are root's, whatever the daemon is confined to.
    assert pinctrl == "-+/usr/bin/pinctrl $PINCTRL"
    assert own == "+/usr/bin/python3 -I /opt/evcs-station/failsafe.py $FAILSAFE"


ALL_PINS = {
    "contactor": {"pin": 4, "active_high": False, "enable_pin": 27, "trip_pin": 23},
    "indicator": {"green_pin": 20, "red_pin": 21, "buzzer_pin": 13, "active_high": False},
}


@pytest.mark.parametrize(
    ("changes", "arguments", "pinctrl"),
    [
        ({}, "--pin 17 --green 5 --red 6", "set 17 op dl"),
        (
            ALL_PINS,
            "--pin 4 --active-low --green 20 --red 21 --buzzer 13 --lamps-active-low "
            "--off 27 --off 23",
            "set 4 op dh",
        ),
    ],
)
def test_the_pins_come_from_the_config(
    tmp_path: Path, changes: dict[str, dict[str, Any]], arguments: str, pinctrl: str
) -> None:
    box = config(tmp_path, **changes)
    assert unit.failsafe_arguments(box) == arguments
    assert unit.drop_in(box).startswith(
        f'[Service]\nEnvironment="FAILSAFE={arguments}"\nEnvironment="PINCTRL={pinctrl}"\n'
    )


def test_unusual_folders_are_opened_to_the_sandbox(tmp_path: Path) -> None:
    usual = {"data_dir": "/var/lib/evcs-station", "run_dir": "/run/evcs-station"}
    assert "ReadWritePaths" not in unit.drop_in(config(tmp_path, station=usual))
    metrics = {"textfile": "/var/lib/node_exporter/evcs.prom"}
    box = config(tmp_path, station=usual | {"data_dir": str(tmp_path)}, metrics=metrics)
    said = [line for line in unit.drop_in(box).splitlines() if "ReadWritePaths" in line]
    assert said == [
        f'ReadWritePaths=-"{tmp_path}"',
        'ReadWritePaths=-"/var/lib/node_exporter"',
    ]


def test_the_failsafe_understands_what_it_is_given(tmp_path: Path) -> None:
    words = shlex.split(unit.failsafe_arguments(config(tmp_path, **ALL_PINS)))
    words += ["--simulator", str(tmp_path / "none")]
    done = subprocess.run(
        [sys.executable, "-I", failsafe.__file__, *words], capture_output=True, text=True
    )
    assert done.returncode == 1, "2 would be: wrong usage"
    assert "GPIO4 could not be driven" in done.stderr


def test_a_config_that_the_units_failsafe_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    box = config(tmp_path)
    assert unit.why_not_start(box, {}) is None
    assert unit.why_not_start(box, {"FAILSAFE": "--pin  17 --green 5 --red 6"}) is None
    monkeypatch.setenv("FAILSAFE", "--pin 22 --green 5 --red 6")
    assert run(box) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "--pin 22" in errors
    assert "--pin 17" in errors


def test_special_characters_reach_the_failsafe_as_they_are(tmp_path: Path) -> None:
    assert unit._quoted('a=50% "x" \\') == '"a=50%% \\"x\\" \\\\"'


LOCKING = """
import resource
from pathlib import Path
from station import memory
{limit}
locked = memory.lock()
kept = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmLck" in line)
print(locked, int(kept.split()[1]) > 0)
bytearray(64 << 20)  # what is asked for later is still given
"""


@pytest.mark.parametrize(
    ("limit", "printed"),
    [
        ("resource.getrlimit = lambda which: (8 << 20, 8 << 20)", {"False False"}),
        # Where a limit does hold after all, the kernel refuses and nothing is half locked.
        ("resource.getrlimit = lambda which: (-1, -1)", {"True True", "False False"}),
    ],
)
def test_memory_is_locked_only_where_nothing_limits_it(limit: str, printed: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOCKING.format(limit=limit)],
        cwd=UNIT.parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in printed
