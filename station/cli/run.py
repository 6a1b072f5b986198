"""evcs-station run."""

from __future__ import annotations

import logging
import sys

from station import log
from station.config import Config


def run(config: Config) -> int:
    """Run the daemon until it is told to leave. Exit status: 0, 1 problem, 2 cannot start."""
    from station.daemon import Daemon, StartError, make_clock, only_one

    log.setup(config.log_level)
    for warning in config.warnings:
        logging.getLogger("station").warning("%s", warning)
    try:
        with only_one(config.run_dir):
            return Daemon(config, make_clock(config)).run()
    except StartError as error:
        print(f"evcs-station: {error}", file=sys.stderr)
        return 2
