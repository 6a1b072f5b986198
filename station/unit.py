"""What the systemd unit has to know of a box's config: the pins that its failsafes drive, and the
folders that are not the usual ones.

They are written into a drop-in of systemd/evcs-station.service when the box is installed. A config
that was changed afterwards would leave the failsafes with another pin than the contactor's, so the
daemon compares the two before it starts.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from station.config import Config

OWN_FOLDERS = (Path("/var/lib/evcs-station"), Path("/run/evcs-station"))
DROP_IN = "evcs-station.service.d/pins.conf"


def failsafe_arguments(config: Config) -> str:
    """The arguments of station/failsafe.py for this box, quoted as systemd reads them."""
    box, lamps = config.contactor, config.indicator
    words = ["--pin", str(box.pin)]
    if not box.active_high:
        words.append("--active-low")
    if config.simulator is not None:
        words += ["--simulator", config.simulator]
    words += ["--green", str(lamps.green_pin), "--red", str(lamps.red_pin)]
    if lamps.buzzer_pin is not None:
        words += ["--buzzer", str(lamps.buzzer_pin)]
    if not lamps.active_high:
        words.append("--lamps-active-low")
    for pin in (box.enable_pin, box.trip_pin):
        if pin is not None:
            words += ["--off", str(pin)]
    return shlex.join(words)


def pinctrl_arguments(config: Config) -> str:
    """The arguments of Raspberry Pi's pinctrl: the contactor's pin an output, driven inactive."""
    box = config.contactor
    return f"set {box.pin} op {'dl' if box.active_high else 'dh'}"


def drop_in(config: Config) -> str:
    """The text of the drop-in."""
    given = {"FAILSAFE": failsafe_arguments(config), "PINCTRL": pinctrl_arguments(config)}
    lines = [f"Environment={_quoted(f'{name}={value}')}" for name, value in given.items()]
    # The unit's own folders are open to it anyway.
    wanted = [config.data_dir, config.run_dir]
    if config.textfile is not None:
        wanted.append(config.textfile.parent)
    lines += [f"ReadWritePaths=-{_quoted(str(path))}" for path in wanted if path not in OWN_FOLDERS]
    return "\n".join(["[Service]", *lines, ""])


def why_not_start(config: Config, environment: Mapping[str, str]) -> str | None:
    """A line that says what is wrong when the unit's failsafes do not fit the config, else None.

    A daemon that no such unit started has nothing to compare.
    """
    given, wanted = environment.get("FAILSAFE"), failsafe_arguments(config)
    if given is None or shlex.split(given) == shlex.split(wanted):
        return None
    return (
        f"the unit's failsafe is given '{given}', but this config wants '{wanted}': it would drive "
        f"other pins; make the unit's {DROP_IN} anew (sudo make install), then daemon-reload"
    )


def _quoted(text: str) -> str:
    """One assignment in double quotes: systemd expands % and reads backslashes in them."""
    for special, instead in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        text = text.replace(special, instead)
    return f'"{text}"'
