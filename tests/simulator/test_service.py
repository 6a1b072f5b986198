"""The box as a process: what outlives its clients, what dies with the mains, what is left."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tty
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.client import BoxClient, BoxRefused, BoxUnreachable
from tests.simulator.box_process import PATIENCE_S, ROOT, BoxProcess, python, wait_for

# Reads two input registers from 0048 (import energy) of address 1; checksum worked out by hand
# from the protocol's CRC-16.
READ_IMPORT = bytes.fromhex("010400480002F1DD")
SILENCE_S = 1.5

HOLD_LINE_17 = """
import sys, time
from simulator import standins
standins.install(sys.argv[1])
import RPi.GPIO as GPIO
GPIO.setmode(GPIO.BCM)
GPIO.setup(17, GPIO.OUT, initial=GPIO.LOW)
GPIO.output(17, GPIO.HIGH)
print("held", flush=True)
time.sleep(600)
"""

VISIT = """
import sys, time
from simulator.client import BoxClient
client = BoxClient(sys.argv[1])
client.call("state")
print("there", flush=True)
sys.stdin.readline()
print(client.call("state")["mains"]["on"], flush=True)
"""


@pytest.fixture
def box():
    with BoxProcess("--seed", "1") as served:
        yield served


def hold_line_17(box: BoxProcess) -> subprocess.Popen[str]:
    daemon = python(HOLD_LINE_17, str(box.path))
    assert daemon.stdout.readline() == "held\n"
    return daemon


def read_register(port: Path) -> float | None:
    """The import register in kWh, asked for on the meter's line; None for silence."""
    handle = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(handle)
        os.write(handle, READ_IMPORT)
        answer = b""
        while len(answer) < 9:
            if not select.select([handle], [], [], SILENCE_S)[0]:
                return None
            answer += os.read(handle, 64)
        assert answer[:3] == bytes.fromhex("010404")
        return struct.unpack(">f", answer[3:7])[0]
    finally:
        os.close(handle)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_that_it_listens_and_leaves_nothing_behind(box, number):
    assert box.ready.count("\n") == 1
    assert str(box.path) in box.ready
    assert box.path.is_socket()
    assert box.meter.is_symlink()
    assert box.meter.resolve().is_char_device()
    watcher = socket.socket(socket.AF_UNIX)
    watcher.connect(str(box.path))
    watcher.sendall(b'{"op":"watch"}\n')
    assert box.end(number) == (0, "")
    assert list(box.path.parent.iterdir()) == []
    watcher.close()


def test_the_place_of_a_dead_box_is_taken_over():
    with BoxProcess() as first:
        first.end(signal.SIGKILL)
        assert first.path.is_socket()
        second = BoxProcess(path=first.path)
        try:
            assert BoxClient(str(first.path)).clock().speed == 1.0
            assert second.meter.resolve().is_char_device()
        finally:
            second.end()


def test_the_place_of_a_living_box_is_not(box):
    boot_id = box.client.clock().boot_id
    second = BoxProcess(path=box.path)
    status, errors = second.end()
    assert (status, errors.count("\n")) == (1, 1)
    assert "running" in errors
    assert box.client.clock().boot_id == boot_id
    assert read_register(box.meter) is not None


