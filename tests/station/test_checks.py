"""The probes of `evcs-station check`: each seen to pass, and seen to fail for the right reason."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import ReaderHung, ReaderReset
from drivers.meter import Sample
from drivers.reader import Card, Counters
from station.checks import (
    contactor,
    indicators,
    inputs,
    meter,
    observe,
    reader,
    settings,
    storage,
    world,
)
from station.checks.probe import Probe, Result, Surroundings, run
from station.cli import check
from station.clock import Clock
from station.config import Config
from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.store import Store
from station.rules.messages import Announce
from station.rules.values import (
    Fault,
    MeterFacts,
    Record,
    Session,
    Stage,
    TagEntry,
    TagList,
    TimeQuality,
)
from station.transport.answers import Answer, Kind
from tests.drivers.rfid_rig import Rig
from tests.station.checks_rig import NOW, FixedTime, around, look, made, named
from tests.station.test_rest import response, secure_server
from tools.installation import ROOT


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return made(tmp_path)


def status(**changes: Any) -> dict[str, Any]:
    """A running daemon's status in which all is well."""
    found: dict[str, Any] = {
        "phase": "available",
        "session": None,
        "contactor": {"commanded_closed": False, "line": False},
        "meter": {
            "age_s": 1.0,
            "serial": "21487365",
            "import_wh": 1_234_567,
            "power_w": 0,
            "voltage_v": [230.0, 230.0, 230.0],
            "current_a": [0.0, 0.0, 0.0],
        },
        "faults": [],
        "unavailable": [],
    }
    return found | changes


# --- the runner -------------------------------------------------------------------------------


def test_a_probe_that_hangs_or_fails_does_not_stop_the_next(config: Config) -> None:
    over = threading.Event()

    def hang(_: Surroundings) -> Result:
        over.wait(60)
        return Result("hanging", True, "too late")

    def break_down(_: Surroundings) -> Result:
        raise ValueError("a mistake")

    def lose(_: Surroundings) -> Result:
        raise OSError("no such device")

    probes = (
        Probe("hanging", 0.05, hang),
        Probe("defective", 5.0, break_down),
        Probe("lost", 5.0, lose),
        Probe("sound", 5.0, lambda _: Result("sound", True, "fine")),
    )
    found = list(run(probes, around(config)))
    over.set()
    assert [(one.name, one.ok) for one in found] == [
        ("hanging", False),
        ("defective", False),
        ("lost", False),
        ("sound", True),
    ]
    assert "within 0.05 s" in found[0].text
    assert "ValueError: a mistake" in found[1].text
    assert found[2].text == "no such device"


def test_all_probes_together_are_over_within_30_s() -> None:
    """The devices one after the other, the others meanwhile; 30 s with the start of Python."""
    for aside in (False, True):
        assert sum(probe.timeout_s for probe in check.PROBES if probe.aside is aside) <= 26
    names = [probe.name for probe in check.PROBES]
    assert len(set(names)) == len(names)
    assert names.index("lines") < names.index("reader")
    assert names.index("contactor") < names.index("meter")


def test_what_touches_no_device_is_looked_at_meanwhile(config: Config) -> None:
    """The device's probe, which comes first, ends only after the other one."""
    over = threading.Event()

    def wait(_: Surroundings) -> Result:
        return Result("device", over.wait(20), "")

    def end(_: Surroundings) -> Result:
        over.set()
        return Result("world", True, "")

    probes = (Probe("device", 30.0, wait), Probe("world", 30.0, end, aside=True))
    assert [(one.name, one.ok) for one in run(probes, around(config))] == [
        ("device", True),
        ("world", True),
    ]


def test_every_probe_has_its_place_in_the_documentation() -> None:
    text = (ROOT / "docs/check.md").read_text()
    told = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert told == {probe.name for probe in check.PROBES} | {"observe"}


DEVICES = [
    named(reader.PROBES, "reader"),
    *contactor.PROBES,
    *inputs.PROBES,
    *meter.PROBES,
    *indicators.PROBES,
]


