"""Events, in the past tense, and commands, in the imperative: all that passes the core's border."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from station.rules.values import (
    EndReason,
    Fault,
    MeterFacts,
    Reading,
    Record,
    Session,
    TagList,
    TimeQuality,
)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as the journal had it at boot, with the last sign of life of its charge.

    ``life_closed_s``: for how long the contactor had been closed without a break at that sign.
    """

    session: Session
    record: Record
    same_boot: bool
    life_at: datetime | None = None
    life_quality: TimeQuality = TimeQuality.ESTIMATED
    life_wh: int | None = None
    life_closed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredRegister:
    """The newest register that the journal has, and when the meter showed it."""

    facts: MeterFacts
    at: datetime
    quality: TimeQuality


# --- events -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Booted:
    """The daemon is up: what the journal held. ``last_seq`` None: a new journal, ask the server.

    ``unsettled``: the newest session, if it ended by an estimate whose exact register is wanted.
    """

    open_session: StoredSession | None
    last_seq: int | None
    tags: TagList
    faults: tuple[Fault, ...] = ()
    disabled: bool = False
    unsettled: Session | None = None
    register: StoredRegister | None = None


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed; nothing else happened."""


@dataclass(frozen=True, slots=True)
class TagPresented:
    """A card was held to the reader. ``session_uuid`` is fresh, for a session that may begin."""

    tag: str
    session_uuid: str


@dataclass(frozen=True, slots=True)
class SeveralTagsPresented:
    """More than one card in the field."""


@dataclass(frozen=True, slots=True)
class ReaderStateChanged:
    """The reader works, or (``problem``) does not."""

    problem: str | None


@dataclass(frozen=True, slots=True)
class MeterRead:
    reading: Reading


@dataclass(frozen=True, slots=True)
class MeterMissed:
    """A sample that did not come: missing, never zero."""

    problem: str
    requested_at_s: float


@dataclass(frozen=True, slots=True)
class SessionStored:
    """The journal's commit for this session is on disk."""

    uuid: str
    record: Record


@dataclass(frozen=True, slots=True)
class StoringFailed:
    """The journal could not write this step; nothing of it is on disk.

    Only a removal (``dropped``) is owed by the journal itself, and made as soon as it can be.
    """

    uuid: str
    record: Record
    problem: str


@dataclass(frozen=True, slots=True)
class JournalStateChanged:
    """The journal can be written, or (``problem``) cannot."""

    problem: str | None


class Verdict(StrEnum):
    """What came back when the server was asked for a START."""

    ACCEPTED = "accepted"
    ACCEPTED_STOP = "accepted_stop"  # taken, but the server says: do not go on
    UNKNOWN_TAG = "unknown_tag"
    BLOCKED = "blocked"
    CHARGING_ELSEWHERE = "charging_elsewhere"
    STATION_REFUSED = "station_refused"  # disabled, or its token is not valid
    INVALID = "invalid"  # the server found our message wrong
    SILENT = "silent"  # nothing that carries the server's word


@dataclass(frozen=True, slots=True)
class ServerAnswered:
    """The outcome of one START that was asked."""

    uuid: str
    verdict: Verdict
    group: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ServerHeard:
    """Any answer that carried the server's highest ``seq`` of this station."""

    last_seq: int


@dataclass(frozen=True, slots=True)
class TagListReceived:
    tags: TagList


@dataclass(frozen=True, slots=True)
class TagListConfirmed:
    """304, or a heartbeat with the etag we have."""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """Somebody who may wants the running session to end. ``uuid`` None: whichever runs."""

    reason: EndReason
    uuid: str | None = None


class Request(StrEnum):
    """What a person at the box or the server may ask of the core."""

    RESET = "reset"
    STOP = "stop"
    DISABLE = "disable"
    ENABLE = "enable"


@dataclass(frozen=True, slots=True)
class RequestMade:
    """Answered by AnswerRequest with the same ``id``. ``remote``: it came from the server.

    A remote reset names the fault and its ``since``; one at the box may name the fault.
    """

    id: str
    request: Request
    remote: bool
    uuid: str | None = None
    fault: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SupplyChanged:
    """The Pi's own supply: too low now, or good again."""

    undervoltage: bool


