"""A script played: every deed done at its moment, then everything mended and waited for."""

from __future__ import annotations

import signal
import time
from typing import Any

from campaign.whole.acts import (
    Act,
    Break,
    Cue,
    Deed,
    Kill,
    KillAtCommit,
    Landlord,
    Leave,
    Mend,
    Moment,
    Network,
    Order,
    Plug,
    PowerBack,
    PowerCut,
    Reset,
    RightClock,
    SetClock,
    SlowDisk,
    StartServer,
    StepClock,
    StopServer,
    Tap,
    TapTogether,
    Unplug,
)
from campaign.whole.life import Life
from campaign.whole.watch import is_closing, is_opening
from simulator.client import BoxRefused
from station import control
from tests.stories.house import tag_of

READY_WITHIN_S = 15.0
IMPATIENT_S = 0.6
WAKE_UP_S = 0.4
FULL_SOC, FULL_SHARE = 95.0, 0.05


class Cannot(Exception):
    """The deed cannot be done now: there is no car to unplug, no fault to reset."""


def play(life: Life) -> None:
    """Every act of the life's script."""
    player = _Player(life)
    for act in life.script.acts:
        player.act(act)


class _Player:
    def __init__(self, life: Life) -> None:
        self._life = life
        self._begun_us = 0
        self._last_s = time.monotonic()
        self._patient = True
        life.pass_until(self._ready, time.monotonic() + READY_WITHIN_S)

    def _ready(self) -> bool:
        status = self._life.status
        return status is not None and status["phase"] == "available"

    def act(self, act: Act) -> None:
        self._wait(act.moment)
        deed = act.deed
        if isinstance(deed, Tap) and deed.begins:
            self._life.pass_until(self._ready, time.monotonic() + READY_WITHIN_S)
            self._begun_us = time.monotonic_ns() // 1000
            self._patient = True
        refused = ""
        try:
            self._do(deed)
        except (Cannot, BoxRefused, AssertionError) as error:
            refused = str(error).splitlines()[0]
        self._life.note(type(deed).__name__, _detail(deed), str(deed), refused)
        self._last_s = time.monotonic()

    # -- moments

    def _wait(self, moment: Moment) -> None:
        life, from_s = self._life, self._last_s
        cue = moment.cue
        if cue is not None:
            patience_s = moment.patience_s if self._patient else IMPATIENT_S
            if life.pass_until(lambda: self._came(cue), time.monotonic() + patience_s):
                from_s = self._came(cue) or from_s
            else:
                self._patient = False
        life.pass_until(lambda: False, from_s + moment.after_s)

    def _came(self, cue: Cue) -> float | None:
        """When, in monotonic s; None: not yet since the charge was begun."""
        if cue in (Cue.ASKS, Cue.TELLS):
            kind = "start" if cue is Cue.ASKS else "end"
            return next(
                (
                    one.at_s
                    for one in list(self._life.wire.seen)
                    if one.kind == kind and one.at_s * 1e6 >= self._begun_us
                ),
                None,
            )
        closed = False
        for event in list(self._life.watch.events):
            if event["t_us"] < self._begun_us:
                continue
            if is_closing(event):
                closed = True
                if cue is Cue.CLOSES:
                    return float(event["t_us"] / 1e6)
            elif closed and is_opening(event):
                return float(event["t_us"] / 1e6)
        return None

    # -- deeds

    def _do(self, deed: Deed) -> None:
        life = self._life
        call = life.box.client.call
        match deed:
            case Tap(person, hold_s, if_running=if_running):
                if if_running and not (life.status or {}).get("session"):
                    raise Cannot("nothing runs")
                call("tap", uids=[tag_of(person)], hold_s=hold_s)
            case TapTogether(one, other):
                call("tap", uids=[tag_of(one), tag_of(other)], hold_s=0.8)
            case Plug():
                call("plug", **_car(deed))
            case Unplug():
                call("unplug")
            case Break(fault):
                call("fault", name=fault)
            case Mend(fault):
                call("clear", name=fault)
            case Kill(failsafe):
                life.pi.end(signal.SIGKILL, "killed")
                if failsafe:
                    life.pi.failsafe()
            case KillAtCommit(number, before):
                life.pi.die_at_commit(number, before=before)
            case Leave():
                life.pi.end(signal.SIGTERM, "asked")
            case PowerCut():
                call("power_cut")
                life.pi.lose_power()
            case PowerBack(after_s):
                call("power_restore", after_s=after_s)
                life.pi.switch_on()
            case Network(way):
                life.wire.set(way)
            case StopServer():
                life.house.stop()
            case StartServer():
                life.server_runs()
            case Landlord(order, person):
                _order(life, order, person)
            case SetClock(wall_s, synced):
                call("clock_set", wall_s=wall_s)
                call("clock_synced", synced=synced)
            case StepClock(seconds):
                call("clock_step", seconds=seconds)
            case RightClock():
                set_right(life)
            case SlowDisk(seconds):
                life.pi.commit_takes(seconds)
            case Reset():
                reset(life)


def set_right(life: Life) -> None:
    """The clock, as NTP does: the true time, and synced."""
    life.box.client.call("clock_set", wall_s=time.time())
    life.box.client.call("clock_synced", synced=True)


def reset(life: Life) -> None:
    """As `evcs-station reset`. Raises Cannot with the box's own words."""
    try:
        answer = control.ask(life.pi.run_dir, "reset") if life.pi.running else None
    except OSError as error:
        raise Cannot(str(error)) from error
    if answer is None or answer.get("result") != "ok":
        raise Cannot(str((answer or {}).get("text", "no daemon answers")))


def _order(life: Life, order: Order, person: str) -> None:
    ask = life.house.landlord.ask
    match order:
        case Order.BLOCK | Order.ACCEPT:
            state = "blocked" if order is Order.BLOCK else "accepted"
            ask("tag", uid=tag_of(person), state=state)
        case _:
            kind = {Order.STOP: "stop", Order.DISABLE: "disable", Order.ENABLE: "enable"}[order]
            ask("command", name=life.name, type=kind)


def _car(plug: Plug) -> dict[str, Any]:
    battery = {"battery_kwh": 60.0, "soc": 20.0}
    if plug.full_after_wh is not None:
        battery = {"battery_kwh": plug.full_after_wh / 1000 / FULL_SHARE, "soc": FULL_SOC}
    return {"kw": plug.kw, "phases": plug.phases, "delay_s": WAKE_UP_S, **battery}


def _detail(deed: Deed) -> str:
    """What of its kind it was, as the coverage counts it."""
    match deed:
        case Break(fault) | Mend(fault):
            return fault
        case Network(way):
            return way.name.lower()
        case Landlord(order):
            return order.name.lower()
        case Tap(person):
            return tag_of(person)
        case KillAtCommit(_, before):
            return "before" if before else "after"
        case _:
            return ""
