"""The one door to the hardware libraries, opened late.

Nothing is imported before a device is opened, so every command works on a laptop. With a simulated
box, stand-ins for ``RPi.GPIO`` and ``spidev`` take the libraries' places; what builds on them, the
real ``mfrc522`` included, does not notice. Call :func:`use_simulator` once, before any device is
opened, from the main thread.
"""

from __future__ import annotations

import importlib
from typing import Any

from drivers.errors import BoxGone, GpioError, LibraryMissing

# On a machine that is no Raspberry Pi the GPIO libraries raise RuntimeError, not ImportError;
# rpi-lgpio raises NotImplementedError on boards with an old-style revision code.
_CANNOT_LOAD = (ImportError, RuntimeError, NotImplementedError)


def use_simulator(socket: str) -> None:
    """Let every device of this process live in the simulated box behind ``socket``.

    Raises BoxGone when no box answers there.
    """
    from simulator import standins
    from simulator.client import BoxUnreachable

    try:
        standins.install(socket)
    except BoxUnreachable as error:
        raise BoxGone(str(error)) from error


def gpio() -> Any:
    """``RPi.GPIO`` in BCM numbering, warnings off. Safe to call again.

    Raises LibraryMissing with the way to install it, GpioError when there is no chip to be opened.
    """
    module = _load("RPi.GPIO", "apt install python3-rpi-lgpio, on a Raspberry Pi")
    module.setwarnings(False)
    if module.getmode() != module.BCM:
        try:
            module.setmode(module.BCM)
        # rpi-lgpio opens the chip here, and lgpio's error derives from Exception alone.
        except Exception as error:
            raise GpioError(
                f"GPIO cannot be used ({error}); the user has to be in the group that owns "
                "/dev/gpiochip* (usermod -aG gpio USER, then restart), if there is one"
            ) from error
    return module


def spidev() -> Any:
    """The ``spidev`` module. Raises LibraryMissing."""
    return _load("spidev", "apt install python3-spidev")


def mfrc522() -> Any:
    """The ``mfrc522`` package's register-level module, loaded on top of whichever GPIO is present.

    ``gpio()`` comes first: mfrc522 would choose BOARD numbering if it found no mode set.
    Raises LibraryMissing.
    """
    gpio()
    return _load("mfrc522.MFRC522", "pip install --no-deps mfrc522==0.0.7")


def _load(name: str, advice: str) -> Any:
    try:
        return importlib.import_module(name)
    except _CANNOT_LOAD as error:
        raise LibraryMissing(f"{name} cannot be used here ({error}); {advice}") from error