@dataclass(frozen=True, slots=True)
class ShutdownRequested:
    """The daemon is asked to leave."""


@dataclass(frozen=True, slots=True)
class StopInputChanged:
    pressed: bool


@dataclass(frozen=True, slots=True)
class VehicleInputChanged:
    present: bool


@dataclass(frozen=True, slots=True)
class ContactorObserved:
    """The line, read back, and the mirror contact if one is fitted.

    ``seen_s``: the monotonic time at which they were read, None = now.
    """

    line_active: bool
    feedback_closed: bool | None = None
    seen_s: float | None = None


@dataclass(frozen=True, slots=True)
class LineUnreadable:
    """The contactor's line could not be read back, several times in a row."""

    problem: str


@dataclass(frozen=True, slots=True)
class LeaseLapsed:
    """The guard opened the contactor because the main loop was late."""


@dataclass(frozen=True, slots=True)
class CloseRefused:
    """The contactor driver did not close (no lease, GPIO error)."""

    uuid: str
    problem: str


Event = (
    Booted
    | Ticked
    | TagPresented
    | SeveralTagsPresented
    | ReaderStateChanged
    | MeterRead
    | MeterMissed
    | SessionStored
    | StoringFailed
    | JournalStateChanged
    | ServerAnswered
    | ServerHeard
    | TagListReceived
    | TagListConfirmed
    | StopRequested
    | RequestMade
    | SupplyChanged
    | ShutdownRequested
    | StopInputChanged
    | VehicleInputChanged
    | ContactorObserved
    | LineUnreadable
    | LeaseLapsed
    | CloseRefused
)


# --- commands ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenContactor:
    pass


@dataclass(frozen=True, slots=True)
class CloseContactor:
    uuid: str


class Announce(StrEnum):
    """Which message the same commit puts into the outbox."""

    NOTHING = "nothing"
    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class StoreSession:
    """Write this step of the session, fsync it, answer SessionStored or StoringFailed."""

    session: Session
    record: Record
    announce: Announce = Announce.NOTHING


@dataclass(frozen=True, slots=True)
class StoreLifeSign:
    """The charge still runs: register and power now; ``minute`` numbers the reading to report."""

    uuid: str
    at: datetime
    quality: TimeQuality
    import_wh: int
    power_w: int
    closed_s: float
    charged_s: float
    minute: int | None


@dataclass(frozen=True, slots=True)
class StoreRegister:
    """What the meter shows at rest, for a boot that finds no newer session."""

    register: StoredRegister


@dataclass(frozen=True, slots=True)
class StoreFault:
    fault: Fault


@dataclass(frozen=True, slots=True)
class ForgetFault:
    """A fault was cleared by somebody who may."""

    name: str


@dataclass(frozen=True, slots=True)
class StoreDisabled:
    """The server takes the station out of service, or back into it; kept over boots."""

    disabled: bool


@dataclass(frozen=True, slots=True)
class RepairStamps:
    """The clock was set: stamps of this boot that were estimated get their true time.

    ``utc`` is the wall time at ``mono_s``. What had been delivered is sent once more.
    """

    mono_s: float
    utc: datetime


@dataclass(frozen=True, slots=True)
class Release:
    """The wallbox's release input (``enable_pin``)."""

    on: bool


@dataclass(frozen=True, slots=True)
class PulseTrip:
    """Trip the supply of a welded contactor, where a shunt trip is fitted."""


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """What became of a request: ``result`` is the protocol's word, ``text`` is for people."""

    id: str
    result: str
    text: str


@dataclass(frozen=True, slots=True)
class AskServer:
    """Send START now, ahead of everything that waits."""

    session: Session


@dataclass(frozen=True, slots=True)
class SampleMeter:
    """How often the meter is read from now on; the first sample comes at once."""

    every_s: float


@dataclass(frozen=True, slots=True)
class Leave:
    """All that must be safe is safe: the daemon may exit."""


JournalCommand = (
    StoreSession
    | StoreLifeSign
    | StoreRegister
    | StoreFault
    | ForgetFault
    | StoreDisabled
    | RepairStamps
)
Command = (
    OpenContactor
    | CloseContactor
    | JournalCommand
    | Release
    | PulseTrip
    | AnswerRequest
    | AskServer
    | SampleMeter
    | Leave
)
