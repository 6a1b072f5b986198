"""Stand-ins for the hardware libraries of a Raspberry Pi, forwarding to a simulated box.

They take the places of ``RPi.GPIO`` and ``spidev`` in ``sys.modules``, so that whatever builds on
those, the ``mfrc522`` package included, loads and runs unchanged. Call :func:`install` once from
the main thread; the libraries may then be used from any thread, pins and SPI on a connection each.
"""

from __future__ import annotations

import sys
from types import ModuleType

from simulator.client import BoxClient
from simulator.standins import gpio, spidev

# What keeps references to the libraries that were there when it was first imported.
_BUILT_ON_THEM = ("mfrc522", "mfrc522.MFRC522", "mfrc522.SimpleMFRC522")


def install(socket: str) -> None:
    """Let this process live in the box behind ``socket``; it then dies with the box's power.

    Calling it again moves the process to another box, every pin and mode forgotten.
    Raises simulator.client.BoxUnreachable when no box answers there.
    """
    pins, bus = BoxClient(socket, role="pi"), BoxClient(socket, role="pi")
    # The Pi's processes are known to the box from their first connection on, not their first pin.
    for client in (pins, bus):
        client.call("clock")
    gpio.attach(pins)
    spidev.attach(bus)
    package = ModuleType("RPi")
    package.__path__ = []
    package.GPIO = gpio  # type: ignore[attr-defined]
    if sys.modules.get("RPi.GPIO") is not gpio or sys.modules.get("spidev") is not spidev:
        for name in _BUILT_ON_THEM:
            sys.modules.pop(name, None)
    sys.modules.update({"RPi": package, "RPi.GPIO": gpio, "spidev": spidev})
