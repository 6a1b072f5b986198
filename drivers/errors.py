"""What can go wrong with a device: one root, a leaf per meaning.

A message says which device, where it is attached, what was seen and what to do about it.
"""

from __future__ import annotations


class DriverError(Exception):
    """Root of everything that a device on the box can raise."""


class LibraryMissing(DriverError):
    """A library for the box's hardware is not installed, or does not run on this machine."""


class ReaderError(DriverError):
    """The RFID reader (MFRC522 on SPI) cannot be used."""


class ReaderSilent(ReaderError):
    """Nothing answers on SPI (all bits 0 or all bits 1): wiring, power, or SPI is off."""


class ReaderHung(ReaderError):
    """The chip answers but does not work: its timer or a command never finishes."""


class ReaderReset(ReaderError):
    """The chip lost its settings (a supply dip); it wants to be initialised again."""


class MeterError(DriverError):
    """The energy meter (Modbus RTU) gave no usable answer."""


class MeterNoAnswer(MeterError):
    """Silence on the line after all tries."""


class MeterGarbage(MeterError):
    """Answers came that are damaged, too short, or not to our question."""


class MeterRefused(MeterError):
    """The meter answers with a Modbus exception: wrong map, wrong model."""


class MeterPortLost(MeterError):
    """The serial port is gone (unplugged) or cannot be opened."""


class GpioError(DriverError):
    """A GPIO line cannot be used: busy, no permission, not a Raspberry Pi."""


class LeaseLapsed(DriverError):
    """The contactor may not close: nobody renewed its lease in time."""


class BoxGone(DriverError):
    """The simulated box does not answer on its socket."""


class LinePortLost(DriverError):
    """The line to the server is gone, or cannot be opened."""
