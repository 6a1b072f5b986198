"""What was done to a life, counted by its kind: what was tried, not only what held."""

from __future__ import annotations

from collections import Counter

from campaign.whole.material import Material
from campaign.whole.script import Script
from campaign.whole.wire import Wire

_EXITS = {
    "killed": "kills",
    "power": "power cuts that met the daemon",
    "commit": "kills at a commit",
    "write": "kills at a write",
    "asked": "requested shutdowns",
}
_DEEDS = {
    "Break": "fault",
    "Network": "network",
    "Landlord": "landlord",
}
_PLAIN = {
    "PowerCut": "power cuts",
    "StopServer": "server stopped",
    "SetClock": "clock set wrong",
    "StepClock": "clock stepped",
    "SlowDisk": "disk made slow",
    "TapTogether": "two tags at once",
    "Tap": "taps",
}


def injected(material: Material, script: Script, wire: Wire, torn: int) -> Counter[str]:
    """By name; deeds that could not be done are not counted."""
    found: Counter[str] = Counter()
    for one in material.exits:
        if one.why in _EXITS:
            found[_EXITS[one.why]] += 1
    for note in material.diary:
        if note.refused or note.detail == "pass":
            continue
        if note.kind in _DEEDS:
            found[f"{_DEEDS[note.kind]} {note.detail}"] += 1
        elif note.kind in _PLAIN:
            found[_PLAIN[note.kind]] += 1
    found["journals put into a state after a cut"] += torn
    found["messages"] += wire.delivered
    found["messages delivered again"] += wire.copies
    found[f"lives with {script.delivery.copies} deliveries of each message"] += 1
    return found
