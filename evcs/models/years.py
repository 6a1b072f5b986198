"""The years that somebody who enters a day can mean."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

FIRST_YEAR, LAST_YEAR = 2000, 2200


def refuse_slip(day: dt.date) -> None:
    """Raise ValidationError for a year that nobody means: times at the ends of the calendar cannot
    be told in another zone, and end what comes across them."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValidationError(
            gettext("A year from %(first)d to %(last)d, please.")
            % {"first": FIRST_YEAR, "last": LAST_YEAR}
        )
