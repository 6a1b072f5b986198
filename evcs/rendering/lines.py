"""What a session's or an entry's line says in words, for all files alike. Pure."""

from __future__ import annotations

from typing import Any

from evcs.rendering.words import Texts, named, reason


def flat_name(flat: dict[str, str] | None, texts: Texts) -> str:
    """Return an apartment's name, or that it is none."""
    return flat["name"] if flat else texts["nobody"]


def remarks(session: dict[str, Any], texts: Texts) -> list[str]:
    """Return what is doubtful about a session, and who looked at it."""
    found = [named("flag", name, texts) for name in session["flags"]]
    if session["provisional"]:
        found.append(texts["provisional"])
    if session["register_estimated"]:
        found.append(texts["register_estimated"])
    found += [f"{texts['reviewed']}: {one['by']}, {one['note']}" for one in session["reviews"]]
    return list(dict.fromkeys(found))


def serials(session: dict[str, Any]) -> str:
    """Return the meter's serial number; both if it was exchanged."""
    first, last = session["meter_serial"], session["end_meter_serial"]
    if last is None or first == last:
        return first or last or ""
    return f"{first or '?'} / {last}"


def entry_words(entry: dict[str, Any], texts: Texts) -> str:
    """Return what an entry is, why, and by whom."""
    kind = named("entry", entry["kind"], texts)
    by = f", {texts['by']} {entry['by']}" if entry["by"] else ""
    return f"{kind}: {reason(entry['reason'], entry['by'], texts)}{by}"
