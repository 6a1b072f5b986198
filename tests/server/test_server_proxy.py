"""docs/tls.md followed: the certificate by its commands, nginx with its text, the real server
behind, asked as it says."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.installation import ROOT, Process, Server, free_port, until

HOST = "laden.example.org"
MAIN = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_buffer_size 4m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytestmark = pytest.mark.skipif(
    NGINX is None and "CI" not in os.environ, reason="needs: make system-packages (nginx-light)"
)


class BehindProxy(Server):
    """The server as it is told that a proxy ends TLS."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "EVCS_TLS_PROXY": "1",
            "EVCS_ALLOWED_HOSTS": f"{HOST},127.0.0.1",
            "EVCS_SECRET_KEY": "x" * 50,
        }


TEXT = (ROOT / "docs/tls.md").read_text()


def block(kind: str, number: int = 0) -> str:
    """A piece of code of the page."""
    return re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)[number]


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[int]:
    subprocess.run(["sh", "-ec", block("sh")], cwd=tmp_path, check=True, capture_output=True)
    server = BehindProxy(tmp_path, 0)
    server.manage("migrate", "--verbosity", "0")
    server.start()
    port = free_port()
    told = block("nginx").replace("listen 443", f"listen 127.0.0.1:{port}")
    told = told.replace("http://127.0.0.1:8000", server.url)
    told = re.sub(rf"/etc/letsencrypt/live/{HOST}", str(tmp_path), told)
    (tmp_path / "nginx.conf").write_text(MAIN.format(folder=tmp_path, server=told))
    assert NGINX is not None
    subprocess.run([NGINX, "-t", "-c", str(tmp_path / "nginx.conf")], check=True)
    nginx = Process("nginx", tmp_path / "nginx.log", NGINX, "-c", str(tmp_path / "nginx.conf"))
    try:
        until(lambda: _listens(port), "nginx")
        yield port
    finally:
        nginx.end()
        server.stop()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def asked(port: int, folder: Path, path: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The page's curl, led to the test's port."""
    command = block("sh", 1).replace("/api/evcs/v1/health", path).split()
    command[-1] = command[-1].replace(HOST, f"{HOST}:{port}")
    where = ["--resolve", f"{HOST}:{port}:127.0.0.1", "--silent", "--show-error", "--noproxy", "*"]
    return subprocess.run(
        [*command, *where, *words], cwd=folder, capture_output=True, text=True, timeout=30
    )


def test_the_page_leads_to_a_server_behind_tls(proxy: int, tmp_path: Path) -> None:
    trusted = ["--cacert", "authority.pem"]
    health = asked(proxy, tmp_path, "/api/evcs/v1/health", *trusted)
    assert health.returncode == 0, health.stderr
    root = asked(proxy, tmp_path, "/api/evcs/v1/", *trusted)
    assert '"service":"evcs"' in root.stdout
    # The login's cookie goes over TLS only: the server knows that it was asked that way.
    login = asked(proxy, tmp_path, "/evcs/login/", *trusted, "--include")
    assert login.returncode == 0, login.stderr
    cookie = next(x for x in login.stdout.splitlines() if x.lower().startswith("set-cookie"))
    assert "Secure" in cookie
    # What is too large is refused by the server, in words that a box understands, not by nginx in
    # HTML: a box takes an answer without ``service`` for silence, and would send it for ever.
    (tmp_path / "large").write_bytes(b" " * 1_500_000)
    large = [
        "--no-fail",
        "-X",
        "POST",
        "--data-binary",
        "@large",
        "-H",
        "Content-Type: application/json",
    ]
    refused = asked(proxy, tmp_path, "/api/evcs/v1/heartbeat", *trusted, *large)
    assert '"service":"evcs"' in refused.stdout
    # Who does not know the authority does not talk to it: curl's 60.
    assert asked(proxy, tmp_path, "/api/evcs/v1/health").returncode == 60
