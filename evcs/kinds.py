"""The closed sets of words that are stored and sent, with what the admin calls them. Pure."""

from __future__ import annotations

from django.db.models import TextChoices


class TimeQuality(TextChoices):
    """How a station came by a time."""

    SYNCED = "synced", "abgeglichen"
    ESTIMATED = "estimated", "geschätzt"


class AuthorizedBy(TextChoices):
    """Who let a session begin; everything but ``server`` is a report of one already begun."""

    SERVER = "server", "Server"
    LIST = "list", "Kartenliste"
    NONE = "none", "niemand"
    OTHER = "other", "unbekannt"


class EndReason(TextChoices):
    """Why a session ended; OCPP's words where it has one."""

    LOCAL = "local", "mit Karte beendet"
    REMOTE = "remote", "von hier beendet"
    DEAUTHORIZED = "deauthorized", "Karte nicht gültig"
    EV_FINISHED = "ev_finished", "Auto ist voll"
    EV_DISCONNECTED = "ev_disconnected", "Auto abgesteckt"
    MAX_DURATION = "max_duration", "längste Dauer erreicht"
    MAX_ENERGY = "max_energy", "höchste Energie erreicht"
    NO_ENERGY = "no_energy", "Auto nahm keine Energie ab"
    OVERCURRENT = "overcurrent", "Überstrom"
    EMERGENCY_STOP = "emergency_stop", "Stopptaster"
    METER_LOST = "meter_lost", "Zähler antwortet nicht"
    CONTACTOR_FAULT = "contactor_fault", "Störung des Schützes"
    POWER_LOSS = "power_loss", "Stromausfall"
    RESTART = "restart", "Neustart der Box"
    SHUTDOWN = "shutdown", "Box wurde abgeschaltet"
    NOT_STARTED = "not_started", "begann nie"
    OTHER = "other", "anderer Grund"


class Flag(TextChoices):
    """Taken, but doubtful; rendering.words has what people call them."""

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

    ACCEPTED = "accepted", "freigegeben"
    BLOCKED = "blocked", "gesperrt"


class SessionState(TextChoices):
    """Where a session stands: running, ended for want of its END, ended by its END."""

    OPEN = "open", "läuft"
    PROVISIONAL = "provisional", "vorläufig beendet"
    ENDED = "ended", "beendet"


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

    STARTED = "started", "Beginn"
    ENDED = "ended", "Ende"


class Phase(TextChoices):
    """What a station says it is doing."""

    AVAILABLE = "available", "frei"
    PREPARING = "preparing", "bereitet vor"
    CHARGING = "charging", "lädt"
    SUSPENDED_EV = "suspended_ev", "verbunden, Auto lädt nicht"
    FINISHING = "finishing", "wird beendet"
    FAULTED = "faulted", "gestört"
    UNAVAILABLE = "unavailable", "nicht verfügbar"
    OTHER = "other", "in einem hier unbekannten Zustand"


class CommandType(TextChoices):
    """What the server may tell a station to do."""

    STOP = "stop", "Stopp"
    DISABLE = "disable", "Sperren"
    ENABLE = "enable", "Freigeben"
    RESET = "reset", "Zurücksetzen"


class CommandResult(TextChoices):
    """What became of a command."""

    OK = "ok", "ausgeführt"
    NOT_RUNNING = "not_running", "lief nicht mehr"
    EXPIRED = "expired", "kam zu spät"
    REFUSED = "refused", "von der Box abgelehnt"
    OTHER = "other", "unklare Antwort"


class EntryKind(TextChoices):
    """Why energy is booked beside its session."""

    LATE = "late", "späte Energie"
    CORRECTION = "correction", "Korrektur"
    MOVE = "move", "Umbuchung"


class Action(TextChoices):
    """Whether a running session may go on."""

    CONTINUE = "continue", "weiter"
    STOP = "stop", "Stopp"
