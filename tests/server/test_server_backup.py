"""docs/backup.md and docs/upgrade.md followed on each database: the pages' own commands are run."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tools import databases
from tools.installation import ROOT, Server

PAGE = (ROOT / "docs/backup.md").read_text()
KINDS = {"SQLite": "", "MariaDB": "mariadb", "PostgreSQL": "postgresql"}
COUNT = (
    "from evcs.models import Station, Tag, StationKey, TagAssignment\n"
    "for model in (Station, Tag, StationKey, TagAssignment):\n"
    "    print(sorted(map(str, model.objects.values_list())))\n"
)


def commands(kind: str, number: int) -> list[str]:
    """What the page's table says for a database: 0 backs up, 1 puts aside, 2 restores."""
    rows = re.findall(rf"^ *\| {kind} \| (.*) \|$", PAGE, re.MULTILINE)
    return re.findall(r"`([^`]+)`", rows[number])


@dataclass
class On(Server):
    """The server on some database; its programs find it as an operator's would."""

    database: str = ""
    programs: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "EVCS_DATABASE": self.database, **self.programs}

    def run(self, command: str) -> None:
        """A command of the page, in the folder of the backups."""
        done = subprocess.run(
            ["sh", "-ec", command], cwd=self.folder, env={**os.environ, **self.environment},
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)

    def rows(self) -> str:
        """All of what the demo has entered."""
        return self.manage("shell", "-v", "0", "-c", COUNT)

    def connection(self) -> Any:
        """One of the driver's own, in a transaction."""
        if "PGHOST" in self.programs:
            address = f"host={self.programs['PGHOST']} user=evcs dbname=evcs"
            return importlib.import_module("psycopg").connect(address)
        if "HOME" in self.programs:
            made = importlib.import_module("MySQLdb").connect(
                read_default_file=str(self.folder / ".my.cnf"), database="evcs"
            )
            made.begin()
            return made
        return sqlite3.connect(self.database)


@pytest.fixture(params=KINDS)
def on(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, On]]:
    """A server with the demo's house on each database."""
    kind = request.param
    if not KINDS[kind]:
        server = On(tmp_path, 0, database=str(tmp_path / "evcs.sqlite3"))
        server.prepare()
        yield kind, server
        return
    try:
        databases.require(KINDS[kind])
    except databases.Missing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    with databases.database(KINDS[kind]) as url:
        place = unquote(urlsplit(url).hostname or urlsplit(url).netloc.partition("@")[2])
        place = place.removesuffix(":5432")
        if kind == "PostgreSQL":
            programs = {"PGHOST": place, "PGUSER": "evcs"}
        else:
            programs = {"HOME": str(tmp_path)}
            (tmp_path / ".my.cnf").write_text(f"[client]\nsocket={place}\nuser=evcs\n")
        server = On(tmp_path, 0, database=url, programs=programs)
        server.prepare()
        yield kind, server


# What is committed after the backup by a process that the power cut takes away.
KILLED = (
    "import os, signal\n"
    "from evcs.models import Station, Tag\n"
    "Station.objects.update(name='after')\n"
    "Tag.objects.update(label='after the backup')\n"
    "os.kill(os.getpid(), signal.SIGKILL)\n"
)


def is_killed_while_it_writes(server: On) -> None:
    """A process of the server writes and is gone without a word."""
    done = subprocess.run(
        [sys.executable, "-m", "server.manage", "shell", "-v", "0", "-c", KILLED],
        cwd=ROOT, env={**os.environ, **server.environment}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_the_page_is_followed(on: tuple[str, On]) -> None:
    """A backup while a transaction is half written; a power cut; restored it is all there."""
    kind, server = on
    before = server.rows()
    assert "box-1" in before
    with closing(server.connection()) as writer:
        writer.cursor().execute("UPDATE evcs_station SET name = 'half written'")
        (backup,) = commands(kind, 0)
        server.run(backup)
        writer.rollback()
    is_killed_while_it_writes(server)
    for command in commands(kind, 1):
        server.run(command)
    assert_is_gone(kind, server)
    for command in commands(kind, 2):
        server.run(command)
    look = re.findall(r"^ +python -m server\.manage (.+)$", PAGE, re.MULTILINE)
    assert [words.split()[0] for words in look] == ["migrate", "check", "evcs_verify"]
    for words in look:
        said = server.manage(*shlex.split(words))
    assert "migrate" not in said
    assert server.rows() == before
    server.manage("migrate", "--check")


def assert_is_gone(kind: str, server: On) -> None:
    """What is put aside is not in the way; looking at SQLite would make a new file there."""
    if kind == "SQLite":
        assert list(server.folder.glob("evcs.sqlite3*")) == []
        assert (server.folder / "damaged/evcs.sqlite3-wal").stat().st_size > 0
    else:
        with pytest.raises(RuntimeError):
            server.rows()


CONTAINER = re.findall(r"^ *docker compose (.+)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("on", ["MariaDB"], indirect=True)
def test_the_page_is_followed_in_containers(on: tuple[str, On]) -> None:
    """Its lines without the engine: in `database` as the user that the image makes, with all
    rights on its own database and none else; in `web` by the same programs."""
    _, server = on
    secret = server.folder / "database_password"
    secret.write_text("geheim")
    with closing(server.connection()) as root:
        root.cursor().execute("SET PASSWORD = PASSWORD('geheim')")
    server.database = server.database.replace("evcs@", "evcs:geheim@", 1)
    (server.folder / ".my.cnf").write_text(
        (server.folder / ".my.cnf").read_text().replace("user=evcs\n", "")
    )
    before = server.rows()
    stopped: set[str] = set()
    for line in CONTAINER:
        if line.startswith("--profile line stop"):
            stopped = set(line.split()[3:])
            is_killed_while_it_writes(server)
        elif line.startswith("exec -T"):
            assert line.split()[2] not in stopped, line
            words = line.removeprefix("exec -T database ")
            server.run(words.replace("/run/secrets/database_password", str(secret)))
        elif line.startswith("run --rm"):
            server.manage(*shlex.split(line.partition(" -m server.manage ")[2]))
        else:
            assert line == "up -d"
    assert stopped == {"web", "alerts", "retention", "evcs"}
    assert "after" in (server.folder / "damaged.sql").read_text()
    assert server.rows() == before


def test_an_upgrade_from_the_first_tables_and_the_way_there(on: tuple[str, On]) -> None:
    """Down to the first migration and up again: no row of the house is lost on the way."""
    _, server = on
    before = server.rows()
    server.manage("migrate", "evcs", "0101", "--verbosity", "0")
    server.manage("migrate", "--verbosity", "0")
    server.manage("migrate", "--check")
    server.manage("evcs_verify")
    assert server.rows() == before


def test_a_copy_on_sqlite_is_whole(tmp_path: Path) -> None:
    server = On(tmp_path, 0, database=str(tmp_path / "evcs.sqlite3"))
    server.prepare()
    (backup,) = commands("SQLite", 0)
    server.run(backup)
    with closing(sqlite3.connect(tmp_path / "backup.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_steps_of_an_upgrade_are_commands_that_exist() -> None:
    """Those that the page of the upgrade names, and their flags."""
    page = (ROOT / "docs/upgrade.md").read_text()
    named = re.findall(r"server\.manage (\w+)([^`\n]*)", page)
    assert {"migrate", "collectstatic", "check"} <= {name for name, _ in named}
    for name, words in named:
        done = subprocess.run(
            [sys.executable, "-m", "server.manage", name, "--help"],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        for flag in re.findall(r"--[a-z]+", words):
            assert flag in done.stdout
