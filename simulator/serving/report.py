"""What the box shows of itself, as JSON-ready dictionaries. Called under the box's lock."""

from __future__ import annotations

import struct
from typing import Any

from simulator.world.box import Box
from simulator.world.header import LINES
from simulator.world.world_clock import rfc3339


def clock(box: Box, now_s: float) -> dict[str, Any]:
    """The world clock: ``{"wall_s", "synced", "boot_id", "uptime_s", "speed"}``."""
    return {
        "wall_s": box.clock.wall_s(now_s),
        "synced": box.clock.synced,
        "boot_id": box.clock.boot_id,
        "uptime_s": box.clock.uptime_s(now_s),
        "speed": box.rail.speed,
    }


def supply(box: Box) -> dict[str, Any]:
    """What the Raspberry Pi's firmware tells of its supply: ``{"undervoltage"}``."""
    return {"undervoltage": box.pi_undervoltage}


def state(box: Box, now_s: float, faults: list[str], meter_port: str) -> dict[str, Any]:
    """Everything that can be seen from outside, at ``now_s``."""
    box.advance(now_s)
    rail = box.rail
    times = clock(box, now_s)
    return {
        "t_us": round(now_s * 1e6),
        "lines": {str(bcm): _line(box, bcm) for bcm in LINES},
        "contactor": {
            "closed": rail.contactor.closed,
            "commanded": box.commanded,
            "coil": rail.contactor.coil,
        },
        "meter": {
            "wh": rail.register_wh,
            "shown_wh": shown_wh(rail.register_wh),
            "phase_wh": list(rail.phase_wh),
            "port": meter_port,
        },
        "load": {
            "kind": str(box.built.load),
            "standby_w": box.built.standby_w,
            "supplied": rail.supplied,
            "released": rail.released,
            "tripped": rail.tripped,
        },
        "power_w": rail.power_w,
        "phase_power_w": list(rail.phase_power_w),
        "faults": faults,
        "tags": [uid.hex().upper() for uid in box.tags],
        "car": car(box),
        "mains": {"on": rail.mains.on, "voltage_v": list(rail.voltage_v)},
        "supply": supply(box),
        "clock": {"wall": rfc3339(times["wall_s"]), **times},
        "ledger_wh": rail.ledger.total_wh,
    }


def car(box: Box) -> dict[str, Any] | None:
    """The car that is plugged in."""
    there = box.rail.car
    if there is None:
        return None
    return {
        "kw": there.kw,
        "phases": there.phases,
        "battery_kwh": there.battery.capacity_wh / 1000.0,
        "soc": there.battery.soc,
        "after_s": there.after_s,
        "precondition": there.precondition,
        "taper_w": there.taper_w,
        "mode": str(there.mode),
        "drawing": box.rail.drawing,
    }


def shown_wh(register_wh: float) -> int:
    """The register as a healthy meter shows it: float32 kWh, then whole Wh, half to even."""
    kwh: float = struct.unpack("<f", struct.pack("<f", register_wh / 1000.0))[0]
    return round(kwh * 1000.0)


def _line(box: Box, bcm: int) -> dict[str, Any]:
    return {**box.header.describe(bcm), "name": box.built.wiring.name_of(bcm)}
