"""The Pi's own supply and temperature, now and since it was started, as its firmware knows them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from station.checks import board
from station.checks.probe import Probe, Result, Surroundings

_SYSFS = "sys/devices/platform/soc*/*firmware/get_throttled"
_VCGENCMD = "usr/bin/vcgencmd"
_ASKED_WITHIN_S = 1.0

# Bits of get_throttled; those since the start are 16 higher.
LOW, HOT = 0x1, 0xC
SINCE_START = 16


def look(around: Surroundings) -> Result:
    """Ask firmware and kernel."""
    bits = None if around.config.simulator is not None else throttled(around.root)
    return judge(around.clock.undervoltage(), bits)


def throttled(root: Path) -> int | None:
    """The firmware's bits, from the kernel's file or by vcgencmd; None: nobody tells."""
    for path in sorted(root.glob(_SYSFS)):
        text = board.text_of(path)
        if text is not None and re.fullmatch(r"(0x)?[0-9A-Fa-f]+", text):
            return int(text, 16)
    program = root / _VCGENCMD
    try:
        done = subprocess.run(
            [program, "get_throttled"],
            capture_output=True,
            text=True,
            timeout=_ASKED_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.fullmatch(r"throttled=0x([0-9A-Fa-f]+)", done.stdout.strip())
    return int(match[1], 16) if match else None


def judge(low_now: bool, bits: int | None) -> Result:
    """Pure."""
    known = bits if bits is not None else 0
    before = known >> SINCE_START
    problems = []
    if low_now or known & LOW:
        problems.append(
            "the Pi's supply is below 4.63 V now: the contactor does not close; a 5 V supply that "
            "carries 3 A (Pi 5: 5 A), short thick wires, the coil on a supply of its own"
        )
    elif before & LOW:
        problems.append(
            "the Pi's supply was below 4.63 V since it was started: a better 5 V supply, short "
            "thick wires; if it dips when the contactor closes, give the coil a supply of its own"
        )
    if known & HOT:
        problems.append("the Pi is too hot and slows down: open its housing, fit a heat sink")
    if problems:
        return Result("supply", False, "; ".join(problems))
    if bits is None:
        return Result("supply", True, "no under-voltage now; what was before cannot be told here")
    hot = ", but it was too hot at some time" if before & HOT else ""
    return Result("supply", True, f"no under-voltage since the Pi was started{hot}")


PROBES = (Probe("supply", 2.0, look, aside=True),)
