"""How fast it opens: from a stop event in the daemon's queue to an inactive line.

``python -m campaign.claims.latency [SCALE] [SEED]``. The daemon, the simulated box and the server
are processes of their own; the moment of a stop is stamped in the daemon's process, the moment of
the opening by the box, both by the machine's monotonic clock. Two arms: all that opening must not
wait for is broken, and everything is well.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from campaign.claims.latency_daemon import PATIENCE_S, Plan, Pressed
from campaign.claims.latency_place import (
    as_if_heard_before,
    bystander,
    mute,
    real_server,
    short_folder,
)
from campaign.figures import Figure, at_most, exactly, table
from tests.stories.recorder import Recorder, Seen
from tools.installation import Box, Process, Station

CLAIM = "stop event in the queue → line"
STOPS, PRESSES = 300, 100
QUEUE_MS, EDGE_MS = 10.0, 100.0
COMMIT_S = 0.5
USUAL_POLL_MS, BUSY_POLL_MS = 100, 20  # at 20 ms the reader's thread has no pause at all
TAG = "04A3C6CAE26180"
NAME = "box-1"

# The first charge begins soon, and lives on while the meter's line is dead; nothing else differs.
CHANGES: dict[str, dict[str, Any]] = {
    "meter": {"sample_s": 0.5, "update_s": 0.5, "lost_after_s": 3600},
    "contactor": {"min_off_s": 1.0},
    "inputs": {"stop_pin": 22},
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What one arm measured, in ms. ``lost`` stops were followed by no opening.

    ``queue`` and ``edge`` are whole ways to the line. Of the way from the queue ``taken`` is the
    time until the main thread has the event, ``own`` all up to the driver's call but the question
    for the simulated box's clock. ``probe``: an empty request to that box and its answer.
    ``bystander``: what this machine needs to wake a thread, nothing of the station in it.
    ``held_up``: in how many of all stops a thread was waiting for this at that very moment.
    """

    queue: tuple[float, ...]
    edge: tuple[float, ...]
    taken: tuple[float, ...]
    own: tuple[float, ...]
    probe: tuple[float, ...]
    bystander: tuple[float, ...]
    lost: int
    held_up: tuple[tuple[str, int], ...]


def measure(scale: float, seed: int, folder: Path) -> list[Figure]:
    """Both arms. ``scale`` 1.0 = 300 stops and 100 presses of the button in each."""
    well = Plan(TAG, seed, max(3, round(STOPS * scale)), max(2, round(PRESSES * scale)))
    figures = []
    with short_folder(folder, "dead") as place, mute() as url:
        as_if_heard_before(place, NAME, TAG)
        figures += figures_of("server silent, serial line dead", arm(place, url, broken(well)))
    with short_folder(folder, "well") as place, real_server(place) as url:
        figures += figures_of("everything well", arm(place, url, well))
    return figures


def broken(plan: Plan) -> Plan:
    """The same, and everything broken that opening must not wait for; the server is apart."""
    return replace(plan, commit_s=COMMIT_S, broken=("meter-silent",), hold_card=True, noise=True)


def figures_of(arm: str, taken: Taken) -> list[Figure]:
    def beside(what: str, values: Sequence[float]) -> Figure:
        return Figure(CLAIM, f"{arm}: {what}", _spread(values), "–", True)

    return [
        exactly(CLAIM, f"{arm}: stops without an opening", taken.lost, 0),
        at_most(
            CLAIM,
            f"{arm}: event in the queue → line, p99 of {len(taken.queue)}",
            quantile(taken.queue, 0.99),
            QUEUE_MS,
            "ms",
        ),
        beside("the same", taken.queue),
        beside("of that until the main thread has the event", taken.taken),
        beside("to the driver's call, without asking the simulated box its clock", taken.own),
        beside("an empty request to the simulated box and back", taken.probe),
        beside("one idle thread wakes another on this machine meanwhile", taken.bystander),
        at_most(
            CLAIM,
            f"{arm}: stop input's edge → line, max of {len(taken.edge)}",
            max(taken.edge, default=0.0),
            EDGE_MS,
            "ms",
        ),
        beside("the same", taken.edge),
        Figure(CLAIM, f"{arm}: a thread waited at that moment for", _shares(taken), "–", True),
    ]


