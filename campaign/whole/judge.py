"""The judgement of a life: the box's own record against the server's books. Pure.

Every complaint is a sentence; none means that nothing was lost, doubled or falsified. What the
rules of the box allow to be nobody's is allowed by its cause only, and told as a remark.
"""

from __future__ import annotations

import signal
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from campaign.whole import reasons
from campaign.whole.energy import Window, of_session, owner, register, windows
from campaign.whole.material import Material, tag_name
from campaign.whole.watch import Row
from campaign.whole.watthours import Account, account, between_sessions, report
from tests.stories.house import PEOPLE

# A minute of 3 W, 60 times as fast, and rounding.
UNCLOSED_WH = 3.0 + 2.25
EXPECTED_EXITS = {-signal.SIGKILL: ("killed", "power", "commit", "write"), 0: ("asked",)}
MAY_CHARGE = frozenset(PEOPLE[name] for name in ("Anna", "Anna's second tag", "Bert", "Carla"))


@dataclass(slots=True)
class Verdict:
    """``wrong``: what must not be. ``remarks``: what was allowed for, and why.

    ``lost`` and ``doubled`` count sessions, ``falsified`` those that differ between box, server and
    truth; each of them is told in ``wrong`` too.
    """

    wrong: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    falsified: int = 0

    def expect(self, condition: bool, complaint: str) -> None:
        if not condition:
            self.wrong.append(complaint)


def judge(material: Material) -> Verdict:
    """All of it."""
    verdict = Verdict()
    _rest(material, verdict)
    _closings(material, verdict)
    _books(material, verdict)
    found = windows(material)
    for row in material.journal:
        if of_session(found, row["uuid"]):
            _energy(material, verdict, found, row)
    verdict.wrong += between_sessions(material, found)
    verdict.wrong += report(material)
    _per_tag(material, verdict)
    return verdict


def _rest(material: Material, verdict: Verdict) -> None:
    """Nothing waits, nothing was thrown away, nothing crashed, the contactor is open."""
    verdict.expect(not material.unsettled, material.unsettled)
    verdict.expect(not material.waiting, f"messages wait: {material.waiting}")
    verdict.expect(not material.quarantined, f"in quarantine: {material.quarantined}")
    verdict.expect(not material.contactor["commanded"], "the line of the contactor was left up")
    verdict.expect(not material.contactor["closed"], "the contactor was left closed")
    began_us = 0
    for one in sorted(material.exits, key=lambda exit: exit.t_us):
        fine = one.why in EXPECTED_EXITS.get(one.status, ())
        if one.status == -signal.SIGTERM and one.why == "asked":
            # It was asked before it listened: no harm, as long as it had closed nothing itself.
            fine = not any(began_us < closing.t_us < one.t_us for closing in material.closings)
        began_us = one.t_us
        verdict.expect(fine, f"the daemon left with status {one.status} ({one.why or 'by itself'})")
    verdict.wrong += material.complaints


def _closings(material: Material, verdict: Verdict) -> None:
    """The line went up only for a session that was stored as accepted, and for whom it may."""
    for closing in material.closings:
        row = owner(closing)
        at = f"closing at {closing.t_us / 1e6:.3f} s"
        if row is None:
            verdict.wrong.append(f"{at}: no accepted session stored: {closing.sessions[-2:]}")
            continue
        anyone = row["authorized_by"] == "none" and material.built.policy == "anyone"
        allowed = row["tag"] in MAY_CHARGE or anyone
        verdict.expect(
            allowed, f"{at}: for {tag_name(row['tag'])}, authorized by {row['authorized_by']}"
        )
        asked = {
            event["tags"][0]
            for event in material.events
            if event["event"] == "tag" and len(event["tags"]) == 1 and event["t_us"] < closing.t_us
        }
        verdict.expect(row["tag"] in asked, f"{at}: nobody held {tag_name(row['tag'])} to the box")


