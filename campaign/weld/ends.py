"""Normal ends of charges, with all that looks like a weld and is none.

A box lives through one charge after the other. Each ends in one of the ways in which charges end,
many of them in bad company: a meter that misses samples or repeats old ones, mains that sag, a
power cut or a restart of the daemon right after the end, a car that ramps down slowly or heats
itself. The contacts open whenever they are told to. A contactor fault is a false alarm.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from campaign.fast.meter import Lie
from campaign.weld.branch import Branch, NotInTime
from campaign.weld.material import SlowCar, branch, log_uniform, phases_for, standby_w
from simulator.world.box_faults import BoxFault
from simulator.world.car import Car
from station.rules import faults
from station.rules.messages import ShutdownRequested, StopRequested
from station.rules.values import EndReason, Load, Phase

ENDS_A_LIFE = 20
LONGEST_RAMP_S = 12.0
TOLD_S = 0.1
WAYS = (
    *("tap",) * 6,
    "remote",
    "unplugged",
    "full",
    "heating",
    "duration",
    "energy",
    "departure timer",
    "meter lost",
    "daemon leaves",
)
COMPANY = (*("none",) * 8, "misses", "silent", "stale", "sag", "phase gone", "cut", "restart")
LIES = {
    "misses": Lie.PATCHY,
    "silent": Lie.SILENT,
    "stale": Lie.STALE,
    "phase gone": Lie.SAG,
}
# How long the box is watched after an end: mostly a minute or two, now and then past the slow rule
# and past the hour of the creeping one.
WATCHED_S = (*((30.0, 150.0),) * 22, *((600.0, 700.0),), (3600.0, 3900.0))
LOADS = (Load.WALLBOX, Load.ENABLE, Load.ENABLE, Load.SOCKET)


@dataclass
class Ends:
    """What a life came to. ``alarms``: the false ones, in words."""

    ends: int = 0
    alarms: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)


def load_of(seed: int) -> Load:
    """What hangs on the contactor in this life."""
    return random.Random(f"ends {seed}").choice(LOADS)


def live(seed: int, ends: int = ENDS_A_LIFE) -> Ends:
    """One box and so many charges; a box that raised an alarm is left alone."""
    dice = random.Random(f"ends {seed}")
    load = dice.choice(LOADS)
    taken_w, configured_w = standby_w(dice, load)
    box = branch(
        dice,
        load,
        taken_w,
        configured_w,
        lost_after_s=dice.choice((10.0, 30.0)),
        max_duration_s=60.0,
        max_energy_wh=400.0,
        no_energy_s=45.0,
        finished_below_w=20.0 if load is Load.SOCKET else 100.0,
        finished_after_s=dice.choice((20.0, 60.0)),
        resume_within_s=0.0,
    )
    found = Ends()
    for number in range(ends):
        try:
            _charge(box, dice, found)
        except NotInTime as problem:
            found.counted["charges that did not begin"] += 1
            found.counted[f"because: {problem}"] += 1
            box.meter.lie = None
            if box.box.rail.car is not None:
                box.box.unplug(box.now_s)
        alarms = [(at, one) for at, one in box.latched if one.name == faults.CONTACTOR_FAULT]
        if alarms:
            at_s, fault = alarms[0]
            found.alarms.append(
                f"ends {seed}, charge {number}, {load}, {at_s - box.opened_s:.1f} s after opening: "
                f"{fault.detail} (standby {taken_w:.0f} W, configured {configured_w:.0f} W)"
            )
            break
    found.ends = len(box.ended)
    found.counted.update(f"end {one.reason}" for one in box.ended)
    found.counted[f"load {load}"] += len(box.ended)
    return found


def _charge(box: Branch, dice: random.Random, found: Ends) -> None:
    """One car, from plugging in to leaving."""
    box.until_phase(Phase.AVAILABLE, within_s=4000.0)
    way, company = dice.choice(WAYS), dice.choice(COMPANY)
    found.counted[f"way {way}"] += 1
    found.counted[f"company {company}"] += 1
    box.box.plug(_car(dice, box.settings.load, way), box.now_s)
    box.pass_time(dice.uniform(0.0, 5.0))
    box.tap()
    box.until_phase(Phase.CHARGING, Phase.SUSPENDED_EV)
    box.pass_time(log_uniform(dice, 6.0, 40.0))
    if dice.random() < 0.3:
        _begin(box, company)
    _end(box, dice, way)
    _begin(box, company)
    _after(box, dice, company)
    box.pass_time(dice.uniform(1.0, 25.0))
    _mend(box)
    leaves_s = dice.choice((0.0, dice.uniform(0.0, 30.0), dice.uniform(30.0, 200.0)))
    box.pass_time(leaves_s)
    if box.box.rail.car is not None:
        box.box.unplug(box.now_s)
    box.pass_time(dice.uniform(*dice.choice(WATCHED_S)))


def _car(dice: random.Random, load: Load, way: str) -> Car:
    """From a bicycle's charger to 11 kW; which one goes with how the charge will end."""
    least_w = 80.0 if load is Load.SOCKET else 1400.0
    watts = log_uniform(dice, least_w, 11_000.0)
    if way in ("full", "heating"):
        watts = max(watts, 2000.0)
        battery_kwh, soc_percent = 0.5, dice.uniform(60.0, 75.0)
    else:
        battery_kwh, soc_percent = dice.choice((40.0, 2.0)), dice.uniform(10.0, 90.0)
    return SlowCar(
        ramp_s=dice.uniform(0.5, LONGEST_RAMP_S),
        kw=watts / 1000,
        phases=phases_for(dice, watts),
        battery_kwh=battery_kwh,
        soc_percent=soc_percent,
        after_s=7200.0 if way == "departure timer" else 0.0,
        precondition=way == "heating",
        taper_w=dice.choice((None, None, 60.0, 250.0)) if watts > 300.0 else None,
    )