def test_what_is_no_socket_is_not_touched(tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    box = BoxProcess(path=path)
    status, errors = box.end()
    assert (status, errors.count("\n")) == (1, 1)
    assert path.read_text() == "data"


def test_lines_stay_as_they_were_when_their_process_is_killed(box):
    daemon = hold_line_17(box)
    daemon.kill()
    daemon.wait(PATIENCE_S)
    box.client.call("plug", delay_s=0.0)
    wait_for(lambda: box.state()["power_w"] > 0)
    line = box.state()["lines"]["17"]
    assert (line["direction"], line["level"]) == ("out", 1)


def test_power_cut_kills_what_runs_on_the_pi_and_nobody_else(box):
    daemon = hold_line_17(box)
    visitor = python(VISIT, str(box.path))
    assert visitor.stdout.readline() == "there\n"
    answer = box.client.call("power_cut")
    assert answer["killed"] == [daemon.pid]
    assert daemon.wait(PATIENCE_S) == -signal.SIGKILL
    visitor.stdin.write("\n")
    visitor.stdin.flush()
    assert visitor.stdout.readline() == "False\n"
    assert visitor.wait(PATIENCE_S) == 0
    assert box.state()["lines"]["17"]["direction"] == "in"


def test_without_mains_meter_and_bus_are_dead_and_the_register_is_kept(box):
    box.client.call("meter_set", wh=2_000_000.0)
    assert read_register(box.meter) is not None
    box.client.call("power_cut")
    assert read_register(box.meter) is None
    for request in ({"op": "spi", "tx": "ee00"}, {"op": "gpio_read", "bcm": 17}):
        with pytest.raises(BoxRefused, match="no mains"):
            box.client.call(**request)
    before = box.client.clock()
    box.client.call("power_restore", after_s=600.0)
    after = box.client.clock()
    assert after.boot_id != before.boot_id
    assert after.uptime_s < before.uptime_s
    assert 600.0 <= after.wall_s - before.wall_s < 600.0 + PATIENCE_S
    # A meter takes its time to warm up.
    wait_for(lambda: read_register(box.meter) == 2000.0)
    assert box.client.call("spi", tx="ee00")["rx"][-2:] == "92"


def test_the_ledger_adds_up_to_the_register_over_kill_and_cut():
    with BoxProcess("--speed", "3600") as box:
        start_wh = box.state()["meter"]["wh"]
        daemon = hold_line_17(box)
        box.client.call("tap", uids=["04A1B2C3"], hold_s=0.05)
        box.client.call("plug", delay_s=0.0, battery_kwh=1000.0)
        wait_for(lambda: box.state()["ledger_wh"] > 1000.0)
        daemon.kill()
        daemon.wait(PATIENCE_S)
        box.client.call("power_cut")
        box.client.call("power_restore")
        hold_line_17(box).kill()
        box.client.call("present", uids=["04112233445566"])
        once = box.state()["ledger_wh"]
        wait_for(lambda: box.state()["ledger_wh"] > once + 1000.0)
        box.client.call("unplug")
        # The wallbox's standby flows on until its supply is gone.
        box.client.call("gpio_write", bcm=17, level=0)
        wait_for(lambda: not box.state()["contactor"]["closed"])
        ledger, state = box.client.call("ledger"), box.state()
        assert ledger["total_wh"] == pytest.approx(state["meter"]["wh"] - start_wh, abs=1e-6)
        assert sum(ledger["by_tag"].values()) == pytest.approx(ledger["total_wh"])
        assert ledger["by_tag"]["04A1B2C3"] > 1000.0
        wait_for(lambda: read_register(box.meter) is not None)
        assert read_register(box.meter) == pytest.approx(state["meter"]["wh"] / 1000.0, rel=1e-6)
        assert state["meter"]["shown_wh"] == pytest.approx(state["meter"]["wh"], abs=0.6)


def test_the_link_follows_the_adapter(box):
    box.client.call("fault", name="meter-unplugged")
    wait_for(lambda: not box.meter.is_symlink())
    box.client.call("clear", name="meter-unplugged")
    wait_for(box.meter.is_symlink)
    assert read_register(box.meter) is not None


def test_faults_reach_the_part_they_belong_to(box):
    def version() -> str:
        return box.client.call("spi", tx="ee00")["rx"][-2:]

    assert version() == "92"
    box.client.call("fault", name="reader-dead-ff")
    assert version() == "ff"
    assert box.client.call("fault", name="meter-silent")["active"] == [
        "meter-silent",
        "reader-dead-ff",
    ]
    assert read_register(box.meter) is None
    assert box.client.call("clear", name="all")["active"] == []
    assert version() == "92"
    assert read_register(box.meter) is not None
    with pytest.raises(BoxRefused, match="contactor-welded") as refusal:
        box.client.call("fault", name="gremlins")
    assert all(name in str(refusal.value) for name in box.client.call("faults")["known"])


def test_watchers_hear_of_everything_with_its_own_time(box):
    with socket.socket(socket.AF_UNIX) as watcher:
        watcher.settimeout(PATIENCE_S)
        watcher.connect(str(box.path))
        watcher.sendall(b'{"op":"watch"}\n')
        lines = watcher.makefile()
        assert json.loads(lines.readline())["event"] == "watching"
        box.client.call("gpio_setup", bcm=17, direction="out", level=0)
        box.client.call("plug", delay_s=0.001)
        box.client.call("gpio_write", bcm=17, level=1)
        box.client.call("tap", uids=["04A1B2C3"], hold_s=0.05)
        box.client.call("fault", name="stop-pressed")
        events: list[dict] = []
        while not (events and events[-1] == {**events[-1], "event": "tag", "tags": []}):
            events.append(json.loads(lines.readline()))
    kinds = {event["event"] for event in events}
    assert kinds == {"line", "car", "tag", "fault"} | ({"contactor", "power"} & kinds)
    (asked,) = [e["t_us"] for e in events if e["event"] == "line" and e["bcm"] == 17 and e["level"]]
    closed = [e["t_us"] for e in events if e["event"] == "contactor" and e["closed"]]
    # The stop may come before the contacts have arrived; if it does, they never close.
    assert all(moment - asked == pytest.approx(20_000, abs=2) for moment in closed)
    shown, gone = [e["t_us"] for e in events if e["event"] == "tag"]
    assert gone - shown == pytest.approx(50_000, abs=2)


def test_the_contactor_closes_without_any_client(box):
    with socket.socket(socket.AF_UNIX) as watcher:
        watcher.settimeout(PATIENCE_S)
        watcher.connect(str(box.path))
        watcher.sendall(b'{"op":"watch"}\n')
        lines = watcher.makefile()
        lines.readline()
        box.client.call("gpio_setup", bcm=17, direction="out", level=1)
        box.client.close()
        line, contactor = (json.loads(lines.readline()) for _ in range(2))
    assert (line["event"], line["name"], line["level"]) == ("line", "contactor", 1)
    assert (contactor["event"], contactor["closed"]) == ("contactor", True)
    assert contactor["t_us"] - line["t_us"] == pytest.approx(20_000, abs=2)


def test_the_unmodified_mfrc522_package_reads_a_card(box):
    box.client.call("present", uids=["DEADBEEF"])
    reader = python(
        """
import sys
from simulator import standins
standins.install(sys.argv[1])
import RPi.GPIO as GPIO
GPIO.setmode(GPIO.BCM)
from mfrc522 import MFRC522
reader = MFRC522(pin_rst=25)
for _ in range(20):
    reader.MFRC522_Request(reader.PICC_REQIDL)
    status, data = reader.MFRC522_Anticoll()
    if status == reader.MI_OK:
        break
print(bytes(data).hex())
""",
        str(box.path),
    )
    assert reader.communicate(timeout=PATIENCE_S)[0] == "deadbeef22\n"


def test_a_client_of_no_box_says_how_to_start_one(tmp_path):
    with pytest.raises(BoxUnreachable, match="evcs-simbox serve --socket"):
        BoxClient(str(tmp_path / "none")).clock()
    with BoxProcess() as box:
        client = box.client
        client.clock()
        box.end(signal.SIGKILL)
        with pytest.raises(BoxUnreachable):
            client.clock()


def test_a_client_finds_the_next_box_on_the_same_socket():
    with BoxProcess() as first:
        first.client.clock()
        first.end()
        second = BoxProcess(path=first.path)
        try:
            with pytest.raises(BoxUnreachable):
                first.client.clock()
            assert first.client.clock().speed == 1.0
        finally:
            second.end()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)