def _books(material: Material, verdict: Verdict) -> None:
    """Each session of the box once, with exactly its registers, its reason and its number."""
    booked = {one["uuid"]: one for one in material.books}
    verdict.doubled += len(material.books) - len(booked)
    verdict.expect(
        len(booked) == len(material.books),
        f"booked twice: {[uuid for uuid, n in _counted(material.books).items() if n > 1]}",
    )
    numbers = Counter(row["seq"] for row in material.journal)
    verdict.expect(all(n == 1 for n in numbers.values()), f"numbers given twice: {dict(numbers)}")
    held = {row["uuid"]: row for row in material.journal}
    for closing in material.closings:
        row = owner(closing)
        if row is not None and row["uuid"] not in held:
            verdict.lost += 1
            verdict.wrong.append(f"the journal lost session {row['uuid']} after it had closed")
    for uuid in booked.keys() - held.keys():
        verdict.doubled += 1
        verdict.wrong.append(f"booked, but unknown to the box: {booked[uuid]}")
    for row in material.journal:
        if row["record"] != "ended":
            verdict.wrong.append(f"session {row['seq']} has no end: {row['record']}")
        elif row["uuid"] in booked:
            _same(row, booked[row["uuid"]], verdict)
        elif row["reason"] != "not_started":
            verdict.lost += 1
            verdict.wrong.append(f"session {row['seq']} ({row['uuid']}) is not booked")
    verdict.wrong += reasons.complaints(material)


def _counted(books: list[Row]) -> Counter[str]:
    return Counter(one["uuid"] for one in books)


def _same(row: Row, one: Row, verdict: Verdict) -> None:
    start, end = register(row["start_meter"]), register(row["end_meter"])
    start_wh = None if start is None else start[1]
    end_wh = None if end is None else end[1]
    pairs = {
        "seq": (row["seq"], one["seq"]),
        "tag": (row["tag"], one["tag"]),
        "start register": (start_wh, one["start_wh"]),
        "end register": (end_wh, one["end_wh"]),
        "reason": (row["reason"], one["end_reason"]),
        "state": ("ended", one["state"]),
        "energy": (max(0, (end_wh or 0) - (start_wh or 0)), one["energy_wh"]),
    }
    verdict.falsified += any(in_box != at_server for in_box, at_server in pairs.values())
    for what, (in_box, at_server) in pairs.items():
        verdict.expect(
            in_box == at_server,
            f"session {row['seq']}: {what} is {in_box} in the box, {at_server} at the server",
        )


def _energy(material: Material, verdict: Verdict, found: list[Window], row: Row) -> None:
    one = account(material, found, row)
    verdict.accounts.append(one)
    if one.excuses:
        verdict.remarks.append(
            f"session {row['seq']}: {one.missing_wh:.1f} Wh are nobody's, "
            f"up to {one.excused_wh:.1f} Wh may be: {', '.join(one.excuses)}"
        )
    right = one.low_wh <= one.booked_wh <= one.high_wh
    verdict.falsified += not right
    verdict.expect(
        right,
        f"session {row['seq']}: booked {one.booked_wh} Wh, flowed {one.flowed_wh:.2f} Wh, "
        f"allowed {one.low_wh:.2f} to {one.high_wh:.2f} Wh {one.excuses}",
    )


def _per_tag(material: Material, verdict: Verdict) -> None:
    """What is booked to a tag is what flowed for it; a tag for which nothing flowed has nothing.

    A session that never closed holds what a wallbox behind a release took for itself meanwhile.
    """
    standby = material.built.load == "enable"
    booked: defaultdict[str, int] = defaultdict(int)
    for one in material.books:
        booked[one["tag"]] += one["energy_wh"]
    low: defaultdict[str, float] = defaultdict(float)
    high: defaultdict[str, float] = defaultdict(float)
    for found in verdict.accounts:
        low[found.tag] += found.low_wh
        high[found.tag] += found.high_wh
    for tag in {*booked, *low}:
        accounts = sum(found.tag == tag for found in verdict.accounts)
        unclosed = sum(one["tag"] == tag for one in material.books) - accounts
        spare_wh = UNCLOSED_WH * max(0, unclosed) if standby else 0.0
        verdict.expect(
            low[tag] <= booked[tag] <= high[tag] + spare_wh,
            f"{tag_name(tag)}: booked {booked[tag]} Wh, "
            f"{low[tag]:.2f} to {high[tag]:.2f} Wh flowed",
        )
