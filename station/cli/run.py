"""evcs-station run."""

from __future__ import annotations

import logging
import os
import sys

from station import log, memory, unit
from station.config import Config


def run(config: Config) -> int:
    """Run the daemon until it is told to leave. Exit status: 0, 1 problem, 2 cannot start."""
    from station.daemon import Daemon, StartError, make_clock, only_one

    # Whatever the daemon makes is not for every user of the machine; the unit may be stricter.
    os.umask(os.umask(0o077) | 0o027)
    log.setup(config.log_level)
    for warning in config.warnings:
        logging.getLogger("station").warning("%s", warning)
    try:
        problem = unit.why_not_start(config, os.environ)
        if problem is not None:
            raise StartError(problem)
        with only_one(config.run_dir):
            memory.lock()
            return Daemon(config, make_clock(config)).run()
    except StartError as error:
        print(f"evcs-station: {error}", file=sys.stderr)
        return 2
