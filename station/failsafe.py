"""Drive the contactor's pin inactive, whatever state the daemon left it in, and show "broken".

For systemd's ExecStartPre and ExecStopPost, and for a person at the box:

    /usr/bin/python3 -I station/failsafe.py --pin 17 [--active-low] [--simulator SOCKET]
        [--green N] [--red N] [--buzzer N] [--lamps-active-low] [--off N]...

It stands alone: no configuration, no environment, nothing imported but the standard library and the
GPIO library, so that nothing that broke the daemon can break it. It touches the lines that it is
told of, the contactor's first, and never cleans up, because the levels have to outlast it. Red is
lit, green goes dark, the buzzer falls silent; ``--off`` names further lines, active when high, that
must not stay so (release, shunt trip). Exit status 0: the contactor's pin reads inactive, whatever
became of the others; 1: it does not, the line of output says why; 2: wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_LINES = range(28)
_TIMEOUT_S = 3.0

# Makes a line an output at this level, and returns the level that it then reads.
_Drive = Callable[[int, int], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(argv)
    level = 1 if options.active_low else 0
    try:
        drive = _on_simulator(options.simulator) if options.simulator else _on_pi()
        read = drive(options.pin, level)
    except Exception as error:  # noqa: BLE001 - nothing may keep this from saying that it failed
        text = f"GPIO{options.pin} could not be driven ({type(error).__name__}: {error})"
        return _failed(text, options.pin)
    if read != level:
        return _failed(f"GPIO{options.pin} was driven to {level} but reads {read}", options.pin)
    sys.stdout.write(f"failsafe: GPIO{options.pin} is inactive (level {level})\n")
    for pin, wanted in _others(options):
        try:
            drive(pin, wanted)
        except Exception as error:  # noqa: BLE001 - a lamp is not worth more than a line of output
            sys.stderr.write(f"failsafe: GPIO{pin} could not be driven to {wanted} ({error})\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="failsafe", description="Drive a pin inactive.")

    def line(name: str, **options: Any) -> None:
        parser.add_argument(name, type=int, choices=_LINES, metavar="BCM", **options)

    line("--pin", required=True)
    parser.add_argument("--active-low", action="store_true")
    parser.add_argument("--simulator", metavar="SOCKET")
    line("--green")
    line("--red")
    line("--buzzer")
    parser.add_argument("--lamps-active-low", action="store_true")
    line("--off", action="append", default=[])
    return parser


def _others(options: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """The lines beside the contactor's, with the levels they are to have."""
    on = 0 if options.lamps_active_low else 1
    yield from ((pin, 0) for pin in options.off)
    shown = ((options.buzzer, 1 - on), (options.green, 1 - on), (options.red, on))
    yield from ((pin, level) for pin, level in shown if pin is not None)


def _failed(text: str, pin: int) -> int:
    sys.stderr.write(
        f"failsafe: {text}; take the supply off the contactor, then look at GPIO{pin}: "
        "wiring, other programs, the GPIO library\n"
    )
    return 1


def _on_pi() -> _Drive:
    # lgpio leaves a FIFO where it is imported, and cannot be imported where it may not write.
    os.environ.setdefault("LG_WD", tempfile.gettempdir())
    import RPi.GPIO as GPIO

    GPIO.setwarnings(False)
    GPIO.setmode(GPIO.BCM)

    def drive(pin: int, level: int) -> int:
        GPIO.setup(pin, GPIO.OUT, initial=level)
        return int(GPIO.input(pin))

    return drive


def _on_simulator(path: str) -> _Drive:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_TIMEOUT_S)
    connection.connect(path)
    stream = connection.makefile("rw", encoding="utf-8", newline="\n")
    _ask(stream, op="hello", role="failsafe")

    def drive(pin: int, level: int) -> int:
        _ask(stream, op="gpio_setup", bcm=pin, direction="out", level=level)
        return int(_ask(stream, op="gpio_read", bcm=pin)["level"])

    return drive


def _ask(stream: Any, **request: Any) -> dict[str, Any]:
    stream.write(json.dumps(request) + "\n")
    stream.flush()
    answer: dict[str, Any] = json.loads(stream.readline())
    if not answer["ok"]:
        raise RuntimeError(answer["error"])
    return answer


if __name__ == "__main__":
    sys.exit(main())
