"""Stands where lgpio stands under rpi-lgpio: one GPIO chip, and what lgpio does with its lines.

What is odd about lgpio is odd here too: a read claims a line as an input that nobody has claimed,
and the level of a second claim as an output is not written. ``history``: what happened to the pins,
oldest first. ``levels``: what each pin is at; a test may set it before the library is imported, as
somebody else has left it. ``busy``: pins that another program holds.
"""

from __future__ import annotations

SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = 32, 64, 128
RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3
GPIO_BUSY = -79
_OUTPUT_MODE, _KERNEL_OUTPUT, _INPUT_MODE = 0x200, 0x2, 0x100

history: list[tuple[object, ...]] = []
levels: dict[int, int] = {}
busy: set[int] = set()
chips: list[int] = []
no_chip = False
_claimed: dict[int, str] = {}


class error(Exception):
    """Raised for every negative status, as lgpio does."""


def error_text(status: int) -> str:
    return "GPIO busy" if status == GPIO_BUSY else f"status {status}"


def gpiochip_open(number: int) -> int:
    if no_chip:
        raise error("can not open gpiochip")
    chips.append(number)
    return 1


def gpiochip_close(handle: int) -> int:
    history.append(("close chip",))
    return 0


def gpio_get_chip_info(handle: int) -> tuple[int, int, str, str]:
    return 0, 54, "gpiochip0", "pinctrl-bcm2711"


def gpio_get_mode(handle: int, pin: int) -> int:
    kind = _claimed.get(pin)
    if kind is None:
        return 0
    return _OUTPUT_MODE | _KERNEL_OUTPUT if kind == "out" else _INPUT_MODE


def gpio_claim_output(handle: int, pin: int, level: int = 0, flags: int = 0) -> int:
    _refuse_busy(pin)
    if _claimed.get(pin) == "out":
        history.append((pin, "out again, level not written", int(level)))
        return 0
    _claimed[pin] = "out"
    levels[pin] = int(level)
    history.append((pin, "out", int(level)))
    return 0


def gpio_claim_input(handle: int, pin: int, flags: int = 0) -> int:
    _refuse_busy(pin)
    _claimed[pin] = "in"
    if flags in (SET_PULL_UP, SET_PULL_DOWN):
        levels.setdefault(pin, int(flags == SET_PULL_UP))
    pull = {SET_PULL_UP: "up", SET_PULL_DOWN: "down", SET_PULL_NONE: "off"}[flags]
    history.append((pin, "in", pull))
    return 0


def gpio_free(handle: int, pin: int) -> int:
    if pin not in _claimed:
        raise error("GPIO not allocated")
    del _claimed[pin]
    history.append((pin, "free"))
    return 0


def gpio_read(handle: int, pin: int) -> int:
    if pin not in _claimed:
        _refuse_busy(pin)
        _claimed[pin] = "in"
        history.append((pin, "in", "by a read"))
    return levels.get(pin, 0)


def gpio_write(handle: int, pin: int, level: int) -> int:
    if _claimed.get(pin) != "out":
        raise error("GPIO not allocated")
    levels[pin] = int(level)
    history.append((pin, "write", int(level)))
    return 0


def _refuse_busy(pin: int) -> None:
    if pin in busy:
        raise error(error_text(GPIO_BUSY))
