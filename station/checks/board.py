"""What this machine says of itself in its own files: model, firmware's config.txt, kernel's words.

``root`` is the folder that proc, sys, boot and etc lie in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BOOT_CONFIGS = ("boot/firmware/config.txt", "boot/config.txt")

# The filters of config.txt in square brackets that are true on a model, by words of its name.
_FILTERS = (
    ("Zero 2", ("pi02", "pi0w")),
    ("Raspberry Pi 3", ("pi3",)),
    ("Compute Module 3", ("pi3", "cm3")),
    ("Raspberry Pi 4", ("pi4",)),
    ("Compute Module 4", ("pi4", "cm4")),
    ("Raspberry Pi 5", ("pi5",)),
    ("Compute Module 5", ("pi5", "cm5")),
)


def text_of(path: Path) -> str | None:
    """What a file holds, without white space around it; None when there is no such file."""
    try:
        return path.read_text(errors="replace").strip("\0 \t\r\n")
    except OSError:
        return None


def model(root: Path) -> str | None:
    """As the board names itself, "Raspberry Pi 5 Model B Rev 1.0"; None: no Raspberry Pi."""
    name = text_of(root / "proc/device-tree/model")
    return name if name and "Raspberry Pi" in name else None


def kernel_words(root: Path) -> tuple[str, ...]:
    """The kernel's command line."""
    return tuple((text_of(root / "proc/cmdline") or "").split())


@dataclass(frozen=True, slots=True)
class BootConfig:
    """The lines of config.txt that count on this model, as (key, value), in their order."""

    path: str
    lines: tuple[tuple[str, str], ...]

    def parameters(self, name: str) -> tuple[str, ...]:
        """The values of ``dtparam=NAME`` and ``dtparam=NAME=VALUE``."""
        found = []
        for key, value in self.lines:
            if key != "dtparam":
                continue
            for one in value.split(","):
                given, _, what = one.partition("=")
                if given.strip() == name:
                    found.append(what.strip() or "on")
        return tuple(found)

    def spi_on(self) -> bool:
        return self.parameters("spi")[-1:] == ("on",)

    def level_at_boot(self, pin: int) -> int | None:
        """To what ``gpio=PIN=op,dl`` drives a pin before Linux runs; None: to nothing."""
        level = None
        for key, value in self.lines:
            pins, _, what = value.partition("=")
            if key != "gpio" or pin not in _pins(pins):
                continue
            words = [word.strip() for word in what.split(",")]
            if "ip" in words:
                level = None
            elif "op" in words:
                level = 1 if "dh" in words else 0
        return level


def boot_config(root: Path, name: str | None) -> BootConfig | None:
    """The config.txt of a model of this name; None when there is none."""
    for path in BOOT_CONFIGS:
        text = text_of(root / path)
        if text is not None:
            return BootConfig(f"/{path}", tuple(_lines(text, name or "")))
    return None


def _lines(text: str, name: str) -> list[tuple[str, str]]:
    mine = {"all", *(one for words, filters in _FILTERS if words in name for one in filters)}
    counts, found = True, []
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        if line.startswith("["):
            counts = line.strip("[]").lower() in mine
        elif counts and "=" in line:
            key, _, value = line.partition("=")
            found.append((key.strip(), value.strip()))
    return found


def _pins(text: str) -> set[int]:
    pins: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdigit() and (last or first).isdigit():
            pins.update(range(int(first), int(last or first) + 1))
    return pins
