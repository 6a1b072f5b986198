"""server/systemd: the units are units, start what exists, and the page names them all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tools.installation import ROOT

FOLDER = ROOT / "server/systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
UNITS = [*SERVICES, *sorted(FOLDER.glob("*.timer"))]


def read(unit: Path) -> RawConfigParser:
    found = RawConfigParser(strict=False, delimiters=("=",))
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(unit.read_text())
    return found


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_what_it_starts_is_there(unit: Path) -> None:
    program, *words = read(unit)["Service"]["ExecStart"].split()
    if program.endswith("/gunicorn"):
        done = subprocess.run(
            [sys.executable, "-m", "gunicorn", *words, "--check-config"],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return
    assert (program, words[:2]) == ("/opt/evcs/.venv/bin/python", ["-m", "server.manage"])
    loaded = load_command_class(get_commands()[words[2]], words[2])
    loaded.create_parser("manage", words[2]).parse_args(words[3:])


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and "CI" not in os.environ,
    reason="needs: make system-packages (systemd)",
)
def test_systemd_takes_them(tmp_path: Path) -> None:
    """With programs and settings that exist in the place of those of the machine."""
    (tmp_path / "env").write_text("")
    for unit in UNITS:
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.M)
        text = text.replace("/etc/evcs.env", str(tmp_path / "env"))
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / unit.name) for unit in UNITS)],
        capture_output=True, text=True,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "evcs-" in line]
    assert ours == []


def test_they_share_one_place_of_everything() -> None:
    manage = (FOLDER / "evcs-manage").read_text()
    for unit in SERVICES:
        service = read(unit)["Service"]
        assert service["User"] == "evcs"
        assert f". {service['EnvironmentFile']}" in manage
        assert f"cd {service['WorkingDirectory']}" in manage


def test_the_page_names_what_is_to_be_started() -> None:
    page = (ROOT / "docs/operation.md").read_text()
    for unit in UNITS:
        if "Install" in read(unit):
            assert f"`{unit.name}`" in page
