"""The power of one session over time, from its readings."""

from __future__ import annotations

import datetime as dt

from evcs.models import Session
from evcs.pages.charts import Curve, curve


def of(session: Session) -> Curve | None:
    """Return the curve; None for fewer than two readings."""
    rows = list(session.readings.order_by("at", "n").values_list("at", "import_wh", "power_w"))
    samples: list[tuple[dt.datetime, int]] = []
    before: tuple[dt.datetime, int] | None = None
    for at, import_wh, power_w in rows:
        watt = power_w if power_w is not None else _mean_w(before, at, import_wh)
        if watt is not None:
            samples.append((at, watt))
        before = (at, import_wh)
    return curve(samples)


def _mean_w(before: tuple[dt.datetime, int] | None, at: dt.datetime, import_wh: int) -> int | None:
    """What the register says of the power since the reading before."""
    if before is None or at <= before[0]:
        return None
    return round((import_wh - before[1]) / ((at - before[0]).total_seconds() / 3600))
