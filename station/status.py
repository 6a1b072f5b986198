"""What the box tells about itself: one immutable snapshot, made by the main thread.

The control socket, the heartbeat and `evcs-station status` all show this and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from station.log import masked
from station.rules.state import State, phase, unavailable_because
from station.rules.values import PREPARING_STAGES, Fault, MeterFacts, Now, Phase, Stage


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The box at one moment. ``session`` is one that has been, or may have been, opened."""

    phase: Phase
    mono_s: float
    session: str | None = None
    session_tag: str | None = None
    session_wh: int | None = None
    session_since: str | None = None
    facts: MeterFacts | None = None
    voltage_v: tuple[float, float, float] | None = None
    current_a: tuple[float, float, float] | None = None
    power_w: float | None = None
    reading_at_s: float | None = None
    contactor_closed: bool = False
    line_active: bool | None = None
    faults: tuple[Fault, ...] = ()
    unavailable: tuple[str, ...] = ()
    tags_etag: str | None = None
    booted: bool = False


def snapshot(state: State, now: Now) -> Snapshot:
    """Pure: what of the core's state is shown."""
    session, last = state.session, state.track.last
    named = session is not None and session.stage not in (
        Stage.READING,
        Stage.STORING_ASKED,
        Stage.DROPPING,
    )
    drawn = None
    if session is not None and session.start is not None and session.stage not in PREPARING_STAGES:
        newest = session.end or state.session_facts or session.start
        drawn = newest.import_wh - session.start.import_wh
    return Snapshot(
        phase=phase(state, now.mono_s),
        mono_s=now.mono_s,
        session=session.uuid if session is not None and named else None,
        session_tag=session.tag if session is not None else None,
        session_wh=drawn,
        session_since=session.started_at.isoformat() if session is not None else None,
        facts=last.facts if last else None,
        voltage_v=last.voltage_v if last else None,
        current_a=last.current_a if last else None,
        power_w=last.power_w if last else None,
        reading_at_s=last.received_at_s if last else None,
        contactor_closed=state.closed,
        line_active=state.line_active,
        faults=state.faults,
        unavailable=unavailable_because(state, now.mono_s) if session is None else (),
        tags_etag=state.tags.etag,
        booted=state.booted,
    )


def shown(snapshot: Snapshot, now_s: float) -> dict[str, Any]:
    """For people and `status --json`: readings with their age, tags masked."""
    age = now_s - snapshot.reading_at_s if snapshot.reading_at_s is not None else None
    facts = snapshot.facts
    session = None
    if snapshot.session_tag is not None:
        session = {
            "uuid": snapshot.session,
            "tag": masked(snapshot.session_tag),
            "since": snapshot.session_since,
            "energy_wh": snapshot.session_wh,
        }
    return {
        "phase": snapshot.phase.value,
        "session": session,
        "contactor": {"commanded_closed": snapshot.contactor_closed, "line": snapshot.line_active},
        "meter": {
            "age_s": None if age is None else round(age, 1),
            "serial": facts.serial if facts else None,
            "import_wh": facts.import_wh if facts else None,
            "power_w": None if snapshot.power_w is None else round(snapshot.power_w),
            "voltage_v": snapshot.voltage_v,
            "current_a": snapshot.current_a,
        },
        "faults": [
            {"name": fault.name, "since": fault.since.isoformat(), "detail": fault.detail}
            for fault in snapshot.faults
        ],
        "unavailable": list(snapshot.unavailable),
    }