def _shares(taken: Taken) -> str:
    stops = taken.lost + len(taken.queue) + len(taken.edge)
    return ", ".join(f"{what} {count * 100 // stops} %" for what, count in taken.held_up)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[bisect_left(range(1, len(ordered) + 1), share * len(ordered))]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "nothing"
    middle, high = statistics.median(values), quantile(values, 0.99)
    return f"p50 {middle:.2f} ms, p99 {high:.2f} ms, max {max(values):.2f} ms"


# --- one arm


PROGRAM = ("-m", "campaign.claims.latency_finger")


def arm(folder: Path, url: str, plan: Plan, program: tuple[str, ...] = PROGRAM) -> Taken:
    """A box, a car, the daemon; what the daemon's process put against what the box saw.

    ``program``: what python is to run, with the arguments of latency_finger.
    """
    with ExitStack() as stack:
        box = Box(folder, seed=plan.seed)
        stack.callback(box.stop)
        box.start()
        box.client.call("plug", kw=11, phases=3)
        recorder = Recorder(str(box.socket))
        stack.callback(recorder.close)
        poll_ms = BUSY_POLL_MS if plan.hold_card else USUAL_POLL_MS
        changes = {**CHANGES, "reader": {"poll_ms": poll_ms}}
        station = Station(NAME, folder, box, url, folder / f"{NAME}.token", changes)
        station.write_config()
        told, out = folder / "plan.json", folder / "pressed.json"
        told.write_text(json.dumps(asdict(plan)))
        daemon = Process(
            "daemon",
            folder / "station.log",
            *(sys.executable, *program),
            *(str(station.config_file), str(told), str(out)),
        )
        stack.callback(daemon.end)
        with bystander() as delays:
            status = daemon.popen.wait(4 * PATIENCE_S + 4 * (plan.stops + plan.presses))
        if status != 0:
            raise RuntimeError(f"the daemon left with {status}\n{daemon.tail()}")
        pressed = [Pressed(**one) for one in json.loads(out.read_text())]
        last_ns = pressed[-1].put_ns
        recorder.wait(
            lambda seen: any(_opening(one) and one["t_us"] * 1000 > last_ns for one in seen),
            10,
            "the box tells of the last opening",
        )
        return replace(judged(pressed, recorder.events), bystander=tuple(delays))


def judged(pressed: Sequence[Pressed], seen: Sequence[Seen]) -> Taken:
    """Hold what was put against what the box saw, each up to the next stop; no bystander yet."""
    openings = [one["t_us"] for one in seen if _opening(one)]
    edges = [one["t_us"] for one in seen if _is_line(one, "stop", 1)]
    queue: list[float] = []
    edge: list[float] = []
    lost = 0
    ends = [*(one.put_ns for one in pressed[1:]), 1 << 62]
    for one, end_ns in zip(pressed, ends, strict=True):
        began_us, end_us = one.put_ns / 1000, end_ns / 1000
        if one.what == "button":
            began_us = _first(edges, began_us, end_us) or end_us
        opened_us = _first(openings, began_us, end_us)
        if opened_us is None:
            lost += 1
        else:
            (edge if one.what == "button" else queue).append((opened_us - began_us) / 1000)
    events = [one for one in pressed if one.what != "button"]
    taken = tuple((one.taken_ns - one.put_ns) / 1e6 for one in events)
    own = tuple((one.driver_ns - one.put_ns - one.clock_ns) / 1e6 for one in events)
    probe = tuple(one.probe_ns / 1e6 for one in pressed)
    held_up = Counter(held for one in pressed for held in one.waiting)
    return Taken(
        tuple(queue), tuple(edge), taken, own, probe, (), lost, tuple(sorted(held_up.items()))
    )


def _first(moments_us: Sequence[int], from_us: float, to_us: float) -> int | None:
    place = bisect_left(moments_us, from_us)
    found = moments_us[place] if place < len(moments_us) else None
    return found if found is not None and found < to_us else None


def _opening(one: Seen) -> bool:
    return _is_line(one, "contactor", 0)


def _is_line(one: Seen, name: str, level: int) -> bool:
    return bool(one["event"] == "line" and one["name"] == name and one["level"] == level)


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 when a figure is missed."""
    scale = float(arguments[0]) if arguments else 1.0
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    with tempfile.TemporaryDirectory(prefix="latency") as folder:
        figures = measure(scale, seed, Path(folder))
    sys.stdout.write(table(figures) + "\n")
    return 0 if all(one.met for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
