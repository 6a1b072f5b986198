"""Builds the server's image and runs it, on a machine without a container engine.

    python -m tools.image [--stand-in] [--share PATH]…

`buildah` (apt) builds the Dockerfile of the commit that is checked out in a chroot, then the
image's own commands run in it on a throw-away MariaDB, as compose.yaml has them: migrate, check, a
station, gunicorn asked for its health, its login and its style sheet, and the alerts. Needs root.

--stand-in makes Debian's own Python take the place of the base image, where no registry can be
reached. --share: a file or folder of this machine that the build sees as well (pip's settings,
say). Exit status 0: all of it went well.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

from tools import databases
from tools.installation import ROOT, NotInTime, free_port, until

IMAGE = "localhost/evcs"
HOST = "laden.example.org"
STAND_IN = ("python3", "python3-dev", "python3-venv", "python-is-python3", "ca-certificates")
SURROUNDINGS = {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}


def buildah(*words: str) -> str:
    """Run buildah; return what it printed. Raises CalledProcessError."""
    done = subprocess.run(
        ["buildah", *words], env=SURROUNDINGS, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


def base_image() -> str:
    """The image that the Dockerfile begins with."""
    found = re.search(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def stand_in(folder: Path) -> None:
    """Give Debian's Python the name of the base image."""
    archive = folder / "base.tar"
    include = f"--include={','.join(STAND_IN)}"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", include, "bookworm", str(archive)],
        check=True,
    )
    container = buildah("from", "scratch")
    buildah("add", "-q", container, str(archive), "/")
    buildah("commit", "-q", "--rm", container, f"docker.io/library/{base_image()}")


def build(folder: Path, shared: Sequence[str], pull: bool) -> None:
    """Build the image from what is committed."""
    context = folder / "context"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(context)], check=True)
    volumes = [word for path in shared for word in ("-v", f"{path}:{path}:ro")]
    pulling = "--pull" if pull else "--pull-never"
    subprocess.run(
        ["buildah", "bud", "--layers=false", pulling, *volumes, "-t", IMAGE, str(context)],
        env=SURROUNDINGS,
        stdin=subprocess.DEVNULL,
        check=True,
    )


class Container:
    """The image, with the variables and secrets that compose.yaml gives it."""

    def __init__(self, folder: Path, database: str) -> None:
        self._name = buildah("from", "--pull-never", IMAGE)
        secrets = folder / "secrets"
        secrets.mkdir()
        (secrets / "database_url").write_text(database)
        (secrets / "secret_key").write_text(os.urandom(50).hex())
        (secrets / "email_password").write_text("")
        sockets = Path(unquote(urlsplit(database).netloc.partition("@")[2])).parent
        sockets.chmod(0o755)
        service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["web"]
        given = {
            name: value.replace("${EVCS_HOST}", HOST)
            for name, value in service["environment"].items()
            if "${" not in value.replace("${EVCS_HOST}", "")
        }
        given["EVCS_ALLOWED_HOSTS"] = f"{HOST},localhost"
        self._words = ["-v", f"{sockets}:{sockets}", "-v", f"{secrets}:/run/secrets:ro"]
        for name, value in given.items():
            self._words += ["-e", f"{name}={value}"]

    def command(self, *words: str) -> list[str]:
        """How a command is run in it, as the image's user."""
        return ["buildah", "run", "--user", "evcs", *self._words, self._name, "--", *words]

    def run(self, *words: str) -> str:
        """Run a command in it to its end."""
        done = subprocess.run(
            self.command(*words), env=SURROUNDINGS, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def remove(self) -> None:
        """Take it away."""
        buildah("rm", self._name)


def ask(port: int, path: str) -> tuple[int, str, str]:
    """Status, cookie and body, as the proxy in front would get them."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Host": HOST, "X-Forwarded-Proto": "https"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.status, str(answer.headers.get("Set-Cookie", "")), answer.read().decode()


def answers(port: int) -> bool:
    """Whether the web server takes a request yet."""
    try:
        return ask(port, "/api/evcs/v1/")[0] == 200
    except OSError:
        return False


def look(container: Container) -> None:
    """Run what compose.yaml runs, and ask for what people and boxes ask for."""
    said = container.run("id", "--user")
    assert said.strip() == "990", said
    container.run("python", "-m", "server.manage", "migrate", "--verbosity", "0")
    container.run("python", "-m", "server.manage", "check", "--deploy", "--database", "default")
    assert "evcs_" in container.run("python", "-m", "server.manage", "evcs_station", "Lader1")
    container.run("python", "-m", "server.manage", "evcs_alerts")
    port = free_port()
    found = re.search(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None
    command = [
        word.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for word in yaml.safe_load(found[1])
    ]
    with subprocess.Popen(container.command(*command), env=SURROUNDINGS) as web:
        try:
            until(lambda: answers(port), "gunicorn in the container")
            status, _, body = ask(port, "/api/evcs/v1/health")
            assert (status, '"migrated":true' in body) == (200, True), body
            status, cookie, body = ask(port, "/evcs/login/")
            assert (status, "Secure" in cookie) == (200, True), cookie
            style = re.search(r'href="(/static/[^"]+\.css)"', body)
            assert style is not None
            assert ask(port, style[1])[0] == 200
        finally:
            subprocess.run(["pkill", "-f", f"bind 127.0.0.1:{port}"], check=False)
            web.wait(20)


def main() -> int:
    """Build, run, look; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.image", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--stand-in", action="store_true", help="no registry: Debian's Python")
    parser.add_argument("--share", action="append", default=[], metavar="PATH")
    options = parser.parse_args()
    if shutil.which("buildah") is None or os.geteuid() != 0:
        print("image: needs root and: apt-get install buildah mmdebstrap", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="evcs-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            if options.stand_in:
                stand_in(folder)
            build(folder, options.share, pull=not options.stand_in)
            with databases.database("mariadb") as url:
                container = Container(folder, url)
                try:
                    look(container)
                finally:
                    container.remove()
        except (subprocess.CalledProcessError, NotInTime, databases.Missing) as error:
            print(f"image: {error}", file=sys.stderr)
            return 1
    print("image: built, migrated, checked; web and alerts ran in it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
