"""evcs-station check: everything about this box that can be looked at without closing anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict

from station.checks import (
    boot,
    contactor,
    filesystem,
    indicators,
    inputs,
    lines,
    meter,
    observe,
    pi,
    ports,
    private,
    reader,
    settings,
    spi,
    storage,
    supply,
    unit,
    world,
)
from station.checks.probe import Probe, Result, Surroundings, run
from station.cli.common import Problem, alone, daemon_says
from station.config import Config
from station.daemon import StartError, make_clock

# Who holds the lines is looked at before they are ours. The contactor's line comes before the
# meter: what the meter says is judged with the line inactive.
PROBES: tuple[Probe, ...] = (
    *settings.PROBES,
    *unit.PROBES,
    *pi.PROBES,
    *boot.PROBES,
    *supply.PROBES,
    *lines.PROBES,
    *spi.PROBES,
    *reader.PROBES,
    *contactor.PROBES,
    *inputs.PROBES,
    *ports.PROBES,
    *meter.PROBES,
    *indicators.PROBES,
    *storage.PROBES,
    *filesystem.PROBES,
    *private.PROBES,
    *world.PROBES,
)


def check(config: Config, *, observe_s: float | None, as_json: bool) -> int:
    """Exit status 1 when anything was not as it should be. Raises Problem."""
    probes = PROBES if observe_s is None else (*PROBES, observe.probe(observe_s))
    results: list[Result] = []
    with _surroundings(config) as around:
        for result in run(probes, around):
            results.append(result)
            if not as_json:
                print(line(result), flush=True)
    if as_json:
        print(json.dumps([asdict(result) for result in results]))
    return 0 if all(result.ok for result in results) else 1


def line(result: Result) -> str:
    return f"{'OK' if result.ok else 'PROBLEM':<9}{result.name:<12}{result.text}"


@contextmanager
def _surroundings(config: Config) -> Iterator[Surroundings]:
    """With the devices ours if no daemon has them; whoever else has them is told of."""
    status = taken = clock = None
    with ExitStack() as stack:
        try:
            status = daemon_says(config, "status")
            if status is None:
                clock = stack.enter_context(alone(config))
        except Problem as problem:
            taken = str(problem)
        try:
            clock = clock or make_clock(config)
        except StartError as error:
            raise Problem(str(error)) from error
        yield Surroundings(config, clock, status, taken, packages=tuple(sys.path))
