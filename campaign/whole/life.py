"""One life under way: its box, its daemon, its wire, and the diary of what was done to it.

One thread. Nothing is left running after ``end``.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaign.whole.building import ENERGY_SPEED
from campaign.whole.pi import Pi
from campaign.whole.script import Script
from campaign.whole.tls import Certificates
from campaign.whole.watch import Row, Watch, rows
from campaign.whole.wire import Wire
from station.daemon import JOURNAL_FILE
from tests.stories.house import House
from tests.stories.stage import StoryBox

STEP_S = 0.03
LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the diary: what was done when, and how much had flowed by then.

    ``kind``: the deed's class; ``detail``: what of it; ``refused``: it could not be done, and why.
    """

    t_us: int
    kind: str
    detail: str
    text: str
    ledger_wh: float
    refused: str = ""


class Life:
    """``folder`` is the life's own, ``house`` the server that it shares with other lives."""

    def __init__(
        self, script: Script, folder: Path, house: House, certificates: Certificates
    ) -> None:
        self.script = script
        self.folder = folder
        self.house = house
        self.name = f"w{script.seed}"
        self.diary: list[Note] = []
        self.began_s = time.monotonic()
        self._certificates = certificates

    def begin(self) -> None:
        """Build the box, tell the server of the station, switch both on."""
        script = self.script
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "script.txt").write_text(f"{script}\n")
        self.server_log_from = self._server_log().stat().st_size
        token_file = self.folder / "token"
        token_file.write_text(self.house.landlord.ask("new_station", name=self.name) + "\n")
        self.wire = Wire(self.house.port, self._certificates, script.delivery, script.seed)
        self.box = StoryBox(
            self.folder, speed=ENERGY_SPEED, seed=script.seed % 2**31, baudrate=19200
        )
        self.box.options = tuple(script.built.box_options())
        self.box.start()
        self.watch = Watch(str(self.box.socket), self.journal)
        config = script.built.config()
        config["server"]["ca_file"] = str(self._certificates.ca_file)
        self.pi = Pi(
            self.name, self.folder, self.box, self.wire.url, token_file, config,
            kill_at_write=script.kill_at_write, seed=script.seed,
        )  # fmt: skip
        self.pi.switch_on()

    def end(self) -> None:
        """Leave nothing running and the house as it was. Any part may be missing."""
        ends: list[tuple[str, str]] = [("watch", "close"), ("wire", "close"), ("box", "stop")]
        if hasattr(self, "pi"):
            self.pi.powered = False
            self.pi.stop()
        for part, ending in ends:
            if hasattr(self, part):
                with contextlib.suppress(OSError):
                    getattr(getattr(self, part), ending)()
        self.server_runs()
        self.house.landlord.ask("tidy", name=self.name)

    def server_runs(self) -> None:
        """Start the server if it does not run."""
        if self.house.process is None or not self.house.process.running:
            self.house.start()
            if hasattr(self, "wire"):
                self.wire.lead_to(self.house.port)

    # -- time

    def pass_until(self, condition: Callable[[], Any], by_s: float) -> bool:
        """Let the life go on until it is so; False when it was not by then (monotonic s)."""
        while not condition():
            if time.monotonic() >= by_s:
                return False
            self.pi.tick()
            time.sleep(STEP_S)
        return True

    def pass_s(self, seconds: float) -> None:
        self.pass_until(lambda: False, time.monotonic() + seconds)

    # -- what is known of it

    @property
    def journal(self) -> Path:
        return self.folder / "data" / JOURNAL_FILE

    def rows(self, statement: str) -> list[Row]:
        return rows(self.journal, statement)

    @property
    def status(self) -> dict[str, Any] | None:
        return self.pi.status if self.pi.running else None

    def books(self) -> list[dict[str, Any]]:
        """The server's sessions of this station, in the order of seq."""
        found = self.house.get(f"sessions?station={self.name}&page_size=1000")["results"]
        return sorted(found, key=lambda one: one["seq"])

    def server_log(self) -> str:
        """What the server wrote since this life began."""
        with self._server_log().open("rb") as file:
            file.seek(self.server_log_from)
            return file.read().decode(errors="replace")

    def station_log(self) -> str:
        path = self.folder / "station.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def note(self, kind: str, detail: str, text: str, refused: str = "") -> None:
        state = self.box.state
        self.diary.append(Note(state["t_us"], kind, detail, text, state["ledger_wh"], refused))

    def _server_log(self) -> Path:
        return self.house.folder / "server.log"
