"""Single GPIO lines as the box uses them: an output that starts inactive, an input with a pull.

BCM numbers. The library is opened in :meth:`setup`, never before. A line is owned by the thread of
the device that it belongs to. No line is ever given back with ``cleanup()``: that would leave it
floating, and on the contactor's line floating is not a level to rely on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from drivers import libraries
from drivers.errors import GpioError


class Pull(StrEnum):
    """The Pi's own resistor on an input; ``ACTIVE`` and ``INACTIVE`` name the level, not the rail.

    With ``ACTIVE`` a broken wire reads as active.
    """

    ACTIVE = "active"
    INACTIVE = "inactive"
    UP = "up"
    DOWN = "down"
    OFF = "off"


class OutputLine:
    """``device`` names the line in messages, e.g. "contactor"."""

    def __init__(self, device: str, pin: int, *, active_high: bool) -> None:
        self._device = device
        self._pin = pin
        self._active_high = active_high
        self._gpio: Any = None

    def setup(self) -> None:
        """Become an output that is inactive from its first moment on. A second call does nothing.

        Raises GpioError, LibraryMissing.
        """
        if self._gpio is not None:
            return
        gpio = libraries.gpio()
        with explained(self._device, self._pin):
            # Without initial= rpi-lgpio makes the line an input for a moment to read it.
            gpio.setup(self._pin, gpio.OUT, initial=self._level(False))
        self._gpio = gpio

    def write(self, active: bool) -> None:
        """Drive the line. Raises GpioError."""
        gpio = self._ready()
        with explained(self._device, self._pin):
            gpio.output(self._pin, self._level(active))

    def reads_active(self) -> bool:
        """Whether the pin is at its active level, read back from the pin. Raises GpioError."""
        gpio = self._ready()
        with explained(self._device, self._pin):
            return bool(gpio.input(self._pin)) == self._active_high

    def _level(self, active: bool) -> int:
        return int(active == self._active_high)

    def _ready(self) -> Any:
        if self._gpio is None:
            raise GpioError(f"{self._device}: GPIO{self._pin} is not set up; call setup() first")
        return self._gpio


class InputLine:
    """``device`` names the line in messages; ``pull`` is one of :class:`Pull`."""

    def __init__(self, device: str, pin: int, *, active_high: bool, pull: str) -> None:
        self._device = device
        self._pin = pin
        self._active_high = active_high
        self._pull = Pull(pull)
        self._gpio: Any = None

    def setup(self) -> None:
        """Become an input. A second call does nothing. Raises GpioError, LibraryMissing."""
        if self._gpio is not None:
            return
        gpio = libraries.gpio()
        up = self._active_high if self._pull is Pull.ACTIVE else not self._active_high
        rail = Pull.UP if up else Pull.DOWN
        if self._pull not in (Pull.ACTIVE, Pull.INACTIVE):
            rail = self._pull
        constants = {Pull.UP: gpio.PUD_UP, Pull.DOWN: gpio.PUD_DOWN, Pull.OFF: gpio.PUD_OFF}
        with explained(self._device, self._pin):
            gpio.setup(self._pin, gpio.IN, pull_up_down=constants[rail])
        self._gpio = gpio

    def reads_active(self) -> bool:
        """The level now. Raises GpioError."""
        if self._gpio is None:
            raise GpioError(f"{self._device}: GPIO{self._pin} is not set up; call setup() first")
        with explained(self._device, self._pin):
            return bool(self._gpio.input(self._pin)) == self._active_high


@contextmanager
def explained(device: str, pin: int) -> Iterator[None]:
    """Turn whatever a GPIO library raises into a GpioError that says what to do."""
    try:
        yield
    except _library_errors() as error:
        text = str(error)
        raise GpioError(f"{device}: GPIO{pin} cannot be used ({text}); {_advice(error)}") from error


def _library_errors() -> tuple[type[Exception], ...]:
    # rpi-lgpio lets lgpio.error through, which derives from Exception alone; the module is there
    # only if the library in use has loaded it.
    error = getattr(sys.modules.get("lgpio"), "error", None)
    own = (error,) if isinstance(error, type) and issubclass(error, Exception) else ()
    return (RuntimeError, ValueError, OSError, *own)


def _advice(error: Exception) -> str:
    text = str(error).lower()
    if "evcs-simbox" in text:
        return "the simulated box has to be served, and its mains on"
    if "busy" in text:
        return (
            "another program or a kernel driver (SPI, serial port, 1-wire) holds it: "
            "gpioinfo shows which; stop that or choose another pin"
        )
    if "peripheral base" in text:
        return (
            "this is the old RPi.GPIO on a Pi 5: pip uninstall RPi.GPIO, then "
            "apt install python3-rpi-lgpio"
        )
    if isinstance(error, PermissionError) or "permission" in text or "/dev/mem" in text:
        return "the user of the service must be in group gpio: usermod -aG gpio USER, then restart"
    if "gpiochip" in text or isinstance(error, FileNotFoundError):
        return "there is no GPIO here: run it on a Raspberry Pi, or set [station] simulator"
    if isinstance(error, ValueError):
        return "check the BCM pin number in config.toml"
    return "check the pin in config.toml and the GPIO library (evcs-station check)"
