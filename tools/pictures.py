"""The drawings of the README, made from the code: ``python -m tools.pictures [--check]``.

``signals.svg`` is the table of station/rules/signals.py, drawn; ``wiring.svg`` takes its pins from
config.toml. ``--check`` says whether they are what the code says.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from html import escape
from pathlib import Path

from station.rules import signals
from station.rules.signals import Background, Outcome, Pattern
from tools.installation import ROOT

IMAGES = ROOT / "docs/images"
FONT = 'font-family="DejaVu Sans, Arial, sans-serif"'
GREEN, RED, SOUND, INK, PALE = "#1a7f37", "#c62828", "#6b4fbb", "#1f2328", "#d0d7de"

MEANS: dict[Background | Outcome, str] = {
    Background.FREE: "free, alive (dark = dead box)",
    Background.WAIT: "tag read, wait",
    Background.WAITING_FOR_CAR: "go, waiting for the car",
    Background.CHARGING: "charging",
    Background.OPENING: "opening, reading the meter",
    Background.BROKEN_CONTACTOR: "broken: contactor",
    Background.BROKEN_METER: "broken: meter",
    Background.BROKEN_READER: "broken: reader",
    Background.BROKEN_SUPPLY: "broken: supply",
    Outcome.ACKNOWLEDGED: "tag read",
    Outcome.GO: "go",
    Outcome.OPENED: "stopped",
    Outcome.DONE: "done, register is safe",
    Outcome.REFUSED: "refused",
    Outcome.BUSY: "busy, not your session",
    Outcome.CANNOT_ASK: "cannot ask the server",
    Outcome.ONE_CARD: "one card only, again please",
    Outcome.BROKEN: "something broke",
    Outcome.LAMP_TEST: "lamp test at start",
}
LAST_WORD = (
    "Fuse, RCD, the wallbox and the stop in the coil protect; the Pi does not. Dashed: optional."
)
SECONDS, LEFT, PER_S, ROW = 5.0, 230, 100, 34


def signals_svg() -> str:
    """Each signal over five seconds; what goes on for ever is repeated."""
    rows = [*((one, signals.BACKGROUNDS[one]) for one in Background),
            *((one, signals.OUTCOMES[one]) for one in Outcome)]  # fmt: skip
    height = 46 + ROW * len(rows)
    parts = [_head(LEFT + int(SECONDS * PER_S) + 20, height, "What the box shows and sounds")]
    for second in range(int(SECONDS) + 1):
        x = LEFT + second * PER_S
        parts.append(f'<line x1="{x}" y1="30" x2="{x}" y2="{height - 8}" stroke="{PALE}"/>')
        parts.append(_text(x, 22, f"{second} s", anchor="middle", size=12))
    for number, (name, pattern) in enumerate(rows):
        y = 40 + ROW * number
        parts.append(_text(8, y + 14, MEANS[name], size=13))
        parts += _tracks(pattern, y, forever=isinstance(name, Background))
    return "\n".join([*parts, "</svg>", ""])


def _tracks(pattern: Pattern, y: int, forever: bool) -> Iterable[str]:
    for place, (colour, intervals) in enumerate(
        ((GREEN, pattern.green), (RED, pattern.red), (SOUND, pattern.buzzer))
    ):
        turns = int(SECONDS // pattern.length_s) + 1 if forever else 1
        for turn in range(turns):
            for begin, end in intervals:
                start = turn * pattern.length_s + begin
                stop = min(SECONDS, turn * pattern.length_s + end)
                if start < stop:
                    width = max(2.0, (stop - start) * PER_S)
                    yield (
                        f'<rect x="{LEFT + start * PER_S:.1f}" y="{y + 8 * place}" '
                        f'width="{width:.1f}" height="7" fill="{colour}"/>'
                    )


def wiring_svg() -> str:
    """The box as config.toml has it, its options dashed."""
    text = (ROOT / "config.toml").read_text()
    config = tomllib.loads(text)
    optional = {
        key: int(line.split("=")[1].split("#")[0])
        for line in text.splitlines()
        if line.startswith("# ") and "_pin = " in line
        for key in [line[2:].split(" ")[0]]
    }
    pin, lamps = config["contactor"]["pin"], config["indicator"]
    reset = config["reader"]["reset_pin"]
    left = [
        ("MFRC522 (3.3 V)", f"SPI0: SDA 8, SCK 11, MOSI 10, MISO 9; RST {reset}", False),
        ("LED green, LED red", f"{lamps['green_pin']}, {lamps['red_pin']}, 330 Ω each", False),
        ("buzzer", f"{optional['buzzer_pin']}", True),
        ("stop button, 2nd contact", f"{optional['stop_pin']} (normally closed)", True),
        ("vehicle contact", f"{optional['vehicle_pin']}", True),
        ("mirror contact", f"{optional['feedback_pin']}", True),
        ("time relay", f"{optional['heartbeat_pin']}", True),
    ]
    parts = [
        _head(970, 560, "Wiring of the box, BCM numbers"),
        _box(480, 60, 150, 360, "Raspberry Pi"),
    ]
    for number, (name, pins, is_optional) in enumerate(left):
        y = 66 + 48 * number
        parts.append(_box(20, y, 190, 36, name, dashed=is_optional, small=True))
        parts.append(_wire([(210, y + 18), (480, y + 18)], dashed=is_optional))
        parts.append(_text(218, y + 12, pins, size=10))
    parts += [
        _box(710, 70, 230, 60, "relay board, active high"),
        _wire([(630, 100), (710, 100)]),
        _text(640, 92, f"{pin}", size=12),
        _text(638, 150, "10 kΩ from the pin to ground", size=11),
        _box(670, 320, 140, 50, "RS485 adapter", small=True),
        _wire([(630, 345), (670, 345)]),
        _text(636, 338, "USB", size=11),
    ]
    y = 470
    for x, width, name in (
        (20, 130, "fuse, RCD"),
        (400, 150, "meter"),
        (640, 150, "contactor"),
        (840, 120, "wallbox, car"),
    ):
        parts.append(_box(x, y, width, 50, name))
    for begin, end in ((150, 400), (550, 640), (790, 840)):
        parts.append(_wire([(begin, y + 25), (end, y + 25)], width=5))
    parts += [
        # Before the meter: what the box itself takes is not on anybody's bill.
        _wire([(220, y + 25), (220, 446), (380, 446), (380, 408), (480, 408)], width=2),
        _text(226, 440, "supply of Pi and coil", size=11),
        _wire([(880, 130), (880, 425), (770, 425), (770, y)], width=2),
        _text(700, 220, "coil, through the stop", size=11),
        _text(700, 236, "button (and the time relay)", size=11),
        _wire([(700, 370), (700, 440), (475, 440), (475, y)], width=2),
        _text(540, 434, "Modbus A/B", size=11),
        _text(20, 550, LAST_WORD, size=12),
    ]
    return "\n".join([*parts, "</svg>", ""])


def _head(width: int, height: int, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}">\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    )


def _text(x: float, y: float, text: str, *, size: int = 13, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" {FONT} font-size="{size}" fill="{INK}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _box(
    x: int, y: int, width: int, height: int, name: str, *, dashed: bool = False, small: bool = False
) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="#f6f8fa" '
        f'stroke="{INK}" stroke-width="1.5"{dash}/>'
        + _text(x + width / 2, y + height / 2 + 5, name, size=12 if small else 14, anchor="middle")
    )


def _wire(points: list[tuple[int, int]], *, width: float = 1.5, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    path = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{INK}" stroke-width="{width}"{dash}/>'


PICTURES = {"signals.svg": signals_svg, "wiring.svg": wiring_svg}


def main(arguments: list[str]) -> int:
    """Write them; with --check 1 if one is not what the code says."""
    status = 0
    for name, make in PICTURES.items():
        path: Path = IMAGES / name
        if "--check" in arguments:
            if not path.exists() or path.read_text() != make():
                print(f"{path.relative_to(ROOT)} is out of date; python -m tools.pictures")
                status = 1
        else:
            path.write_text(make())
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