@pytest.mark.parametrize("probe", DEVICES, ids=lambda probe: probe.name)
def test_devices_are_left_alone_beside_others(probe: Probe, config: Config) -> None:
    """There is no hardware here: a probe that touched it would fail, or not name the other."""
    assert look(probe, around(config, status=status())).ok
    held = look(probe, around(config, taken="another evcs-station (process 7) holds the lock"))
    assert not held.ok
    assert "process 7" in held.text


# --- config and daemon ------------------------------------------------------------------------


def test_config_tells_its_warnings(tmp_path: Path) -> None:
    plain = look(named(settings.PROBES, "config"), around(made(tmp_path)))
    warned = look(
        named(settings.PROBES, "config"),
        around(made(tmp_path, contactor={"pin": 4, "active_high": False})),
    )
    assert plain.ok
    assert "but" not in plain.text
    assert warned.ok
    assert "active_high" in warned.text


@pytest.mark.parametrize(
    ("changes", "ok", "word"),
    [
        ({}, True, "does not run"),
        ({"status": status()}, True, "available"),
        ({"status": status(unavailable=["meter: gone"])}, False, "meter: gone"),
        (
            {"status": status(faults=[{"name": "lease_lapse", "since": "x", "detail": "three"}])},
            False,
            "evcs-station reset",
        ),
        ({"taken": "the daemon does not answer"}, False, "does not answer"),
    ],
)
def test_daemon(config: Config, changes: dict[str, Any], ok: bool, word: str) -> None:
    found = look(named(settings.PROBES, "daemon"), around(config, **changes))
    assert found.ok is ok
    assert word in found.text


# --- reader -----------------------------------------------------------------------------------


WELL = reader.Seen(version=0x92, cards=0, several=0, glitches=0, poll_s=0.01)


@pytest.mark.parametrize(
    ("changes", "ok", "words"),
    [
        ({}, True, ["version 2.0", "no card"]),
        ({"cards": 20}, True, ["20 of 20"]),
        ({"cards": 19}, True, ["19 of 20"]),
        ({"cards": 18}, False, ["18 of 20", "too far away"]),
        ({"cards": 1}, False, ["1 of 20"]),
        ({"several": 1}, False, ["hold one alone"]),
        ({"glitches": 3}, False, ["3 SPI readings", "shorten the wires"]),
        ({"failures": ("reader: a", "reader: b")}, False, ["needed meanwhile: 2", "3.3 V", ": b)"]),
        ({"version": None, "failures": ("reader: a",)}, False, ["unknown chip"]),
        ({"poll_s": 0.25}, False, ["250 ms"]),
        ({"version": 0x91}, True, ["version 1.0"]),
        ({"version": 0x88}, True, ["FM17522"]),
        ({"version": 0xB2}, True, ["FM17522"]),
        ({"version": 0x12}, True, ["a clone", "0x12"]),
    ],
)
def test_reader_judgement(changes: dict[str, Any], ok: bool, words: list[str]) -> None:
    found = reader.judge(replace(WELL, **changes))
    assert found.ok is ok
    assert all(word in found.text for word in words), found.text


class HeldCard:
    """A reader whose card is seen by some of its polls."""

    version = 0xB2

    def __init__(self, seen: list[bool]) -> None:
        self.counters = Counters()
        self.seen = seen
        self.verified = 0
        self.closed = False

    def open(self) -> None:
        pass

    def scan(self) -> Card | None:
        return Card(bytes.fromhex("04A3C6CAE26180"), 0x00, 0x0044) if self.seen.pop() else None

    def verify(self) -> None:
        self.verified += 1
        self.counters.glitches += self.verified == 7

    def close(self) -> None:
        self.closed = True