OPERATIONS = st.sampled_from(
    """hello spi gpio_setup gpio_write gpio_read clock clock_set clock_step clock_synced tap present
    remove plug unplug power_cut power_restore fault clear faults meter_set state ledger supply
    reset_trip nonsense
    """.split()  # noqa: SIM905 - names to choose from, easier to read than to quote
)
NAMES = st.sampled_from(
    """role tx hz bcm direction level pull wall_s seconds synced uids hold_s kw phases battery_kwh
    soc delay_s after_s name wh precondition taper_w""".split()  # noqa: SIM905
)
REQUESTS = st.builds(
    lambda op, arguments: json.dumps({"op": op, **arguments}).encode(),
    OPERATIONS | JSON,
    st.dictionaries(NAMES, JSON | st.sampled_from(["ee00", "in", "out", "up", 0, 1, 17, 1e300])),
)
RAW = st.binary(max_size=40).map(lambda data: data.replace(b"\n", b""))
# After `watch` a connection is no longer a place for questions.
LINES = st.lists((REQUESTS | RAW).filter(lambda line: b"watch" not in line), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def tough_box():
    with BoxProcess("--seed", "2") as served:
        yield served


@settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(lines=LINES)
def test_whatever_comes_is_answered_line_by_line(tough_box, lines):
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(PATIENCE_S)
        caller.connect(str(tough_box.path))
        caller.sendall(b"".join(line + b"\n" for line in lines))
        stream = caller.makefile()
        for line in lines:
            answer = json.loads(stream.readline())
            assert answer["ok"] in (True, False), line
            assert answer["ok"] or answer["error"], line
    assert tough_box.client.clock().speed == 1.0
    assert tough_box.process.poll() is None


def test_the_fuzzed_box_still_ends_cleanly(tough_box):
    assert tough_box.end() == (0, "")


def test_a_line_without_end_is_hung_up_on(box):
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(PATIENCE_S)
        caller.connect(str(box.path))
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                caller.sendall(b"x" * 65536)
        with contextlib.suppress(ConnectionError):
            assert caller.recv(1) == b""
    assert box.client.clock().speed == 1.0


def test_module_entry_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "simulator.cli", "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "serve" in done.stdout
