"""What a probe is, what it finds, and how they are run, each within its time.

Those of the devices run one after the other; those that touch none of them (``aside``) run
meanwhile, one after the other as well. Every probe has a thread of its own, so that one that hangs
costs its time only.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.errors import DriverError
from station.clock import Clock
from station.config import Config

FILES_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the check. ``text`` says what was found and, if not ``ok``, what to do."""

    name: str
    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a probe looks.

    ``status`` is the running daemon's, None when none answers; ``taken`` says who else keeps the
    devices from us. With neither the devices are ours. ``root`` has proc, sys, dev, etc and boot;
    ``packages`` are the folders that Python imports from.
    """

    config: Config
    clock: Clock
    status: Mapping[str, Any] | None = None
    taken: str | None = None
    root: Path = Path("/")
    packages: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether the devices are ours."""
        return self.status is None and self.taken is None


@dataclass(frozen=True, slots=True)
class Probe:
    """``look`` may raise DriverError, whose message is the finding, and OSError."""

    name: str
    timeout_s: float
    look: Callable[[Surroundings], Result]
    aside: bool = False


def device(
    name: str,
    timeout_s: float,
    alone: Callable[[Surroundings], Result],
    beside: Callable[[Config, Mapping[str, Any]], Result],
) -> Probe:
    """A probe of something that the daemon owns: ``beside`` it, its status has to do."""

    def look(around: Surroundings) -> Result:
        if around.status is not None:
            return beside(around.config, around.status)
        if around.taken is not None:
            return Result(name, False, f"not looked at: {around.taken}")
        return alone(around)

    return Probe(name, timeout_s, look)


def pi_only(name: str, look: Callable[[Surroundings], Result]) -> Probe:
    """A probe of files that only a Raspberry Pi has: a simulated box has none of them."""

    def unless_simulated(around: Surroundings) -> Result:
        if around.config.simulator is not None:
            return Result(name, True, "simulated")
        return look(around)

    return Probe(name, FILES_WITHIN_S, unless_simulated, aside=True)


def run(probes: Iterable[Probe], around: Surroundings) -> Iterator[Result]:
    """Every probe's result, in the order of the probes."""
    probes = tuple(probes)
    found: queue.SimpleQueue[Result] = queue.SimpleQueue()

    def look_aside() -> None:
        for probe in probes:
            if probe.aside:
                found.put(_within_its_time(probe, around))

    threading.Thread(target=look_aside, name="aside", daemon=True).start()
    for probe in probes:
        yield found.get() if probe.aside else _within_its_time(probe, around)


def _within_its_time(probe: Probe, around: Surroundings) -> Result:
    found: list[Result] = []
    thread = threading.Thread(
        target=lambda: found.append(_looked(probe, around)), name=probe.name, daemon=True
    )
    thread.start()
    thread.join(probe.timeout_s)
    if found:
        return found[0]
    return Result(
        probe.name,
        False,
        f"did not come to an end within {probe.timeout_s:g} s; something hangs there: try again, "
        "then look at its wiring and the kernel's log",
    )


def _looked(probe: Probe, around: Surroundings) -> Result:
    try:
        return probe.look(around)
    except (DriverError, OSError) as error:
        return Result(probe.name, False, str(error))
    except Exception as error:  # noqa: BLE001 - a defect here must not hide the other findings
        return Result(
            probe.name,
            False,
            f"this probe failed, which is a defect of this program "
            f"({type(error).__name__}: {error}); please report it",
        )


def unavailable(status: Mapping[str, Any], subject: str) -> str | None:
    """What the daemon says is wrong with ``subject`` ("meter", "reader", ...), if it does."""
    for why in status.get("unavailable", ()):
        if str(why).startswith(f"{subject}: "):
            return str(why).removeprefix(f"{subject}: ")
    return None
