"""The command line of ``evcs-simbox``: what can be typed, checked, as argparse options.

Each command carries ``op``, the request it sends, and ``takes``, the options that go with it under
the names of the request's arguments.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from simulator.errors import Refused
from simulator.faults import known
from simulator.meter.meter_models import METER_MODELS, SDM630
from simulator.serving.arguments import uid
from simulator.world.build import build
from simulator.world.wiring import Load, Wiring

SOCKET_VARIABLE = "EVCS_SIMBOX_SOCKET"
_BAUDRATES = (1200, 2400, 4800, 9600, 19200, 38400)


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one line."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"evcs-simbox: {message} (--help tells the usage)\n")
        raise SystemExit(2)


class _Commands:
    """A group of commands; every one understands --socket and --json behind its name too."""

    def __init__(self, parser: argparse.ArgumentParser, metavar: str) -> None:
        self._group = parser.add_subparsers(required=True, metavar=metavar)

    def add(self, name: str, op: str, text: str, *takes: str) -> argparse.ArgumentParser:
        command = self._group.add_parser(name, help=text, description=text)
        command.add_argument("--socket", metavar="FILE", default=argparse.SUPPRESS)
        command.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
        command.set_defaults(op=op, takes=takes)
        return command

    def group(self, name: str, text: str, metavar: str) -> _Commands:
        return _Commands(self._group.add_parser(name, help=text, description=text), metavar)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """What was typed, checked; a mistake is told in one line and leaves with status 2."""
    top = _parser()
    options = top.parse_args(argv)
    if options.op == "serve":
        try:
            load = Load(options.load)
            built = build(load, Wiring.parse(options.wiring, load), options.standby_w)
            options.meter_model = METER_MODELS[options.meter_model]
            options.meter_baudrate = options.meter_baudrate or options.meter_model.baudrate
            options.meter_model.baud_code(options.meter_baudrate)
        except Refused as refusal:
            top.error(str(refusal))
        options.load, options.wiring, options.standby_w = load, built.wiring, built.standby_w
    return options


def _parser() -> Parser:
    top = Parser(prog="evcs-simbox", description="A charging box that is not there.")
    top.add_argument("--socket", metavar="FILE", default=os.environ.get(SOCKET_VARIABLE))
    top.add_argument("--json", action="store_true", help="print JSON")
    commands = _Commands(top, "COMMAND")
    _add_serve(commands)
    _add_people(commands)
    _add_world(commands)
    commands.add("state", "state", "everything that can be seen")
    commands.add("ledger", "ledger", "where energy flowed, in truth")
    commands.add("watch", "watch", "every event as a JSON line, until Ctrl-C")
    return top


def _add_serve(commands: _Commands) -> None:
    serve = commands.add("serve", "serve", "be the hardware, until SIGTERM or Ctrl-C")
    serve.add_argument("--speed", type=float, default=1.0, help="energy runs faster [1]")
    serve.add_argument("--seed", type=int, help="of everything random")
    serve.add_argument(
        "--load",
        choices=[str(load) for load in Load],
        default=str(Load.WALLBOX),
        help="what the contactor's line switches: the supply of a wallbox, the release of a wallbox"
        " that stays supplied, or the supply of a socket [wallbox]",
    )
    serve.add_argument(
        "--standby-w",
        type=float,
        metavar="W",
        help="what the wallbox takes for itself while it is supplied [3; socket 0]",
    )
    serve.add_argument(
        "--wiring",
        default="",
        metavar="contactor=17,stop=none",
        help="lines by BCM number, :low behind it for active low. Usual: contactor=17, green=5,"
        " red=6, buzzer=13, reset=25, stop=22, vehicle=23, feedback=24, with --load enable also"
        " enable=27 (contactor and enable give the release together; enable=none for a station"
        " that has no such line). Only if named:"
        " trip (200 ms switch the branch behind the meter off), heartbeat (the coil has power only"
        " while it toggles, at least every 1.5 s)",
    )
    serve.add_argument(
        "--meter-model",
        choices=tuple(METER_MODELS),
        default=SDM630.name,
        help="sdm120 is wired into L1 and counts that alone [sdm630]",
    )
    serve.add_argument(
        "--meter-baudrate",
        type=int,
        choices=_BAUDRATES,
        help="[as the model is delivered: 9600, sdm120 2400]",
    )


def _add_people(commands: _Commands) -> None:
    tap = commands.add("tap", "tap", "hold a tag to the reader for a moment", "uids", "hold_s")
    tap.add_argument("uids", type=_checked(_uid_text), nargs=1, metavar="UID")
    tap.add_argument("--hold", dest="hold_s", type=float, default=0.6, metavar="SECONDS")
    present = commands.add("present", "present", "hold tags to the reader until `remove`", "uids")
    present.add_argument("uids", type=_checked(_uid_text), nargs="+", metavar="UID")
    commands.add("remove", "remove", "take all tags away")

    takes = ("kw", "phases", "battery_kwh", "soc", "delay_s", "after_s", "precondition", "taper_w")
    plug = commands.add("plug", "plug", "a car comes", *takes)
    plug.add_argument("--kw", type=float, default=11.0)
    plug.add_argument("--phases", type=int, default=3)
    plug.add_argument("--battery-kwh", type=float, default=40.0)
    plug.add_argument("--soc", type=float, default=20.0, metavar="PERCENT")
    plug.add_argument(
        "--delay",
        dest="delay_s",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="from supply to load, in real time [1]",
    )
    plug.add_argument(
        "--after",
        dest="after_s",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="departure timer: draws nothing until then. The car's time: with --speed 60, 3600 s"
        " pass in a minute",
    )
    plug.add_argument(
        "--precondition",
        action="store_true",
        help="once full it draws up to 3 kW for 1 minute after every 5 (the car's time)",
    )
    plug.add_argument(
        "--taper-w",
        type=float,
        metavar="W",
        help="the last percent of the battery is charged with this power",
    )
    commands.add("unplug", "unplug", "the car leaves")


def _add_world(commands: _Commands) -> None:
    power = commands.group("power", "cut or restore the mains", "cut|restore")
    power.add("cut", "power_cut", "mains gone, and the Raspberry Pi with it")
    restore = power.add("restore", "power_restore", "mains back", "after_s")
    restore.add_argument("--after", dest="after_s", type=float, default=0.0, metavar="SECONDS")

    clock = commands.group("clock", "the daemon's wall clock", "set|step|synced|unsynced")
    to_time = clock.add("set", "clock_set", "put it to a time", "wall_s")
    to_time.add_argument("wall_s", type=_checked(_wall_s), metavar="TIME")
    step = clock.add("step", "clock_step", "move it by seconds", "seconds")
    step.add_argument("seconds", type=float, metavar="SECONDS")
    for name, synced in (("synced", True), ("unsynced", False)):
        command = clock.add(name, "clock_synced", f"call it {name}", "synced")
        command.set_defaults(synced=synced)

    commands.add("reset-trip", "reset_trip", "switch on again what the trip line switched off")

    fault = commands.add("fault", "fault", "break something", "name")
    fault.add_argument("name", type=_checked(known), metavar="NAME")
    clear = commands.add("clear", "clear", "mend it", "name")
    clear.add_argument("name", type=_checked(_known_or_all), metavar="NAME|all")
    commands.add("faults", "faults", "what is broken")

    meter = commands.group("meter", "the energy meter", "set")
    register = meter.add("set", "meter_set", "put the register to so many Wh", "wh")
    register.add_argument("wh", type=float, metavar="WH")


def _checked(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """``parse`` for argparse: what it refuses is a mistake in the usage."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except Refused as refusal:
            raise argparse.ArgumentTypeError(str(refusal)) from None

    return convert


def _uid_text(text: str) -> str:
    return uid(text).hex().upper()


def _wall_s(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"`{text}` is no time; write it like 2026-11-22T09:30:00+01:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _known_or_all(name: str) -> str:
    return name if name == "all" else known(name)
