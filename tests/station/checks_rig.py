"""The surroundings of a probe without a box: a config, a clock that stands still, a fake root."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from station.checks.probe import Probe, Result, Surroundings, run
from station.clock import Clock
from station.config import Config, parse
from station.rules.values import Now
from tests.station.cli_rig import NOBODY

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

PI_5 = "Raspberry Pi 5 Model B Rev 1.0"
PI_4 = "Raspberry Pi 4 Model B Rev 1.5"


class FixedTime:
    """A machine's clocks that stand still."""

    boot_id = "0123456789abcdef"
    energy_speed = 1.0
    synced = True
    low = False

    def now(self) -> Now:
        return Now(100.0, NOW, self.synced)

    def uptime_ms(self) -> int:
        return 7_200_000

    def undervoltage(self) -> bool:
        return self.low


def made(folder: Path, **changes: dict[str, Any]) -> Config:
    """A config that can be used, with changes by table."""
    (folder / "token").write_text("a-token\n")
    (folder / "token").chmod(0o600)
    (folder / "port").touch()
    tables: dict[str, dict[str, Any]] = {
        "station": {"name": "box-1", "data_dir": str(folder / "data"), "run_dir": str(folder)},
        "server": {"url": NOBODY, "token_file": str(folder / "token"), "timeout_s": 5},
        "contactor": {"load": "wallbox", "pin": 17, "max_current_a": 16},
        "meter": {"port": str(folder / "port")},
        "indicator": {"green_pin": 5, "red_pin": 6},
    }
    for name, table in changes.items():
        tables.setdefault(name, {}).update(table)
    return parse(tables)


def around(config: Config, **changes: Any) -> Surroundings:
    return replace(Surroundings(config, Clock(FixedTime())), **changes)


def look(probe: Probe, where: Surroundings) -> Result:
    """What the runner makes of one probe."""
    (found,) = run([probe], where)
    assert found.name == probe.name
    return found


def named(probes: tuple[Probe, ...], name: str) -> Probe:
    return next(probe for probe in probes if probe.name == name)


@dataclass(frozen=True)
class Machine:
    """The root folder of a machine that is not there: a Raspberry Pi when it is new."""

    root: Path

    @classmethod
    def pi(cls, folder: Path, model: str = PI_5) -> Machine:
        machine = cls(folder / "root")
        machine.write("proc/device-tree/model", f"{model}\0")
        machine.write("boot/firmware/config.txt", "dtparam=spi=on\n")
        machine.write("dev/spidev0.0")
        return machine

    def write(self, path: str, text: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def remove(self, path: str) -> None:
        (self.root / path).unlink()
