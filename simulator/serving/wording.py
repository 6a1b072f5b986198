"""One line of text for each answer of the box, for people at a terminal. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulator.world.world_clock import rfc3339

Answer = Mapping[str, Any]


def line_for(op: str, answer: Answer) -> str:
    """The line that tells what came of ``op``."""
    return _LINES[op](answer)


def _tap(answer: Answer) -> str:
    return f"{_tags(answer)}, for {answer['hold_s']:g} s"


def _tags(answer: Answer) -> str:
    tags = answer["tags"]
    return f"held to the reader: {', '.join(tags)}" if tags else "nothing is held to the reader"


def _plug(answer: Answer) -> str:
    return f"car plugged in: {_car(answer['car'])}"


def _car(car: Answer | None) -> str:
    if car is None:
        return "none"
    phases = "phase" if car["phases"] == 1 else "phases"
    return (
        f"{car['kw']:g} kW, {car['phases']} {phases}, "
        f"{car['battery_kwh']:g} kWh battery at {car['soc'] * 100:.1f} %{_habits(car)}"
    )


def _habits(car: Answer) -> str:
    habits = []
    if car["after_s"]:
        habits.append(f"departure timer {car['after_s']:g} s")
    if car["taper_w"] is not None:
        habits.append(f"{car['taper_w']:g} W at the end")
    if car["precondition"]:
        habits.append("preconditioning when full")
    return "".join(f", {habit}" for habit in habits)


def _unplug(answer: Answer) -> str:
    return f"car unplugged at {answer['soc'] * 100:.1f} %"


def _cut(answer: Answer) -> str:
    killed = ", ".join(str(pid) for pid in answer["killed"])
    return f"mains off; killed with the Raspberry Pi: {killed or 'nothing was running'}"


def _reset_trip(_: Answer) -> str:
    return "the tripped branch is switched on again"


def _restore(answer: Answer) -> str:
    return f"mains on; {_clock(answer)}"


def _clock(answer: Answer) -> str:
    synced = "synced" if answer["synced"] else "unsynced"
    return (
        f"clock {rfc3339(answer['wall_s'])}, {synced}, boot {answer['boot_id']}, "
        f"up {answer['uptime_s']:.1f} s"
    )


def _faults(answer: Answer) -> str:
    return f"faults: {', '.join(answer['active']) or 'none'}"


def _meter(answer: Answer) -> str:
    return f"meter register set to {answer['wh']:.3f} Wh"


def _state(answer: Answer) -> str:
    contactor, mains = answer["contactor"], answer["mains"]
    parts = (
        "mains " + ("on" if mains["on"] else "off"),
        "contactor " + ("closed" if contactor["closed"] else "open"),
        "line " + ("active" if contactor["commanded"] else "inactive"),
        f"{answer['power_w']:.0f} W",
        f"meter {answer['meter']['wh']:.3f} Wh",
        *(["tripped"] if answer["load"]["tripped"] else []),
        f"car {_car(answer['car'])}",
        f"tags {', '.join(answer['tags']) or 'none'}",
        _faults({"active": answer["faults"]}),
        _clock(answer["clock"]),
    )
    return " | ".join(parts)


def _ledger(answer: Answer) -> str:
    shares = [f"{tag or 'no tag'} {wh:.3f} Wh" for tag, wh in answer["by_tag"].items()]
    total = f"{answer['total_wh']:.3f} Wh in {len(answer['intervals'])} intervals"
    return ": ".join([total, ", ".join(shares)]) if shares else total


_LINES: dict[str, Callable[[Answer], str]] = {
    "tap": _tap,
    "present": _tags,
    "remove": _tags,
    "plug": _plug,
    "unplug": _unplug,
    "power_cut": _cut,
    "power_restore": _restore,
    "reset_trip": _reset_trip,
    "clock": _clock,
    "clock_set": _clock,
    "clock_step": _clock,
    "clock_synced": _clock,
    "fault": _faults,
    "clear": _faults,
    "faults": _faults,
    "meter_set": _meter,
    "state": _state,
    "ledger": _ledger,
}
