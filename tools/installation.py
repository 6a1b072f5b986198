"""A whole installation on one machine: server, simulated boxes, stations, as real processes.

`make run` shows one, the stories in tests/ live in one. Everything below a folder that the caller
gives; nothing is left running when the context ends.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from simulator.client import BoxClient, BoxUnreachable
from station import control

ROOT = Path(__file__).resolve().parent.parent
POLL_S = 0.02


class NotInTime(AssertionError):
    """What was waited for did not come; the message has the end of the logs."""


def until(condition: Callable[[], Any], what: str, within_s: float = 30.0) -> Any:
    """Wait until the condition is true (its value is returned). Raises NotInTime."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise NotInTime(f"{what}: not within {within_s:g} s")
        time.sleep(POLL_S)
    return value


def free_port(wanted: int = 0) -> int:
    """The wanted port if nobody has it, else any."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on this machine")


class Process:
    """A child with its output in a file; ended with its group when it is closed."""

    def __init__(self, name: str, log: Path, *command: str, **environment: str) -> None:
        self.name = name
        self.log = log
        self._output = log.open("ab")
        self.popen = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def end(self, number: int = signal.SIGTERM, within_s: float = 10.0) -> int:
        """Send a signal and wait; after ``within_s`` the whole group is killed."""
        if self.running:
            self.popen.send_signal(number)
            try:
                self.popen.wait(within_s)
            except subprocess.TimeoutExpired:
                os.killpg(self.popen.pid, signal.SIGKILL)
                self.popen.wait()
        self._output.close()
        return self.popen.returncode

    def tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"{self.name}| {line}" for line in text[-lines:])


@dataclass
class Server:
    """The Django server on SQLite behind gunicorn, with the demo's flats and tags."""

    folder: Path
    port: int
    password: str = "demo"
    debug: bool = False
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        found = {"EVCS_DATABASE": str(self.folder / "server.sqlite3")}
        if self.debug:
            found["EVCS_DEBUG"] = "1"  # gunicorn then also serves the admin's style sheets
        return found

    def manage(self, *arguments: str) -> str:
        """Run a management command; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "server.manage", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"manage {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def prepare(self) -> str:
        """Tables and demo data; returns the lines of evcs_demo."""
        self.manage("migrate", "--verbosity", "0")
        return self.manage(
            "evcs_demo",
            "--station",
            "box-1",
            "--token-file",
            str(self.folder / "box-1.token"),
            "--password",
            self.password,
        )

    def start(self) -> None:
        self.port = free_port(self.port)
        self.process = Process(
            "server",
            self.folder / "server.log",
            sys.executable,
            "-m",
            "gunicorn",
            "server.wsgi",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--worker-class",
            "gthread",
            "--threads",
            "8",
            "--keep-alive",
            "75",
            "--no-control-socket",
            "--graceful-timeout",
            "2",
            **self.environment,
        )
        until(self._answers, f"server on port {self.port}")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.end(number)

    def _answers(self) -> bool:
        if self.process is not None and not self.process.running:
            raise NotInTime(f"the server ended at once\n{self.process.tail()}")
        try:
            return bool(self.get("")["service"] == "evcs")
        except OSError:
            return False

    def get(self, path: str) -> Any:
        """GET below the API's base with the administrator's login."""
        login = base64.b64encode(f"admin:{self.password}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}/api/evcs/v1/{path}", headers={"Authorization": f"Basic {login}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@dataclass
class Box:
    """A simulated box as a process."""

    folder: Path
    speed: float = 1.0
    seed: int = 1
    baudrate: int = 9600
    process: Process | None = None
    client: BoxClient = field(init=False)

    @property
    def socket(self) -> Path:
        return self.folder / "box.sock"

    def start(self) -> None:
        self.process = Process(
            "box",
            self.folder / "box.log",
            sys.executable,
            "-m",
            "simulator.cli",
            "serve",
            "--socket",
            str(self.socket),
            "--speed",
            f"{self.speed:g}",
            "--seed",
            str(self.seed),
            "--meter-baudrate",
            str(self.baudrate),
        )
        self.client = BoxClient(str(self.socket))
        until(self._answers, "simulated box")

    def _answers(self) -> bool:
        try:
            self.client.call("state")
        except (BoxUnreachable, OSError):
            return False
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.process.end()

    def do(self, *command: str) -> dict[str, Any]:
        """One evcs-simbox command, by its words; returns its JSON."""
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "simulator.cli",
                "--socket",
                str(self.socket),
                "--json",
                *command,
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"evcs-simbox {' '.join(command)}: {done.stderr.strip()}")
        found = json.loads(done.stdout)
        return found if isinstance(found, dict) else {"answer": found}

    @property
    def state(self) -> dict[str, Any]:
        return self.client.call("state")


# What a demo and a test want to be quicker than a real box is; everything else is the default.
QUICK: dict[str, dict[str, Any]] = {
    "server": {"timeout_s": 3.0},
    "contactor": {
        "load": "wallbox",
        "pin": 17,
        "phases": 3,
        "max_current_a": 16,
        "min_off_s": 1.0,
    },
    "meter": {"sample_s": 0.5, "update_s": 0.5, "lost_after_s": 5},
    "indicator": {"green_pin": 5, "red_pin": 6, "buzzer_pin": 13},
}


@dataclass
class Station:
    """evcs-station run as a process, on a simulated box."""

    name: str
    folder: Path
    box: Box
    server_url: str
    token_file: Path
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    process: Process | None = None

    @property
    def config_file(self) -> Path:
        return self.folder / "config.toml"

    @property
    def run_dir(self) -> Path:
        return self.folder / "run"

    def write_config(self) -> None:
        tables: dict[str, dict[str, Any]] = {
            "station": {
                "name": self.name,
                "data_dir": str(self.folder / "data"),
                "run_dir": str(self.run_dir),
                "simulator": str(self.box.socket),
            },
            **{name: dict(table) for name, table in QUICK.items()},
        }
        tables["server"] |= {"url": self.server_url, "token_file": str(self.token_file)}
        for name, table in self.changes.items():
            tables.setdefault(name, {}).update(table)
        lines = []
        for name, table in tables.items():
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        self.config_file.write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        self.write_config()
        self.process = Process(
            self.name,
            self.folder / "station.log",
            sys.executable,
            "-m",
            "station.cli.main",
            "run",
            "--config",
            str(self.config_file),
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Returns the exit status of the daemon."""
        return self.process.end(number) if self.process is not None else 0

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One evcs-station command beside the daemon."""
        return subprocess.run(
            [sys.executable, "-m", "station.cli.main", *words, "--config", str(self.config_file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    @property
    def status(self) -> dict[str, Any] | None:
        """What the daemon says of itself, None while it does not."""
        try:
            return control.ask(self.run_dir, "status")
        except (OSError, ValueError):
            return None

    @property
    def phase(self) -> str | None:
        found = self.status
        return None if found is None else str(found["phase"])

    def wait_for(self, phase: str, within_s: float = 30.0) -> dict[str, Any]:
        """Until the box is in this phase; returns its status."""

        def there() -> dict[str, Any] | None:
            if self.process is not None and not self.process.running:
                raise NotInTime(f"the daemon left while {phase} was waited for\n{self.tail()}")
            found = self.status
            return found if found is not None and found["phase"] == phase else None

        try:
            return dict(until(there, f"{self.name} {phase}", within_s))
        except NotInTime as error:
            raise NotInTime(f"{error}; it is {self.status}\n{self.tail()}") from None

    def tail(self) -> str:
        return self.process.tail() if self.process is not None else ""


@dataclass
class Installation:
    """One server, one box, one station; use as a context manager."""

    folder: Path
    speed: float = 1.0
    port: int = 0
    debug: bool = False
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.server = Server(self.folder, self.port, debug=self.debug)
        self.demo = self.server.prepare()
        self._stack.callback(self.server.stop)
        self.server.start()
        self.box = Box(self.folder, speed=self.speed)
        self._stack.callback(self.box.stop)
        self.box.start()
        self.station = Station(
            "box-1",
            self.folder,
            self.box,
            self.server.url,
            self.folder / "box-1.token",
            self.changes,
        )
        self._stack.callback(self.station.stop)
        self.station.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
