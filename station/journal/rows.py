"""What a row of the journal means: values to columns and back. Pure.

Times are RFC 3339 in UTC to the microsecond: what was stored is what is sent, at every attempt.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from station.rules.values import (
    AuthorizedBy,
    EndReason,
    Interruption,
    MeterFacts,
    Record,
    Session,
    Stage,
    TimeQuality,
)


@dataclass(frozen=True, slots=True)
class Message:
    """One line of the outbox with the session it speaks of. ``refused_at``: in quarantine."""

    id: int
    kind: str
    session: Session
    refused_at: datetime | None = None
    reason: str | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class ReportedReading:
    """A minute's reading that the server has not confirmed yet."""

    uuid: str
    n: int
    at: datetime
    import_wh: int
    power_w: int


def stamps_told(message: Message) -> tuple[object, ...]:
    """The times that a message tells."""
    session = message.session
    start = (session.started_at, session.time_quality)
    return (
        start if message.kind == "start" else (*start, session.ended_at, session.end_time_quality)
    )


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def time_or_none(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _meter_json(facts: MeterFacts | None) -> str | None:
    if facts is None:
        return None
    return json.dumps([facts.serial, facts.import_wh, *facts.phase_wh])


def _meter(text: str | None) -> MeterFacts | None:
    if text is None:
        return None
    serial, import_wh, l1, l2, l3 = json.loads(text)
    return MeterFacts(serial, import_wh, (l1, l2, l3))


def session_row(session: Session, record: Record, boot_id: str) -> dict[str, Any]:
    return {
        "uuid": session.uuid,
        "seq": session.seq,
        "record": record.value,
        "last_boot_id": boot_id,
        "tag": session.tag,
        "tag_group": session.group,
        "authorized_by": session.authorized_by.value,
        "started_at": stamp(session.started_at),
        "time_quality": session.time_quality.value,
        "started_s": session.started_s,
        "start_meter": _meter_json(session.start),
        "resumes": session.resumes,
        "interruptions": _interruptions_json(session.interruptions),
        "reason": session.reason.value if session.reason else None,
        "stop_tag": session.stop_tag,
        "ended_at": stamp(session.ended_at) if session.ended_at else None,
        "end_time_quality": session.end_time_quality.value,
        "ended_boot_id": boot_id if session.ended_s is not None else None,
        "ended_s": session.ended_s,
        "end_meter": _meter_json(session.end),
        "estimated": session.estimated,
        "exact_wanted": session.exact_wanted,
    }


# What a later step may change; the rest are facts of the start.
CHANGES = frozenset(
    {
        "record",
        "last_boot_id",
        "tag_group",
        "authorized_by",
        "resumes",
        "interruptions",
        "reason",
        "stop_tag",
        "ended_at",
        "end_time_quality",
        "ended_boot_id",
        "ended_s",
        "end_meter",
        "estimated",
        "exact_wanted",
    }
)


def _interruptions_json(interruptions: tuple[Interruption, ...]) -> str:
    return json.dumps(
        [[stamp(one.since), stamp(one.until), one.reason.value] for one in interruptions]
    )


def _interruptions(text: str) -> tuple[Interruption, ...]:
    return tuple(
        Interruption(time_of(since), time_of(until), EndReason(reason))
        for since, until, reason in json.loads(text)
    )


# Where the rest of a session's way is decided by the record that was read, not by the stage.
_STAGE_OF = {
    Record.ASKED: Stage.ASKING,
    Record.ACCEPTED: Stage.CLOSING,
    Record.ENDING: Stage.FINAL_READING,
    Record.ENDED: Stage.STORING_END,
}


def session_of(row: sqlite3.Row, boot_id: str | None = None) -> Session:
    """``boot_id``: this boot, in which monotonic times of the same boot still mean something."""
    return Session(
        uuid=row["uuid"],
        seq=row["seq"],
        tag=row["tag"],
        started_at=time_of(row["started_at"]),
        time_quality=TimeQuality(row["time_quality"]),
        stage=_STAGE_OF[Record(row["record"])],
        stage_since_s=0.0,
        start=_meter(row["start_meter"]),
        authorized_by=AuthorizedBy(row["authorized_by"]),
        group=row["tag_group"],
        reason=EndReason(row["reason"]) if row["reason"] else None,
        ended_at=time_or_none(row["ended_at"]),
        end_time_quality=TimeQuality(row["end_time_quality"] or TimeQuality.SYNCED),
        stop_tag=row["stop_tag"],
        end=_meter(row["end_meter"]),
        estimated=bool(row["estimated"]),
        exact_wanted=bool(row["exact_wanted"]),
        started_s=row["started_s"] if row["boot_id"] == boot_id else None,
        ended_s=row["ended_s"] if row["ended_boot_id"] == boot_id else None,
        charged_s=row["charged_s"],
        resumes=row["resumes"],
        interruptions=_interruptions(row["interruptions"]),
    )


def message_of(row: sqlite3.Row) -> Message:
    return Message(
        id=row["outbox_id"],
        kind=row["kind"],
        session=session_of(row),
        refused_at=time_or_none(row["refused_at"]),
        reason=row["refusal"],
        raw=row["raw"],
    )
