"""What can be wrong with a simulated reader: the knobs of the chip, its wires and its air.

The owner of the chip turns the knobs; the chip reads them at each transfer. The names of
:data:`NAMES` are those that the simulated box takes on its command line.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.rfid.iso14443a import Bits

NAMES = ("reader-dead-00", "reader-dead-ff", "reader-brownout", "reader-hung", "reader-noise")

_NOISE_OF_NAMED_FAULT = 0.002


@dataclass(slots=True, eq=False)
class ChipFaults:
    """All knobs at rest mean a healthy chip.

    ``dead``: the level that MISO is stuck at, as a byte (0x00 or 0xFF); nothing reaches the chip.
    ``brown_out``: a supply dip at the next transfer: registers fall back to their reset values; the
    knob falls back by itself, as the dip is over.
    ``hung``: no command ends and the timer never fires, until the knob is turned back.
    ``hung_until_reset``: the same, until a hard or soft reset.
    ``noise``: the chance of each bit on the SPI wires, both ways, to arrive flipped.
    ``air_noise``: the chance of each bit of a card's answer to arrive flipped; the chip notices odd
    numbers of flips in a byte as a parity error.
    ``drop_answers``, ``garble_answers``: so many of the next answers are lost, or arrive as noise
    with a parity error.
    ``tamper``: replaces an answer's bits, unnoticed by the chip's parity check; None is silence.
    ``stuck_power_down``: the oscillator does not start.
    ``version``: VersionReg; 0x92 is NXP's version 2.0, clones show others.

    The same seed and the same transfers give the same noise; see :meth:`reseed`.
    """

    dead: int | None = None
    brown_out: bool = False
    hung: bool = False
    hung_until_reset: bool = False
    noise: float = 0.0
    air_noise: float = 0.0
    drop_answers: int = 0
    garble_answers: int = 0
    tamper: Callable[[Bits], Bits | None] | None = None
    stuck_power_down: bool = False
    version: int = 0x92
    _random: random.Random = field(init=False, repr=False, default_factory=lambda: random.Random(0))

    def reseed(self, seed: int) -> None:
        """Start the noise anew."""
        self._random.seed(seed)

    @property
    def active(self) -> frozenset[str]:
        """Those of :data:`NAMES` that hold now. A brown-out is over as soon as it has struck."""
        held = {
            "reader-dead-00": self.dead == 0x00,
            "reader-dead-ff": self.dead == 0xFF,
            "reader-brownout": self.brown_out,
            "reader-hung": self.hung,
            "reader-noise": self.noise > 0,
        }
        return frozenset(name for name, holds in held.items() if holds)

    def set(self, name: str) -> None:
        """Let one of :data:`NAMES` happen. Raises ValueError for another name."""
        self._turn(name, True)

    def clear(self, name: str) -> None:
        """End one of :data:`NAMES`; harmless if it does not hold. Raises ValueError."""
        if name in self.active or name not in NAMES:
            self._turn(name, False)

    def _turn(self, name: str, on: bool) -> None:
        if name == "reader-dead-00":
            self.dead = 0x00 if on else None
        elif name == "reader-dead-ff":
            self.dead = 0xFF if on else None
        elif name == "reader-brownout":
            self.brown_out = on
        elif name == "reader-hung":
            self.hung = on
        elif name == "reader-noise":
            self.noise = self.air_noise = _NOISE_OF_NAMED_FAULT if on else 0.0
        else:
            raise ValueError(f"unknown reader fault {name!r}; known: {', '.join(NAMES)}")

    def on_wire(self, byte: int) -> int:
        """A byte as it arrives at the other end of the SPI wires."""
        if self.noise <= 0:
            return byte
        return byte ^ self._flips(8, self.noise)

    def on_air(self, answer: Bits) -> tuple[Bits | None, bool]:
        """A card's answer as the antenna gets it, and whether a parity bit betrays damage."""
        if self.drop_answers > 0:
            self.drop_answers -= 1
            return None, False
        if self.garble_answers > 0:
            self.garble_answers -= 1
            return tuple(self._random.getrandbits(1) for _ in answer), True
        if self.tamper is not None:
            tampered = self.tamper(answer)
            return tampered, False
        if self.air_noise <= 0:
            return answer, False
        flips = self._flips(len(answer), self.air_noise)
        heard = tuple(bit ^ (flips >> i & 1) for i, bit in enumerate(answer))
        noticed = any((flips >> i & 0xFF).bit_count() % 2 for i in range(0, len(answer), 8))
        return heard, noticed

    def _flips(self, bits: int, chance: float) -> int:
        return sum(1 << i for i in range(bits) if self._random.random() < chance)