def _end(box: Branch, dice: random.Random, way: str) -> None:
    """Until the contactor has been told to open."""
    match way:
        case "remote":
            box.post(StopRequested(EndReason.REMOTE))
        case "unplugged":
            box.box.unplug(box.now_s)
            box.pass_time(dice.uniform(0.0, 5.0))
        case "heating":
            box.pass_time(dice.uniform(0.0, 80.0))
        case "duration" | "energy" | "departure timer" | "full":
            _wait_for_end(box, 120.0)
        case "meter lost":
            box.meter.lie = Lie.SILENT
            _wait_for_end(box, 60.0)
            box.meter.lie = None
        case "daemon leaves":
            box.post(ShutdownRequested())
            box.pass_time(dice.uniform(0.1, 10.0))
            _start_again(box)
    if box.state.closed and box.state.session is not None:
        box.tap(box.state.session.tag)
    box.pass_time(TOLD_S)


def _wait_for_end(box: Branch, within_s: float) -> None:
    end_s = box.now_s + within_s
    while box.state.closed and box.now_s < end_s:
        box.pass_time(1.0)


def _start_again(box: Branch) -> None:
    """As systemd does, once the daemon has left."""
    if box.left:
        box.start()


def _begin(box: Branch, company: str) -> None:
    if company in LIES:
        box.meter.lie = LIES[company]
    elif company == "sag":
        box.box.set_fault(BoxFault.UNDERVOLTAGE, True, box.now_s)


def _after(box: Branch, dice: random.Random, company: str) -> None:
    """What comes right after the end, before its register may have been read."""
    if company == "cut":
        box.pass_time(log_uniform(dice, 0.01, 20.0))
        box.cut(log_uniform(dice, 1.0, 4000.0))
    elif company == "restart":
        box.pass_time(log_uniform(dice, 0.01, 20.0))
        box.post(ShutdownRequested())
        box.pass_time(dice.uniform(0.1, 15.0))
        if not box.left:
            box.pass_time(30.0)
        _start_again(box)


def _mend(box: Branch) -> None:
    box.meter.lie = None
    box.box.set_fault(BoxFault.UNDERVOLTAGE, False, box.now_s)
