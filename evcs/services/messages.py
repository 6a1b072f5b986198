"""What a station says, parsed: the arguments of the services. Pure values.

Times are aware; energy is whole Wh of the meter's register; tags are canonical upper-case hex.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from evcs.kinds import AuthorizedBy, CommandResult, EndReason, Phase, TimeQuality


@dataclass(frozen=True, slots=True)
class Register:
    """A meter's import register, with the phases' where the meter has them. Wh."""

    serial: str | None
    import_wh: int
    l1_wh: int | None = None
    l2_wh: int | None = None
    l3_wh: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """START. ``meter`` is None only where the protocol has no register (MCSP without Meter)."""

    seq: int
    tag: str
    started_at: dt.datetime
    time_quality: TimeQuality
    meter: Register | None
    authorized_by: AuthorizedBy


@dataclass(frozen=True, slots=True)
class End:
    """END: all of START again, and how it ended. ``interruptions`` are kept as they came."""

    start: Start
    ended_at: dt.datetime
    end_time_quality: TimeQuality
    end_reason: EndReason
    meter_end: Register | None
    estimated: bool = False
    stop_tag: str | None = None
    interruptions: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ReadingTaken:
    """One reading within a session; ``n`` numbers them."""

    n: int
    at: dt.datetime
    import_wh: int
    power_w: int | None


@dataclass(frozen=True, slots=True)
class CommandDone:
    """What became of a command; ``id`` is text because an id that is not ours must not hurt."""

    id: str
    result: CommandResult


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The state of a station."""

    phase: Phase
    session: UUID | None
    boot_id: str
    uptime_ms: int
    now: dt.datetime
    time_quality: TimeQuality
    software: str
    meter: Register | None
    power_w: int | None
    pending: int
    quarantined: int
    faults: tuple[dict[str, Any], ...] = ()
    tags_etag: str | None = None
    done: tuple[CommandDone, ...] = ()
