"""The judge of whole lives finds planted lies, on the record of a life that was really lived.

The life: Anna charges and her flat's other tag ends it; Bert's charge is cut off by the power; the
contacts weld in Carla's and are replaced.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.whole.judge import judge
from campaign.whole.material import Material, load
from campaign.whole.pi import Exit
from tests.stories.house import PEOPLE

RECORDED = Path(__file__).parent / "recorded" / "whole_life.json"


@pytest.fixture
def lived() -> Material:
    return load(RECORDED)


def test_the_life_as_it_was_lived_is_good(lived: Material) -> None:
    verdict = judge(lived)
    assert verdict.wrong == []
    assert [one.uuid for one in verdict.accounts] == [one["uuid"] for one in lived.books]
    assert len(lived.books) == 3
    assert "welded contacts" in " ".join(verdict.remarks)


def test_a_record_that_was_kept_is_the_same_record(lived: Material, tmp_path: Path) -> None:
    lived.save(tmp_path / "kept.json")
    assert load(tmp_path / "kept.json") == lived


def _booking(wh: int) -> Callable[[Material], None]:
    def change(m: Material) -> None:
        m.books[0]["energy_wh"] += wh

    return change


def _registers(wh: int, of: int) -> Callable[[Material], None]:
    """Box and server agree, and both are wrong."""

    def change(m: Material) -> None:
        m.books[of]["energy_wh"] += wh
        m.books[of]["end_wh"] += wh
        end_wh = m.books[of]["end_wh"]
        m.journal[of]["end_meter"] = f'["21487365", {end_wh}, null, null, null]'

    return change


def _gone(m: Material) -> None:
    del m.books[1]


def _forgotten(m: Material) -> None:
    """Box and server have forgotten it together: only the contactor remembers."""
    del m.books[1]
    del m.journal[1]


def _doubled(m: Material) -> None:
    m.books.append(copy.deepcopy(m.books[0]))


def _doubled_under_another_name(m: Material) -> None:
    m.books.append(copy.deepcopy(m.books[0]) | {"uuid": "0" * 8, "seq": 4})


def _reason(m: Material) -> None:
    m.books[0]["end_reason"] = "remote"


def _reason_without_a_cause(m: Material) -> None:
    m.books[0]["end_reason"] = m.journal[0]["reason"] = "overcurrent"


def _tap_that_was_none(m: Material) -> None:
    m.journal[0]["stop_tag"] = PEOPLE["Bert"]


def _tag(m: Material) -> None:
    m.books[0]["tag"] = PEOPLE["Carla"]


def _tag_on_both_sides(m: Material) -> None:
    stranger = PEOPLE["an unknown tag"]
    m.books[0]["tag"] = m.journal[0]["tag"] = stranger
    for closing in m.closings:
        for row in closing.sessions:
            if row["uuid"] == m.journal[0]["uuid"]:
                row["tag"] = stranger


def _number(m: Material) -> None:
    m.journal[1]["seq"] = m.journal[0]["seq"]


def _closed_before_it_was_stored(m: Material) -> None:
    m.closings[0].sessions[-1]["record"] = "asked"


def _closed_for_nobody(m: Material) -> None:
    m.closings[2].sessions.clear()


def _end_at_another_time(m: Material) -> None:
    m.journal[0]["ended_s"] -= 2.0


def _more_flowed(m: Material) -> None:
    m.intervals[1]["wh"] += 3.0


def _without_a_weld_no_excuse(m: Material) -> None:
    """What flowed after the opening is nobody's only if the contacts were welded."""
    m.events = [event for event in m.events if event["event"] != "fault"]
    _registers(-1000, of=2)(m)


def _crash(m: Material) -> None:
    m.exits.append(Exit(0, 1, ""))


def _death_without_a_killer(m: Material) -> None:
    m.exits.append(Exit(0, -9, ""))


def _told_to_leave_and_died_while_charging(m: Material) -> None:
    m.exits.append(Exit(m.closings[0].t_us + 1_000_000, -15, "asked"))


def _complaint(m: Material) -> None:
    m.complaints.append("daemon: Traceback")


def _waits(m: Material) -> None:
    m.waiting.append({"id": 1, "kind": "end", "uuid": "u"})


def _quarantined(m: Material) -> None:
    m.quarantined.append({"id": 1, "kind": "end", "uuid": "u", "reason": "HTTP 400"})


