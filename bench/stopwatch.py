"""The station's daemon with a stopwatch: ``python -m bench.stopwatch REPORT --config FILE``.

SIGUSR1 appends a line of JSON to REPORT: what the process has used so far, what of it the stand-ins
for the hardware used (on a Pi an ioctl of some microseconds is in their place), and the moments of
taps so far. So that there can be many taps in a few minutes, two rules are lifted: the contacts do
not wear (closings in ten minutes), and a second tap right after the first is meant.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulator.client import BoxClient
from station import config, log
from station.daemon import Daemon, make_clock, only_one
from station.rules import charging
from station.rules.messages import Event, ServerAnswered, SessionStored, TagPresented

MARKS = {TagPresented: "tag", SessionStored: "stored", ServerAnswered: "answered"}


class StandIns:
    """CPU, calls and waits of all threads inside the stand-ins' way to the simulated box."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.calls = 0
        self.waits = 0
        self.ops: Counter[str] = Counter()

    def watch(self, call: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def timed(client: BoxClient, op: str, **arguments: Any) -> dict[str, Any]:
            before, began_s = resource.getrusage(resource.RUSAGE_THREAD), time.thread_time()
            try:
                return call(client, op, **arguments)
            finally:
                self.cpu_s += time.thread_time() - began_s
                self.waits += resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before.ru_nvcsw
                self.calls += 1
                self.ops[op] += 1

        return timed


class Timed(Daemon):
    """The daemon; it keeps when the main thread had what of a tap, in µs of the machine's clock."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.marks: list[tuple[str, int]] = []
        scan = self.reader._reader.scan

        def timed_scan() -> Any:
            began_us = time.monotonic_ns() // 1000
            found = scan()
            if found is not None:
                self.marks.append(("scan", began_us))
            return found

        self.reader._reader.scan = timed_scan  # type: ignore[method-assign]

    def _next_events(self) -> list[Event]:
        events = super()._next_events()
        now_us = time.monotonic_ns() // 1000
        self.marks += [(MARKS[type(one)], now_us) for one in events if type(one) in MARKS]
        if self.state.closings_s:
            self.state = replace(self.state, closings_s=())
        return events


def used(standins: StandIns) -> dict[str, Any]:
    """What this process has used since it began."""
    mine = resource.getrusage(resource.RUSAGE_SELF)
    io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "at_s": time.monotonic(),
        "cpu_s": mine.ru_utime + mine.ru_stime,
        "waits": mine.ru_nvcsw,
        "written": int(io["write_bytes"]),
        "rss_kb": int(status["VmRSS"].split()[0]),
        "standins": {
            "cpu_s": standins.cpu_s,
            "waits": standins.waits,
            "calls": standins.calls,
            "ops": dict(standins.ops),
        },
    }


def main(arguments: list[str]) -> int:
    """Run the daemon."""
    report, _, config_file = arguments
    standins = StandIns()
    BoxClient.call = standins.watch(BoxClient.call)  # type: ignore[method-assign]
    charging.DOUBLE_TAP_S = 0.0
    settings = config.load(Path(config_file))
    log.setup("warning")
    with only_one(settings.run_dir), Path(report).open("a") as out:
        daemon = Timed(settings, make_clock(settings))

        def tell(*_: object) -> None:
            marks, daemon.marks = daemon.marks, []
            out.write(json.dumps(used(standins) | {"marks": marks}) + "\n")
            out.flush()

        signal.signal(signal.SIGUSR1, tell)
        return daemon.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
