"""What is frozen of the house when a month is closed, as one value: meters, open points, hashes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from evcs.models import ClosedMonth, Station
from evcs.services import statements
from evcs.services.open_points import OpenPoint
from evcs.services.reconciliation import reconcile
from evcs.services.settlement import bounds

FORMAT = "evcs-month/1"


def build(
    closed: ClosedMonth,
    by: str,
    points: Sequence[OpenPoint],
    written: Sequence[tuple[str, dict[str, Any]]],
    previous: ClosedMonth | None,
) -> dict[str, Any]:
    """Return the report of a month that is being closed, ready for canonical().

    ``written``: hash and content of each of its statements; ``previous``: the month closed before.
    """
    zone = timezone.get_default_timezone()
    since, until = bounds(closed.month, zone)
    entries = [entry for _, content in written for entry in content["entries"]]
    return {
        "format": FORMAT,
        "month": f"{closed.month:%Y-%m}",
        "timezone": str(zone),
        "from": since.isoformat(),
        "to": until.isoformat(),
        "closed_at": closed.closed_at.astimezone(zone).isoformat(),
        "closed_by": by,
        "issuer": statements.issuer(),
        "override": {"by": closed.override_by, "reason": closed.override_reason}
        if closed.override_by
        else None,
        "open_points": [asdict(point) for point in points],
        "stations": _counted(closed.month),
        "statements": [
            {
                "flat": content["flat"],
                "sessions": content["total"]["sessions"],
                "energy_wh": content["total"]["energy_wh"],
                "gross": content["total"]["gross"],
                "sha256": hashed,
            }
            for hashed, content in written
        ],
        "total": {
            "sessions": sum(content["total"]["sessions"] for _, content in written),
            "energy_wh": sum(content["total"]["energy_wh"] for _, content in written),
            "late_wh": sum(one["energy_wh"] for one in entries if one["kind"] == "late"),
            "corrected_wh": sum(one["energy_wh"] for one in entries if one["kind"] != "late"),
        },
        "previous": {"month": f"{previous.month:%Y-%m}", "sha256": previous.sha256}
        if previous is not None and previous.sha256
        else None,
    }


def _counted(month: dt.date) -> list[dict[str, Any]]:
    return [
        {
            "station": station.name,
            "serial": line.serial,
            "from_wh": line.from_wh,
            "to_wh": line.to_wh,
            "counted_wh": line.counted_wh,
            "sessions": line.sessions,
            "sessions_wh": line.energy_wh,
            "unassigned_wh": line.unassigned_wh,
        }
        for station in Station.objects.order_by("name")
        for line in reconcile(station, month)
    ]
