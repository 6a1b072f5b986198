"""What is stored and sent as a name, in words for people."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from evcs.kinds import CommandResult, CommandType, EndReason, Phase, SessionState
from evcs.rendering.words import kwh as rendered_kwh
from evcs.rendering.words import moment as rendered_moment
from evcs.rendering.words import named as rendered_name
from evcs.rendering.words import reason as rendered_reason
from evcs.rendering.words import words as rendered
from evcs.services.errors import ServiceError, UsageError
from evcs.times import parse_rfc3339

PHASES = {
    Phase.AVAILABLE: _("free"),
    Phase.PREPARING: _("preparing"),
    Phase.CHARGING: _("charging"),
    Phase.SUSPENDED_EV: _("connected, car draws nothing"),
    Phase.FINISHING: _("finishing"),
    Phase.FAULTED: _("faulted"),
    Phase.UNAVAILABLE: _("unavailable"),
    Phase.OTHER: _("in a state unknown here"),
}
STATES = {
    SessionState.OPEN: _("running"),
    SessionState.PROVISIONAL: _("ended provisionally"),
    SessionState.ENDED: _("ended"),
}
END_REASONS = {
    EndReason.LOCAL: _("stopped with a tag"),
    EndReason.REMOTE: _("stopped from here"),
    EndReason.DEAUTHORIZED: _("tag not valid"),
    EndReason.EV_FINISHED: _("car is full"),
    EndReason.EV_DISCONNECTED: _("car unplugged"),
    EndReason.MAX_DURATION: _("longest duration reached"),
    EndReason.MAX_ENERGY: _("largest energy reached"),
    EndReason.NO_ENERGY: _("car never drew energy"),
    EndReason.OVERCURRENT: _("overcurrent"),
    EndReason.EMERGENCY_STOP: _("stop button"),
    EndReason.METER_LOST: _("meter lost"),
    EndReason.CONTACTOR_FAULT: _("contactor fault"),
    EndReason.POWER_LOSS: _("power cut"),
    EndReason.RESTART: _("restart of the box"),
    EndReason.SHUTDOWN: _("shutdown of the box"),
    EndReason.NOT_STARTED: _("never began"),
    EndReason.OTHER: _("another reason"),
}
# Of the faults a station may tell, those that it has today.
FAULTS = {
    "emergency_stop": _("emergency stop pressed"),
    "contactor_fault": _("contactor does not do what it is told"),
    "power_unstable": _("supply is unstable"),
    "lease_lapse": _("box software was too slow"),
    "overcurrent": _("overcurrent"),
    "meter_lost": _("meter lost"),
}
COMMANDS = {
    CommandType.STOP: _("Stop"),
    CommandType.DISABLE: _("Disable"),
    CommandType.ENABLE: _("Enable"),
    CommandType.RESET: _("Reset"),
}
RESULTS = {
    CommandResult.OK: _("done"),
    CommandResult.NOT_RUNNING: _("was not running any more"),
    CommandResult.EXPIRED: _("came too late"),
    CommandResult.REFUSED: _("refused by the box"),
    CommandResult.OTHER: _("answered unclearly"),
}
# What can be replaced in a session, and why.
FIELDS = {
    "started_at": _("Start"),
    "ended_at": _("End"),
    "flat": _("Apartment"),
    "energy_wh": _("Energy"),
    "month": _("Month"),
    "meter_end": _("Register at the end"),
}
CAUSES = {
    "clock set": _("the box got the time"),
    "exact reading": _("the exact reading arrived"),
    "order": _("an earlier message arrived later"),
    "orphan": _("the box knew nothing of it any more"),
    "START": _("its start arrived"),
    "END": _("its own end arrived"),
    "END again": _("its end arrived once more"),
}
ADVICE = {
    "silent_station": _("Wait for it, or look at the box: it may hold charges."),
    "pending_messages": _("Wait until its messages are here."),
    "open_session": _("Wait for its end; it counts in the month of its end."),
    "provisional_session": _("Wait for its own end."),
    "review": _("Look at it, then correct or accept it."),
    "quarantine": _("Look at it and settle it."),
}


def named(table: dict[Any, Any], name: str) -> str:
    """Return what a name is called; one that is not in the table by itself."""
    return str(table.get(name, name))


def flag(name: str) -> str:
    """Return what a flag is called."""
    return _rendered("flag", name)


def entry(name: str) -> str:
    """Return what an entry of a session is called."""
    return _rendered("entry", name)


def changed_value(field: str, text: str | None) -> str:
    """Return a value of a session that was replaced, as it is written elsewhere on the pages."""
    if text is None:
        return "–"
    texts = rendered(language())
    if field == "energy_wh":
        return f"{rendered_kwh(int(text), texts)} kWh"
    if field in ("started_at", "ended_at"):
        local = timezone.localtime(parse_rfc3339(text))
        return rendered_moment(local.isoformat(), texts, timezone.get_current_timezone())
    return text


def reason(text: str, by_name: str) -> str:
    """Return why an entry was booked."""
    return rendered_reason(text, by_name, rendered(language()))


def open_point(name: str) -> str:
    """Return what an open point is called."""
    return _rendered("open", name)


def refusal(error: UsageError | ServiceError) -> str:
    """Return why something was not done, as a sentence in the reader's language."""
    text = error.told()
    return f"{text[:1].upper()}{text[1:]}."


def language() -> str:
    """Return the language of statements that is nearest to the reader's."""
    return "de" if (get_language() or "").startswith("de") else "en"


def _rendered(kind: str, name: str) -> str:
    return rendered_name(kind, name, rendered(language()))