def test_a_held_card_is_counted_and_every_wrong_reading_too(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldCard([True, False, True, True] * 5)
    monkeypatch.setattr(reader, "Reader", lambda *_: held)
    found = look(named(reader.PROBES, "reader"), around(config))
    assert not found.ok
    assert "FM17522" in found.text
    assert "15 of 20 polls" in found.text
    assert "1 SPI readings were wrong" in found.text
    assert held.closed


def test_noise_is_never_taken_for_a_chip_that_hangs() -> None:
    """A flipped bit looks like a hung, a silent or a reset chip; the wires are what is wrong."""
    seen_failing = 0
    for seed in range(150):
        with Rig().installed() as rig:
            rig.chip.faults.reseed(seed)
            rig.chip.faults.noise = rig.chip.faults.air_noise = 0.002
            try:
                found = reader.judge(reader.watch(rig.reader(), rig.monotonic))
            except ReaderReset as error:
                found = Result("reader", False, str(error))
            seen_failing += "resets needed" in found.text
            assert not found.ok, f"seed {seed}"
            assert "3.3 V" in found.text, f"seed {seed}: {found.text}"
    assert seen_failing > 50


def test_one_failure_is_no_verdict_and_many_alike_are() -> None:
    with Rig().installed() as rig:
        held = rig.reader()
        hangs = iter([True])

        def hang_once_at_the_tenth(_: bytes) -> None:
            if held.counters.polls == 10 and next(hangs, False):
                rig.chip.faults.hung_until_reset = True

        rig.before_transfer = hang_once_at_the_tenth
        seen = reader.watch(held, rig.monotonic)
        assert len(seen.failures) == 1
        assert "last failure: the chip on /dev/spidev0.0 answers but" in reader.judge(seen).text
        rig.chip.faults.hung = True
        with pytest.raises(ReaderHung, match="RST"):
            reader.watch(rig.reader(), rig.monotonic)


def test_a_chip_that_dies_during_the_look_is_not_called_dead_from_the_start() -> None:
    with Rig().installed() as rig:
        held = rig.reader()
        rig.chip.faults.version = 0x12

        def die_at_the_tenth(_: bytes) -> None:
            if held.counters.polls == 10:
                rig.chip.faults.dead = 0x00

        rig.before_transfer = die_at_the_tenth
        seen = reader.watch(held, rig.monotonic)
        assert seen.version == 0x12
        assert len(seen.failures) == reader.FAILURES_IN_A_ROW
        assert "last failure: nothing answers" in reader.judge(seen).text


def test_reader_beside_a_daemon_that_has_lost_it(config: Config) -> None:
    lost = status(unavailable=["meter: x", "reader: nothing answers on /dev/spidev0.0"])
    found = look(named(reader.PROBES, "reader"), around(config, status=lost))
    assert not found.ok
    assert found.text == "nothing answers on /dev/spidev0.0"


# --- contactor --------------------------------------------------------------------------------


def test_a_line_that_reads_active_is_a_problem() -> None:
    found = contactor.judge(17, active=True, stays=True)
    assert not found.ok
    assert "take the supply off" in found.text


@pytest.mark.parametrize(
    ("commanded", "line", "ok"),
    [(False, False, True), (True, True, True), (False, None, True), (False, True, False)],
)
def test_contactor_beside_a_daemon(
    config: Config, commanded: bool, line: bool | None, ok: bool
) -> None:
    seen = status(contactor={"commanded_closed": commanded, "line": line})
    assert look(contactor.PROBES[0], around(config, status=seen)).ok is ok


# --- inputs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        ({}, "none fitted"),
        ({"stop": False, "vehicle": True}, "stop released, vehicle present"),
        ({"vehicle": False, "feedback": False}, "no vehicle, mirror contact says open"),
    ],
)
def test_inputs_that_are_well(seen: dict[str, bool], text: str) -> None:
    assert inputs.judge(seen, []) == Result("inputs", True, text)


def test_inputs_that_keep_the_contactor_open_are_a_problem() -> None:
    assert inputs.judge({"stop": True}, ["the stop input is open"]) == Result(
        "inputs", False, "the stop input is open"
    )


def test_inputs_beside_a_daemon_with_a_fault_of_theirs(config: Config) -> None:
    pressed = [{"name": "emergency_stop", "since": "x", "detail": "the stop input is open"}]
    found = look(inputs.PROBES[0], around(config, status=status(faults=pressed)))
    assert not found.ok
    assert "stop input is open" in found.text


# --- meter ------------------------------------------------------------------------------------

SAMPLE = Sample(
    requested_at=0.0,
    received_at=0.2,
    serial="21487365",
    import_wh=1_234_567,
    phase_wh=(None, None, None),
    grid_wh=0.12,
    voltage_v=(230.0, 229.0, 231.0),
    current_a=(0.0, 0.0, 0.0),
    phase_power_w=(0.0, 0.0, 0.0),
    power_w=0.0,
    frequency_hz=50.0,
    export_wh=0,
)


