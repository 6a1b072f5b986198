"""The books of a life against the true time, beside what every fast life is judged by.

A stamp *lied* if the clock called itself synced when it was taken (or, for a stamp that was
repaired, when that was done) and was wrong by more than half a second. No rule can know that: such
sessions are counted apart. Of all others the duration has to be right, once their stamps are
synced, and a stamp may only stay estimated if its boot ended before the clock was set.

Under a clock that lied the server's lines of the months need not add up: a session that says it
ended in another month is counted there, whatever the registers say. That is counted apart as well.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from campaign.clock.life import ClockLife, Stamp
from campaign.clock.script import MAX_DURATION_S, NO_ENERGY_S, Charge
from campaign.fast import judge as books
from evcs.kinds import TimeQuality
from evcs.models import Session as Booked

OFF_S, LIE_S = 1.0, 0.5
_MONTHS = re.compile(r"^booked \d+ \+ unassigned -?\d+ Wh are ")
# A limit is looked at with every event, at least twice a second.
LIMIT_SLACK_S = 1.0
LIMITS_S = {"max_duration": MAX_DURATION_S, "no_energy": NO_ENERGY_S}


@dataclass
class Verdict:
    """``wrong`` in words, a defect each; ``worst_s``: the furthest duration from the truth."""

    wrong: list[str] = field(default_factory=list)
    worst_s: float = 0.0
    worst_stamp_s: float = 0.0
    worst_limit_s: float = 0.0
    worst_lie_s: float = 0.0
    counted: Counter[str] = field(default_factory=Counter)


def judge(life: ClockLife) -> Verdict:
    """Everything that is to be said of one life."""
    verdict = Verdict(counted=life.counted.copy())
    booked = {str(one.uuid): one for one in life.house.sessions()}
    verdict.counted["sessions"] = len(booked)
    for charge in life.told.charges:
        uuid = _begun_by(life, charge)
        if uuid is None or uuid not in booked:
            verdict.wrong.append(f"the tap at {charge.from_s:.0f} s began no session that is kept")
            continue
        _way(life, charge, booked[uuid], verdict)
    verdict.wrong += [
        f"{uuid} is nobody's wish"
        for uuid in booked.keys() - {_begun_by(life, charge) for charge in life.told.charges}
    ]
    for uuid, one in booked.items():
        if uuid in life.ended:
            _stamps(life, one, verdict)
        else:
            verdict.wrong.append(f"{uuid} is ended at the server and was not ended in the box")
    lied = verdict.counted["sessions under a clock that lied"]
    for sentence in books.judge(life).wrong:
        if lied and _MONTHS.search(sentence):
            verdict.counted["months that do not add up"] += 1
        else:
            verdict.wrong.append(sentence)
    return verdict


def _begun_by(life: ClockLife, charge: Charge) -> str | None:
    at_s = life.began_s + charge.from_s
    return next((u for u, s in life.begun.items() if abs(s.at_s - at_s) < 0.01), None)


def _way(life: ClockLife, charge: Charge, one: Booked, verdict: Verdict) -> None:
    """It ends when its people hold the tag to the box, or after so many true seconds."""
    uuid = str(one.uuid)
    decided_s = life.decided.get(uuid)
    if decided_s is None:
        return  # said already
    verdict.counted[f"ended {one.end_reason}"] += 1
    if charge.limit is None:
        if one.end_reason != "local" or (decided_s, charge.tag) not in life.taps:
            verdict.wrong.append(
                f"{uuid} was ended {one.end_reason} at {decided_s - life.began_s:.1f} s, "
                f"its people came at {charge.to_s:.1f} s"
            )
        return
    closed_s = next(p.closed_s for p in life.truth.periods if p.uuid == uuid)
    took_s = decided_s - closed_s
    off_s = abs(took_s - LIMITS_S[charge.limit])
    verdict.counted["limits"] += 1
    verdict.worst_limit_s = max(verdict.worst_limit_s, off_s)
    if one.end_reason != charge.limit or off_s > LIMIT_SLACK_S:
        verdict.wrong.append(
            f"{uuid} was to end {charge.limit} after {LIMITS_S[charge.limit]:.0f} s, and was "
            f"ended {one.end_reason} after {took_s:.1f} s"
        )


def _stamps(life: ClockLife, one: Booked, verdict: Verdict) -> None:
    uuid = str(one.uuid)
    begun, ended = life.begun[uuid], life.ended[uuid]
    told_s = [p.told_s for p in life.truth.periods if p.uuid == uuid and p.told_s is not None]
    if one.ended_at is None or not told_s:
        return  # the books have said so
    took_s = (one.ended_at - one.started_at).total_seconds()
    off_s = abs(took_s - (told_s[-1] - begun.at_s))
    if _lied(life, begun) or _lied(life, ended):
        verdict.counted["sessions under a clock that lied"] += 1
        verdict.counted["of these booked to nobody"] += one.flat is None
        verdict.counted["of these flagged"] += bool(one.flags)
        verdict.worst_lie_s = max(verdict.worst_lie_s, off_s)
        return
    if one.flat is None:
        verdict.wrong.append(f"{uuid} is booked to nobody, though no clock lied")
    estimated = [
        stamp
        for stamp, quality in ((begun, one.time_quality), (ended, one.end_time_quality))
        if quality == TimeQuality.ESTIMATED
    ]
    for stamp in estimated:
        if stamp.synced or stamp.boot_id in life.set_in:
            verdict.wrong.append(
                f"{uuid}: a stamp stayed estimated, and the clock was set in its boot"
            )
    if estimated:
        verdict.counted["sessions with a stamp that nobody could repair"] += 1
        return
    verdict.counted["stamps repaired"] += sum(not stamp.synced for stamp in (begun, ended))
    verdict.counted["sessions with true stamps"] += 1
    verdict.worst_s = max(verdict.worst_s, off_s)
    stamp_off_s = max(
        abs((one.started_at - begun.true_utc).total_seconds()),
        abs((one.ended_at - ended.true_utc).total_seconds()),
    )
    verdict.worst_stamp_s = max(verdict.worst_stamp_s, stamp_off_s)
    if stamp_off_s > OFF_S:
        verdict.wrong.append(f"{uuid}: a stamp is {stamp_off_s:.1f} s off")
    if off_s > OFF_S:
        verdict.wrong.append(f"{uuid}: its duration is {off_s:.1f} s off")


def _lied(life: ClockLife, stamp: Stamp) -> bool:
    """A stamp that was not synced counts by the clock that repaired it."""
    off_s = stamp.off_s if stamp.synced else life.set_in.get(stamp.boot_id, 0.0)
    return abs(off_s) > LIE_S
