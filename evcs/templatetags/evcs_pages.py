"""Filters of the pages: energy, power, times and names as people read them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django import template
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from evcs.models import Command, Entry, SessionChange
from evcs.pages import wording
from evcs.rendering.words import Texts, words
from evcs.rendering.words import day as written_day
from evcs.rendering.words import moment as written_moment
from evcs.settings import evcs_settings

register = template.Library()
NONE = "–"


@register.filter
def kwh(wh: int | None) -> str:
    """Wh as kWh with three decimals."""
    return NONE if wh is None else formats.number_format(Decimal(wh).scaleb(-3), 3)


@register.filter
def kw(w: int | None) -> str:
    """W as kW with two decimals."""
    return NONE if w is None else formats.number_format(Decimal(w).scaleb(-3), 2)


@register.filter
def price(value: Decimal) -> str:
    """Money per kWh or percent, with two decimals or as many as it has."""
    exact = value.normalize()
    places = max(2, -int(exact.as_tuple().exponent))
    return formats.number_format(exact, places)


@register.filter
def moment(at: dt.datetime | None) -> str:
    """A time of the house, to the minute; with its offset in the hour that there is twice."""
    if at is None:
        return NONE
    return written_moment(
        timezone.localtime(at).isoformat(), _texts(), timezone.get_current_timezone()
    )


@register.filter
def day(date: dt.date) -> str:
    """A date."""
    return written_day(date.isoformat(), _texts())


@register.filter
def month_name(month: dt.date | None) -> str:
    """A month, as November 2026."""
    return NONE if month is None else formats.date_format(month, "YEAR_MONTH_FORMAT")


@register.filter
def ago(at: dt.datetime | None) -> str:
    """How long ago, in the largest unit that fits."""
    if at is None:
        return _("never")
    seconds = max(0, int((timezone.now() - at).total_seconds()))
    if 86400 <= seconds < 2 * 86400:
        return _("1 day ago")
    for size, unit in ((86400, _("days")), (3600, _("h")), (60, _("min"))):
        if seconds >= size:
            return _("%(n)d %(unit)s ago") % {"n": seconds // size, "unit": unit}
    return _("%(n)d %(unit)s ago") % {"n": seconds, "unit": _("s")}


@register.filter
def lasts(seconds: float | None) -> str:
    """A duration, as 3:07 h."""
    if seconds is None:
        return NONE
    minutes = int(seconds // 60)
    return f"{minutes // 60}:{minutes % 60:02d} h"


@register.filter
def flat_name(flat: Any) -> str:
    """What people call an apartment; None is nobody's."""
    if flat is None:
        return _("no apartment")
    return str(getattr(flat, evcs_settings.FLAT_NAME_FIELD))


@register.filter
def flag(name: str) -> str:
    """What a flag is called."""
    return wording.flag(name)


@register.filter
def entry(name: str) -> str:
    """What an entry is called."""
    return wording.entry(name)


@register.filter
def reason(one: Entry) -> str:
    """Why an entry was booked."""
    return wording.reason(one.reason, one.by_name)


@register.filter
def outcome(told: Command) -> str:
    """What became of a command, or that it still waits."""
    if told.result:
        return wording.named(wording.RESULTS, told.result)
    if told.expires_at <= timezone.now():
        return _("not fetched by the box in time")
    return _("waiting for the box")


@register.filter
def field(change: SessionChange) -> str:
    """What was replaced in a session."""
    return wording.named(wording.FIELDS, change.field)


@register.filter
def cause(change: SessionChange) -> str:
    """Why it was replaced."""
    return wording.named(wording.CAUSES, change.cause)


@register.filter
def old_value(change: SessionChange) -> str:
    """What stood there before, as people read it."""
    return wording.changed_value(change.field, change.old)


@register.filter
def new_value(change: SessionChange) -> str:
    """What stands there since."""
    return wording.changed_value(change.field, change.new)


@register.filter
def phase(name: str) -> str:
    """What a phase is called."""
    return wording.named(wording.PHASES, name) if name else _("not heard yet")


@register.filter
def state(name: str) -> str:
    """Where a session stands."""
    return wording.named(wording.STATES, name)


@register.filter
def end_reason(name: str) -> str:
    """Why a session ended."""
    return wording.named(wording.END_REASONS, name) if name else NONE


@register.filter
def fault(name: str) -> str:
    """What a fault is called."""
    return wording.named(wording.FAULTS, name)


@register.filter
def result(name: str) -> str:
    """What became of a command."""
    return wording.named(wording.RESULTS, name)


@register.filter
def command(name: str) -> str:
    """What a command is called."""
    return wording.named(wording.COMMANDS, name)


@register.filter
def open_point(name: str) -> str:
    """What an open point is called."""
    return wording.open_point(name)


@register.filter
def advice(name: str) -> str:
    """What to do about an open point."""
    return wording.named(wording.ADVICE, name)


def _texts() -> Texts:
    return words(wording.language())
