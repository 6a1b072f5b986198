"""Is the meter alive, and the right way round? Frozen values are evidence of nothing. Pure.

Mains voltage never stands still: U, I and P that are bit-identical for 30 s under voltage come from
a meter (or a gateway) that repeats itself. Power that is negative for 30 s comes from current
transformers, or a meter, that were wired backwards; its import register counts nothing. And a
register that does not move at all while 50 Wh, or four steps of it, must have flowed is stuck.
"""

from __future__ import annotations

from dataclasses import dataclass

from station.rules.values import Reading

STILL_S = 30.0
REVERSED_S, REVERSED_W = 30.0, -200.0
UNDER_VOLTAGE_V = 50.0
STUCK_WH, STUCK_STEPS, GAP_S = 50.0, 4, 10.0


@dataclass(frozen=True, slots=True)
class Signs:
    """The newest sample, and since when nothing moved, or everything ran backwards.

    ``unseen_wh`` is what the power says has flowed since the register moved last.
    """

    newest: Reading | None = None
    still_since_s: float | None = None
    reversed_since_s: float | None = None
    unseen_wh: float = 0.0


def observe(signs: Signs, reading: Reading) -> tuple[Signs, str | None]:
    """Look at one sample, plausible or not. Returns why it does not count, or None."""
    at = reading.received_at_s
    still_since = None
    if signs.newest is not None and repeats(signs.newest, reading):
        since = signs.still_since_s
        still_since = since if since is not None else signs.newest.received_at_s
    reversed_since = None
    if reading.power_w is not None and reading.power_w < REVERSED_W:
        reversed_since = signs.reversed_since_s if signs.reversed_since_s is not None else at
    unseen_wh = _unseen_wh(signs, reading)
    signs = Signs(reading, still_since, reversed_since, unseen_wh)
    if still_since is not None and at - still_since >= STILL_S:
        return signs, f"frozen: voltage, current and power have not moved for {STILL_S:.0f} s"
    if reversed_since is not None and at - reversed_since >= REVERSED_S:
        return signs, f"meter_reversed: {reading.power_w:.0f} W; the meter is wired backwards"
    if unseen_wh >= max(STUCK_WH, STUCK_STEPS * reading.grid_wh):
        return signs, f"register stuck: it did not move while {unseen_wh:.0f} Wh flowed"
    return signs, None


def _unseen_wh(signs: Signs, reading: Reading) -> float:
    """Energy by the power since the register moved; a gap in the samples proves nothing."""
    before = signs.newest
    if before is None or before.facts != reading.facts:
        return 0.0
    seconds = reading.received_at_s - before.received_at_s
    if seconds > GAP_S or before.power_w is None or reading.power_w is None:
        return 0.0
    flowed_w = max(0.0, min(before.power_w, reading.power_w))
    return signs.unseen_wh + flowed_w * seconds / 3600


def repeats(before: Reading, now: Reading) -> bool:
    """Whether two samples are one: no measurement under voltage comes twice to the last bit."""
    if now.voltage_v is None or max(now.voltage_v) < UNDER_VOLTAGE_V:
        return False
    return (before.voltage_v, before.current_a, before.power_w) == (
        now.voltage_v,
        now.current_a,
        now.power_w,
    )
