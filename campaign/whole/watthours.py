"""The watt-hours of each session: booked, flowed, and what may be nobody's by a rule. Pure.

Rules by which less may be booked than flowed (docs/architecture.md, the safety rules):

- welded contacts: what flows on after the line went down and the register was read;
- a meter exchanged: the old one's last good reading counts;
- a meter wired backwards, or whose register shows something else: it counted nothing to be booked;
- a line left up while no daemon looked: no more than the fuse carries until the life sign runs out.

More than flowed is never allowed.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from campaign.whole.building import ENERGY_SPEED
from campaign.whole.energy import (
    Window,
    during,
    fault_spans,
    flowed_wh,
    of_session,
    register,
)
from campaign.whole.material import Material
from campaign.whole.watch import Row

WELD = ("contactor-welded",)
EXCHANGE = ("meter-exchanged",)
BACKWARDS = ("meter-reversed",)
SCALED = ("meter-x1000", "meter-2to32")
ALTERS_REGISTER = (*EXCHANGE, *BACKWARDS, *SCALED)

# A reading is as old as a sample, the meter's own update and the line make it.
READING_AGE_US = 2_500_000
LIFE_SIGN_US = 30_000_000
STANDBY_WH_PER_S = 3.0 * ENERGY_SPEED / 3600
LEFT_UP_S = 40.0  # a life sign every 30 s, and 10 s of slack
START_READING_AGE_US = 15_000_000


@dataclass(frozen=True, slots=True)
class Account:
    """One session. ``low_wh`` to ``high_wh`` may be booked, ``slack_wh`` of it for rounding."""

    uuid: str
    tag: str
    booked_wh: int
    flowed_wh: float
    low_wh: float
    high_wh: float
    slack_wh: float
    excused_wh: float
    excuses: tuple[str, ...]

    @property
    def error_wh(self) -> float:
        """How far the booking is from what flowed, beyond what a rule lets be nobody's."""
        below = self.low_wh + self.slack_wh - self.booked_wh
        return max(0.0, below, self.booked_wh - (self.high_wh - self.slack_wh))

    @property
    def missing_wh(self) -> float:
        return self.flowed_wh - self.booked_wh


def slack_wh(wh: float) -> float:
    """Two times (a step of the float32 grid of kWh at this register + 1 Wh)."""
    kwh = wh / 1000
    (bits,) = struct.unpack("<I", struct.pack("<f", kwh))
    (above,) = struct.unpack("<f", struct.pack("<I", bits + 1))
    (here,) = struct.unpack("<f", struct.pack("<I", bits))
    return float(2 * ((above - here) * 1000 + 1))


def account(material: Material, windows: Sequence[Window], row: Row) -> Account:
    """Of a session for which the contactor closed; ``row`` is the journal's."""
    mine = of_session(windows, row["uuid"])
    start, end = register(row["start_meter"]), register(row["end_meter"])
    start_wh, end_wh = start[1] if start else 0, end[1] if end else 0
    booked_wh = next((one["energy_wh"] for one in material.books if one["uuid"] == row["uuid"]), 0)
    charged_wh = sum(
        flowed_wh(material.intervals, one.begin_us, one.end_us, only_charging=True) for one in mine
    )
    all_wh = sum(flowed_wh(material.intervals, one.begin_us, one.end_us) for one in mine)
    before_us = mine[0].begin_us - START_READING_AGE_US
    standby_wh = flowed_wh(material.intervals, before_us, mine[0].begin_us)
    if material.built.load != "enable":
        standby_wh = 0.0
    slack = slack_wh(max(start_wh, end_wh))
    excused_wh, excuses = _excused(material, mine, row)
    return Account(
        uuid=row["uuid"],
        tag=row["tag"],
        booked_wh=booked_wh,
        flowed_wh=charged_wh,
        low_wh=max(0.0, charged_wh - excused_wh) - slack,
        high_wh=all_wh + standby_wh + slack,
        slack_wh=slack,
        excused_wh=excused_wh,
        excuses=excuses,
    )


