"""Who may read what the box knows: the probe, and the modes that the programs give their files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from station import control
from station.checks import private
from station.checks.probe import Result
from station.daemon import JOURNAL_FILE, only_one
from station.journal import database
from tests.station.checks_rig import around, look, made


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    """A machine on which new files are for everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def looked(folder: Path, **server: str) -> Result:
    return look(private.PROBES[0], around(made(folder, server=server)))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_token_for_everybody(tmp_path: Path) -> None:
    assert looked(tmp_path).ok
    for bits in (0o644, 0o604, 0o602):
        other = tmp_path / "other"
        other.write_text("another-token\n")
        other.chmod(bits)
        found = looked(tmp_path, token_file=str(other))
        assert not found.ok
        assert f"chmod 600 {other}" in found.text
    other.chmod(0o640)
    assert looked(tmp_path, token_file=str(other)).ok


def test_a_journal_is_made_for_the_service_and_its_group(tmp_path: Path) -> None:
    path = tmp_path / "data" / JOURNAL_FILE
    connection = database.connect(path)
    try:
        assert mode(path.parent) == 0o750
        files = sorted(path.parent.iterdir())
        assert [one.name for one in files] == [
            JOURNAL_FILE,
            f"{JOURNAL_FILE}-shm",
            f"{JOURNAL_FILE}-wal",
        ]
        assert {mode(one) for one in files} == {0o640}
        assert looked(tmp_path).ok
    finally:
        connection.close()


def test_an_older_journal_is_taken_from_everybody(tmp_path: Path) -> None:
    path = tmp_path / "data" / JOURNAL_FILE
    database.connect(path).close()
    path.chmod(0o666)
    found = looked(tmp_path)
    assert not found.ok
    assert f"chmod o= {path}" in found.text
    database.connect(path).close()
    assert mode(path) == 0o640
    assert looked(tmp_path).ok


def test_a_stricter_journal_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "data" / JOURNAL_FILE
    database.connect(path).close()
    path.chmod(0o600)
    database.connect(path).close()
    assert mode(path) == 0o600


def test_the_folder_of_the_lock_is_not_for_everybody(tmp_path: Path) -> None:
    with only_one(tmp_path / "run"):
        assert mode(tmp_path / "run") == 0o750


def test_a_control_socket_for_everybody(tmp_path: Path) -> None:
    server = control.ControlServer(tmp_path, {}, pytest.fail)
    try:
        assert looked(tmp_path).ok
        control.socket_path(tmp_path).chmod(0o666)
        found = looked(tmp_path)
    finally:
        server.stop()
    assert not found.ok
    assert "chmod 660" in found.text


def test_an_authority_that_others_may_change(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    authority.chmod(0o644)
    assert looked(tmp_path, ca_file=str(authority)).ok
    authority.chmod(0o664)
    found = looked(tmp_path, ca_file=str(authority))
    assert not found.ok
    assert "whom the box takes for its server" in found.text


def test_the_token_is_not_shown_with_its_config(tmp_path: Path) -> None:
    config = made(tmp_path)
    assert config.server.token == "a-token"
    assert "a-token" not in repr(config)
    assert "a-token" not in str(config.server)
