"""The RFID reader, and a card that is held to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drivers.reader import Card, Reader, SeveralCards
from station.checks.probe import Result, Surroundings, device, unavailable
from station.clock import monotonic
from station.config import Config

POLLS = 20
GOOD_POLLS = 19
VERIFIES = 100
SLOW_POLL_S = 0.2

# VersionReg of the NXP chip by revision, and of the copies that are sold under its name.
_GENUINE = {0x91: "MFRC522 version 1.0", 0x92: "MFRC522 version 2.0"}
_CLONES = {0x88: "FM17522", 0x89: "FM17522E", 0xB2: "FM17522"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What POLLS polls saw. ``glitches``: SPI readings that a repetition did not confirm."""

    version: int
    cards: int
    several: int
    glitches: int
    poll_s: float


def look(around: Surroundings) -> Result:
    """Open the reader, poll it, close it. Raises DriverError."""
    wired = around.config.reader
    reader = Reader(wired.spi_bus, wired.spi_device, wired.reset_pin)
    cards = several = 0
    try:
        reader.open()
        version = reader.version or 0
        began_s = monotonic()
        for _ in range(POLLS):
            found = reader.scan()
            cards += isinstance(found, Card)
            several += isinstance(found, SeveralCards)
        poll_s = (monotonic() - began_s) / POLLS
        for _ in range(VERIFIES):
            reader.verify()
    finally:
        reader.close()
    return judge(Seen(version, cards, several, reader.counters.glitches, poll_s))


def judge(seen: Seen) -> Result:
    """Pure."""
    problems = []
    if seen.glitches:
        problems.append(
            f"{seen.glitches} SPI readings were wrong at the first try: shorten the wires, check "
            "3.3 V and GND"
        )
    if seen.several:
        problems.append("more than one card is in the field: hold one alone")
    elif 0 < seen.cards < GOOD_POLLS:
        problems.append(
            f"the card was seen in {seen.cards} of {POLLS} polls (at least {GOOD_POLLS} are "
            "expected of one that is held still): too far away, metal behind the antenna, or a "
            "weak supply"
        )
    if seen.poll_s > SLOW_POLL_S:
        problems.append(f"one poll takes {1000 * seen.poll_s:.0f} ms: is this machine overloaded?")
    card = f"card seen in {seen.cards} of {POLLS} polls" if seen.cards else "no card held to it"
    chip = f"{chip_name(seen.version)}, {card}, {1000 * seen.poll_s:.0f} ms a poll"
    return Result("reader", not problems, "; ".join([chip, *problems]))


def chip_name(version: int) -> str:
    """What VersionReg says about the maker."""
    if version in _GENUINE:
        return _GENUINE[version]
    return f"{_CLONES.get(version, 'a clone')} (VersionReg 0x{version:02X}; usually works)"


def beside(_: Config, status: Mapping[str, Any]) -> Result:
    """What the daemon says of its reader."""
    problem = unavailable(status, "reader")
    if problem is not None:
        return Result("reader", False, problem)
    if status.get("session") is not None:
        return Result("reader", True, "the daemon polls it; a charge is on")
    return Result("reader", True, "the daemon polls it; try a card with evcs-station tag")


PROBES = (device("reader", 4.0, look, beside),)
