"""The stories' stage with another station: its daemon is the unit of a systemd in a container.

The simulated box stays outside, as the hardware it is; a container that dies does not touch it.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass

from campaign.container import root
from campaign.container.bare import BareStation, Mortal
from campaign.container.machine import Machine
from station import config
from tests.stories.recorder import Recorder
from tests.stories.stage import Stage, StoryBox

METER = "meter.tty"


class UnitStation(Mortal):
    """The daemon as systemd runs it.

    ``can_hang``: started through campaign.container.hanging. ``unit_lines``: lines for a drop-in's
    [Service], to see what a unit without them does.
    """

    machine: Machine
    can_hang: bool = False
    unit_lines: tuple[str, ...] = ()

    def start(self) -> None:
        self.write_config()
        place = self.folder / "root"
        root.build(place, self.config_file, config.load(self.config_file), self._further())
        # A container has terminals of its own, and the meter's is the host's.
        terminal = f"--bind={os.path.realpath(f'{self.box.socket}.meter')}:{self.folder / METER}"
        name = f"evcs-{os.getpid()}-{self.name}"
        binds = [*root.binds(self.folder), terminal]
        self.machine = Machine(name, place, binds, self.folder / "container.log")

    def stop(self, number: int = signal.SIGTERM) -> int:
        if hasattr(self, "machine"):
            self.machine.stop()
        return 0

    def pid(self) -> int:
        return self.machine.main_pid()

    def gone(self) -> str | None:
        found = self.machine.show("SubState", "Result")
        return found["Result"] if found["SubState"] == "auto-restart" else None

    def tail(self) -> str:
        log = self.folder / "station.log"
        return "\n".join(log.read_text().splitlines()[-30:]) if log.exists() else "no log"

    def _further(self) -> str:
        lines = [
            *("[Service]", f"StandardOutput=append:{self.folder / 'station.log'}"),
            # The rig's box, journal and log lie in one folder of root's, its meter is a terminal.
            *("User=root", "Group=root", "PrivateUsers=no", "PrivateTmp=no", "ProtectHome=no"),
            *(f"ReadWritePaths={self.folder}", "DeviceAllow=char-pts rw"),
        ]
        if self.can_hang:
            wrapped = f"{sys.executable} -m campaign.container.hanging run"
            lines += [f"WorkingDirectory={root.TREE}", "ExecStart=", f"ExecStart={wrapped}"]
        return "\n".join([*lines, *self.unit_lines, ""])


@dataclass
class MortalStage(Stage):
    """The house and its tokens are the caller's, and nothing breaks the wire to the server."""

    token: str = ""
    under_systemd: bool = True
    can_hang: bool = False
    unit_lines: tuple[str, ...] = ()

    def begin(self) -> None:
        self.set_up()
        self.station.start()
        self.station.wait_for("available", 60)

    def set_up(self) -> None:
        """Box and station, the station not started."""
        self.started = True
        self.token_file = self.folder / "token"
        self.token_file.write_text(self.token + "\n")
        self.box = StoryBox(self.folder, speed=self.speed, baudrate=19200)
        self.box.start()
        self.recorder = Recorder(str(self.box.socket))
        self.changes["meter"] = {"baudrate": 19200}
        told = (self.name, self.folder, self.box, self.house.url, self.token_file, self.changes)
        if self.under_systemd:
            self.changes["meter"]["port"] = str(self.folder / METER)
            self.station: Mortal = UnitStation(*told)
            self.station.can_hang, self.station.unit_lines = self.can_hang, self.unit_lines
        else:
            self.station = BareStation(*told)

    def end(self) -> None:
        for part, ending in (("station", "stop"), ("recorder", "close"), ("box", "stop")):
            if hasattr(self, part):
                getattr(getattr(self, part), ending)()
