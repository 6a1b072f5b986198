"""evcs-station: arguments and exit status. 0 good, 1 a problem, 2 wrong usage or config.

What a command needs is imported when it is carried out: ``--help`` and ``failsafe`` work on a
machine without any of the libraries.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

USAGE = 2
DEFAULT_CONFIG = Path("/etc/evcs-station/config.toml")


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE")
    common.add_argument("--json", action="store_true", help="for machines")
    top = argparse.ArgumentParser(
        prog="evcs-station", description="The software of an EV charging box."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("run", parents=[common], help="the daemon")
    status = commands.add_parser("status", parents=[common], help="what the box is doing")
    status.add_argument("--follow", action="store_true", help="again and again, until Ctrl-C")
    sessions = commands.add_parser("sessions", parents=[common], help="what the journal holds")
    sessions.add_argument("--since", metavar="DATE", help="YYYY-MM-DD, local time")
    sessions.add_argument("--csv", action="store_true")
    outbox = commands.add_parser("outbox", parents=[common], help="what waits for the server")
    outbox.add_argument("--quarantine", action="store_true", help="what was refused, and why")
    failsafe = commands.add_parser(
        "failsafe", help="drive the contactor pin inactive; needs no config"
    )
    failsafe.add_argument("--pin", type=int, required=True, metavar="N")
    failsafe.add_argument("--active-low", action="store_true")
    failsafe.add_argument("--simulator", metavar="SOCKET")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    arguments = parser().parse_args(argv)
    if arguments.command == "failsafe":
        from station import failsafe

        return failsafe.main(list(argv if argv is not None else sys.argv[1:])[1:])
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
    if arguments.command == "status":
        from station.cli.status import status

        return status(loaded, as_json=arguments.json, follow=arguments.follow)
    from station.cli import records

    if arguments.command == "sessions":
        return records.sessions(
            loaded, since=arguments.since, as_json=arguments.json, as_csv=arguments.csv
        )
    return records.outbox(loaded, quarantine=arguments.quarantine, as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
