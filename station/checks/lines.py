"""The GPIO lines of this box: who holds them, as the kernel knows it. No line is asked for."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.checks.boot import pins_of
from station.checks.probe import Result, Surroundings, device
from station.config import Config

# linux/gpio.h: GPIO_GET_CHIPINFO_IOCTL and GPIO_V2_GET_LINEINFO_IOCTL with their structures.
CHIP_INFO, CHIP_INFO_BYTES = 0x8044B401, 68
LINE_INFO, LINE_INFO_BYTES = 0xC100B405, 256
_NAME_BYTES = 32
_LABEL_AT, _CONSUMER_AT, _OFFSET_AT, _FLAGS_AT = 32, 32, 64, 72
_USED, _OUTPUT = 0x1, 0x8

HEADER_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")


@dataclass(frozen=True, slots=True)
class Line:
    """``consumer``: who holds it, by the name that was given; None: nobody."""

    consumer: str | None
    output: bool


Asker = Callable[[int, int, bytearray], Any]


def look(around: Surroundings) -> Result:
    """Ask the chip of the header. Raises OSError."""
    if around.config.simulator is not None:
        return Result("lines", True, "simulated")
    pins = pins_of(around.config)
    chips = sorted((around.root / "dev").glob("gpiochip*"))
    try:
        found = header_lines(chips, pins)
    except PermissionError:
        text = "no permission for /dev/gpiochip*: be in the group gpio, or use sudo"
        return Result("lines", False, text)
    if found is None:
        text = "there is no /dev/gpiochip* of a Raspberry Pi's header: is this its own kernel?"
        return Result("lines", False, text)
    return judge(pins, *found)


def header_lines(
    chips: Iterable[Path], pins: Iterable[int], ask: Asker = fcntl.ioctl
) -> tuple[str, dict[int, Line]] | None:
    """The header's chip, and its lines. None when there is no such chip. Raises OSError."""
    for chip in chips:
        descriptor = os.open(chip, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _label(descriptor, ask) in HEADER_LABELS:
                lines = {pin: _line(descriptor, pin, ask) for pin in pins}
                return f"/dev/{chip.name}", lines
        finally:
            os.close(descriptor)
    return None


def _label(descriptor: int, ask: Asker) -> str | None:
    raw = bytearray(CHIP_INFO_BYTES)
    try:
        ask(descriptor, CHIP_INFO, raw)
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EINVAL):
            return None
        raise
    return _text(raw, _LABEL_AT)


def _line(descriptor: int, pin: int, ask: Asker) -> Line:
    raw = bytearray(LINE_INFO_BYTES)
    struct.pack_into("=I", raw, _OFFSET_AT, pin)
    ask(descriptor, LINE_INFO, raw)
    (flags,) = struct.unpack_from("=Q", raw, _FLAGS_AT)
    consumer = _text(raw, _CONSUMER_AT) or "somebody without a name"
    return Line(consumer if flags & _USED else None, bool(flags & _OUTPUT))


def _text(raw: bytearray, at: int) -> str:
    return bytes(raw[at : at + _NAME_BYTES]).partition(b"\0")[0].decode(errors="replace")


def judge(pins: Mapping[int, str], chip: str, lines: Mapping[int, Line]) -> Result:
    """Pure. No daemon runs: whoever holds a line is somebody else."""
    held = [
        f"GPIO{pin} ({pins[pin]}) is held by '{line.consumer}'"
        for pin, line in sorted(lines.items())
        if line.consumer is not None
    ]
    if held:
        text = (
            f"{', '.join(held)}: stop that program, take the overlay that claims it out of "
            "config.txt, or choose another pin"
        )
        return Result("lines", False, text)
    left = [f"GPIO{pin}" for pin, line in sorted(lines.items()) if line.output]
    were = f"; {', '.join(left)} are outputs, as somebody has left them" if left else ""
    return Result("lines", True, f"{len(lines)} lines of {chip} are free{were}")


def beside(_: Config, __: Mapping[str, Any]) -> Result:
    return Result("lines", True, "the daemon holds them")


PROBES = (device("lines", 1.0, look, beside),)