def _excused(material: Material, mine: Sequence[Window], row: Row) -> tuple[float, tuple[str, ...]]:
    """How much of a session may be nobody's, and by which rule."""
    total_wh, why = 0.0, []

    def excuse(rule: str, wh: float) -> None:
        nonlocal total_wh
        if wh > 0:
            total_wh += wh
            why.append(rule)

    for one in mine:
        for begin, end in fault_spans(material, *WELD):
            if begin < one.end_us and end > one.begin_us:
                on_wh = sum(
                    flowed_wh([part], one.begin_us, one.end_us)
                    for part in material.intervals
                    if not part["commanded"]
                )
                excuse("welded contacts", on_wh)
        for begin, end in fault_spans(material, *BACKWARDS):
            low_us = max(one.begin_us, begin - READING_AGE_US)
            high_us = min(one.end_us, end + READING_AGE_US)
            excuse("the meter counted backwards", _charged(material, low_us, high_us))
        if row["estimated"]:
            for begin, end in fault_spans(material, *EXCHANGE, *SCALED):
                if begin < one.end_us and end > one.begin_us - START_READING_AGE_US:
                    # A program that died remembers no more than its last sign of life.
                    died = any(one.begin_us < exit.t_us < begin for exit in material.exits)
                    known_us = begin - (LIFE_SIGN_US if died else 0) - READING_AGE_US
                    low_us = max(one.begin_us, known_us)
                    excuse("estimated: another register", _charged(material, low_us, one.end_us))
    ceiling_wh = _ceiling_wh(material, row)
    booked_wh = (register(row["end_meter"]) or (None, 0))[1]
    if row["estimated"] and ceiling_wh is not None and booked_wh == ceiling_wh:
        begin_us, end_us = mine[0].begin_us, mine[-1].end_us
        excuse("a line left up", _charged(material, begin_us, end_us))
    return total_wh, tuple(why)


def _charged(material: Material, begin_us: float, end_us: float) -> float:
    return flowed_wh(material.intervals, begin_us, end_us, only_charging=True)


def _ceiling_wh(material: Material, row: Row) -> int | None:
    """The highest register that an interrupted session may end at (SAFETY: after a power cut)."""
    start = register(row["start_meter"])
    if start is None or row["reason"] not in ("restart", "power_loss"):
        return None
    last_wh = int(row["life_wh"]) if row["life_wh"] is not None else start[1]
    unseen_s = LEFT_UP_S + material.built.lost_after_s
    return last_wh + round(material.built.fuse_w * unseen_s / 3600 * ENERGY_SPEED)


def between_sessions(material: Material, windows: Sequence[Window]) -> list[str]:
    """Booked and unassigned together are what flowed: from each start register to the next one's.

    Only for registers of one meter, and while nothing made the register show something else.
    """
    wrong = []
    firsts: dict[str, int] = {}
    for window in windows:
        if window.uuid is not None:
            firsts.setdefault(window.uuid, window.begin_us)
    rows = [row for row in material.journal if row["uuid"] in firsts]
    altered = fault_spans(material, *ALTERS_REGISTER)
    for one, other in pairwise(rows):
        begin_us, end_us = firsts[one["uuid"]], firsts[other["uuid"]]
        start, next_start = register(one["start_meter"]), register(other["start_meter"])
        if start is None or next_start is None or start[0] != next_start[0]:
            continue
        if during(altered, begin_us - START_READING_AGE_US, end_us):
            continue
        counted_wh = next_start[1] - start[1]
        true_wh = flowed_wh(material.intervals, begin_us, end_us)
        slack = slack_wh(next_start[1])
        if material.built.load == "enable":
            slack += 2 * STANDBY_WH_PER_S * START_READING_AGE_US / 1e6
        if abs(counted_wh - true_wh) > slack:
            wrong.append(
                f"sessions {one['seq']} and {other['seq']}: booked and unassigned are "
                f"{counted_wh} Wh, {true_wh:.2f} Wh flowed"
            )
    return wrong


def report(material: Material) -> list[str]:
    """The server's own line of the month says the same as its books, where there is one line."""
    books = sorted(material.books, key=lambda one: int(one["seq"]))
    settled = all(one["end_wh"] is not None for one in books)
    if not settled or len({(one["meter_serial"], one["month"]) for one in books}) != 1:
        return []
    counted_wh = books[-1]["end_wh"] - books[0]["start_wh"]
    unassigned_wh = counted_wh - sum(one["energy_wh"] for one in books)
    if material.unassigned_wh == unassigned_wh:
        return []
    return [f"the server reports {material.unassigned_wh} Wh as unassigned, not {unassigned_wh} Wh"]
