"""Dockerfile and compose.yaml, as far as a machine without a container engine can look at them.

What they run is run here; what they name exists; the wheel that the image is made of has all files.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command, get_commands, load_command_class
from pytest_django.live_server_helper import LiveServer

from evcs.services.health import Health
from tools.installation import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
KNOWN = set(re.findall(r"EVCS_[A-Z_]+", (ROOT / "server/settings.py").read_text()))
OURS = [name for name in COMPOSE["services"] if name != "database"]
SERVING = [name for name in OURS if COMPOSE["services"][name]["restart"] != "no"]


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
    assert_parses(command)


def assert_parses(command: list[str]) -> None:
    """It is a command of the server's, and takes these options."""
    python, flag, module, subcommand, *words = command
    assert (python, flag, module) == ("python", "-m", "server.manage")
    loaded = load_command_class(get_commands()[subcommand], subcommand)
    loaded.create_parser("manage", subcommand).parse_args(words)


@pytest.mark.parametrize("name", SERVING)
def test_every_service_says_whether_it_is_well(name: str) -> None:
    kind, *words = COMPOSE["services"][name]["healthcheck"]["test"]
    if kind == "CMD-SHELL":
        words = words[0].partition(" && ")[2].split()
    if words[1] != "-c":
        assert_parses(words)


@pytest.mark.django_db(transaction=True)
def test_web_is_as_well_as_its_health_endpoint_says(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, python, *words = COMPOSE["services"]["web"]["healthcheck"]["test"]
    assert python == "python"
    words = [word.replace("http://127.0.0.1:8000", live_server.url) for word in words]

    def asks() -> int:
        return subprocess.run([sys.executable, *words], capture_output=True).returncode

    assert asks() == 0
    monkeypatch.setattr(Health, "well", False)
    assert asks() == 1


@pytest.mark.django_db
def test_health_as_a_command(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    call_command("evcs_health")
    assert "database: True" in capsys.readouterr().out
    monkeypatch.setattr(Health, "well", False)
    with pytest.raises(CommandError, match="database: True"):
        call_command("evcs_health")


def test_every_secret_is_one_that_somebody_is_told_to_make() -> None:
    page = (ROOT / "docs/operation.md").read_text()
    for name, secret in COMPOSE["secrets"].items():
        assert secret["file"] == f"./secrets/{name}"
        assert f"> secrets/{name}" in page


def settings_with(**environment: str) -> str:
    """What the settings come to: which mail server is spoken to, and as whom; else why not."""
    words = "from server import settings as s; print(s.EMAIL_HOST, s.EMAIL_HOST_USER, s.EMAIL_PORT)"
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip() or done.stderr.splitlines()[-1]


def test_a_mail_server_with_a_login(tmp_path: Path) -> None:
    given = COMPOSE["services"]["alerts"]["environment"]
    assert {"EVCS_EMAIL_USER", "EVCS_EMAIL_PASSWORD_FILE"} <= set(given)
    assert "localhost" not in given["EVCS_EMAIL_HOST"]
    (tmp_path / "password").write_text("geheim\n")
    told = settings_with(
        EVCS_EMAIL_HOST="mail.example.org", EVCS_EMAIL_USER="laden", EVCS_EMAIL_PORT="587",
        EVCS_EMAIL_PASSWORD_FILE=str(tmp_path / "password"),
    )  # fmt: skip
    assert told == "mail.example.org laden 587"


def test_addresses_without_a_mail_server_are_no_settings() -> None:
    assert settings_with(EVCS_EMAIL_HOST="", EVCS_LANDLORD_EMAIL="") == "25"
    told = settings_with(EVCS_EMAIL_HOST="", EVCS_LANDLORD_EMAIL="v@example.org")
    assert "EVCS_EMAIL_HOST is empty" in told


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
