"""What of config.toml the rules need, in seconds, watts and watt-hours."""

from __future__ import annotations

from dataclasses import dataclass

from station.rules.values import Load, OfflinePolicy

VOLTS = 230.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Facts of this box. Defaults are SAFETY's for a wallbox.

    ``energy_speed`` is 1 on every real box; a simulated one may let its registers run faster than
    the power it shows, and only the bound on a register's step follows that.
    """

    load: Load
    phases: int
    max_current_a: float
    standby_w: float = 5.0
    min_off_s: float = 30.0
    has_feedback: bool = False
    has_vehicle_input: bool = False
    has_enable: bool = False
    has_trip: bool = False
    sample_s: float = 1.0
    update_s: float = 2.0
    lost_after_s: float = 30.0
    server_timeout_s: float = 3.0
    max_duration_s: float = 48 * 3600.0
    max_energy_wh: float = 150_000.0
    no_energy_s: float = 600 * 60.0
    finished_below_w: float = 100.0
    finished_after_s: float = 3600.0
    resume_within_s: float = 600.0
    final_reading_timeout_s: float = 3600.0
    offline_policy: OfflinePolicy = OfflinePolicy.KNOWN_TAGS
    offline_max_age_s: float = 168 * 3600.0
    energy_speed: float = 1.0

    @property
    def fuse_w(self) -> float:
        """The most that the fuse can deliver."""
        return self.phases * self.max_current_a * VOLTS
