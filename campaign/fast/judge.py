"""The books of one life against the truth of its box. Every sentence that comes back is a defect.

What must hold for a session is bounded from both sides by moments, not by shares: its start
register is the meter's at the moment when its contacts first closed, its end register the one at
the moment when they last opened. Where the rules allow an end to be something else (a weld, another
meter, a line that was left up), the judge allows exactly that and no more.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field

from campaign.fast.life import Life
from campaign.fast.truth import Period
from drivers.float32 import step_wh
from evcs.kinds import SessionState
from evcs.models import Session as Booked
from station.journal.store import Store
from station.rules.values import Load, Record, Session

# What a wallbox takes for itself, and how long readings and contacts may be apart.
STANDBY_W, APART_S = 4.0, 120.0
RAMP_S = 2.5
# A weld: the first good reading after the contactor was told to open counts, whenever it comes.
SETTLES_S = 8.0


@dataclass
class Verdict:
    """``wrong`` in words, one for each defect; the figures of a life beside it."""

    wrong: list[str] = field(default_factory=list)
    sessions: int = 0
    charges: int = 0
    flowed_wh: float = 0.0
    booked_wh: int = 0
    unassigned_wh: int = 0
    estimated: int = 0
    worst_wh: float = 0.0
    counted: Counter[str] = field(default_factory=Counter)


def judge(life: Life) -> Verdict:
    """Everything the issue asks of a life, by the books of server and journal."""
    verdict = Verdict(counted=life.counted + life.road.counted)
    books = life.house.sessions()
    with closing(life.world.disk.look().database) as connection:
        store = Store(connection)
        kept = store.sessions()
        verdict.wrong += _nothing_left(store)
    verdict.wrong += [
        f"contactor closed outside a record: {one}" for one in life.closings_unrecorded
    ]
    verdict.wrong += _one_to_one(books, kept)
    verdict.wrong += [
        f"{uuid} ended for {sorted(reasons)}"
        for uuid, reasons in life.reasons.items()
        if len(reasons) != 1
    ]
    if life.box.commanded or life.box.rail.contactor.closed:
        verdict.wrong.append("the contactor was left closed")
    if life.world.disk.set_aside:
        verdict.wrong.append("a journal that no card damaged was set aside as damaged")
    verdict.sessions = len(books)
    verdict.charges = len({period.uuid for period in life.truth.periods})
    verdict.flowed_wh = life.truth.flowed_wh(life.timeline.now_s)
    verdict.booked_wh = sum(one.energy_wh for one in books)
    verdict.unassigned_wh = life.house.unassigned_wh()
    for one in books:
        _registers(life, one, verdict)
    verdict.wrong += _order(books)
    verdict.wrong += _sum(life, books, verdict)
    return verdict


def _nothing_left(store: Store) -> list[str]:
    found = []
    waiting, quarantined = store.waiting(), store.quarantined()
    if waiting:
        found.append(f"{len(waiting)} messages were never delivered")
    if quarantined:
        found.append(f"in quarantine: {[one.reason for one in quarantined]}")
    return found


def _one_to_one(books: list[Booked], kept: list[tuple[Session, Record]]) -> list[str]:
    """The server has exactly what the journal has, fact by fact."""
    found = [
        f"journal: {one.uuid} is still {record}" for one, record in kept if record != Record.ENDED
    ]
    journal = {one.uuid: one for one, _ in kept}
    server = {str(one.uuid): one for one in books}
    found += [f"lost: {uuid}" for uuid in journal.keys() - server.keys()]
    found += [f"nobody's: {uuid}" for uuid in server.keys() - journal.keys()]
    seqs = Counter(one.seq for one in books)
    found += [f"seq {seq} twice" for seq, count in seqs.items() if count > 1]
    for uuid in sorted(journal.keys() & server.keys()):
        ours, theirs = journal[uuid], server[uuid]
        if theirs.state is not SessionState.ENDED:
            found.append(f"{uuid} is {theirs.state} at the server")
        for what, here, there in (
            ("seq", ours.seq, theirs.seq),
            ("tag", ours.tag, theirs.tag_uid),
            ("start", ours.start and ours.start.import_wh, theirs.start_wh),
            ("end", ours.end and ours.end.import_wh, theirs.end_wh),
            ("start serial", ours.start and ours.start.serial, theirs.start_serial),
            ("end serial", ours.end and ours.end.serial, theirs.end_serial),
            ("reason", ours.reason and ours.reason.value, theirs.end_reason),
            ("estimated", ours.estimated, theirs.end_estimated),
            ("started_at", ours.started_at, theirs.started_at),
            ("ended_at", ours.ended_at, theirs.ended_at),
        ):
            if here != there:
                found.append(f"{uuid}: {what} is {here} in the box and {there} at the server")
        if theirs.energy_wh != max(0, (theirs.end_wh or 0) - (theirs.start_wh or 0)):
            found.append(f"{uuid}: booked {theirs.energy_wh} Wh, not end minus start")
    return found


def _registers(life: Life, one: Booked, verdict: Verdict) -> None:
    """Start and end of a session against the moments at which its contacts moved."""
    periods = [period for period in life.truth.periods if period.uuid == str(one.uuid)]
    if not periods:
        allowed_wh = _slack_wh(one.end_wh or 0, life)
        if one.energy_wh > allowed_wh:
            verdict.wrong.append(
                f"{one.uuid}: {one.energy_wh} Wh booked, its contacts never closed"
            )
        return
    offset_wh = next(
        (m.offset_wh for m in life.meters if m.serial == one.start_serial), float("nan")
    )
    base_wh = life.truth.began_wh + offset_wh
    began_wh = life.truth.flowed_wh(periods[0].closed_s) + base_wh
    off_wh = (one.start_wh or 0) - began_wh
    verdict.worst_wh = max(verdict.worst_wh, abs(off_wh))
    if not abs(off_wh) <= _slack_wh(began_wh, life):
        verdict.wrong.append(
            f"{one.uuid}: start {one.start_wh} Wh, the register was {began_wh:.2f}"
        )
    least_wh, most_wh = (wh + base_wh for wh in _end_between(life, periods))
    slack_wh = _slack_wh(most_wh, life)
    end_wh = one.end_wh or 0
    if one.end_estimated:
        verdict.estimated += 1
        verdict.wrong += _estimate(life, one, began_wh - slack_wh, most_wh + slack_wh)
        return
    verdict.worst_wh = max(verdict.worst_wh, least_wh - end_wh, end_wh - most_wh)
    if not least_wh - slack_wh <= end_wh <= most_wh + slack_wh:
        verdict.wrong.append(
            f"{one.uuid} ({one.end_reason}): end {end_wh} Wh, the register was "
            f"{least_wh:.2f} to {most_wh:.2f}"
        )


def _slack_wh(register_wh: float, life: Life) -> float:
    """One step of the register's float32 grid, 1 Wh of rounding, and what a wallbox takes."""
    standby = STANDBY_W * APART_S / 3600 if life.script.settings.load is Load.ENABLE else 0.0
    return step_wh(register_wh / 1000) + 1 + standby


