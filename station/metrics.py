"""The box's numbers in Prometheus' text format, for node_exporter's textfile collector.

Names end in their base unit, and ``_total`` where they only grow; energy is in watt-hours, as the
meter's register and the bill are. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from station import __version__
from station.rules.values import Phase
from station.status import Snapshot

Labels = dict[str, str]
Sample = tuple[Labels, float]


def text(name: str, snapshot: Snapshot, now_s: float, waiting: int, quarantined: int) -> str:
    """The whole file. ``now_s`` is monotonic; ``waiting`` and ``quarantined`` count messages."""
    return "".join(
        f"# HELP {metric} {words}\n# TYPE {metric} {kind}\n"
        + "".join(
            f"{metric}{_labels({'station': name} | labels)} {_number(value)}\n"
            for labels, value in samples
        )
        for metric, kind, words, samples in _families(snapshot, now_s, waiting, quarantined)
        if samples
    )


def _families(
    snapshot: Snapshot, now_s: float, waiting: int, quarantined: int
) -> Iterator[tuple[str, str, str, list[Sample]]]:
    facts, read_at_s = snapshot.facts, snapshot.reading_at_s
    yield "evcs_station_info", "gauge", "Version of the software.", [({"version": __version__}, 1)]
    yield (
        "evcs_phase",
        "gauge",
        "1 for the phase that the box is in.",
        [({"phase": one.value}, one is snapshot.phase) for one in Phase],
    )
    yield (
        "evcs_contactor_closed",
        "gauge",
        "1 while the contactor is told to be closed.",
        [({}, snapshot.contactor_closed)],
    )
    yield (
        "evcs_faults",
        "gauge",
        "1 for each latched fault.",
        [({"fault": one.name}, 1) for one in snapshot.faults],
    )
    yield (
        "evcs_unavailable",
        "gauge",
        "Reasons for which no charge can begin now.",
        [({}, len(snapshot.unavailable))],
    )
    yield "evcs_messages_waiting", "gauge", "Messages that the server has not yet.", [({}, waiting)]
    yield (
        "evcs_messages_quarantined",
        "gauge",
        "Messages that the server refused.",
        [({}, quarantined)],
    )
    if facts is not None and read_at_s is not None:
        serial = {"serial": facts.serial or ""}
        yield (
            "evcs_meter_import_wh_total",
            "counter",
            "The meter's register.",
            [(serial, facts.import_wh)],
        )
        yield (
            "evcs_meter_reading_age_seconds",
            "gauge",
            "Age of the latest good reading.",
            [({}, max(0.0, now_s - read_at_s))],
        )
        yield "evcs_power_watts", "gauge", "Active power.", _one(snapshot.power_w)
        yield "evcs_voltage_volts", "gauge", "Phase to neutral.", _phases(snapshot.voltage_v)
        yield "evcs_current_amperes", "gauge", "Current of each phase.", _phases(snapshot.current_a)
    yield (
        "evcs_session_energy_wh",
        "gauge",
        "Drawn in the session that runs.",
        _one(snapshot.session_wh),
    )


def _one(value: float | None) -> list[Sample]:
    return [] if value is None else [({}, value)]


def _phases(values: Iterable[float] | None) -> list[Sample]:
    return [({"phase": f"L{number}"}, value) for number, value in enumerate(values or (), 1)]


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.3f}"