@pytest.mark.parametrize(
    ("changes", "phases", "ok", "words"),
    [
        ({}, 3, True, ["sdm630", "21487365", "1234.567 kWh", "230.0 / 229.0 / 231.0 V"]),
        ({"serial": None}, 3, True, ["not told"]),
        ({"voltage_v": None}, 3, True, ["1234.567 kWh"]),
        ({"voltage_v": (230.0, 0.0, 0.0)}, 1, True, ["230.0 V"]),
        ({"voltage_v": (230.0, 0.0, 0.0)}, 3, False, ["L2 0 V", "L3 0 V", "phases"]),
        ({"voltage_v": (230.0, 229.0, 261.0)}, 3, False, ["L3 261 V"]),
        ({"voltage_v": (199.0, 229.0, 229.0)}, 3, False, ["L1 199 V"]),
        ({"voltage_v": (49.0, 0.0, 0.0)}, 3, False, ["behind the contactor"]),
        ({"voltage_v": (51.0, 0.0, 0.0)}, 3, False, ["L1 51 V"]),
        ({"power_w": 54.0}, 3, True, []),
        ({"power_w": 56.0}, 3, False, ["56 W flow although the contactor is open"]),
    ],
)
def test_meter_judgement(
    config: Config, changes: dict[str, Any], phases: int, ok: bool, words: list[str]
) -> None:
    rules = replace(config.rules, phases=phases)
    found = meter.judge(replace(SAMPLE, **changes), rules, "sdm630")
    assert found.ok is ok
    assert all(word in found.text for word in words), found.text


@pytest.mark.parametrize(
    ("changes", "ok", "word"),
    [
        ({}, True, "1.0 s ago"),
        ({"age_s": None}, False, "no reading"),
        ({"age_s": 31.0}, False, "too long ago"),
        ({"voltage_v": [0.0, 0.0, 0.0]}, False, "behind the contactor"),
        ({"voltage_v": None}, True, "1.0 s ago"),
    ],
)
def test_meter_beside_a_daemon(
    config: Config, changes: dict[str, Any], ok: bool, word: str
) -> None:
    seen = status()
    seen["meter"] |= changes
    found = look(meter.PROBES[0], around(config, status=seen))
    assert found.ok is ok
    assert word in found.text


def test_a_meter_under_a_closed_contactor_says_nothing_of_its_place(config: Config) -> None:
    seen = status(contactor={"commanded_closed": True, "line": True})
    seen["meter"]["voltage_v"] = [0.0, 0.0, 0.0]
    assert look(meter.PROBES[0], around(config, status=seen)).ok


def test_a_meter_port_that_is_no_port(config: Config) -> None:
    found = look(meter.PROBES[0], around(config))
    assert not found.ok
    assert config.meter.port in found.text


# --- indicators -------------------------------------------------------------------------------


def test_indicators_without_hardware_say_so(config: Config) -> None:
    found = look(indicators.PROBES[0], around(config))
    assert not found.ok


# --- disk and journal -------------------------------------------------------------------------


def test_disk_is_written_and_left_as_it_was(config: Config) -> None:
    config.data_dir.mkdir()
    found = look(named(storage.PROBES, "disk"), around(config))
    assert found.ok, found.text
    assert "a safe write takes" in found.text
    assert list(config.data_dir.iterdir()) == []


def test_a_disk_that_cannot_be_written(tmp_path: Path) -> None:
    config = made(tmp_path, station={"data_dir": "/proc/self"})
    found = look(named(storage.PROBES, "disk"), around(config))
    assert not found.ok
    assert "cannot be written" in found.text


def test_a_folder_that_is_not_there_yet(config: Config) -> None:
    found = look(named(storage.PROBES, "disk"), around(config))
    assert found.ok
    assert not config.data_dir.exists()
    hopeless = storage.judge_missing("/var/lib/box", "/var/lib", allowed=False)
    assert not hopeless.ok
    assert "chown" in hopeless.text


