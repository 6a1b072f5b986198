"""What only a Raspberry Pi has: the place for probes of its kernel, libraries and supply."""

from __future__ import annotations

from station.checks.probe import Probe

PROBES: tuple[Probe, ...] = ()
