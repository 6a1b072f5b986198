"""What the daemon needs: ``python -m bench.daemon [SECONDS]``.

The real daemon beside a simulated box and a server that answers at once, at rest and while a car
charges: CPU, memory, wake-ups, bytes to the disk; and the time from exec to READY=1. Beside it a
Python process that imports the same libraries and does nothing.

The stand-ins for the hardware talk JSON over a socket, where a Pi has a system call of some
microseconds. Their CPU and their waits are taken inside the daemon's own threads (bench.stopwatch)
and subtracted; the simulated box itself is another process and never counted.
"""

from __future__ import annotations

import compileall
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.tap import Way
from tools.installation import ROOT

SECONDS = 60.0
STARTS = 10
CPU_PERCENT, RSS_TIMES, START_TIMES = 2.0, 1.5, 1.5
# What the daemon has in memory that is not its own, but for the stand-ins.
LIBRARIES = (
    "mfrc522, minimalmodbus, serial, requests, sqlite3, tomllib, logging, queue, json, ctypes"
)


@dataclass(frozen=True, slots=True)
class Needs:
    """Per second or hour, the stand-ins' own share subtracted."""

    cpu_percent: float
    standins_percent: float
    waits_per_s: float
    written_kb_per_h: float
    rss_mb: float


def between(before: dict[str, Any], after: dict[str, Any]) -> Needs:
    """What was used between two reports of the daemon."""
    seconds = after["at_s"] - before["at_s"]
    own = after["standins"], before["standins"]
    standins_s = own[0]["cpu_s"] - own[1]["cpu_s"]
    cpu_s = after["cpu_s"] - before["cpu_s"]
    waits = after["waits"] - before["waits"] - (own[0]["waits"] - own[1]["waits"])
    return Needs(
        cpu_percent=100 * (cpu_s - standins_s) / seconds,
        standins_percent=100 * standins_s / seconds,
        waits_per_s=waits / seconds,
        written_kb_per_h=(after["written"] - before["written"]) / seconds * 3.6,
        rss_mb=after["rss_kb"] / 1024,
    )


def used(folder: Path, seconds: float) -> dict[str, Needs]:
    """At rest and while charging."""
    found = {}
    with _way(folder, {}) as way:
        way.station.wait_for("available")
        time.sleep(10)  # What follows a start: tag list, first heartbeat.
        before = way.station.tell()
        time.sleep(seconds)
        found["at rest"] = between(before, way.station.tell())
        way.tap("04A3C6CAE26180", 1)
        way.station.wait_for("charging")
        time.sleep(5)
        before = way.station.tell()
        time.sleep(seconds)
        found["charging"] = between(before, way.station.tell())
    return found


@contextlib.contextmanager
def _way(folder: Path, changes: dict[str, dict[str, Any]]) -> Iterator[Way]:
    """As it is shipped: the meter every second, not as quick as a test wants it."""
    usual = {"meter": {"sample_s": 1.0, "update_s": 2.0, "lost_after_s": 30}}
    way = Way(folder, usual | changes)
    try:
        yield way
    finally:
        way.close()


def bare_rss_mb() -> float:
    """A process that only imports."""
    code = f"import {LIBRARIES}\nprint(open('/proc/self/status').read())"
    said = _python("-c", _as_on_a_pi(code))
    line = next(one for one in said.splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _as_on_a_pi(code: str) -> str:
    """mfrc522 imports RPi.GPIO and spidev: empty ones, a light load."""
    names = ("RPi", "RPi.GPIO", "spidev")
    made = "".join(f"sys.modules[{name!r}] = types.ModuleType({name!r})\n" for name in names)
    return f"import sys, types\n{made}sys.modules['RPi'].GPIO = sys.modules['RPi.GPIO']\n{code}"


def _python(*words: str) -> str:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def to_ready_s(config: Path, report: socket.socket, place: str) -> float:
    """Seconds from exec to READY=1."""
    words = [sys.executable, "-m", "station.cli.main", "run", "--config", str(config)]
    environment = {**os.environ, "NOTIFY_SOCKET": place}
    began_s = time.perf_counter()
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while b"READY=1" not in report.recv(4096):
            pass
        return time.perf_counter() - began_s
    finally:
        process.terminate()
        process.wait()
        report.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while report.recv(4096):
                pass
        report.setblocking(True)


def starts(folder: Path) -> tuple[list[float], list[float]]:
    """Seconds of the daemon and of the bare imports, in turn."""
    place = str(folder / "notify")
    ready, bare = [], []
    with _way(folder, {}) as way, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as report:
        way.station.stop()
        report.bind(place)
        report.settimeout(30)
        for _ in range(STARTS):
            ready.append(to_ready_s(way.station.config_file, report, place))
            began_s = time.perf_counter()
            _python("-c", _as_on_a_pi(f"import {LIBRARIES}"))
            bare.append(time.perf_counter() - began_s)
    return ready, bare


def main(arguments: list[str]) -> int:
    """Print the table; 1 when a figure is missed."""
    seconds = float(arguments[0]) if arguments else SECONDS
    # As pip leaves it.
    for name in ("station", "drivers", "simulator", "mcsp"):
        compileall.compile_dir(ROOT / name, quiet=1)
    with tempfile.TemporaryDirectory(prefix="use") as folder:
        needs = used(Path(folder), seconds)
    with tempfile.TemporaryDirectory(prefix="use") as folder:
        ready, bare = starts(Path(folder))
    bare_mb = bare_rss_mb()
    print(f"{'daemon, ' + format(seconds, 'g') + ' s each':20}{'CPU %':>8}{'stand-ins %':>13}"
          f"{'wake-ups/s':>12}{'kB/h':>8}{'RSS MB':>8}{'/imports':>10}")  # fmt: skip
    for name, one in needs.items():
        print(f"{name:20}{one.cpu_percent:8.2f}{one.standins_percent:13.2f}"
              f"{one.waits_per_s:12.1f}{one.written_kb_per_h:8.0f}{one.rss_mb:8.1f}"
              f"{one.rss_mb / bare_mb:10.2f}")  # fmt: skip
    took_s, bare_s = statistics.median(ready), statistics.median(bare)
    print(f"exec -> READY=1: {took_s:.3f} s, bare imports {bare_s:.3f} s: {took_s / bare_s:.2f} x")
    wanted = {
        f"CPU <= {CPU_PERCENT:g} % of a core": all(
            one.cpu_percent <= CPU_PERCENT for one in needs.values()
        ),
        f"RSS <= {RSS_TIMES:g} x the imports": all(
            one.rss_mb <= RSS_TIMES * bare_mb for one in needs.values()
        ),
        f"READY=1 <= {START_TIMES:g} x the imports": took_s <= START_TIMES * bare_s,
    }
    for figure, reached in wanted.items():
        print(f"{figure}: {'reached' if reached else 'MISSED'}")
    return 0 if all(wanted.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
