"""What opens the contactor when the daemon dies or hangs, under a real systemd.

``python -m campaign.claims.death [SCALE] [SEED]``, as root. A box for each way of dying, all at
once: the shipped unit in a container, the simulated box and the server outside. Where no systemd
can be booted the failsafe and the guard are measured alone, and a line says so; never in CI.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from campaign.container.deaths import WAYS, Lane, Way, play
from campaign.container.machine import why_not
from campaign.container.stage import MortalStage
from campaign.figures import Figure, at_most, exactly, table
from station.lease import CHECK_EVERY_S, LEASE_S
from tests.stories.house import PEOPLE, House
from tests.stories.judge import GRID_WH
from tools.installation import free_port

CLAIM = "daemon killed or hung"
KILLS, HANGS = 20, 5
WATCHDOG_S = 5.0
AFTER_DEATH_S = 2.0
AFTER_HANG_S = WATCHDOG_S + 3.0
# The guard's lease and its look, and half a second for a busy machine.
BY_GUARD_S = LEASE_S + CHECK_EVERY_S + 0.5
BACK_S = 60.0
SESSION_WH = 2 * (GRID_WH + 1)
NEVER_S = float("inf")

# A tag for each box: one that charges elsewhere is refused.
_TAGS = (
    *(PEOPLE[name] for name in ("Anna", "Anna's second tag", "Bert", "Carla")),
    "0A11CE01",
    "0A11CE02",
)
_KNOWN = 4  # to the demo's house; the others are given to:
_FLAT = "Wohnung 1 links"


class NoSystemd(RuntimeError):
    """No systemd can be booted on this machine; the text says what to do about it."""


def measure(scale: float, seed: int, folder: Path) -> list[Figure]:
    """Play every way. Raises NoSystemd in CI, AssertionError (with the seed) if a box is stuck."""
    problem = why_not()
    if problem is None:
        return list(figures(lanes(scale, seed, folder)))
    if in_ci():
        raise NoSystemd(problem)
    sys.stderr.write(f"death: only the failsafe and the guard are measured: {problem}\n")
    ways = [way for way in WAYS if way.guarded or not way.hangs]
    return list(figures(lanes(scale, seed, folder, ways, under_systemd=False)))


def in_ci() -> bool:
    """Where a part that is missing must not pass for a success."""
    return "CI" in os.environ


def lanes(
    scale: float,
    seed: int,
    folder: Path,
    ways: Sequence[Way] = WAYS,
    *,
    under_systemd: bool = True,
    unit_lines: tuple[str, ...] = (),
) -> list[Lane]:
    """Every way at a box of its own, all at the same time.

    ``unit_lines`` change the shipped unit, to see that what it then lacks is found.
    """
    house = House(_made(folder / "house"), free_port())
    house.open()
    try:
        stages = []
        for way in ways:
            name = f"death-{WAYS.index(way)}"
            stage = MortalStage(_made(folder / name), house, name, can_hang=way.hangs)
            stage.token = house.landlord.ask("new_station", name=name)
            stage.under_systemd, stage.unit_lines = under_systemd, unit_lines
            stages.append(stage)
        for uid in _TAGS[_KNOWN : len(ways)]:
            house.manage("evcs_tag", uid, "--flat", _FLAT)
        with ThreadPoolExecutor(len(stages)) as pool:
            running = [
                pool.submit(_lane, stage, way, tag, scale, seed)
                for stage, way, tag in zip(stages, ways, _TAGS, strict=False)
            ]
            return [one.result() for one in running]
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    finally:
        house.shut()


def _lane(stage: MortalStage, way: Way, tag: str, scale: float, seed: int) -> Lane:
    times = max(1, round(scale * (HANGS if way.hangs else KILLS)))
    try:
        stage.begin()
        return play(stage, way, tag, times, seed)
    except AssertionError as error:
        raise AssertionError(f"{way.name}: {error}\n{stage.station.tail()}") from error
    finally:
        stage.end()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def figures(played: Sequence[Lane]) -> Iterator[Figure]:
    """Each way's times, and over all of them that every end was dealt with and nothing was lost."""
    for lane in played:
        opened = [NEVER_S if one.opened_s is None else one.opened_s for one in lane.deaths]
        limit_s = AFTER_HANG_S if lane.way.hangs else AFTER_DEATH_S
        what = f"{lane.way.name}: line inactive, {{}} of {len(opened)}"
        yield at_most(CLAIM, what.format("median"), statistics.median(opened), limit_s, "s")
        yield at_most(CLAIM, what.format("longest"), max(opened), limit_s, "s")
        if lane.way.guarded:
            yield at_most(CLAIM, what.format("by the guard, longest"), max(opened), BY_GUARD_S, "s")
    yield from _counted(played)


def _counted(played: Sequence[Lane]) -> Iterator[Figure]:
    deaths = [(lane.way, one) for lane in played for one in lane.deaths]

    def wrong(what: str, number: int) -> Figure:
        return exactly(CLAIM, f"{what}, of {len(deaths)}", number, 0)

    yield wrong(
        "systemd calls the end something else", sum(d.result != w.result for w, d in deaths)
    )
    yield wrong("lamps do not say broken", sum(not d.broken_shown for _, d in deaths))
    yield wrong("contactor closed again by itself", sum(d.closed_again for _, d in deaths))
    back_s = max((death.back_s for _, death in deaths), default=NEVER_S)
    yield at_most(CLAIM, "available again, longest", back_s, BACK_S, "s")
    lost = sum(abs(len(lane.deaths) - lane.sessions) for lane in played)
    yield wrong("sessions lost or doubled", lost)
    otherwise = sum(lane.sessions - lane.ended_by_restart for lane in played)
    yield wrong("sessions not ended by the register after the restart", otherwise)
    wrong_wh = max((lane.wrong_wh for lane in played), default=NEVER_S)
    yield at_most(CLAIM, "booked against flowed, worst session", wrong_wh, SESSION_WH, "Wh")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; 1 when one is missed or nothing can be measured here."""
    words = list(sys.argv[1:] if argv is None else argv)
    scale = float(words[0]) if words else 1.0
    seed = int(words[1]) if words[1:] else 1
    with tempfile.TemporaryDirectory(prefix="death") as folder:
        try:
            found = measure(scale, seed, Path(folder))
        except NoSystemd as error:
            sys.stderr.write(f"death: {error}\n")
            return 1
    sys.stdout.write(table(found) + "\n")
    return 0 if all(one.met for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
