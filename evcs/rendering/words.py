"""All texts of statements and reports, in both languages, and how numbers and times are written."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

Texts = dict[str, str]

_GERMAN: Texts = {
    "language": "de",
    "file_statement": "Ladeabrechnung",
    "file_report": "Monatsbericht",
    "statement": "Abrechnung der Ladevorgänge",
    "report": "Monatsbericht der Ladestationen",
    "flat": "Wohnung",
    "nobody": "keiner Wohnung zugeordnet",
    "period": "Zeitraum",
    "closed_at": "Abgeschlossen am",
    "closed_by": "Abgeschlossen von",
    "sessions": "Ladevorgänge",
    "energy": "Energie",
    "sum": "Summe",
    "nothing": "In diesem Monat wurde nicht geladen.",
    "session": "Ladevorgang",
    "station": "Station",
    "tag": "Karte",
    "tag_label": "Bezeichnung",
    "start": "Beginn",
    "end": "Ende",
    "serial": "Zähler",
    "end_serial": "Zähler am Ende",
    "start_kwh": "Stand Beginn kWh",
    "end_kwh": "Stand Ende kWh",
    "kwh": "kWh",
    "remarks": "Bemerkungen",
    "kind": "Art",
    "entries": "Nachträge, Korrekturen und Umbuchungen",
    "reason": "Grund",
    "by": "von",
    "booked_at": "gebucht am",
    "month": "Monat",
    "prices": "Preise",
    "valid_from": "gültig ab",
    "price": "Preis je kWh netto",
    "net": "netto",
    "vat": "USt.",
    "vat_percent": "USt. %",
    "gross": "brutto",
    "unpriced": "ohne Preis",
    "estimated_mark": "geschätzt",
    "reviewed": "geprüft",
    "page": "Seite {page} von {pages}",
    "hash": "SHA-256",
    "notice": "Unsignierte Messwerte eines Zählers, nicht eichrechtskonform, nur zur Information; "
    "maßgeblich ist die Anzeige des Zählers. Die Prüfsumme macht spätere Änderungen sichtbar und "
    "ist keine Signatur.",
    "facts": "Angaben",
    "meters": "Was die Zähler der Stationen gezählt haben",
    "from_kwh": "Stand vorher kWh",
    "to_kwh": "Stand danach kWh",
    "counted_kwh": "gezählt kWh",
    "sessions_kwh": "Ladevorgänge kWh",
    "unassigned_kwh": "nicht zugeordnet kWh",
    "equation": "gezählt = Ladevorgänge + nicht zugeordnet",
    "statements": "Abrechnungen",
    "open_points": "Offen beim Abschluss",
    "none_open": "Nichts war offen.",
    "override": "Trotz offener Punkte abgeschlossen von {by}: {reason}",
    "previous": "Vorher abgeschlossen",
    "detail": "Einzelheit",
    "entry_late": "späte Energie",
    "entry_correction": "Korrektur",
    "entry_move": "Umbuchung",
    "auto_the session was settled after its month was closed": "nach dem Abschluss des Monats "
    "neu berechnet",
    "auto_settled anew after it was moved": "nach der Umbuchung neu berechnet",
    "zone_CEST": "MESZ",
    "zone_CET": "MEZ",
    "provisional": "Ende vorläufig",
    "register_estimated": "Zählerstand am Ende geschätzt",
    "flag_unknown_tag": "Karte gehört zu keiner Wohnung",
    "flag_blocked_tag": "Karte war gesperrt",
    "flag_expired_tag": "Karte war abgelaufen",
    "flag_clock_future": "Uhr der Station ging vor",
    "flag_meter_backwards": "Zähler lief rückwärts",
    "flag_meter_exchanged": "Zähler wurde getauscht",
    "flag_no_reading": "kein Zählerstand",
    "flag_overlap": "Karte lud zugleich an einer anderen Station",
    "flag_conflict": "widersprüchliche Meldungen",
    "flag_implicit_end": "Ende aus dem nächsten Beginn geschlossen",
    "flag_estimated": "Zählerstand am Ende geschätzt",
    "flag_estimated_time": "Zeit geschätzt",
    "flag_late_seq": "verspätet gemeldet",
    "flag_late_month": "in einem früheren Monat geladen",
    "open_silent_station": "Station schweigt",
    "open_pending_messages": "Meldungen stehen aus",
    "open_quarantine": "zurückgewiesene Meldung",
    "open_open_session": "laufender Ladevorgang",
    "open_provisional_session": "vorläufiges Ende",
    "open_review": "ungeprüft",
}
_ENGLISH: Texts = {
    "language": "en",
    "file_statement": "Charging-statement",
    "file_report": "Monthly-report",
    "statement": "Statement of charging sessions",
    "report": "Monthly report of the charging stations",
    "flat": "Apartment",
    "nobody": "belonging to no apartment",
    "period": "Period",
    "closed_at": "Closed on",
    "closed_by": "Closed by",
    "sessions": "Sessions",
    "energy": "Energy",
    "sum": "Sum",
    "nothing": "There was no charging in this month.",
    "session": "session",
    "station": "Station",
    "tag": "Tag",
    "tag_label": "Label",
    "start": "Start",
    "end": "End",
    "serial": "Meter",
    "end_serial": "Meter at the end",
    "start_kwh": "Register at start kWh",
    "end_kwh": "Register at end kWh",
    "kwh": "kWh",
    "remarks": "Remarks",
    "kind": "Kind",
    "entries": "Late energy, corrections and moves",
    "reason": "Reason",
    "by": "by",
    "booked_at": "booked on",
    "month": "Month",
    "prices": "Prices",
    "valid_from": "valid from",
    "price": "Net price per kWh",
    "net": "net",
    "vat": "VAT",
    "vat_percent": "VAT %",
    "gross": "gross",
    "unpriced": "without a price",
    "estimated_mark": "estimated",
    "reviewed": "reviewed",
    "page": "Page {page} of {pages}",
    "hash": "SHA-256",
    "notice": "Unsigned readings of a meter, not compliant with calibration law (nicht "
    "eichrechtskonform), for information only; the display of the meter is authoritative. The "
    "checksum makes later changes visible and is no signature.",
    "facts": "Facts",
    "meters": "What the meters of the stations counted",
    "from_kwh": "Register before kWh",
    "to_kwh": "Register after kWh",
    "counted_kwh": "counted kWh",
    "sessions_kwh": "sessions kWh",
    "unassigned_kwh": "unassigned kWh",
    "equation": "counted = sessions + unassigned",
    "statements": "Statements",
    "open_points": "Open at closing",
    "none_open": "Nothing was open.",
    "override": "Closed over open points by {by}: {reason}",
    "previous": "Closed before",
    "detail": "Detail",
    "entry_late": "late energy",
    "entry_correction": "correction",
    "entry_move": "move",
    "auto_the session was settled after its month was closed": "settled after the month was closed",
    "auto_settled anew after it was moved": "settled anew after it was moved",
    "zone_CEST": "CEST",
    "zone_CET": "CET",
    "provisional": "end provisional",
    "register_estimated": "end register estimated",
    "flag_unknown_tag": "tag belongs to no apartment",
    "flag_blocked_tag": "tag was blocked",
    "flag_expired_tag": "tag had expired",
    "flag_clock_future": "clock of the station was ahead",
    "flag_meter_backwards": "meter ran backwards",
    "flag_meter_exchanged": "meter was exchanged",
    "flag_no_reading": "no register",
    "flag_overlap": "tag charged at another station at the same time",
    "flag_conflict": "contradicting messages",
    "flag_implicit_end": "end concluded from the next start",
    "flag_estimated": "end register estimated",
    "flag_estimated_time": "time estimated",
    "flag_late_seq": "reported late",
    "flag_late_month": "charged in an earlier month",
    "open_silent_station": "station is silent",
    "open_pending_messages": "messages are outstanding",
    "open_quarantine": "refused message",
    "open_open_session": "session running",
    "open_provisional_session": "provisional end",
    "open_review": "not reviewed",
}
_LANGUAGES = {"de": _GERMAN, "en": _ENGLISH}


def words(language: str) -> Texts:
    """Return the texts of a language. Raises ValueError for one that there is not."""
    if language not in _LANGUAGES:
        raise ValueError(f"there is no language {language!r}; there are {', '.join(_LANGUAGES)}")
    return _LANGUAGES[language]


def named(kind: str, name: str, texts: Texts) -> str:
    """Return what a flag, an entry or an open point is called; one without a text by its name."""
    return texts.get(f"{kind}_{name}", name)


def reason(text: str, by: str, texts: Texts) -> str:
    """Return why an entry was booked: what a person wrote, or what the server says of its own."""
    return text if by else named("auto", text, texts)


def kwh(wh: int | None, texts: Texts) -> str:
    """Return energy in kWh with three decimals, empty for None."""
    if wh is None:
        return ""
    return number(f"{Decimal(wh).scaleb(-3):.3f}", texts)


def number(text: str, texts: Texts) -> str:
    """Return decimal text with the language's own mark."""
    return text.replace(".", ",") if texts["language"] == "de" else text


