"""All faults of the box by name, whichever part they belong to."""

from __future__ import annotations

from simulator.errors import Refused
from simulator.meter.meter_faults import MeterFault
from simulator.rfid import mfrc522_faults
from simulator.world.box_faults import BoxFault

FAULT_NAMES: tuple[str, ...] = (*MeterFault, *BoxFault, *mfrc522_faults.NAMES)


def known(name: str) -> str:
    """``name`` if there is such a fault. Raises Refused with all the names there are."""
    if name not in FAULT_NAMES:
        raise Refused(f"there is no fault `{name}`; there are: {', '.join(FAULT_NAMES)}")
    return name
