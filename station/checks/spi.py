"""The SPI device of the reader: whether the kernel has it, and what config.txt says of it."""

from __future__ import annotations

import os

from station.checks import board
from station.checks.board import BootConfig
from station.checks.probe import Probe, Result, Surroundings


def look(around: Surroundings) -> Result:
    """Whether the device is there and may be used."""
    wired = around.config.reader
    path = f"/dev/spidev{wired.spi_bus}.{wired.spi_device}"
    if around.config.simulator is not None:
        return Result("spi", True, "simulated")
    real = around.root / path[1:]
    there = real.exists()
    others = sorted(f"/dev/{one.name}" for one in (around.root / "dev").glob("spidev*"))
    boot = board.boot_config(around.root, board.model(around.root))
    return judge(path, there, there and os.access(real, os.R_OK | os.W_OK), others, boot)


def judge(
    path: str, there: bool, allowed: bool, others: list[str], boot: BootConfig | None
) -> Result:
    """Pure. ``others``: the SPI devices that there are."""
    if there:
        advice = "" if allowed else "; no permission for it: be in the group spi, or use sudo"
        return Result("spi", allowed, f"{path} is there{advice}")
    missing = f"{path} does not exist"
    if others:
        found = ", ".join(others)
        return Result("spi", False, f"{missing}, but {found}: set [reader] spi_bus and spi_device")
    if boot is not None and boot.spi_on():
        text = (
            f"{missing} although {boot.path} has dtparam=spi=on: reboot; if that does not help, an "
            "overlay (of a display, perhaps) takes the bus: dtoverlay= lines there"
        )
        return Result("spi", False, text)
    where = boot.path if boot is not None else "/boot/firmware/config.txt"
    text = f"{missing}: switch SPI on (raspi-config, or dtparam=spi=on in {where}) and reboot"
    return Result("spi", False, text)


PROBES = (Probe("spi", 0.5, look),)
