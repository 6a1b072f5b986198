"""evcs-station tag: the next tag that is held to the reader, in full, for enrolling it."""

from __future__ import annotations

import json
import time
from typing import Any

from drivers.errors import ReaderHung, ReaderReset
from drivers.reader import Card, Reader
from station.checks.probe import unavailable
from station.cli.common import Problem, alone, daemon_says, note
from station.clock import monotonic
from station.config import Config

ASK_EVERY_S = 0.2
TIMEOUT_S = 60.0


def tag(config: Config, *, timeout_s: float, as_json: bool) -> int:
    """Exit status 1 when none came within ``timeout_s``. Raises Problem, DriverError."""
    until_s = monotonic() + timeout_s
    status = daemon_says(config, "status")
    if status is not None:
        if (problem := unavailable(status, "reader")) is not None:
            raise Problem(f"the daemon's reader does not work: {problem}")
        daemon_says(config, "tag")
        note(
            "hold a tag to the box; a daemon runs, so the tap also does what a tap does: "
            "it may start or end a charge"
        )
        found = _from_daemon(config, until_s)
    else:
        with alone(config):
            note("hold a tag to the box")
            found = _from_reader(config, until_s)
    if found is None:
        raise Problem(f"no tag was seen within {timeout_s:g} s")
    print(json.dumps(found) if as_json else text(found))
    if found["random"]:
        note(
            "this UID is drawn anew at every tap (a phone, a passport): it names nobody and cannot "
            "be enrolled; take a card or fob with a fixed UID"
        )
    return 0


def text(found: dict[str, Any]) -> str:
    """The tag on a line of its own; below it what is known of the card."""
    kind = f"{len(found['tag']) // 2}-byte UID"
    if found["sak"] is not None:
        kind += f", SAK {found['sak']}, ATQA {found['atqa']}"
    return f"{found['tag']}\n{kind}"


def _from_daemon(config: Config, until_s: float) -> dict[str, Any] | None:
    while monotonic() < until_s:
        answer = daemon_says(config, "tag")
        if answer is None:
            raise Problem("the daemon has left meanwhile; try again")
        if answer["tags"]:
            uid = bytes.fromhex(answer["tags"][0])
            return _shown(Card(uid, sak=0, atqa=0), kind_known=False)
        time.sleep(ASK_EVERY_S)
    return None


def _from_reader(config: Config, until_s: float) -> dict[str, Any] | None:
    wired = config.reader
    reader = Reader(wired.spi_bus, wired.spi_device, wired.reset_pin)
    several = False
    try:
        reader.open()
        while monotonic() < until_s:
            try:
                seen = reader.scan()
            except (ReaderReset, ReaderHung) as error:
                note(str(error))
                reader.open()
                continue
            if isinstance(seen, Card):
                return _shown(seen, kind_known=True)
            if seen is not None and not several:
                note("more than one card is in the field: hold one alone")
            several = seen is not None
            time.sleep(wired.poll_s)
    finally:
        reader.close()
    return None


def _shown(card: Card, *, kind_known: bool) -> dict[str, Any]:
    return {
        "tag": card.tag,
        "sak": f"{card.sak:02X}" if kind_known else None,
        "atqa": f"{card.atqa:04X}" if kind_known else None,
        "random": card.random,
    }
