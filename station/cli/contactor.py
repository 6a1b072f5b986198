"""evcs-station contactor test: the one command that closes the contactor, for a few seconds.

By a person at the box who has typed yes, with no daemon running and no session open. The conditions
are those of a charge as far as they can be known here; `closing` does the closing.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from typing import Any

from drivers.errors import DriverError
from drivers.meter import Meter
from station.checks.meter import configured
from station.cli.closing import CLOSED_S, Closing, Rig
from station.cli.common import Problem, alone, note
from station.clock import Clock, monotonic
from station.config import Config
from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.store import Store
from station.rules import closing, plausibility
from station.rules.settings import Settings
from station.rules.state import State
from station.rules.values import Reading
from station.workers.meter import reading_of

SETTLE_S = 3.0
READING_PATIENCE_S = 15.0


def contactor_test(config: Config, *, as_json: bool) -> int:
    """Exit status 1 when anything was not as it should. Raises Problem, DriverError."""
    with alone(config) as clock:
        refuse_if_recorded(config, clock)
        since_s = monotonic()
        if clock.undervoltage():
            raise Problem("the Pi's own supply is too low now: the coil would flutter; mend that")
        rig = Rig(config)
        rig.setup()
        meter = configured(config)
        try:
            meter.open()
            rest = resting_pair(meter, config.rules)
            rig.refuse_if_unsafe(rest)
            note(
                f"the contactor on GPIO{config.contactor.pin} is going to close for "
                f"{CLOSED_S:g} s: what hangs on it gets mains voltage; nobody may be working on it"
            )
            note("type yes to go on:")
            if sys.stdin.readline().strip() != "yes":
                raise Problem("not confirmed: the contactor stays open")
            rig.rest_until(since_s + config.rules.min_off_s)
            before = resting_pair(meter, config.rules)
            rig.refuse_if_unsafe(before)
            went = rig.close_and_open()
            after, problems = reading_after(meter, config.rules)
        finally:
            meter.close()
    shown = report(went, before, after, problems)
    print(json.dumps(shown) if as_json else text(shown))
    return 1 if shown["problems"] else 0


def refuse_if_recorded(config: Config, clock: Clock) -> None:
    """No session may be open in the journal and no fault latched. Raises Problem."""
    path = config.data_dir / JOURNAL_FILE
    if not path.exists():
        return
    try:
        connection = database.connect_readonly(path)
        try:
            store = Store(connection)
            session, faults = store.open_session(clock.boot_id), store.faults()
        finally:
            connection.close()
    except (database.JournalError, sqlite3.Error) as error:
        raise Problem(f"the journal cannot tell whether a session is open: {error}") from error
    if session is not None:
        raise Problem(
            f"session {session.session.uuid} has no end yet; start the daemon, let it settle the "
            "session, stop it, and try again"
        )
    if faults:
        raise Problem(
            f"fault {faults[0].name} is latched ({faults[0].detail}); find its cause, start the "
            "daemon, then evcs-station reset"
        )


def resting_pair(meter: Meter, settings: Settings, pause_s: float | None = None) -> Reading:
    """The later of two agreeing readings with the contactor open.

    ``pause_s`` lies between them (``sample_s`` unless given). Raises Problem when none agree within
    READING_PATIENCE_S, MeterError.
    """
    pause_s = settings.sample_s if pause_s is None else pause_s
    until_s = monotonic() + READING_PATIENCE_S
    first = reading_of(meter.read_all())
    while monotonic() < until_s:
        time.sleep(pause_s)
        second = reading_of(meter.read_all())
        if plausibility.agree(first, second, settings):
            return second
        first = second
    raise Problem(
        "the meter's register moves although the contactor is open: something draws past it, or "
        "its contacts are welded; take the supply off and look"
    )


def reading_after(meter: Meter, settings: Settings) -> tuple[Reading | None, list[str]]:
    """The register once it stands still again, or why there is none."""
    time.sleep(max(SETTLE_S, 2 * settings.update_s))
    try:
        after = resting_pair(meter, settings, settings.update_s)
    except (DriverError, Problem) as error:
        return None, [str(error)]
    return after, closing.supply_problems(after, State(settings=settings))


def report(
    went: Closing, before: Reading, after: Reading | None, problems: list[str]
) -> dict[str, Any]:
    """What is printed; ``energy_wh`` None: the register could not be read afterwards."""
    energy_wh = None if after is None else after.facts.import_wh - before.facts.import_wh
    return {
        "closed_s": round(went.closed_s, 2),
        "feedback_closed_ms": _rounded(went.feedback_closed_ms),
        "feedback_open_ms": _rounded(went.feedback_open_ms),
        "before": _reading(before),
        "after": None if after is None else _reading(after),
        "energy_wh": energy_wh,
        "problems": [*went.problems, *problems],
    }


def text(shown: dict[str, Any]) -> str:
    """The report in lines for a person."""
    lines = [_line("before", shown["before"]), f"closed    for {shown['closed_s']:.1f} s"]
    for name in ("closed", "open"):
        ms = shown[f"feedback_{name}_ms"]
        if ms is not None:
            lines.append(f"feedback  {name} after {ms} ms")
    if shown["after"] is not None:
        lines.append(_line("after", shown["after"]))
        lines.append(
            f"energy    {shown['energy_wh']} Wh; the server will show it as unassigned energy"
        )
    lines += [f"PROBLEM   {problem}" for problem in shown["problems"]]
    return "\n".join(lines)


def _reading(reading: Reading) -> dict[str, Any]:
    return {"import_wh": reading.facts.import_wh, "voltage_v": reading.voltage_v}


def _line(name: str, reading: dict[str, Any]) -> str:
    volts = reading["voltage_v"]
    shown = "" if volts is None else "  " + " / ".join(f"{one:.1f}" for one in volts) + " V"
    return f"{name:<10}{reading['import_wh'] / 1000:.3f} kWh{shown}"


def _rounded(ms: float | None) -> int | None:
    return None if ms is None else round(ms)
