"""What systemd hears: from the notifier by itself, and from a daemon on a simulated box."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.container import hanging
from campaign.container.bare import BareStation
from station.lease import RENEW_EVERY_S
from station.notify import Notifier, in_words
from station.rules.values import Phase
from station.status import Snapshot
from tests.station.cli_rig import CliRig

PID = 4711
PATIENCE_S = 30.0


class Systemd:
    """The receiving end of NOTIFY_SOCKET at ``address``; ``@`` at its start is an abstract one."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(PATIENCE_S)

    def heard(self) -> str:
        """The next datagram."""
        return self._socket.recv(4096).decode()

    def heard_at_once(self) -> list[str]:
        """All that is there now."""
        self._socket.setblocking(False)
        found = []
        try:
            while True:
                found.append(self.heard())
        except BlockingIOError:
            self._socket.settimeout(PATIENCE_S)
            return found

    def wait_for_silence(self, for_s: float) -> None:
        """Until nothing was said for so long. AssertionError when that never comes."""
        deadline = time.monotonic() + PATIENCE_S
        self._socket.settimeout(for_s)
        while time.monotonic() < deadline:
            try:
                self.heard()
            except TimeoutError:
                return
        raise AssertionError(f"it went on talking for {PATIENCE_S:g} s")

    def close(self) -> None:
        self._socket.close()

    def notifier(self, every_s: float = RENEW_EVERY_S, **environment: str) -> Notifier:
        return Notifier({"NOTIFY_SOCKET": self.address, **environment}, PID, every_s)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    with closing(Systemd(str(tmp_path / "notify"))) as made:
        yield made


# --- the datagrams ----------------------------------------------------------------------------


def test_each_thing_is_a_datagram_of_its_own(systemd: Systemd) -> None:
    told = systemd.notifier(WATCHDOG_USEC="5000000", WATCHDOG_PID=str(PID))
    told.status("free")
    told.ready()
    told.alive()
    told.stopping()
    assert systemd.heard_at_once() == ["STATUS=free", "READY=1", "WATCHDOG=1", "STOPPING=1"]
    assert told.watchdog_s == 5.0


def test_abstract_socket() -> None:
    with closing(Systemd(f"@evcs-test-{os.getpid()}-{time.monotonic_ns()}")) as systemd:
        systemd.notifier().ready()
        assert systemd.heard_at_once() == ["READY=1"]


def test_ready_and_an_unchanged_status_are_said_once(systemd: Systemd) -> None:
    told = systemd.notifier()
    for text in ("free", "free", "charging", "charging", "free"):
        told.status(text)
        told.ready()
    assert systemd.heard_at_once() == [
        "STATUS=free", "READY=1", "STATUS=charging", "STATUS=free",
    ]  # fmt: skip


def test_a_status_is_one_line_and_never_another_field(systemd: Systemd) -> None:
    systemd.notifier().status("meter: no answer\nWATCHDOG=trigger\r\n\tcheck  the wiring")
    assert systemd.heard() == "STATUS=meter: no answer WATCHDOG=trigger check the wiring"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(PID + 1)},
    ],
)
def test_no_life_sign_where_systemd_watches_nothing_or_another_process(
    systemd: Systemd, environment: dict[str, str]
) -> None:
    told = systemd.notifier(**environment)
    told.alive()
    assert told.watchdog_s is None
    assert systemd.heard_at_once() == []


