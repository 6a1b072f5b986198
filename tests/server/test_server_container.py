"""Dockerfile and compose.yaml, as far as a machine without a container engine can look at them.

What they run is run here; what they name exists; the wheel that the image is made of has all files.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from tools.installation import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
KNOWN = set(re.findall(r"EVCS_[A-Z_]+", (ROOT / "server/settings.py").read_text()))
OURS = [name for name in COMPOSE["services"] if name != "database"]


def known_variables() -> set[str]:
    """With the files that secrets may come from, and those that the docstring shortens."""
    text = (ROOT / "server/settings.py").read_text()
    secret = {f"{name}_FILE" for name in re.findall(r'_secret\("(EVCS_[A-Z_]+)"', text)}
    return KNOWN | secret


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_one_that_the_settings_read(name: str) -> None:
    given = set(COMPOSE["services"][name]["environment"])
    assert given
    assert given <= known_variables()


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_that_runs(name: str) -> None:
    command = COMPOSE["services"][name].get("command") or _image_command()
    if command[0] == "gunicorn":
        done = subprocess.run(
            [sys.executable, "-m", *command, "--check-config"],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return
    python, flag, module, subcommand, *words = command
    assert (python, flag, module) == ("python", "-m", "server.manage")
    loaded = load_command_class(get_commands()[subcommand], subcommand)
    loaded.create_parser("manage", subcommand).parse_args(words)


def _image_command() -> list[str]:
    found = re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    return list(yaml.safe_load(found[1]))


def test_nothing_is_privileged_and_nothing_listens_but_for_the_proxy() -> None:
    for name, service in COMPOSE["services"].items():
        assert not {"privileged", "network_mode", "cap_add"} & set(service), name
    ports = [port for one in COMPOSE["services"].values() for port in one.get("ports", [])]
    assert ports == ["127.0.0.1:8000:8000"]
    assert re.search(r"^USER (?!root)", DOCKERFILE, re.MULTILINE)


def test_what_is_waited_for_says_when_it_is_well() -> None:
    for service in COMPOSE["services"].values():
        for name, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in COMPOSE["services"][name]
            else:
                # One that ends: it has to be one that is not started again.
                assert wanted["condition"] == "service_completed_successfully"
                assert COMPOSE["services"][name]["restart"] == "no"


def test_what_the_dockerfile_copies_is_there() -> None:
    copied = [
        word
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in shlex.split(line)[1:-1]
    ]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name


def test_the_wheel_has_templates_styles_and_texts(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("station", "drivers", "mcsp", "simulator", "evcs"):
        (tmp_path / name).symlink_to(ROOT / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), "."],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(ROOT))
        for pattern in ("templates/**/*.html", "static/**/*.*", "locale/**/*.mo")
        for path in (ROOT / "evcs").glob(pattern)
    }
    assert len(wanted) > 10
    assert wanted <= inside, sorted(wanted - inside)
