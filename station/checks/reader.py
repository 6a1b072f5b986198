"""The RFID reader, and a card that is held to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from drivers.errors import ReaderError
from drivers.reader import Card, Reader, SeveralCards
from station.checks.probe import Result, Surroundings, device, unavailable
from station.clock import monotonic
from station.config import Config

POLLS = 20
GOOD_POLLS = 19
VERIFIES = 100
SLOW_POLL_S = 0.2
# What fails so often in a row, always alike and without ever having worked, is broken as it says.
# One failure alone may be a flipped bit: among noise a chip seems hung in one look of sixteen.
FAILURES_IN_A_ROW = 3

# VersionReg of the NXP chip by revision, and of the copies that are sold under its name.
_GENUINE = {0x91: "MFRC522 version 1.0", 0x92: "MFRC522 version 2.0"}
_CLONES = {0x88: "FM17522", 0x89: "FM17522E", 0xB2: "FM17522"}


@dataclass(slots=True)
class Seen:
    """What POLLS polls saw. ``glitches``: SPI readings that a repetition did not confirm;
    ``failures``: what was so wrong that the chip had to be reset, in turn."""

    version: int | None = None
    cards: int = 0
    several: int = 0
    glitches: int = 0
    poll_s: float = 0.0
    failures: tuple[str, ...] = ()


def look(around: Surroundings) -> Result:
    """Open the reader, poll it, close it. Raises DriverError."""
    wired = around.config.reader
    reader = Reader(wired.spi_bus, wired.spi_device, wired.reset_pin)
    try:
        return judge(watch(reader, monotonic))
    finally:
        reader.close()


def watch(reader: Reader, monotonic: Callable[[], float]) -> Seen:
    """Poll a reader that is not open yet; after a failure it is reset, and the look goes on.

    Raises ReaderError if the reader never works and always fails alike, or LibraryMissing.
    """
    seen = Seen()
    in_a_row: list[ReaderError] = []
    is_open = False
    began_s = monotonic()
    for turn in range(POLLS + VERIFIES):
        if turn == POLLS:
            seen.poll_s = (monotonic() - began_s) / POLLS
        try:
            if not is_open:
                reader.open()
                is_open = True
                seen.version = reader.version
            if turn < POLLS:
                found = reader.scan()
                seen.cards += isinstance(found, Card)
                seen.several += isinstance(found, SeveralCards)
            else:
                reader.verify()
            in_a_row.clear()
        except ReaderError as error:
            is_open = False
            in_a_row.append(error)
            seen.failures += (str(error),)
            if len(in_a_row) == FAILURES_IN_A_ROW:
                alike = len({type(one) for one in in_a_row}) == 1
                if alike and len(seen.failures) == turn + 1:
                    raise
                break
    seen.glitches = reader.counters.glitches
    return seen


def judge(seen: Seen) -> Result:
    """Pure."""
    problems = []
    if seen.failures:
        problems.append(
            f"resets needed meanwhile: {len(seen.failures)}; shorten the wires, check 3.3 V, GND "
            f"and every plug (last failure: {seen.failures[-1].removeprefix('reader: ')})"
        )
    elif seen.glitches:
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


def chip_name(version: int | None) -> str:
    """What VersionReg says about the maker; None: it could not be read."""
    if version is None:
        return "an unknown chip"
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
