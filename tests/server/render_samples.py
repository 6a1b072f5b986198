"""Contents to render: a statement with everything in it, an empty one, a report."""

from __future__ import annotations

from typing import Any

SHA = "0123456789abcdef" * 4
ISSUER = {
    "name": "Hausverwaltung Müßig & Söhne",
    "address": ["Musterweg 1", "12345 Musterstadt"],
    "footer": ["Tel. 0123 456", "IBAN DE00 1234 5678 9012 3456 00"],
}
_FRAME = {
    "month": "2026-11",
    "timezone": "Europe/Berlin",
    "from": "2026-11-01T00:00:00+01:00",
    "to": "2026-12-01T00:00:00+01:00",
    "closed_at": "2026-12-01T01:00:00+01:00",
    "issuer": ISSUER,
}


def session(number: int = 23, **more: Any) -> dict[str, Any]:
    """A charge of 11.240 kWh without anything doubtful."""
    return {
        "id": number,
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "station": "Lader1",
        "tag": "04A3C6CAE26180",
        "tag_label": "Karte",
        "started_at": "2026-11-22T12:59:00+01:00",
        "ended_at": "2026-11-22T13:59:59+01:00",
        "started_estimated": False,
        "ended_estimated": False,
        "meter_serial": "4711",
        "end_meter_serial": "4711",
        "start_wh": 1_234_567,
        "end_wh": 1_245_807,
        "energy_wh": 11_240,
        "register_estimated": False,
        "provisional": False,
        "flags": [],
        "reviews": [],
        "tariff": None,
    } | more


def entry(**more: Any) -> dict[str, Any]:
    """A correction by -0.240 kWh."""
    return {
        "kind": "correction",
        "session_id": 23,
        "session_month": "2026-10",
        "station": "Lader1",
        "started_at": "2026-10-20T12:00:00+02:00",
        "ended_at": "2026-10-20T14:00:00+02:00",
        "energy_wh": -240,
        "reason": "Zähler falsch abgelesen",
        "by": "Frau Verwalter",
        "at": "2026-11-02T09:00:00+01:00",
        "tariff": None,
    } | more


def statement(
    sessions: list[dict[str, Any]], entries: list[dict[str, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    """A statement without prices of these lines."""
    lines = [*sessions, *(entries or [])]
    energy_wh = sum(one["energy_wh"] for one in lines)
    return {
        **_FRAME,
        "format": "evcs-statement/1",
        "flat": {"id": "7", "name": "Wohnung 3 links"},
        "recipient": ["Erika Musterfrau", "Musterweg 1", "12345 Musterstadt"],
        "sessions": sessions,
        "entries": entries or [],
        "tariffs": [],
        "total": {
            "sessions": len(sessions),
            "energy_wh": energy_wh,
            "energy_kwh": f"{energy_wh / 1000:.3f}",
            "unpriced_wh": energy_wh,
            "currency": None,
            "net": None,
            "vat": None,
            "gross": None,
        },
    } | more


def full() -> dict[str, Any]:
    """A statement with prices, doubts, an exchanged meter and all kinds of entries."""
    sessions = [
        session(23, tariff=0),
        session(
            24,
            tariff=0,
            flags=["estimated", "overlap"],
            register_estimated=True,
            ended_estimated=True,
            reviews=[{"by": "Frau Verwalter", "note": "plausibel"}],
        ),
        session(25, tariff=0, end_meter_serial="0815", energy_wh=0, flags=["meter_exchanged"]),
        session(26, tariff=0, provisional=True, flags=["implicit_end"], tag_label=""),
    ]
    entries = [
        entry(tariff=0),
        entry(kind="move", energy_wh=-11_240, reason="Schlüssel verliehen", tariff=0),
        entry(kind="late", energy_wh=50, reason="after closing", by="", tariff=None),
    ]
    content = statement(sessions, entries)
    content["tariffs"] = [
        {
            "valid_from": "2026-01-01",
            "price_per_kwh": "0.35000",
            "currency": "EUR",
            "vat_percent": "19.00",
            "energy_wh": 22_240,
            "net": "7.78",
            "vat": "1.48",
            "gross": "9.26",
        }
    ]
    content["total"] |= {
        "unpriced_wh": 50,
        "currency": "EUR",
        "net": "7.78",
        "vat": "1.48",
        "gross": "9.26",
    }
    return content


def report() -> dict[str, Any]:
    """A report closed over an open point."""
    return {
        **_FRAME,
        "format": "evcs-month/1",
        "closed_by": "Frau Verwalter",
        "override": {"by": "Frau Verwalter", "reason": "Station abgebaut"},
        "open_points": [
            {
                "kind": "silent_station",
                "station": "Lader2",
                "session_id": None,
                "detail": "was heard never; what it charged may not be here yet",
            },
            {"kind": "review", "station": "Lader1", "session_id": 24, "detail": "flagged overlap"},
        ],
        "stations": [
            {
                "station": "Lader1",
                "serial": "4711",
                "from_wh": 1_000_000,
                "to_wh": 1_039_007,
                "counted_wh": 39_007,
                "sessions": 3,
                "sessions_wh": 38_500,
                "unassigned_wh": 507,
            },
            {
                "station": "Lader2",
                "serial": None,
                "from_wh": 10,
                "to_wh": 5,
                "counted_wh": -5,
                "sessions": 1,
                "sessions_wh": 0,
                "unassigned_wh": -5,
            },
        ],
        "statements": [
            {
                "flat": {"id": "7", "name": "Wohnung 3 links"},
                "sessions": 3,
                "energy_wh": 38_500,
                "gross": "14.04",
                "sha256": SHA,
            },
            {"flat": None, "sessions": 1, "energy_wh": 0, "gross": None, "sha256": SHA[::-1]},
        ],
        "total": {"sessions": 4, "energy_wh": 38_500, "late_wh": 50, "corrected_wh": -240},
        "previous": {"month": "2026-10", "sha256": SHA},
    }
