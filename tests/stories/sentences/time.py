"""when: the wall clock of the box. Only the clock: durations go on as they are."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.stories.language import sentence
from tests.stories.stage import Stage

HOUSE_ZONE = ZoneInfo("Europe/Berlin")
UNIT_S = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "years": 365.25 * 86400}


def wall_s(moment: str) -> float:
    """Seconds since 1970 of ``2026-10-25 02:59:50 summer time``, ``… winter time``, or ISO.

    Without an offset it is local time of the house; in the hour that comes twice in October the
    season tells which of the two.
    """
    text, winter = moment.removesuffix(" summer time"), moment.endswith(" winter time")
    found = datetime.fromisoformat(text.removesuffix(" winter time"))
    if found.tzinfo is None:
        found = found.replace(tzinfo=HOUSE_ZONE, fold=1 if winter else 0)
    return found.timestamp()


@sentence("when", "the clock of the box is set to {moment}")
def _set(stage: Stage, moment: str) -> None:
    stage.box.client.call("clock_set", wall_s=wall_s(moment))


@sentence("when", "the clock of the box jumps {count:n} {unit} ahead", sign=1)
@sentence("when", "the clock of the box jumps {count:n} {unit} back", sign=-1)
def _step(stage: Stage, count: str, unit: str, sign: int) -> None:
    stage.box.client.call("clock_step", seconds=sign * float(count) * UNIT_S[unit])


@sentence("when", "the clock of the box is not synced any more")
def _unsynced(stage: Stage) -> None:
    stage.box.client.call("clock_synced", synced=False)


@sentence("when", "the clock of the box is set right")
def _right(stage: Stage) -> None:
    """As NTP does: the true time, and synced."""
    stage.box.client.call("clock_set", wall_s=time.time())
    stage.box.client.call("clock_synced", synced=True)
