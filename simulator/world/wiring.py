"""Which BCM line is soldered to what. Fixed for the life of a box."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from simulator.errors import Refused
from simulator.world.header import LINES


class Wire(StrEnum):
    """A thing in the box that hangs on one line of the header."""

    CONTACTOR = "contactor"
    GREEN = "green"
    RED = "red"
    BUZZER = "buzzer"
    RESET = "reset"
    STOP = "stop"
    VEHICLE = "vehicle"
    FEEDBACK = "feedback"
    ENABLE = "enable"
    TRIP = "trip"
    HEARTBEAT = "heartbeat"


class Load(StrEnum):
    """What hangs behind the meter, and what the contactor's line switches of it.

    ``wallbox``: the supply of a wallbox. ``enable``: the release of a wallbox that stays supplied.
    ``socket``: the supply of a plain outlet.
    """

    WALLBOX = "wallbox"
    ENABLE = "enable"
    SOCKET = "socket"


@dataclass(frozen=True, slots=True)
class Pin:
    """A line and the level that means "active"."""

    bcm: int
    active_level: int = 1

    @property
    def inactive_level(self) -> int:
        return 1 - self.active_level


# The pins of the annotated sample configuration.
_DEFAULT: Mapping[Wire, Pin] = {
    Wire.CONTACTOR: Pin(17),
    Wire.GREEN: Pin(5),
    Wire.RED: Pin(6),
    Wire.BUZZER: Pin(13),
    Wire.RESET: Pin(25),
    Wire.STOP: Pin(22),
    Wire.VEHICLE: Pin(23),
    Wire.FEEDBACK: Pin(24),
}
_ADDED: Mapping[Load, Mapping[Wire, Pin]] = {Load.ENABLE: {Wire.ENABLE: Pin(27)}}


class Wiring:
    """The pins by wire; a wire may be missing, the contactor may not."""

    def __init__(self, pins: Mapping[Wire, Pin]) -> None:
        self._pins = dict(pins)
        if Wire.CONTACTOR not in self._pins:
            raise Refused("wiring: a box has a contactor; give it a line")
        by_line: dict[int, Wire] = {}
        for wire, pin in self._pins.items():
            other = by_line.setdefault(pin.bcm, wire)
            if other is not wire:
                raise Refused(f"wiring: {other} and {wire} are both on GPIO{pin.bcm}; move one")

    @classmethod
    def parse(cls, text: str = "", load: Load = Load.WALLBOX) -> Wiring:
        """A load's usual wiring changed by ``wire=BCM[:low]`` or ``wire=none``, between commas.

        ``:low`` = active low. Raises Refused naming the part that cannot be used.
        """
        pins = {**_DEFAULT, **_ADDED.get(load, {})}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = part.partition("=")
            if name not in list(Wire):
                raise Refused(f"wiring: `{name}` is not known; known are {', '.join(Wire)}")
            if value == "none":
                pins.pop(Wire(name), None)
                continue
            number, _, suffix = value.partition(":")
            valid = number.isascii() and number.isdigit() and int(number) in LINES
            if not valid or suffix not in ("", "low"):
                raise Refused(f"wiring: `{part}` should be {name}=0..27, {name}=0..27:low or none")
            pins[Wire(name)] = Pin(int(number), 0 if suffix else 1)
        return cls(pins)

    def get(self, wire: Wire) -> Pin | None:
        """The wire's pin, None when it is not fitted."""
        return self._pins.get(wire)

    @property
    def contactor(self) -> Pin:
        return self._pins[Wire.CONTACTOR]

    def name_of(self, bcm: int) -> str | None:
        """What hangs on a line."""
        return next((str(wire) for wire, pin in self if pin.bcm == bcm), None)

    def __iter__(self) -> Iterator[tuple[Wire, Pin]]:
        return iter(self._pins.items())
