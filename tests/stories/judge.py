"""The end of every story: the books against the truth.

What is booked per tag is what flowed, to the meter's resolution; every booking is exactly the
difference of its two registers; registers of one meter follow each other; nothing waits, nothing
is in quarantine, the contactor is open.
"""

from __future__ import annotations

from typing import Any

from station.journal.store import Store
from tests.stories.stage import Stage

GRID_WH = 0.125


def judge(stage: Stage) -> None:
    sessions = stage.settled()
    _registers(sessions)
    _energy(stage, sessions)
    assert stage.journal(Store.quarantined) == [], "something is in quarantine"
    contactor = stage.box.state["contactor"]
    assert not contactor["commanded"], "the line of the contactor was left active"
    assert not contactor["closed"], "the contactor was left closed"


def _registers(sessions: list[dict[str, Any]]) -> None:
    """Booked is the difference of two registers, and no watt-hour is in two sessions."""
    read_to: dict[str | None, int] = {}
    for one in sessions:
        assert one["energy_wh"] == one["end_wh"] - one["start_wh"], one
        before_wh = read_to.get(one["meter_serial"], 0)
        assert one["start_wh"] >= before_wh, f"begins before the last one ended: {one}"
        read_to[one["meter_serial"]] = one["end_wh"]


def _energy(stage: Stage, sessions: list[dict[str, Any]]) -> None:
    """By tag. A story may say that up to so many Wh are nobody's: flowed, but not booked."""
    flowed: dict[str, float] = {}
    for interval in stage.box.client.call("ledger")["intervals"]:
        if interval["commanded"] or interval["drawing"]:
            tag = interval["tag_at_close"]
            flowed[tag] = flowed.get(tag, 0.0) + interval["wh"]
    for tag in {one["tag"] for one in sessions} | set(flowed):
        booked = [one["energy_wh"] for one in sessions if one["tag"] == tag]
        missing_wh = flowed.get(tag, 0.0) - sum(booked)
        slack_wh = 2 * (GRID_WH + 1) * max(1, len(booked))
        assert -slack_wh <= missing_wh <= slack_wh + stage.nobodys_wh, (
            f"tag {tag}: booked {sum(booked)} Wh, flowed {flowed.get(tag, 0.0):.2f} Wh"
        )
