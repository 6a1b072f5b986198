"""The throw-away databases: there when a command runs, gone afterwards, whatever happened."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tools import databases

KINDS = list(databases.KINDS)
ANSWER_S = 60.0


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """A database whose packages are here; in CI all of them are."""
    name = str(request.param)
    try:
        databases.require(name)
    except databases.Missing as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    return name


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where servers are made; short, for the sockets in there, and open to their accounts."""
    path = Path(tempfile.mkdtemp(prefix="evcs-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def started(folder: Path, kind: str, *command: str, **environment: str) -> subprocess.Popen[str]:
    """Start the tool with ``folder`` for its temporary files."""
    return subprocess.Popen(
        [sys.executable, "-m", "tools.databases", kind, "--", *command],
        env=os.environ | {"TMPDIR": str(folder)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def running_in(folder: Path) -> list[str]:
    """Return the working folders in ``folder`` that processes are in, as those of servers are."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            found.append(str(link.readlink()))
    return [path for path in found if path.startswith(str(folder))]


def assert_gone(folder: Path) -> None:
    """Check that nothing of a server is left, neither a file nor a process."""
    deadline = time.monotonic() + ANSWER_S
    # What was killed takes a moment to go.
    while running_in(folder):
        assert time.monotonic() < deadline, running_in(folder)
        time.sleep(0.01)
    assert list(folder.iterdir()) == []


def test_command_finds_an_empty_database_and_its_status_is_passed_on(
    kind: str, folder: Path
) -> None:
    script = (
        "import os, sys, django; from django.conf import settings;"
        "from server.database import parse_database as parse;"
        "settings.configure(DATABASES={'default': parse(os.environ['EVCS_DATABASE'])});"
        "django.setup(); from django.db import connection as c;"
        "assert c.introspection.table_names() == [];"
        "c.creation.create_test_db(verbosity=0, serialize=False); sys.exit(7)"
    )
    process = started(folder, kind, sys.executable, "-c", script)
    _, errors = process.communicate(timeout=ANSWER_S)
    assert (process.returncode, errors) == (7, "")
    assert_gone(folder)


@pytest.mark.parametrize(("number", "at_whom"), [("SIGTERM", "tool"), ("SIGINT", "everybody")])
def test_nothing_is_left_after_a_signal(kind: str, folder: Path, number: str, at_whom: str) -> None:
    process = started(folder, kind, "sh", "-c", "echo running; exec sleep 600")
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    sent = signal.Signals[number]
    if at_whom == "everybody":
        # As a terminal does.
        os.killpg(process.pid, sent)
    else:
        process.send_signal(sent)
    process.communicate(timeout=ANSWER_S)
    assert process.returncode == 128 + sent
    assert_gone(folder)


def test_nothing_is_left_of_a_command_that_was_just_started(kind: str, folder: Path) -> None:
    """The signal arrives while the tool is still busy starting it."""
    process = started(folder, kind, "sh", "-c", "kill -TERM $PPID; exec sleep 600")
    # To its end: COMMAND has the same standard output, and must be gone too.
    process.communicate(timeout=ANSWER_S)
    assert process.returncode == 128 + signal.SIGTERM
    assert_gone(folder)


def test_nothing_is_left_of_a_server_that_is_being_made(kind: str, folder: Path) -> None:
    process = started(folder, kind, "true")
    deadline = time.monotonic() + ANSWER_S
    while not list(folder.glob("evcs-*/data")):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.terminate()
    _, errors = process.communicate(timeout=ANSWER_S)
    assert (process.returncode, errors) == (128 + signal.SIGTERM, "")
    assert_gone(folder)


def test_the_server_does_not_outlive_a_tool_that_was_killed(kind: str, folder: Path) -> None:
    process = started(folder, kind, "sh", "-c", "echo running; exec sleep 600")
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    assert running_in(folder) != []
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=ANSWER_S)
    deadline = time.monotonic() + ANSWER_S
    while running_in(folder):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_command_that_is_not_there(kind: str, folder: Path) -> None:
    process = started(folder, kind, "no-such-command")
    _, errors = process.communicate(timeout=ANSWER_S)
    assert process.returncode == 127
    assert errors == "databases: no-such-command: No such file or directory\n"
    assert_gone(folder)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("ci", "status", "end"), [("true", 1, "\n"), ("", 0, "; skipped\n")])
def test_packages_that_are_missing(
    kind: str, folder: Path, tmp_path: Path, ci: str, status: int, end: str
) -> None:
    process = started(folder, kind, "true", PATH=str(tmp_path), CI=ci)
    _, errors = process.communicate(timeout=ANSWER_S)
    assert process.returncode == status
    assert errors.count("\n") == 1
    assert "is not installed" in errors
    assert "make system-packages" in errors
    assert errors.endswith(end)
    assert_gone(folder)
