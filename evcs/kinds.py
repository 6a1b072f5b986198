"""The closed sets of words that are stored and sent. Pure."""

from __future__ import annotations

from django.db.models import TextChoices


class TimeQuality(TextChoices):
    """How a station came by a time."""

    SYNCED = "synced"
    ESTIMATED = "estimated"


class AuthorizedBy(TextChoices):
    """Who let a session begin; everything but ``server`` is a report of one already begun."""

    SERVER = "server"
    LIST = "list"
    NONE = "none"
    OTHER = "other"


class EndReason(TextChoices):
    """Why a session ended; OCPP's words where it has one."""

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


class Flag(TextChoices):
    """Taken, but doubtful."""

    UNKNOWN_TAG = "unknown_tag"
    BLOCKED_TAG = "blocked_tag"
    EXPIRED_TAG = "expired_tag"
    CLOCK_FUTURE = "clock_future"
    METER_BACKWARDS = "meter_backwards"
    METER_EXCHANGED = "meter_exchanged"
    NO_READING = "no_reading"
    OVERLAP = "overlap"
    CONFLICT = "conflict"
    IMPLICIT_END = "implicit_end"
    ESTIMATED = "estimated"
    ESTIMATED_TIME = "estimated_time"
    LATE_SEQ = "late_seq"
    LATE_MONTH = "late_month"


class TagState(TextChoices):
    """What the landlord says of a tag."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"


class SessionState(TextChoices):
    """Where a session stands: running, ended for want of its END, ended by its END."""

    OPEN = "open"
    PROVISIONAL = "provisional"
    ENDED = "ended"


class AlertKind(TextChoices):
    """What a person is told of a station at once."""

    FAULT = "fault", "Störung"
    UNAVAILABLE = "unavailable", "nicht verfügbar"
    SILENT = "silent", "meldet sich nicht"
    QUARANTINE = "quarantine", "zurückgewiesene Meldung"
    UNASSIGNED = "unassigned", "Energie ohne Ladevorgang"
    TWO_BOXES = "two_boxes", "ein Schlüssel, zwei Geräte"


class SessionMailKind(TextChoices):
    """What a resident was told of a session."""

    STARTED = "started"
    ENDED = "ended"


class Phase(TextChoices):
    """What a station says it is doing."""

    AVAILABLE = "available"
    PREPARING = "preparing"
    CHARGING = "charging"
    SUSPENDED_EV = "suspended_ev"
    FINISHING = "finishing"
    FAULTED = "faulted"
    UNAVAILABLE = "unavailable"
    OTHER = "other"


class CommandType(TextChoices):
    """What the server may tell a station to do."""

    STOP = "stop"
    DISABLE = "disable"
    ENABLE = "enable"
    RESET = "reset"


class CommandResult(TextChoices):
    """What became of a command."""

    OK = "ok"
    NOT_RUNNING = "not_running"
    EXPIRED = "expired"
    REFUSED = "refused"
    OTHER = "other"


class EntryKind(TextChoices):
    """Why energy is booked beside its session."""

    LATE = "late"
    CORRECTION = "correction"
    MOVE = "move"


class Action(TextChoices):
    """Whether a running session may go on."""

    CONTINUE = "continue"
    STOP = "stop"
