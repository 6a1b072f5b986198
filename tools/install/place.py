"""Where everything goes. ``root`` is / but in tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
UNIT = "evcs-station.service"
USER = "evcs-station"


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of an installation, below ``root``."""

    root: Path = field(default_factory=lambda: Path("/"))
    source: Path = SOURCE

    @property
    def program(self) -> Path:
        return self.root / "opt/evcs-station"

    @property
    def releases(self) -> Path:
        return self.program / "releases"

    @property
    def environment(self) -> Path:
        """A link to the virtual environment of the release in use."""
        return self.program / "venv"

    @property
    def before(self) -> Path:
        """A link to that of the release before it."""
        return self.program / "previous"

    @property
    def failsafe(self) -> Path:
        """A file of its own: it works when the environment does not."""
        return self.program / "failsafe.py"

    @property
    def command(self) -> Path:
        return self.root / "usr/local/bin/evcs-station"

    @property
    def config(self) -> Path:
        return self.root / "etc/evcs-station/config.toml"

    @property
    def token(self) -> Path:
        return self.root / "etc/evcs-station/token"

    @property
    def data(self) -> Path:
        return self.root / "var/lib/evcs-station"

    @property
    def units(self) -> Path:
        return self.root / "etc/systemd/system"

    @property
    def watchdog(self) -> Path:
        return self.root / "etc/systemd/system.conf.d/evcs-station.conf"

    @property
    def kernel(self) -> Path:
        return self.root / "etc/sysctl.d/60-evcs-station.conf"

    @property
    def boot_config(self) -> Path | None:
        """The firmware's config.txt, None on a machine that has none."""
        names = ("boot/firmware/config.txt", "boot/config.txt")
        return next((path for name in names if (path := self.root / name).is_file()), None)

    @property
    def model(self) -> str | None:
        """The Raspberry Pi's own name for itself, None on another machine."""
        try:
            text = (self.root / "proc/device-tree/model").read_text().strip("\0\n ")
        except (OSError, ValueError):
            return None
        return text if text.startswith("Raspberry Pi") else None
