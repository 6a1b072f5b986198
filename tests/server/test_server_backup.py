"""Backup and restore on SQLite, as docs/operation.md has it: taken while the server writes."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tools.installation import ROOT, Server

COUNT = (
    "import json\n"
    "from evcs.models import Station, Tag\n"
    "print(json.dumps([Station.objects.count(), Tag.objects.count()]))\n"
)


def shell(database: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "server.manage", *words],
        cwd=ROOT, env={"PATH": "", "EVCS_DATABASE": str(database)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_a_copy_of_a_running_server(tmp_path: Path) -> None:
    server = Server(tmp_path, 0)
    server.prepare()
    live = tmp_path / "server.sqlite3"
    backup = tmp_path / "backup.sqlite3"
    # What .backup of the sqlite3 program calls; a writer holds the database meanwhile.
    with closing(sqlite3.connect(live)) as writer, closing(sqlite3.connect(live)) as source:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE evcs_station SET name = 'half written'")
        with closing(sqlite3.connect(backup)) as target:
            source.backup(target)
        writer.rollback()
    shell(backup, "migrate", "--check")
    shell(backup, "evcs_verify")
    assert json.loads(shell(backup, "shell", "-v", "0", "-c", COUNT)) == json.loads(
        shell(live, "shell", "-v", "0", "-c", COUNT)
    )
    with closing(sqlite3.connect(backup)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert "half written" not in str(
            database.execute("SELECT name FROM evcs_station").fetchall()
        )


def test_an_upgrade_from_the_first_tables_and_the_way_there(tmp_path: Path) -> None:
    """Down to the first migration and up again: no row of the house is lost on the way."""
    server = Server(tmp_path, 0)
    server.prepare()
    live = tmp_path / "server.sqlite3"
    before = shell(live, "shell", "-v", "0", "-c", COUNT)
    shell(live, "migrate", "evcs", "0101", "--verbosity", "0")
    shell(live, "migrate", "--verbosity", "0")
    shell(live, "migrate", "--check")
    shell(live, "evcs_verify")
    assert shell(live, "shell", "-v", "0", "-c", COUNT) == before
