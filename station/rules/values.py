"""What the rules speak of. Values only: frozen, comparable, without behaviour worth a test.

Words for phases and reasons are OCPP's where OCPP has one. Times named ``*_s`` are seconds of the
monotonic clock of this boot; ``utc`` times are aware datetimes for records only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class TimeQuality(StrEnum):
    """Whether a wall-clock stamp was taken with a synchronised clock."""

    SYNCED = "synced"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class Now:
    """The moment at which an event is handled."""

    mono_s: float
    utc: datetime
    synced: bool

    @property
    def quality(self) -> TimeQuality:
        return TimeQuality.SYNCED if self.synced else TimeQuality.ESTIMATED

    def at(self, mono_s: float) -> datetime:
        """The wall time of an earlier moment of this boot, by the clock as it stands now."""
        return self.utc - timedelta(seconds=self.mono_s - mono_s)


class Phase(StrEnum):
    """What the box is doing (OCPP's ChargePointStatus)."""

    AVAILABLE = "available"
    PREPARING = "preparing"
    CHARGING = "charging"
    SUSPENDED_EV = "suspended_ev"
    FINISHING = "finishing"
    FAULTED = "faulted"
    UNAVAILABLE = "unavailable"


class EndReason(StrEnum):
    """Why a session ended: a closed list."""

    LOCAL = "local"
    REMOTE = "remote"
    DEAUTHORIZED = "deauthorized"
    EV_FINISHED = "ev_finished"
    EV_DISCONNECTED = "ev_disconnected"
    MAX_DURATION = "max_duration"
    MAX_ENERGY = "max_energy"
    NO_ENERGY = "no_energy"
    OVERCURRENT = "overcurrent"
    EMERGENCY_STOP = "emergency_stop"
    METER_LOST = "meter_lost"
    CONTACTOR_FAULT = "contactor_fault"
    POWER_LOSS = "power_loss"
    RESTART = "restart"
    SHUTDOWN = "shutdown"
    NOT_STARTED = "not_started"
    OTHER = "other"


class AuthorizedBy(StrEnum):
    """Who allowed the charge: the server, the box's copy of the tag list, or nobody."""

    SERVER = "server"
    LIST = "list"
    NONE = "none"


class Stage(StrEnum):
    """Where a session stands on its way; the order of the members is the order of the way."""

    READING = "reading"  # waiting for two agreeing start readings; nothing stored yet
    STORING_ASKED = "storing_asked"
    ASKING = "asking"  # stored; the server was asked
    STORING_ACCEPTED = "storing_accepted"
    RESUMING = "resuming"  # left running by a power cut or a restart; waiting to go on
    CLOSING = "closing"  # stored as accepted; waiting until the contactor may close
    RUNNING = "running"  # contactor commanded closed
    RAMPING = "ramping"  # release dropped, contactor still closed: the car ramps down
    FINAL_READING = "final_reading"  # open and the decision to end on its way to the journal
    STORING_END = "storing_end"
    DROPPING = "dropping"  # refused: the asked record is being removed


PREPARING_STAGES = frozenset(
    {
        Stage.READING,
        Stage.STORING_ASKED,
        Stage.ASKING,
        Stage.STORING_ACCEPTED,
        Stage.RESUMING,
        Stage.CLOSING,
        Stage.DROPPING,
    }
)


class Record(StrEnum):
    """What the journal holds of a session: the last step that is safe on disk."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    ENDING = "ending"
    ENDED = "ended"
    DROPPED = "dropped"


class Load(StrEnum):
    """What hangs on the contactor."""

    WALLBOX = "wallbox"
    ENABLE = "enable"
    SOCKET = "socket"


class OfflinePolicy(StrEnum):
    """Who may start while the server is silent."""

    KNOWN_TAGS = "known_tags"
    REFUSE = "refuse"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class MeterFacts:
    """A register value as it is booked: whole Wh of one meter."""

    serial: str | None
    import_wh: int
    phase_wh: tuple[int | None, int | None, int | None] = (None, None, None)


@dataclass(frozen=True, slots=True)
class Reading:
    """One complete sample of the meter."""

    requested_at_s: float
    received_at_s: float
    facts: MeterFacts
    grid_wh: float
    voltage_v: tuple[float, float, float] | None = None
    current_a: tuple[float, float, float] | None = None
    power_w: float | None = None


@dataclass(frozen=True, slots=True)
class Interruption:
    """A time within a session in which the contactor was open for no wish of the resident."""

    since: datetime
    until: datetime
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Session:
    """One charge, from the tap to the stored end. Facts of the start never change.

    ``started_s`` and ``ended_s`` are the stamps' monotonic times, None when they were taken in an
    earlier boot: only with them can a stamp of an unsynced clock be repaired. ``charged_s`` is how
    long the contactor had been closed in earlier boots.
    """

    uuid: str
    seq: int
    tag: str
    started_at: datetime
    time_quality: TimeQuality
    stage: Stage
    stage_since_s: float
    start: MeterFacts | None = None
    authorized_by: AuthorizedBy = AuthorizedBy.SERVER
    group: str | None = None
    closed_at_s: float | None = None
    reason: EndReason | None = None
    ended_at: datetime | None = None
    end_time_quality: TimeQuality = TimeQuality.SYNCED
    stop_tag: str | None = None
    end: MeterFacts | None = None
    estimated: bool = False
    exact_wanted: bool = True
    started_s: float | None = None
    ended_s: float | None = None
    charged_s: float = 0.0
    resumes: int = 0
    interruptions: tuple[Interruption, ...] = ()


@dataclass(frozen=True, slots=True)
class TagEntry:
    """A line of the synchronised tag list."""

    tag: str
    accepted: bool
    expires_at: datetime | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class TagList:
    """The box's copy of the tags valid here.

    ``confirmed_at_s`` is when the server last confirmed it in this boot; ``age_at_boot_s`` how old
    it was when this boot began (None: cannot be told, the clock was not synced).
    """

    entries: dict[str, TagEntry] = field(default_factory=dict)
    confirmed_at_s: float | None = None
    age_at_boot_s: float | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A latched fault. ``welded``: contacts that stay closed; cleared at the box only."""

    name: str
    since: datetime
    detail: str = ""
    welded: bool = False
