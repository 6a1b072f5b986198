"""The Raspberry Pi of a life: the daemon, started again when it died as systemd does, and its disk.

After a power cut the journal's files are put into a state that the cut can have left
(campaign/disk). What was not synced before a kill is still not safe after it, so the records of
every daemon since the power came count. The life's one thread.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from campaign.disk import cut, witness
from campaign.whole.program import DIE, DIED, SLOW
from tools.installation import Process, Station

RESTART_AFTER_S = 0.7
REAPED_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Exit:
    """``why``: who ended it: killed, power, commit, write, asked; empty = nobody did."""

    t_us: int
    status: int
    why: str


@dataclass
class Pi(Station):
    """``kill_at_write``: as in a Script. ``seed``: of what cuts leave."""

    kill_at_write: Sequence[int | None] = ()
    seed: int = 0
    exits: list[Exit] = field(default_factory=list)
    starts: int = 0
    torn: int = 0
    powered: bool = False

    def switch_on(self) -> None:
        """Power comes: what is on the disk now is safe, and the daemon starts."""
        self._dice = random.Random(self.seed + self.torn)
        self._before = cut.take(self.folder / "data")
        self._logs: list[int] = []
        self.powered = True
        self.start()

    def start(self) -> None:
        self.write_config()
        number, self.starts = self.starts, self.starts + 1
        self._kill_at = self.kill_at_write[number] if number < len(self.kill_at_write) else None
        self._logs.append(number)
        self._why = ""
        watched = witness.environment(
            self.folder / "data", self.folder / f"writes-{number}.log", self._kill_at
        )
        program = ("campaign.whole.program", str(self.folder))
        self.process = Process(
            self.name,
            self.folder / "station.log",
            *(sys.executable, "-m", *program, "run", "--config", str(self.config_file)),
            TZ="Europe/Berlin",
            PYTHONDONTWRITEBYTECODE="1",
            **watched,
        )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    def tick(self) -> None:
        """Notice that the daemon ended, and start it again a little later."""
        if self.process is None or self.process.running:
            return
        if len(self.exits) < self.starts:
            self._note_exit()
            self._restart_at_s = time.monotonic() + RESTART_AFTER_S
        elif self.powered and time.monotonic() >= self._restart_at_s:
            self.start()

    def end(self, number: int, why: str) -> None:
        """Send a signal to the daemon, if it runs, and wait until it is gone."""
        self.tick()
        if not self.running or self.process is None:
            return
        self._why = why
        self.process.popen.send_signal(number)
        self.process.popen.wait(15.0)
        self.tick()

    def lose_power(self) -> None:
        """The box has killed what ran on the Pi. The disk is left as the cut leaves it."""
        self.powered = False
        self.end(signal.SIGKILL, "power")
        records = [
            record
            for number in self._logs
            for record in witness.read(self.folder / f"writes-{number}.log")
        ]
        cut.put(self.folder / "data", cut.after_cut(self._before, records, self._dice))
        self.torn += 1

    def die_at_commit(self, number: int, *, before: bool) -> None:
        (self.folder / DIE).write_text(f"{'before' if before else 'after'} {number}")

    def commit_takes(self, seconds: float) -> None:
        (self.folder / SLOW).write_text(f"{seconds:g}")

    def live_on(self) -> None:
        """Nothing planned kills the daemon any more, and its disk is as quick as ever."""
        for name in (DIE, SLOW):
            (self.folder / name).unlink(missing_ok=True)
        self.kill_at_write = ()

    def failsafe(self) -> None:
        """As systemd's ExecStopPost does after the daemon died."""
        pin = ("--pin", "17", "--simulator", str(self.box.socket))
        Process(
            "failsafe", self.folder / "failsafe.log", sys.executable, "-m", "station.failsafe", *pin
        ).popen.wait(15.0)

    def _note_exit(self) -> None:
        assert self.process is not None
        status = self.process.popen.returncode
        why = self._why
        if why in ("", "asked") and status == -signal.SIGKILL:
            why = self._planned() or why
        self.exits.append(Exit(time.monotonic_ns() // 1000, status, why))

    def _planned(self) -> str:
        """What was arranged for the daemon to die of; empty if nothing was."""
        died = self.folder / DIED
        if died.exists():
            died.unlink()
            return "commit"
        if not self.powered:
            return "power"
        return "" if self._kill_at is None else "write"
