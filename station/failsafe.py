"""Drive the contactor's pin inactive, whatever state the daemon left it in.

For systemd's ExecStartPre and ExecStopPost, and for a person at the box:

    /usr/bin/python3 -I station/failsafe.py --pin 17 [--active-low] [--simulator SOCKET]

It stands alone: no configuration, no environment, nothing imported but the standard library and the
GPIO library, so that nothing that broke the daemon can break it. It touches one line and never
cleans up, because the level has to outlast it. Exit status 0: the pin reads inactive; 1: it does
not, the one line of output says why; 2: wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

_LINES = range(28)
_TIMEOUT_S = 3.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="failsafe", description="Drive a pin inactive.")
    parser.add_argument("--pin", type=int, choices=_LINES, required=True, metavar="BCM")
    parser.add_argument("--active-low", action="store_true")
    parser.add_argument("--simulator", metavar="SOCKET")
    options = parser.parse_args(argv)
    level = 1 if options.active_low else 0
    try:
        if options.simulator:
            read = _on_simulator(options.simulator, options.pin, level)
        else:
            read = _on_pi(options.pin, level)
    except Exception as error:  # noqa: BLE001 - nothing may keep this from saying that it failed
        text = f"GPIO{options.pin} could not be driven ({type(error).__name__}: {error})"
        return _failed(text, options.pin)
    if read != level:
        return _failed(f"GPIO{options.pin} was driven to {level} but reads {read}", options.pin)
    sys.stdout.write(f"failsafe: GPIO{options.pin} is inactive (level {level})\n")
    return 0


def _failed(text: str, pin: int) -> int:
    sys.stderr.write(
        f"failsafe: {text}; take the supply off the contactor, then look at GPIO{pin}: "
        "wiring, other programs, the GPIO library\n"
    )
    return 1


def _on_pi(pin: int, level: int) -> int:
    # lgpio leaves a FIFO where it is imported, and cannot be imported where it may not write.
    os.environ.setdefault("LG_WD", tempfile.gettempdir())
    import RPi.GPIO as GPIO

    GPIO.setwarnings(False)
    GPIO.setmode(GPIO.BCM)
    GPIO.setup(pin, GPIO.OUT, initial=level)
    return int(GPIO.input(pin))


def _on_simulator(path: str, pin: int, level: int) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT_S)
        connection.connect(path)
        stream = connection.makefile("rw", encoding="utf-8", newline="\n")
        _ask(stream, op="hello", role="failsafe")
        _ask(stream, op="gpio_setup", bcm=pin, direction="out", level=level)
        return int(_ask(stream, op="gpio_read", bcm=pin)["level"])


def _ask(stream: Any, **request: Any) -> dict[str, Any]:
    stream.write(json.dumps(request) + "\n")
    stream.flush()
    answer: dict[str, Any] = json.loads(stream.readline())
    if not answer["ok"]:
        raise RuntimeError(answer["error"])
    return answer


if __name__ == "__main__":
    sys.exit(main())
