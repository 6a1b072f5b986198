"""The textfile: what stands in it, as Prometheus reads it, and how it is written."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from station.metrics import text
from station.rules.values import Phase
from station.workers import metrics
from station.workers.metrics import MetricsWorker
from tests.station.test_uplink import CHARGING, IDLE
from tools.installation import until

LINE = re.compile(
    r'([a-z_]+)\{([a-z]+="(?:[^"\\\n]|\\.)*"(?:,[a-z]+="(?:[^"\\\n]|\\.)*")*)\} (\S+)'
)
CAR = replace(
    CHARGING,
    voltage_v=(230.0, 231.5, 229.9),
    current_a=(16.0, 15.9, 16.1),
    reading_at_s=4998.5,
    session_wh=11_240,
)


def samples(said: str) -> dict[tuple[str, str], float]:
    """By name and labels but the station's. Every line has to be one of the format's."""
    found, typed = {}, set()
    for line in said.splitlines():
        if line.startswith("# TYPE "):
            typed.add(line.split()[2])
        elif not line.startswith("# HELP "):
            match = LINE.fullmatch(line)
            assert match is not None, line
            name, labels, value = match.groups()
            assert name in typed
            assert labels.startswith('station="box-1"')
            found[name, labels.partition(",")[2]] = float(value)
    return found


def test_a_charge() -> None:
    found = samples(text("box-1", CAR, 5000.0, 3, 1))
    assert found["evcs_phase", 'phase="charging"'] == 1
    assert sum(value for (name, _), value in found.items() if name == "evcs_phase") == 1
    assert found["evcs_contactor_closed", ""] == 1
    assert found["evcs_meter_import_wh_total", 'serial="11223344"'] == 1_240_000
    assert found["evcs_meter_reading_age_seconds", ""] == 1.5
    assert found["evcs_power_watts", ""] == 10_999.6
    assert found["evcs_voltage_volts", 'phase="L2"'] == 231.5
    assert found["evcs_current_amperes", 'phase="L3"'] == 16.1
    assert found["evcs_session_energy_wh", ""] == 11_240
    assert found["evcs_faults", 'fault="lease_lapse"'] == 1
    assert found["evcs_messages_waiting", ""] == 3
    assert found["evcs_messages_quarantined", ""] == 1


def test_what_is_not_known_is_not_there() -> None:
    found = samples(text("box-1", IDLE, 5000.0, 0, 0))
    assert found["evcs_phase", f'phase="{Phase.AVAILABLE.value}"'] == 1
    assert not any("meter" in name or "session" in name for name, _ in found)


def test_labels_are_escaped() -> None:
    odd = replace(CAR, facts=replace(CAR.facts, serial='a"b\\c\nd'))  # type: ignore[type-var]
    assert ("evcs_meter_import_wh_total", r'serial="a\"b\\c\nd"') in samples(
        text("box-1", odd, 5000.0, 0, 0)
    )


class Journal:
    """Counts what waits."""

    def call(self, _function: Any) -> tuple[int, int]:
        return 2, 0


def running(path: Path) -> MetricsWorker:
    crashes: list[str] = []
    return MetricsWorker(path, "box-1", lambda: CAR, Journal(), crashes.append)  # type: ignore[arg-type]


def test_it_is_written_whole_and_for_others_to_read(tmp_path: Path) -> None:
    path = tmp_path / "evcs.prom"
    worker = running(path)
    worker.start()
    until(path.exists, "the file")
    worker.stop()
    worker.join(5)
    assert not worker.is_alive()
    assert path.stat().st_mode & 0o777 == 0o644
    assert samples(path.read_text())["evcs_messages_waiting", ""] == 2
    assert [one.name for one in tmp_path.iterdir()] == ["evcs.prom"]


def test_one_that_cannot_be_written_is_told_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "EVERY_S", 0.001)
    path = tmp_path / "later" / "evcs.prom"
    worker = running(path)
    worker.start()
    until(lambda: caplog.records, "a word about it")
    path.parent.mkdir()
    until(path.exists, "the file")
    worker.stop()
    worker.join(5)
    assert len([one for one in caplog.records if "cannot be written" in one.message]) == 1
