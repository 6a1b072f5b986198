"""How the box of a life is built and set up: what hangs on it, its inputs, its timers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

ENERGY_SPEED = 60.0
MAX_CURRENT_A = 16


@dataclass(frozen=True, slots=True)
class Built:
    """Times are those of ``config.toml``, made short, because energy runs 60 times faster."""

    load: str
    phases: int
    mirror_contact: bool
    vehicle_input: bool
    stop_button: bool
    policy: str
    sample_s: float
    lost_after_s: float
    final_reading_timeout_s: float
    finished_after_min: float
    max_energy_kwh: float
    timeout_s: float

    def __str__(self) -> str:
        fitted = {
            "mirror contact": self.mirror_contact,
            "vehicle input": self.vehicle_input,
            "stop button": self.stop_button,
        }
        words = [self.load, f"{self.phases} phase(s)", *(k for k, there in fitted.items() if there)]
        return (
            f"{', '.join(words)}; offline {self.policy}; a sample every {self.sample_s:g} s, "
            f"lost after {self.lost_after_s:g} s, "
            f"final reading within {self.final_reading_timeout_s:g} s"
        )

    @property
    def fuse_w(self) -> float:
        """What the fuse carries, as station.rules.settings has it."""
        return 230.0 * self.phases * MAX_CURRENT_A

    def config(self) -> dict[str, dict[str, Any]]:
        """Tables of config.toml that differ from tools.installation.QUICK."""
        contactor: dict[str, Any] = {"load": self.load, "phases": self.phases}
        inputs: dict[str, Any] = {}
        if self.load == "enable":
            contactor["enable_pin"] = 27
        if self.mirror_contact:
            contactor["feedback_pin"] = 24
        if self.stop_button:
            inputs["stop_pin"] = 22
        if self.vehicle_input:
            inputs["vehicle_pin"] = 23
        return {
            "contactor": contactor,
            "inputs": inputs,
            "server": {"timeout_s": self.timeout_s},
            "offline": {"policy": self.policy},
            "meter": {
                "baudrate": 19200,
                "sample_s": self.sample_s,
                "lost_after_s": self.lost_after_s,
            },
            "session": {
                "finished_after_min": self.finished_after_min,
                "final_reading_timeout_s": self.final_reading_timeout_s,
                "max_energy_kwh": self.max_energy_kwh,
            },
        }

    def box_options(self) -> list[str]:
        """Options of evcs-simbox serve."""
        return [] if self.load == "wallbox" else ["--load", self.load]


def build(dice: random.Random) -> Built:
    """One box."""
    return Built(
        load=dice.choice(("wallbox", "wallbox", "enable", "socket")),
        phases=3 if dice.random() < 0.85 else 1,
        mirror_contact=dice.random() < 0.4,
        vehicle_input=dice.random() < 0.4,
        stop_button=dice.random() < 0.5,
        policy=dice.choice(("known_tags", "known_tags", "known_tags", "refuse", "anyone")),
        sample_s=dice.choice((0.4, 0.5, 0.5, 0.8)),
        lost_after_s=dice.choice((3.0, 4.0, 5.0)),
        final_reading_timeout_s=dice.choice((20.0, 20.0, 8.0)),
        finished_after_min=dice.choice((0.1, 60.0)),
        max_energy_kwh=dice.choice((150.0, 150.0, 150.0, 1.0)),
        timeout_s=dice.choice((1.0, 2.0, 3.0)),
    )