@pytest.mark.parametrize(
    ("free_bytes", "took_s", "ok", "word"),
    [
        (200 * 1024**2, [0.01, 0.9], True, "200 MB free"),
        (99 * 1024**2, [0.01], False, "make room"),
        (200 * 1024**2, [0.01, 1.1], False, "very slow"),
    ],
)
def test_disk_judgement(free_bytes: int, took_s: list[float], ok: bool, word: str) -> None:
    found = storage.judge_disk("/data", free_bytes, took_s)
    assert found.ok is ok
    assert word in found.text


def session(uuid: str = "1b671a64-40d5-491e-99b0-da01ff1f3341") -> Session:
    return Session(
        uuid=uuid,
        seq=1,
        tag="04A3C6CAE26180",
        started_at=NOW,
        time_quality=TimeQuality.SYNCED,
        stage=Stage.CLOSING,
        stage_since_s=0.0,
        start=MeterFacts("21487365", 1_234_567),
    )


@contextmanager
def journal_of(config: Config) -> Iterator[Store]:
    connection = database.connect(config.data_dir / JOURNAL_FILE)
    try:
        yield Store(connection)
    finally:
        connection.close()


def test_journal_that_is_not_there_yet_and_empty(config: Config) -> None:
    probe = named(storage.PROBES, "journal")
    assert look(probe, around(config)).ok
    assert not (config.data_dir / JOURNAL_FILE).exists()
    with journal_of(config):
        pass
    found = look(probe, around(config))
    assert found.ok
    assert "0 messages wait" in found.text


def test_journal_tells_of_its_open_session(config: Config) -> None:
    with journal_of(config) as store:
        store.put_session(session(), Record.ACCEPTED, "boot", Announce.START)
    found = look(named(storage.PROBES, "journal"), around(config))
    assert found.ok
    assert "1 messages wait" in found.text
    assert "a session is open since 2026-11-22T12:00:00" in found.text


def test_journal_with_something_in_quarantine(config: Config) -> None:
    with journal_of(config) as store:
        store.put_session(session(), Record.ACCEPTED, "boot", Announce.START)
        (message,) = store.next_messages(1)
        store.quarantine(message.id, "{}", "HTTP 422", NOW)
    found = look(named(storage.PROBES, "journal"), around(config))
    assert not found.ok
    assert "1 messages were refused" in found.text


def test_journal_with_a_latched_fault(config: Config) -> None:
    with journal_of(config) as store:
        store.put_fault(Fault("contactor_fault", NOW, "welded, 900 W", welded=True))
    alone = look(named(storage.PROBES, "journal"), around(config))
    assert not alone.ok
    assert "welded, 900 W" in alone.text
    assert look(named(storage.PROBES, "journal"), around(config, status=status())).ok


@pytest.mark.parametrize(
    ("tag", "ok"),
    [
        ("04A3C6CAE26180", True),
        ("DEADBEEF", True),
        ("88000000000000", True),
        ("8804A3C6", False),
        ("8804A3C6E9", False),
    ],
)
def test_a_tag_list_with_halves_of_ids(config: Config, tag: str, ok: bool) -> None:
    with journal_of(config) as store:
        store.put_tags(TagList({tag: TagEntry(tag, accepted=True)}), None)
    found = look(named(storage.PROBES, "journal"), around(config))
    assert found.ok is ok
    assert ("1 ids of the tag list look like halves" in found.text) is not ok
    assert tag not in found.text


def test_a_damaged_journal_is_reported_and_left_alone(config: Config) -> None:
    config.data_dir.mkdir()
    path = config.data_dir / JOURNAL_FILE
    path.write_bytes(b"no database" * 1000)
    found = look(named(storage.PROBES, "journal"), around(config))
    assert not found.ok
    assert "keep a copy" in found.text
    assert path.read_bytes() == b"no database" * 1000


# --- clock ------------------------------------------------------------------------------------


def test_clock(config: Config) -> None:
    source = FixedTime()
    where = around(config, clock=Clock(source))
    probe = named(world.PROBES, "clock")
    good = look(probe, where)
    assert good.ok
    assert "2026-11-22T12:00:00+00:00, synced, up for 2.0 h, boot 01234567" in good.text
    source.synced = False
    bad = look(probe, where)
    assert not bad.ok
    assert "NTP" in bad.text


