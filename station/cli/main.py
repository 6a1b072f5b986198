"""evcs-station: arguments and exit status. 0 good, 1 a problem, 2 wrong usage or config.

What a command needs is imported when it is carried out: ``--help`` and ``failsafe`` work on a
machine without any of the libraries.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from station.config import Config

USAGE = 2
PROBLEM = 1
DEFAULT_CONFIG = Path("/etc/evcs-station/config.toml")
LONGEST_S = 86_400.0


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one line, and half a word is a mistake."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"evcs-station: {message} (--help tells the usage)\n")
        raise SystemExit(USAGE)


def parser() -> argparse.ArgumentParser:
    """The whole command line. Every command but failsafe takes --config and --json."""
    common = Parser(add_help=False)
    common.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE")
    common.add_argument("--json", action="store_true", help="for machines")
    top = Parser(prog="evcs-station", description="The software of an EV charging box.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=[common], help=text, description=text)

    add("run", "the daemon")
    check = add("check", "look at everything and say what to do; never switches the contactor")
    check.add_argument(
        "--observe",
        type=_seconds,
        metavar="SECONDS",
        help="also measure the meter's update interval and standby power",
    )
    status = add("status", "what the box is doing")
    status.add_argument("--follow", action="store_true", help="again and again, until Ctrl-C")
    sessions = add("sessions", "what the journal holds")
    sessions.add_argument("--since", metavar="DATE", help="YYYY-MM-DD, local time")
    sessions.add_argument("--csv", action="store_true")
    outbox = add("outbox", "what waits for the server")
    which = outbox.add_mutually_exclusive_group()
    which.add_argument("--quarantine", action="store_true", help="what was refused, and why")
    which.add_argument(
        "--resend", type=_day, metavar="DATE", help="tell once more what ended since YYYY-MM-DD"
    )
    which.add_argument("--retry", type=_message_id, metavar="ID", help="back into the line")
    tag = add("tag", "the next tag that is held to the reader")
    tag.add_argument("--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="[60]")
    meter = add("meter", "read the meter")
    meter.add_argument("--scan", action="store_true", help="look for it: addresses 1-10")
    meter.add_argument("--all", action="store_true", help="with --scan: addresses 1-247")
    contactor = commands.add_parser("contactor", help="the contactor itself")
    contactor.add_subparsers(dest="action", required=True, metavar="test").add_parser(
        "test", parents=[common], help="close it for 3 s, after a typed yes"
    )
    reset = add("reset", "leave a latched fault whose cause is gone")
    reset.add_argument("fault", nargs="?", metavar="FAULT", help="[all that are there]")
    failsafe = commands.add_parser(
        "failsafe", help="drive the contactor pin inactive; needs no config"
    )
    failsafe.add_argument("--pin", type=int, required=True, metavar="N")
    failsafe.add_argument("--active-low", action="store_true")
    failsafe.add_argument("--simulator", metavar="SOCKET")
    for lamp in ("--green", "--red", "--buzzer"):
        failsafe.add_argument(lamp, type=int, metavar="N", help='also show "broken"')
    failsafe.add_argument("--lamps-active-low", action="store_true")
    failsafe.add_argument("--off", type=int, action="append", metavar="N", help="a further line")
    return top


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").astimezone()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r}: a date like 2026-11-22 is wanted") from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text}: seconds are wanted, at most {LONGEST_S:g}")
    return seconds


def _message_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text}: the id of a message is wanted, a whole number")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    top = parser()
    arguments = top.parse_args(argv)
    if arguments.command == "failsafe":
        from station import failsafe

        return failsafe.main(list(argv if argv is not None else sys.argv[1:])[1:])
    if arguments.command == "meter" and arguments.all and not arguments.scan:
        top.error("--all goes with --scan")
    from station import config

    try:
        loaded = config.load(arguments.config)
    except config.ConfigError as error:
        for line in error.mistakes:
            print(f"evcs-station: {line}", file=sys.stderr)
        return USAGE
    if arguments.command == "run":
        from station.cli.run import run

        return run(loaded)
    from drivers.errors import DriverError
    from station.cli.common import Problem

    try:
        return _carry_out(arguments, loaded)
    except (Problem, DriverError) as error:
        print(f"evcs-station: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("evcs-station: interrupted", file=sys.stderr)
    return PROBLEM


def _carry_out(arguments: argparse.Namespace, config: Config) -> int:
    """Every command but run and failsafe. Raises Problem, DriverError."""
    as_json = arguments.json
    match arguments.command:
        case "check":
            from station.cli.check import check

            return check(config, observe_s=arguments.observe, as_json=as_json)
        case "status":
            from station.cli.status import status

            return status(config, as_json=as_json, follow=arguments.follow)
        case "sessions":
            from station.cli import records

            return records.sessions(
                config, since=arguments.since, as_json=as_json, as_csv=arguments.csv
            )
        case "outbox" if arguments.resend is not None:
            from station.cli.resend import resend

            return resend(config, since=arguments.resend, as_json=as_json)
        case "outbox" if arguments.retry is not None:
            from station.cli.retry import retry

            return retry(config, message_id=arguments.retry, as_json=as_json)
        case "outbox":
            from station.cli import records

            return records.outbox(config, quarantine=arguments.quarantine, as_json=as_json)
        case "tag":
            from station.cli.tag import tag

            return tag(config, timeout_s=arguments.timeout, as_json=as_json)
        case "meter" if arguments.scan:
            from station.cli.scan import scan

            return scan(config, all_addresses=arguments.all, as_json=as_json)
        case "meter":
            from station.cli.meter import meter

            return meter(config, as_json=as_json)
        case "contactor":
            from station.cli.contactor import contactor_test

            return contactor_test(config, as_json=as_json)
        case _:
            from station.cli.reset import reset

            return reset(config, fault=arguments.fault, as_json=as_json)


if __name__ == "__main__":
    sys.exit(main())
