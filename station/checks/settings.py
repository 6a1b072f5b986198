"""The config and its warnings, and the daemon that runs with it."""

from __future__ import annotations

from station.checks.probe import Probe, Result, Surroundings


def config(around: Surroundings) -> Result:
    """A config that cannot be used does not come this far."""
    loaded = around.config
    if not loaded.warnings:
        return Result("config", True, f"station {loaded.name}, load {loaded.rules.load.value}")
    return Result("config", True, f"can be used, but: {'; '.join(loaded.warnings)}")


def daemon(around: Surroundings) -> Result:
    """Whether it runs, and what it complains of."""
    if around.taken is not None:
        return Result("daemon", False, around.taken)
    status = around.status
    if status is None:
        return Result("daemon", True, "does not run; the devices are looked at directly")
    faults = [
        f"fault {fault['name']} since {fault['since']} ({fault['detail']}): mend its cause, then "
        "evcs-station reset"
        for fault in status["faults"]
    ]
    problems = [*faults, *status["unavailable"]]
    if problems:
        return Result("daemon", False, f"runs, {status['phase']}: {'; '.join(problems)}")
    return Result("daemon", True, f"runs, {status['phase']}; its devices answer through it")


PROBES = (Probe("config", 0.5, config), Probe("daemon", 0.5, daemon))