@pytest.mark.parametrize("address", [None, "", "vsock:2:1234"])
def test_without_a_socket_nothing_is_sent(
    address: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    named = {} if address is None else {"NOTIFY_SOCKET": address}
    told = Notifier({**named, "WATCHDOG_USEC": "5000000"}, PID, RENEW_EVERY_S)
    told.ready()
    told.status("free")
    told.alive()
    told.stopping()
    assert told.watchdog_s is None
    assert [one.message for one in caplog.records] == (
        ["NOTIFY_SOCKET=vsock:2:1234 is no Unix socket; systemd is told nothing"] if address else []
    )


@pytest.mark.parametrize(("usec", "warned"), [("5000000", False), ("900000", True)])
def test_a_watchdog_too_quick_for_the_loop_is_told(
    systemd: Systemd, caplog: pytest.LogCaptureFixture, usec: str, warned: bool
) -> None:
    systemd.notifier(0.5, WATCHDOG_USEC=usec)
    assert ["kill a healthy daemon" in one.message for one in caplog.records] == [True] * warned


def test_a_systemd_that_does_not_listen_holds_nothing_up_and_hears_it_later(
    systemd: Systemd, caplog: pytest.LogCaptureFixture
) -> None:
    told = systemd.notifier(WATCHDOG_USEC="5000000")
    sent = 0
    while not caplog.records:
        told.status(f"text {sent}")
        sent += 1
        assert sent < 100_000, "its queue never fills"
    told.ready()
    told.status("the last word")
    assert len(caplog.records) == 1, "a complaint a datagram"
    before = systemd.heard_at_once()
    assert "READY=1" not in before
    told.alive()
    assert set(systemd.heard().split("\n")) == {"STATUS=the last word", "READY=1", "WATCHDOG=1"}
    told.alive()
    assert systemd.heard() == "WATCHDOG=1"


def test_a_systemd_that_is_gone_is_no_error(systemd: Systemd) -> None:
    told = systemd.notifier(WATCHDOG_USEC="5000000")
    systemd.close()
    Path(systemd.address).unlink()
    told.ready()
    told.alive()


def test_every_phase_has_words_and_says_why() -> None:
    texts = {in_words(Snapshot(phase=phase, mono_s=0.0)) for phase in Phase}
    assert len(texts) == len(Phase)
    starting = Snapshot(phase=Phase.UNAVAILABLE, mono_s=0.0, unavailable=("starting", "no meter"))
    assert in_words(starting).endswith(": starting; no meter")


# --- the daemon -------------------------------------------------------------------------------


@pytest.fixture
def watched(
    rig: CliRig, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BareStation]:
    """A station that has not been started; its daemon's main loop can be told to hang."""
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
    monkeypatch.setenv("WATCHDOG_USEC", "5000000")
    plain = rig.station()
    station = BareStation(plain.name, plain.folder, plain.box, plain.server_url, plain.token_file)
    rig.started.append(station)
    return station


def told_until(systemd: Systemd, word: str) -> list[str]:
    """What was heard, up to the first datagram that begins with this."""
    heard = [systemd.heard()]
    while not heard[-1].startswith(word):
        heard.append(systemd.heard())
    return heard


def test_ready_once_the_journal_was_read_then_life_signs_then_stopping(
    watched: BareStation, systemd: Systemd
) -> None:
    watched.start()
    before = told_until(systemd, "READY=1")
    # The status that goes before it is that of a box that has booted.
    assert before[-2].startswith("STATUS=takes no charge now: ")
    assert "starting" not in before[-2]
    for _ in range(3):
        told_until(systemd, "WATCHDOG=1")
    assert watched.stop(signal.SIGTERM) == 0
    after = systemd.heard_at_once()
    assert "STOPPING=1" in after
    assert "READY=1" not in after


def test_ready_also_when_the_journal_is_known_to_be_unusable(
    watched: BareStation, systemd: Systemd
) -> None:
    (watched.folder / "data").write_text("in the way")
    watched.start()
    heard = told_until(systemd, "READY=1")
    assert any(one.startswith("STATUS=") and "journal" in one for one in heard), heard


def test_nobody_gives_the_life_sign_for_a_main_loop_that_hangs(
    watched: BareStation, systemd: Systemd
) -> None:
    watched.start()
    told_until(systemd, "READY=1")
    told_until(systemd, "WATCHDOG=1")
    os.kill(watched.pid(), hanging.DEADLOCK)
    systemd.wait_for_silence(4 * RENEW_EVERY_S)
    assert watched.process is not None
    assert watched.process.running
    watched.stop(signal.SIGKILL)