# --- server and token -------------------------------------------------------------------------


@contextmanager
def serving(body: object, http_status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A server that gives one answer to everything; its address, and the requests it got."""
    got: list[str] = []
    content = (body if isinstance(body, str) else json.dumps(body)).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(http_status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hello(apart_s: float = 0.0) -> dict[str, Any]:
    at = NOW - timedelta(seconds=apart_s)
    return {"service": "evcs", "versions": ["1.0"], "server_time": at.isoformat()}


@pytest.mark.parametrize(
    ("body", "http_status", "ok", "word"),
    [
        (hello(), 200, True, "answers"),
        (hello(59), 200, True, "59.0 s apart"),
        (hello(61), 200, False, "61 s ahead of"),
        (hello(-61), 200, False, "61 s behind"),
        ({"service": "evcs"}, 200, False, "without its time"),
        ({"service": "evcs", "server_time": "noon"}, 200, False, "without its time"),
        ("<html>It works!</html>", 200, False, "another program answers there"),
        ({"service": "other"}, 200, False, "another program answers there"),
        ({"service": "evcs", "code": 503}, 503, False, "look at its log"),
    ],
)
def test_server(tmp_path: Path, body: object, http_status: int, ok: bool, word: str) -> None:
    with serving(body, http_status) as (url, got):
        found = look(named(world.PROBES, "server"), around(made(tmp_path, server={"url": url})))
    assert found.ok is ok
    assert word in found.text
    assert got == ["/api/evcs/v1/ Bearer a-token"]


def test_a_server_that_is_not_there_or_speaks_no_tls(tmp_path: Path) -> None:
    probe = named(world.PROBES, "server")
    refused = look(probe, around(made(tmp_path)))
    assert not refused.ok
    assert "nothing listens there" in refused.text
    with serving(hello()) as (url, _):
        secure = made(tmp_path, server={"url": url.replace("http:", "https:")})
        plain = look(probe, around(secure))
    assert not plain.ok
    assert "TLS fails" in plain.text


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    probe = named(world.PROBES, "server")
    server = secure_server(tmp_path)
    server.reply = response(200, hello())
    unknown = look(probe, around(made(tmp_path, server={"url": server.url})))
    trusted = made(tmp_path, server={"url": server.url, "ca_file": str(tmp_path / "ca.pem")})
    named_ = look(probe, around(trusted))
    server.close()
    assert not unknown.ok
    assert "ca_file" in unknown.text
    assert named_.ok, named_.text


@pytest.mark.parametrize(
    ("detail", "word"),
    [
        ("SSLCertVerificationError: certificate verify failed: self-signed", "ca_file"),
        ("SSLCertVerificationError: certificate is not yet valid", "set the box's clock"),
        ("SSLCertVerificationError: certificate has expired", "renew it"),
        ("SSLError: [SSL: WRONG_VERSION_NUMBER]", "speak https"),
        ("NameResolutionError: Failed to resolve 'mmetering.example'", "DNS"),
        ("OSError: [Errno 101] Network is unreachable", "network"),
        ("ConnectTimeoutError: timed out", "firewall"),
        ("something new", "check the network"),
    ],
)
def test_what_to_do_about_a_silent_server(detail: str, word: str) -> None:
    assert word in world.advice(Answer(Kind.SILENT, detail=detail))


@pytest.mark.parametrize(
    ("body", "http_status", "ok", "word"),
    [
        ({"service": "evcs", "tags": [{}, {}]}, 200, True, "2 tags"),
        ({"service": "evcs", "code": 406}, 401, False, "--rotate-token"),
        ({"service": "evcs", "code": 503}, 503, False, "says nothing of it"),
        ("<html/>", 200, False, "without the server"),
    ],
)
def test_token(tmp_path: Path, body: object, http_status: int, ok: bool, word: str) -> None:
    with serving(body, http_status) as (url, got):
        found = look(named(world.PROBES, "token"), around(made(tmp_path, server={"url": url})))
    assert found.ok is ok
    assert word in found.text
    assert got == ["/api/evcs/v1/tags Bearer a-token"]


def test_a_server_that_never_answers_costs_its_time_only(tmp_path: Path) -> None:
    """The config's timeout may be a minute; the check's is not."""
    probe = named(world.PROBES, "server")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        config = made(tmp_path, server={"url": url, "timeout_s": 60})
        found = look(probe, around(config))
    assert not found.ok
    assert "no answer in time" in found.text


# --- observe ----------------------------------------------------------------------------------


def samples(update_s: float, every_s: float, count: int, power_w: float = 2.0) -> list[Sample]:
    """A meter that renews its registers every ``update_s``, read every ``every_s``."""
    made_ = []
    for n in range(count):
        at_s = n * every_s
        volts = 230.0 + (int(at_s / update_s) % 7) / 10
        made_.append(
            replace(
                SAMPLE,
                requested_at=at_s,
                received_at=at_s + 0.9 * every_s,
                voltage_v=(volts, 230.0, 230.0),
                power_w=power_w,
            )
        )
    return made_


@pytest.mark.parametrize("update_s", [0.5, 1.0, 2.0])
def test_observe_finds_the_update_interval(update_s: float) -> None:
    found = observe.observation(samples(update_s, 0.21, 200), missed=0)
    assert found.update_s == pytest.approx(update_s, rel=0.05)
    assert found.standby_w == pytest.approx(2.0)


def test_a_renewal_between_two_blocks_of_a_sample_is_one_renewal() -> None:
    """The frequency comes after the voltages: it is a sample ahead of them now and then."""
    seen = samples(1.0, 0.21, 200)
    later = [*seen[1:], seen[-1]]
    torn = [
        replace(sample, frequency_hz=ahead.voltage_v[0])
        for sample, ahead in zip(seen, later, strict=True)
        if ahead.voltage_v is not None
    ]
    assert observe.observation(torn, 0).update_s == pytest.approx(1.0, rel=0.05)


def test_a_meter_without_voltages_is_watched_by_its_power() -> None:
    seen = [
        replace(sample, voltage_v=None, current_a=None, phase_power_w=None, power_w=volts)
        for sample in samples(1.0, 0.21, 200)
        if sample.voltage_v is not None
        for volts in sample.voltage_v[:1]
    ]
    assert observe.observation(seen, 0).update_s == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize(
    ("seen", "missed", "ok", "word"),
    [
        (samples(1.0, 0.21, 100), 0, True, "every 1.0 s"),
        (samples(4.0, 0.21, 200), 0, False, "set [meter] update_s = 4"),
        (samples(1.0, 0.21, 100, power_w=7.2), 0, False, "set [contactor] standby_w = 8"),
        (samples(1.0, 0.21, 100), 2, False, "2 readings failed"),
        (samples(1e9, 0.21, 200), 0, False, "frozen"),
        (samples(1e9, 0.21, 20), 0, True, "too short"),
        ([], 5, False, "all of 5 readings failed"),
    ],
)
def test_observe_judgement(
    config: Config, seen: list[Sample], missed: int, ok: bool, word: str
) -> None:
    found = observe.judge(observe.observation(seen, missed), config.rules)
    assert found.ok is ok
    assert word in found.text


def test_observe_ends_in_time_and_counts_what_failed() -> None:
    from drivers.errors import MeterNoAnswer, MeterPortLost

    now = 0.0

    def read() -> Sample:
        nonlocal now
        now += 0.5
        if now in (1.0, 2.0):
            raise MeterNoAnswer("silent")
        return replace(SAMPLE, requested_at=now - 0.5, received_at=now)

    found = observe.observe(read, 5.0, lambda: now)
    assert (found.samples, found.missed) == (8, 2)

    def lose() -> Sample:
        raise MeterPortLost("gone")

    with pytest.raises(MeterPortLost):
        observe.observe(lose, 5.0, time.monotonic)


def test_observe_leaves_the_meter_to_a_daemon(config: Config) -> None:
    probe = observe.probe(3.0)
    assert probe.timeout_s > 3.0
    found = look(probe, around(config, status=status()))
    assert not found.ok
    assert "stop the daemon" in found.text
