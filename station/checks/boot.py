"""What the pins do from power-on until the daemon runs, by the Pi's own pulls and config.txt."""

from __future__ import annotations

from station.checks import board
from station.checks.board import BootConfig
from station.checks.probe import Result, Surroundings, pi_only
from station.config import Config

# Pulled up from power-on; the others are pulled down.
PULLED_UP = range(9)

# Overlays that take a line: the parameter that names it, and the line without that.
_TAKE_A_LINE = {
    "w1-gpio": ("gpiopin", 4),
    "w1-gpio-pullup": ("gpiopin", 4),
    "gpio-fan": ("gpiopin", 12),
    "gpio-ir": ("gpio_pin", 18),
    "gpio-ir-tx": ("gpio_pin", 18),
    "gpio-poweroff": ("gpiopin", 26),
    "gpio-shutdown": ("gpio_pin", 3),
    "pwm": ("pin", 18),
}


def look(around: Surroundings) -> Result:
    """Read config.txt."""
    boot = board.boot_config(around.root, board.model(around.root))
    box = around.config.contactor
    return judge(box.pin, box.active_high, pins_of(around.config), boot)


def pins_of(config: Config) -> dict[int, str]:
    """Every line of the header that this box uses, and what for."""
    box, lights, inputs = config.contactor, config.indicator, config.inputs
    named = {
        "contactor": box.pin,
        "feedback_pin": box.feedback_pin,
        "enable_pin": box.enable_pin,
        "trip_pin": box.trip_pin,
        "heartbeat_pin": box.heartbeat_pin,
        "green_pin": lights.green_pin,
        "red_pin": lights.red_pin,
        "buzzer_pin": lights.buzzer_pin,
        "stop_pin": inputs.stop_pin,
        "vehicle_pin": inputs.vehicle_pin,
        "reset_pin": config.reader.reset_pin,
    }
    return {pin: name for name, pin in named.items() if pin is not None}


def judge(pin: int, active_high: bool, pins: dict[int, str], boot: BootConfig | None) -> Result:
    """Pure. ``pin``: the contactor's."""
    pulled = "up" if pin in PULLED_UP else "down"
    problems = taken_by_overlays(pins, boot)
    if active_high == (pin in PULLED_UP):
        problems.append(
            f"GPIO{pin} is pulled {pulled} from power-on until the daemon runs, and that is the "
            "contactor's active level: it closes while the Pi boots; use a relay board and pin "
            "with the other polarity (active-high on 17, 22, 23, 24 or 27)"
        )
    inactive = 0 if active_high else 1
    line = f"gpio={pin}=op,{'dh' if inactive else 'dl'}"
    where = boot.path if boot is not None else "config.txt"
    level = boot.level_at_boot(pin) if boot is not None else None
    if level is not None and level != inactive:
        problems.append(
            f"{where} drives GPIO{pin} to the contactor's active level while the Pi boots: write "
            f"{line} there"
        )
    if problems:
        return Result("boot", False, "; ".join(problems))
    if boot is None:
        text = f"there is no config.txt; GPIO{pin} is pulled {pulled} from power-on: inactive"
    elif level is None:
        text = f"GPIO{pin} is pulled {pulled} from power-on: inactive; {line} in {where} helps it"
    else:
        text = f"GPIO{pin} is inactive from power-on ({line} in {where})"
    return Result("boot", True, text)


def taken_by_overlays(pins: dict[int, str], boot: BootConfig | None) -> list[str]:
    """What config.txt gives away of the lines that this box uses."""
    found = []
    for key, value in boot.lines if boot is not None else ():
        name, *parameters = (word.strip() for word in value.split(","))
        if key != "dtoverlay" or name not in _TAKE_A_LINE or boot is None:
            continue
        wanted, pin = _TAKE_A_LINE[name]
        for one in parameters:
            given, _, what = one.partition("=")
            if given == wanted and what.isdigit():
                pin = int(what)
        if pin in pins:
            found.append(
                f"{boot.path} gives GPIO{pin} ({pins[pin]}) to dtoverlay={name}: take that line "
                "out, or choose another pin"
            )
    return found


PROBES = (pi_only("boot", look),)