def money(text: str | None, currency: str | None, texts: Texts) -> str:
    """Return an amount with its currency, empty for None."""
    if text is None:
        return ""
    if texts["language"] == "de":
        return f"{number(text, texts)} {'€' if currency == 'EUR' else currency}"
    return f"{currency} {text}"


def moment(text: str, texts: Texts, zone: dt.tzinfo | None = None) -> str:
    """Return a time of the house, to the minute; with the name of its time, summer or winter, in
    the hour that ``zone``, the house's, has twice."""
    at = dt.datetime.fromisoformat(text)
    pattern = "%d.%m.%Y %H:%M" if texts["language"] == "de" else "%Y-%m-%d %H:%M"
    if zone is None or not comes_twice(at, zone):
        return at.strftime(pattern)
    name = at.astimezone(zone).tzname() or ""
    return f"{at.strftime(pattern)} {texts.get(f'zone_{name}', name)}"


def comes_twice(at: dt.datetime, zone: dt.tzinfo) -> bool:
    """Whether the clock of ``zone`` shows this time a second time, as it is set back."""
    shown = at.astimezone(zone).replace(tzinfo=zone)
    return shown.replace(fold=0).utcoffset() != shown.replace(fold=1).utcoffset()


def day(text: str, texts: Texts) -> str:
    """Return a date."""
    at = dt.date.fromisoformat(text[:10])
    return at.strftime("%d.%m.%Y" if texts["language"] == "de" else "%Y-%m-%d")