def _unended(m: Material) -> None:
    m.journal[2]["record"] = "ending"


def _line_left_up(m: Material) -> None:
    m.contactor["commanded"] = True


def _never_settled(m: Material) -> None:
    m.unsettled = "not settled within 80 s"


def _report(m: Material) -> None:
    m.unassigned_wh += 1


LIES = [
    (_booking(3), "energy is"),
    (_registers(3, of=0), "booked 1036 Wh, flowed"),
    (_registers(-3, of=0), "booked 1030 Wh, flowed"),
    (_registers(3, of=1), "booked"),
    (_gone, "is not booked"),
    (_forgotten, "lost session"),
    (_doubled, "booked twice"),
    (_doubled_under_another_name, "unknown to the box"),
    (_reason, "reason is local in the box, remote at the server"),
    (_reason_without_a_cause, "nothing was done for it"),
    (_tap_that_was_none, "without a tap"),
    (_tag, "tag is"),
    (_tag_on_both_sides, "an unknown tag, authorized by server"),
    (_number, "numbers given twice"),
    (_closed_before_it_was_stored, "no accepted session stored"),
    (_closed_for_nobody, "no accepted session stored"),
    (_end_at_another_time, "when nothing opened"),
    (_more_flowed, "flowed"),
    (_without_a_weld_no_excuse, "booked 1513 Wh, flowed"),
    (_crash, "left with status 1"),
    (_death_without_a_killer, "left with status -9"),
    (_told_to_leave_and_died_while_charging, "left with status -15"),
    (_complaint, "Traceback"),
    (_report, "Wh as unassigned"),
    (_waits, "messages wait"),
    (_quarantined, "in quarantine"),
    (_unended, "has no end"),
    (_line_left_up, "was left up"),
    (_never_settled, "not settled"),
]


@pytest.mark.parametrize(
    ("lie", "told"), LIES, ids=[f"{n}-{told}" for n, (_, told) in enumerate(LIES)]
)
def test_a_planted_lie_is_found(
    lived: Material, lie: Callable[[Material], None], told: str
) -> None:
    lie(lived)
    assert told in "; ".join(judge(lived).wrong)


@pytest.mark.parametrize(
    ("lie", "counted"),
    [
        (_gone, "lost"),
        (_forgotten, "lost"),
        (_doubled, "doubled"),
        (_doubled_under_another_name, "doubled"),
        (_booking(3), "falsified"),
        (_registers(3, of=0), "falsified"),
        (_reason, "falsified"),
    ],
)
def test_what_was_lost_doubled_or_falsified_is_counted(
    lived: Material, lie: Callable[[Material], None], counted: str
) -> None:
    found = judge(lived)
    assert (found.lost, found.doubled, found.falsified) == (0, 0, 0)
    lie(lived)
    assert getattr(judge(lived), counted) >= 1


def test_the_error_of_a_session_is_what_is_booked_beside_what_flowed(lived: Material) -> None:
    true_wh = judge(lived).accounts[0].flowed_wh
    for account in judge(lived).accounts:
        assert account.error_wh <= account.slack_wh < 2.3
    _registers(500, of=0)(lived)
    found = judge(lived).accounts[0]
    assert found.error_wh == pytest.approx(found.booked_wh - true_wh, abs=0.1)


def test_booked_and_unassigned_are_what_flowed_between_two_starts(lived: Material) -> None:
    """A watt-hour that is in no session and in no gap either."""
    start_wh = lived.books[1]["start_wh"] + 5
    lived.books[1]["start_wh"] = start_wh
    lived.journal[1]["start_meter"] = f'["21487365", {start_wh}, null, null, null]'
    lived.books[1]["energy_wh"] -= 5
    assert "booked and unassigned are" in "; ".join(judge(lived).wrong)


def test_a_daemon_that_was_told_to_leave_before_it_listened_is_no_complaint(
    lived: Material,
) -> None:
    lived.exits.append(Exit(lived.closings[0].t_us - 300_000, -15, "asked"))
    assert judge(lived).wrong == []


def test_a_life_in_which_nothing_closed_is_judged_too(lived: Material) -> None:
    lived.closings.clear()
    lived.journal.clear()
    lived.books.clear()
    assert judge(lived).wrong == []