def _end_between(life: Life, periods: list[Period]) -> tuple[float, float]:
    """What had flowed when the contacts opened for the last time, and what at most counts."""
    last = periods[-1]
    flowed = life.truth.flowed_wh
    now_s = life.timeline.now_s
    told_s = last.told_s if last.told_s is not None else now_s
    opened_s = last.opened_s if last.opened_s is not None else now_s
    if opened_s - told_s > 1.0:
        # Welded: the first good reading after the word to open counts, not what flows on.
        return flowed(told_s), flowed(opened_s)
    if life.script.settings.load is Load.ENABLE:
        return flowed(opened_s), flowed(opened_s + RAMP_S)
    return flowed(opened_s), flowed(opened_s)


def _estimate(life: Life, one: Booked, least_wh: float, most_wh: float) -> list[str]:
    """An END that stays an estimate has a cause that no later reading could mend."""
    found = []
    exchanged = len(life.meters) > 1
    if not (exchanged or life.line_left_up):
        found.append(f"{one.uuid}: estimated for good, and nothing forbade the exact register")
    if not least_wh <= (one.end_wh or 0) <= most_wh:
        found.append(
            f"{one.uuid}: estimate {one.end_wh} Wh, registers were {least_wh:.1f} to {most_wh:.1f}"
        )
    return found


def _order(books: list[Booked]) -> list[str]:
    """Of one meter, a session begins where an earlier one ended, or later: no Wh is in two."""
    found, read_to = [], dict[str | None, int]()
    for one in books:
        if (one.start_wh or 0) < read_to.get(one.start_serial, 0) - 1:
            found.append(f"{one.uuid} begins at {one.start_wh} Wh, before the last one ended")
        read_to[one.end_serial] = max(one.end_wh or 0, read_to.get(one.end_serial, 0))
    return found


def _sum(life: Life, books: list[Booked], verdict: Verdict) -> list[str]:
    """Booked and unassigned together are what the box let flow between first start and last end."""
    if len(life.meters) > 1 or not books:
        return []
    last = books[-1]
    counted_wh = verdict.booked_wh + verdict.unassigned_wh
    began_wh = life.truth.began_wh
    flowed_wh = verdict.flowed_wh
    before_wh = (books[0].start_wh or 0) - began_wh
    after_wh = began_wh + flowed_wh - (last.end_wh or 0)
    off_wh = counted_wh - (flowed_wh - before_wh - after_wh)
    if abs(off_wh) > 2 * _slack_wh(began_wh, life):
        return [
            f"booked {verdict.booked_wh} + unassigned {verdict.unassigned_wh} Wh are "
            f"{off_wh:.1f} Wh off what the meter counted"
        ]
    return []
