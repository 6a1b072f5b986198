"""One reason each, and a cause for it: what ended a session has to be found in the diary. Pure."""

from __future__ import annotations

from campaign.whole.energy import openings
from campaign.whole.material import Material
from campaign.whole.watch import Row

TAPPED_WITHIN_S = 9.0  # a ramp before the opening takes up to 6 s
OPENED_WITHIN_S = 0.5
RAMP_S = 7.0

# reason -> deeds (kind, beginning of the detail) of which one must have been done
_CAUSES: dict[str, tuple[tuple[str, str], ...]] = {
    "remote": (("Landlord", "stop"),),
    "deauthorized": (("Landlord", "block"),),
    "ev_disconnected": (("Unplug", ""),),
    "emergency_stop": (("Break", "stop-pressed"),),
    "meter_lost": (("Break", "meter-"),),
    # A stop whose input is not fitted still breaks the coil: the mirror contact tells of it.
    "contactor_fault": (
        ("Break", "contactor-"),
        ("Break", "feedback-broken"),
        ("Break", "stop-pressed"),
    ),
    "power_loss": (("PowerCut", ""),),
    "restart": (("Kill", ""), ("KillAtCommit", ""), ("Leave", "")),
    "shutdown": (("Leave", ""),),
    "not_started": (("Tap", ""),),
    "max_energy": (),
    "ev_finished": (("Plug", ""),),
}


def complaints(material: Material) -> list[str]:
    """Reasons without a cause, and ends at another time than the opening."""
    wrong = []
    done = {(note.kind, note.detail) for note in material.diary if not note.refused}
    if any(one.why in ("commit", "write") for one in material.exits):
        done.add(("Kill", ""))
    for row in material.journal:
        reason = row["reason"]
        if reason == "local":
            wrong += _tapped(material, row)
        elif reason == "max_energy":
            if material.built.max_energy_kwh > 100:
                wrong.append(f"session {row['seq']} ended by max_energy, which is far away")
        elif reason not in _CAUSES or not any(
            kind == deed and detail.startswith(what)
            for deed, what in _CAUSES[reason]
            for kind, detail in done
        ):
            wrong.append(f"session {row['seq']} ended by {reason}, and nothing was done for it")
        wrong += _opened(material, row)
    return wrong


def _tapped(material: Material, row: Row) -> list[str]:
    """The tag that is said to have ended it was held to the box shortly before."""
    if row["ended_s"] is None:
        return []
    taps = [
        event["t_us"] / 1e6
        for event in material.events
        if event["event"] == "tag" and event["tags"] == [row["stop_tag"]]
    ]
    near = any(0 <= row["ended_s"] - at_s < TAPPED_WITHIN_S for at_s in taps)
    return [] if near else [f"session {row['seq']} ended by tag {row['stop_tag']} without a tap"]


def _opened(material: Material, row: Row) -> list[str]:
    """The stored moment of the end is that of the opening, where the daemon was there for it."""
    if row["ended_s"] is None or row["reason"] == "not_started":
        return []
    closed = any(
        stored["uuid"] == row["uuid"] for one in material.closings for stored in one.sessions[-1:]
    )
    near = any(abs(row["ended_s"] - at_us / 1e6) < OPENED_WITHIN_S for at_us in openings(material))
    if not closed or near or _died_ramping(material, row["ended_s"]):
        return []
    if _opened_by_a_start(material, row["ended_s"]):
        return []  # it was about to resume, and somebody ended it
    return [f"session {row['seq']} ended at {row['ended_s']:.3f} s, when nothing opened"]


def _died_ramping(material: Material, ended_s: float) -> bool:
    """The end is decided before the car ramps down; a daemon that died then did not open."""
    if material.built.load != "enable":
        return False
    return any(0 <= one.t_us / 1e6 - ended_s < RAMP_S for one in material.exits)


def _opened_by_a_start(material: Material, ended_s: float) -> bool:
    """Whether the last opening before that was the next daemon's first act."""
    before = [at_us for at_us in openings(material) if at_us / 1e6 < ended_s]
    exits = [one.t_us for one in material.exits if one.t_us / 1e6 < ended_s]
    return bool(before and exits) and before[-1] > exits[-1]
