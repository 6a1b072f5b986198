"""A served box for tests: the real ``evcs-simbox serve`` as a process, and helpers around it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from simulator.client import BoxClient

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0


class BoxProcess:
    """``with BoxProcess("--speed", "60") as box:`` serves a box in a short-named folder."""

    def __init__(self, *options: str, path: Path | None = None) -> None:
        self._folder = None if path else Path(tempfile.mkdtemp(prefix="box"))
        self.path = path or self._folder / "s"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simulator.cli", "serve", "--socket", str(self.path), *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.ready = self.process.stdout.readline()
        self.client = BoxClient(str(self.path))

    @property
    def meter(self) -> Path:
        return self.path.with_name(self.path.name + ".meter")

    def state(self) -> dict:
        return self.client.call("state")

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Signal the box; returns its exit status and what it wrote on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors

    def __enter__(self) -> BoxProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.end()
        if self._folder:
            shutil.rmtree(self._folder)


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process that runs ``code``; it prints a line when it is where the test wants it."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Callable[[], object]) -> None:
    """Until ``condition`` holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
