"""The command line of ``evcs-simbox``: what can be typed, checked, as argparse options.

Each command carries ``op``, the request it sends, and ``takes``, the options that go with it under
the names of the request's arguments.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

from simulator.arguments import uid
from simulator.errors import Refused
from simulator.faults import known
from simulator.wiring import Wiring

SOCKET_VARIABLE = "EVCS_SIMBOX_SOCKET"
_BAUDRATES = (2400, 4800, 9600, 19200, 38400)


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


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
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
    serve.add_argument("--wiring", type=_checked(Wiring.parse), metavar="contactor=17,stop=none")
    serve.add_argument("--meter-baudrate", type=int, default=9600, choices=_BAUDRATES)


def _add_people(commands: _Commands) -> None:
    tap = commands.add("tap", "tap", "hold a tag to the reader for a moment", "uids", "hold_s")
    tap.add_argument("uids", type=_checked(_uid_text), nargs=1, metavar="UID")
    tap.add_argument("--hold", dest="hold_s", type=float, default=0.6, metavar="SECONDS")
    present = commands.add("present", "present", "hold tags to the reader until `remove`", "uids")
    present.add_argument("uids", type=_checked(_uid_text), nargs="+", metavar="UID")
    commands.add("remove", "remove", "take all tags away")

    takes = ("kw", "phases", "battery_kwh", "soc", "delay_s")
    plug = commands.add("plug", "plug", "a car comes", *takes)
    plug.add_argument("--kw", type=float, default=11.0)
    plug.add_argument("--phases", type=int, default=3)
    plug.add_argument("--battery-kwh", type=float, default=40.0)
    plug.add_argument("--soc", type=float, default=20.0, metavar="PERCENT")
    plug.add_argument(
        "--delay", dest="delay_s", type=float, default=1.0, metavar="SECONDS", help="supply to load"
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
