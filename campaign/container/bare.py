"""A daemon that is made to die, and one without a systemd: the stand-in kills, runs the failsafe
and starts anew, so that the failsafe and the guard can be measured where no systemd can be booted.

What systemd itself does (the watchdog, and that the failsafe is run at all) this does not show.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time

from station import config, failsafe, unit
from tests.stories.stage import StoryStation
from tools.installation import Process

SYSTEM_PYTHON = "/usr/bin/python3"
WATCHDOG_S = 5.0


class Mortal(StoryStation):
    """A station whose daemon is ended in many ways."""

    def pid(self) -> int:
        """The daemon's process id on this host."""
        raise NotImplementedError

    def gone(self) -> str | None:
        """What systemd calls the end, between that and the next start; None while none is seen."""
        raise NotImplementedError


class BareStation(Mortal):
    """The daemon as a child of this process."""

    _hung_since: float | None = None
    _result = "signal"

    def start(self) -> None:
        self.write_config()
        self._hung_since, self._result = None, "signal"
        self.process = Process(
            self.name,
            self.folder / "station.log",
            *(sys.executable, "-m", "campaign.container.hanging", "run"),
            *("--config", str(self.config_file)),
        )

    def pid(self) -> int:
        assert self.process is not None
        return self.process.popen.pid

    def gone(self) -> str | None:
        assert self.process is not None
        if self.process.running:
            self._hung_since = self._hung_since or time.monotonic()
            if time.monotonic() - self._hung_since > WATCHDOG_S:
                self._result = "watchdog"
                self.process.popen.kill()
            return None
        arguments = shlex.split(unit.failsafe_arguments(config.load(self.config_file)))
        command = [SYSTEM_PYTHON, "-I", failsafe.__file__, *arguments]
        subprocess.run(command, check=True, capture_output=True)
        self.process.end()
        result = self._result
        self.start()
        return result
