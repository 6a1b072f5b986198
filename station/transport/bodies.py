"""Sessions and readings as JSON bodies of the REST API. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from station.journal.rows import ReportedReading, stamp
from station.rules.values import EndReason, MeterFacts, Session


def start(session: Session) -> dict[str, Any]:
    """The body of START. The session's start register is known at this stage."""
    return {
        "seq": session.seq,
        "tag": session.tag,
        "started_at": stamp(session.started_at),
        "time_quality": session.time_quality.value,
        "meter": meter(session.start),
        "authorized_by": session.authorized_by.value,
    }


def end(session: Session) -> dict[str, Any]:
    """The body of END: all of START again, so that it works when START never arrived."""
    ended_at = session.ended_at or session.started_at
    return {
        **start(session),
        "ended_at": stamp(ended_at),
        "end_time_quality": session.end_time_quality.value,
        "end_reason": (session.reason or EndReason.OTHER).value,
        "meter_end": meter(session.end),
        "estimated": session.estimated,
        "stop_tag": session.stop_tag,
        "interruptions": [
            {"from": stamp(one.since), "to": stamp(one.until), "reason": one.reason.value}
            for one in session.interruptions
        ],
    }


def readings(batch: Iterable[ReportedReading]) -> dict[str, Any]:
    return {
        "readings": [
            {
                "n": reading.n,
                "at": stamp(reading.at),
                "import_wh": reading.import_wh,
                "power_w": reading.power_w,
            }
            for reading in batch
        ]
    }


def meter(facts: MeterFacts | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    l1, l2, l3 = facts.phase_wh
    return {
        "serial": facts.serial,
        "import_wh": facts.import_wh,
        "l1_wh": l1,
        "l2_wh": l2,
        "l3_wh": l3,
    }


def raw(body: dict[str, Any]) -> str:
    """The text of a body as it is kept in quarantine."""
    return json.dumps(body, ensure_ascii=False, sort_keys=True)
