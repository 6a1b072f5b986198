"""Opens the contactor for a command that was killed or stopped while it was closed.

On Raspberry Pi kernels an output keeps its level when its process dies, and a command typed at the
box has no service manager behind it. So a second process waits on a pipe; unless it hears within
its time that all is well, it runs the failsafe. What it cannot cover: both processes killed at
once, a frozen kernel, and a command that is stopped but not dead while the kernel keeps the line
for it.

The child runs this file alone (``python -I``), with the standard library only.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Sequence

_ALL_IS_WELL = b"."


class Watchman:
    """Starts watching when it is made. ``failsafe``: the command that drives the line inactive."""

    def __init__(self, failsafe: Sequence[str], within_s: float) -> None:
        # A session of its own: what the terminal sends to the command does not reach it. Its words
        # go to standard error, because the command's output may be JSON.
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, str(within_s), *failsafe],
            stdin=subprocess.PIPE,
            stdout=2,
            start_new_session=True,
        )

    def all_is_well(self) -> None:
        """The contactor is open: nothing is left to watch."""
        self._process.communicate(_ALL_IS_WELL)

    def alarm(self) -> None:
        """Run the failsafe now; it says itself what came of it."""
        self._process.communicate()


def _watch(within_s: float, failsafe: list[str]) -> None:
    heard = b""
    if select.select([0], [], [], within_s)[0]:
        heard = os.read(0, 1)
    if heard != _ALL_IS_WELL:
        os.execv(failsafe[0], failsafe)


if __name__ == "__main__":
    _watch(float(sys.argv[1]), sys.argv[2:])
