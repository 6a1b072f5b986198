"""``RPi.GPIO`` on the simulated box, with the habits of rpi-lgpio, as found on today's Pi.

Habits worth keeping: ``setup`` to output without ``initial`` first makes the line an input and
reads it (a relay that was on drops for a moment); ``setup`` of a line that is an output of this
process already does not write ``initial``; ``cleanup`` leaves lines floating. Any thread may call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.client import BoxClient

VERSION = "0.7.2"
RPI_INFO = {
    "P1_REVISION": 3,
    "REVISION": "c03114",
    "TYPE": "Pi 4 Model B",
    "MANUFACTURER": "Sony UK",
    "PROCESSOR": "BCM2711",
    "RAM": "4GB",
}
RPI_REVISION = 3

BOARD, BCM = 10, 11
OUT, IN = 0, 1
LOW, HIGH = 0, 1
PUD_OFF, PUD_DOWN, PUD_UP = 20, 21, 22
UNKNOWN = -1

_PULLS = {PUD_OFF: "off", PUD_DOWN: "down", PUD_UP: "up"}
# The 40-pin header: physical position to BCM line.
_BOARD = {
    3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10,
    21: 9, 22: 25, 23: 11, 24: 8, 26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19,
    36: 16, 37: 26, 38: 20, 40: 21,
}  # fmt: skip

Channels = int | Iterable[int]


@dataclass(slots=True)
class _Process:
    """What the library remembers for one process."""

    client: BoxClient | None = None
    mode: int | None = None
    directions: dict[int, int] = field(default_factory=dict)


_process = _Process()


def attach(client: BoxClient) -> None:
    """Use the box behind ``client``; modes and lines set up before are forgotten."""
    if _process.client is not None:
        _process.client.close()
    _process.client, _process.mode = client, None
    _process.directions.clear()


def setmode(mode: int) -> None:
    """BCM or BOARD, once. ValueError for another mode than the one that is set."""
    if mode not in (BCM, BOARD):
        raise ValueError("setmode() takes GPIO.BCM or GPIO.BOARD")
    if _process.mode not in (None, mode):
        raise ValueError("A different mode has already been set!")
    _process.mode = mode


def getmode() -> int | None:
    return _process.mode


def setwarnings(flag: bool) -> None:
    """Accepted; this stand-in warns of nothing."""


def setup(
    channels: Channels, direction: int, pull_up_down: int = PUD_OFF, initial: int | None = None
) -> None:
    """Make lines inputs or outputs. ValueError for what does not fit together."""
    if direction not in (IN, OUT):
        raise ValueError("direction is GPIO.IN or GPIO.OUT")
    if direction == OUT and pull_up_down != PUD_OFF:
        raise ValueError("an output takes no pull_up_down")
    if direction == IN and initial is not None:
        raise ValueError("an input takes no initial level")
    if pull_up_down not in _PULLS:
        raise ValueError("pull_up_down is GPIO.PUD_OFF, PUD_DOWN or PUD_UP")
    for bcm in _lines(channels):
        if direction == IN:
            _call("gpio_setup", bcm=bcm, direction="in", pull=_PULLS[pull_up_down])
        elif _process.directions.get(bcm) != OUT:
            _claim_output(bcm, initial)
        _process.directions[bcm] = direction


def output(channels: Channels, levels: int | bool | Iterable[int]) -> None:
    """Drive outputs. RuntimeError when one is no output of this process."""
    lines = _lines(channels)
    values = list(levels) if isinstance(levels, Iterable) else [levels] * len(lines)
    if len(values) != len(lines):
        raise RuntimeError("output() takes one level, or as many as channels")
    for bcm in lines:
        if _process.directions.get(bcm) != OUT:
            raise RuntimeError(f"GPIO{bcm} was not set up as an output by this program")
    for bcm, level in zip(lines, values, strict=True):
        _call("gpio_write", bcm=bcm, level=1 if level else 0)


def input(channel: int) -> int:
    """The level of a line that was set up, input or output."""
    (bcm,) = _lines(channel)
    if bcm not in _process.directions:
        raise RuntimeError(f"GPIO{bcm} was not set up by this program")
    return _call("gpio_read", bcm=bcm)["level"]


def gpio_function(channel: int) -> int:
    """IN, OUT, or UNKNOWN for a line that this program has not set up."""
    (bcm,) = _lines(channel)
    return _process.directions.get(bcm, UNKNOWN)


def cleanup(channels: Channels | None = None) -> None:
    """Give lines back, all of this program's without argument: inputs without pull, floating."""
    every = channels is None
    lines = list(_process.directions) if channels is None else _lines(channels)
    for bcm in lines:
        if _process.directions.pop(bcm, None) is not None:
            _call("gpio_setup", bcm=bcm, direction="in", pull="off")
    if every:
        _process.mode = None


def _claim_output(bcm: int, initial: int | None) -> None:
    if initial is None:
        _call("gpio_setup", bcm=bcm, direction="in", pull="off")
        initial = _call("gpio_read", bcm=bcm)["level"]
    _call("gpio_setup", bcm=bcm, direction="out", level=1 if initial else 0)


def _lines(channels: Channels) -> list[int]:
    wanted = [channels] if isinstance(channels, int) else list(channels)
    if _process.mode is None:
        raise RuntimeError("no numbering yet: call GPIO.setmode(GPIO.BCM) first")
    numbers = _BOARD if _process.mode == BOARD else {bcm: bcm for bcm in _BOARD.values()}
    unknown = [channel for channel in wanted if channel not in numbers]
    if unknown:
        raise ValueError(f"there is no channel {unknown[0]} on the header")
    return [numbers[channel] for channel in wanted]


def _call(op: str, **arguments: int | str) -> dict[str, int]:
    if _process.client is None:
        raise RuntimeError("no simulated box; call simulator.standins.install() first")
    return _process.client.call(op, **arguments)
