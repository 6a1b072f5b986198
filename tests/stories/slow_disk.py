"""evcs-station on a slow disk: every commit of this process takes so much longer.

    python -m tests.stories.slow_disk SECONDS run --config FILE

The wait comes before the commit, where a real fsync waits; nothing else of the daemon is changed.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from functools import partial
from typing import Any

from station.cli.main import main


def slow_connection(delay_s: float) -> type[sqlite3.Connection]:
    """A connection class whose COMMIT waits first."""

    class SlowConnection(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql.startswith("COMMIT"):
                time.sleep(delay_s)
            return super().execute(sql, *parameters)

    return SlowConnection


if __name__ == "__main__":
    sqlite3.connect = partial(sqlite3.connect, factory=slow_connection(float(sys.argv[1])))
    sys.exit(main(sys.argv[2:]))
