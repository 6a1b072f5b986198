"""Where the energy of a life went: the ledger of the box, cut by session. Pure.

A session owns everything from the moment the contactor's line went up for it until it went up for
the next one. Times are the box's microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from campaign.whole.material import Material
from campaign.whole.watch import Closing, Row, is_closing, is_opening

EDGE_US = 20_000
FOREVER_US = 10**18


@dataclass(frozen=True, slots=True)
class Window:
    """From one closing to the next, of any session."""

    uuid: str | None
    begin_us: int
    end_us: int


def owner(closing: Closing) -> Row | None:
    """The session that this closing belongs to: stored as accepted when it happened.

    The journal is read a moment later; by then the session may have a stored ending, but not one
    that says it was never started.
    """
    for row in reversed(closing.sessions):
        if row["record"] == "accepted":
            return row
        ended_later = row["ended_s"] is not None and row["ended_s"] * 1e6 >= closing.t_us
        if row["record"] in ("ending", "ended") and row["reason"] != "not_started" and ended_later:
            return row
    return None


def windows(material: Material) -> list[Window]:
    """One for each closing, in their order."""
    found = []
    ends = [closing.t_us for closing in material.closings[1:]] + [FOREVER_US]
    for closing, end_us in zip(material.closings, ends, strict=False):
        row = owner(closing)
        uuid = None if row is None else str(row["uuid"])
        found.append(Window(uuid, closing.t_us - EDGE_US, end_us - EDGE_US))
    return found


def flowed_wh(
    intervals: Iterable[Row], begin_us: float, end_us: float, *, only_charging: bool = False
) -> float:
    """What the ledger counted between two moments; inside an interval evenly spread.

    ``only_charging``: without what flowed while the line was down and no car drew (standby).
    """
    total = 0.0
    for one in intervals:
        if only_charging and not (one["commanded"] or one["drawing"]):
            continue
        low, high = max(begin_us, one["start_us"]), min(end_us, one["end_us"])
        whole_us = one["end_us"] - one["start_us"]
        if high >= low:
            share = (high - low) / whole_us if whole_us > 0 else 1.0
            total += one["wh"] * share
    return total


def of_session(windows_: Sequence[Window], uuid: str) -> list[Window]:
    return [one for one in windows_ if one.uuid == uuid]


def fault_spans(material: Material, *names: str) -> list[tuple[int, int]]:
    """When any of these faults was there, by the box's own events."""
    spans: list[tuple[int, int]] = []
    since: dict[str, int] = {}
    for event in material.events:
        if event["event"] != "fault" or event["name"] not in names:
            continue
        if event["active"]:
            since.setdefault(event["name"], event["t_us"])
        elif event["name"] in since:
            spans.append((since.pop(event["name"]), event["t_us"]))
    return spans + [(begin, FOREVER_US) for begin in since.values()]


def during(spans: Sequence[tuple[int, int]], begin_us: float, end_us: float) -> bool:
    return any(begin < end_us and end > begin_us for begin, end in spans)


def openings(material: Material) -> list[int]:
    """When the contactor's line went down, or lost its power."""
    return [event["t_us"] for event in material.events if is_opening(event)]


def _of_line(event: Row) -> bool:
    return is_closing(event) or is_opening(event)


def register(text: str | None) -> tuple[str | None, int] | None:
    """(serial, Wh) of a column of the journal that holds a meter's reading."""
    if text is None:
        return None
    serial, import_wh, *_ = json.loads(text)
    return serial, import_wh
