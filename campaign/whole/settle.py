"""The end of a life: everything is mended, people do what is left to do, all is delivered."""

from __future__ import annotations

import contextlib
import time

from campaign.whole.acts import Way
from campaign.whole.life import LOOK_EVERY_S, Life
from campaign.whole.play import Cannot, reset, set_right
from simulator.client import BoxRefused
from station import control
from tests.stories.house import PEOPLE

SETTLED_WITHIN_S = 80.0
EXACT_WITHIN_S = 12.0
ASK_AGAIN_S = 1.5
STOPPABLE_AFTER_S = 6.0


class NotSettled(Exception):
    """The life did not come to rest; the message says what was still open."""


def mend(life: Life) -> None:
    """Mains, network, server, clock, meter, reader, tags: all good again."""
    life.pi.live_on()
    life.server_runs()
    life.wire.set(Way.PASS)
    call = life.box.client.call
    call("clear", name="all")
    if not life.pi.powered:
        call("power_restore", after_s=60.0)
        life.pi.switch_on()
    set_right(life)
    ask = life.house.landlord.ask
    for uid in PEOPLE.values():
        with contextlib.suppress(AssertionError):
            ask("tag", uid=uid, state="blocked" if uid == PEOPLE["a blocked tag"] else "accepted")
    ask("command", name=life.name, type="enable")
    life.note("Mended", "", "everything is mended")


def settle(life: Life) -> None:
    """Wait until nothing is open. Raises NotSettled."""
    by_s = time.monotonic() + SETTLED_WITHIN_S
    visit_s = 0.0
    exact_by_s: float | None = None
    while True:
        open_now = _open(life)
        if open_now is None:
            estimated = life.rows("SELECT uuid FROM sessions WHERE estimated")
            exact_by_s = exact_by_s or time.monotonic() + EXACT_WITHIN_S
            if not estimated or time.monotonic() > exact_by_s:
                return
        if time.monotonic() > by_s:
            raise NotSettled(f"not settled within {SETTLED_WITHIN_S:g} s: {open_now}")
        if time.monotonic() > visit_s:
            _visit(life)
            visit_s = time.monotonic() + ASK_AGAIN_S
        life.pass_s(LOOK_EVERY_S)


def _open(life: Life) -> str | None:
    """What is still on its way, in words; None when all is at rest."""
    status = life.status
    if status is None:
        return "the daemon does not answer"
    if status["session"] is not None:
        return f"the box is {status['phase']}, {status['session']}"
    unended = life.rows("SELECT uuid, record FROM sessions WHERE record <> 'ended'")
    if unended:
        return f"the journal holds {unended}"
    waiting = life.rows("SELECT kind, uuid FROM outbox WHERE refused_at IS NULL")
    waiting += life.rows("SELECT seq, n FROM readings")
    if waiting:
        return f"messages wait: {waiting}"
    refused = life.rows("SELECT id FROM outbox WHERE refused_at IS NOT NULL")
    if refused:
        return f"refused, and not sent again: {refused}"
    if not life.wire.quiet():
        return "copies are on their way"
    still_open = [one["uuid"] for one in life.books() if one["state"] != "ended"]
    return f"open at the server: {still_open}" if still_open else None


def _visit(life: Life) -> None:
    """A sensible person: resets what is latched, ends what still runs by its own tag, and sends
    again what the server refused while it was wrong."""
    status = life.status
    if status is None:
        return
    if status["faults"]:
        with contextlib.suppress(Cannot):
            reset(life)
    running = life.rows("SELECT tag FROM sessions WHERE record = 'accepted'")
    if running and _closed_for_s(life) > STOPPABLE_AFTER_S:
        with contextlib.suppress(BoxRefused):
            life.box.client.call("tap", uids=[running[0]["tag"]], hold_s=0.6)
    for message in life.rows("SELECT id FROM outbox WHERE refused_at IS NOT NULL"):
        with contextlib.suppress(OSError):
            control.ask(life.pi.run_dir, "retry", id=message["id"])


def _closed_for_s(life: Life) -> float:
    closings = life.watch.closings
    return time.monotonic() - closings[-1].t_us / 1e6 if closings else 0.0
