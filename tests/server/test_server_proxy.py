"""docs/operation.md's nginx, started with its own text: TLS in front, the real server behind."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tools.installation import ROOT, Process, Server, free_port, until

HOST = "laden.example.org"
MAIN = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
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
    NGINX is None and "CI" not in os.environ, reason="needs: apt install nginx-light"
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


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[int, ssl.SSLContext, Server]]:
    authority = trustme.CA()
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "cert.pem")
    )
    server = BehindProxy(tmp_path, 0)
    server.manage("migrate", "--verbosity", "0")
    server.start()
    port = free_port()
    text = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/operation.md").read_text(), re.DOTALL)
    assert text is not None
    told = text[1].replace("listen 443", f"listen 127.0.0.1:{port}")
    told = told.replace("http://127.0.0.1:8000", server.url)
    told = re.sub(r"/etc/letsencrypt/\S+\.pem", str(tmp_path / "cert.pem"), told)
    (tmp_path / "nginx.conf").write_text(MAIN.format(folder=tmp_path, server=told))
    assert NGINX is not None
    subprocess.run([NGINX, "-t", "-c", str(tmp_path / "nginx.conf")], check=True)
    nginx = Process("nginx", tmp_path / "nginx.log", NGINX, "-c", str(tmp_path / "nginx.conf"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    try:
        yield port, context, server
    finally:
        nginx.end()
        server.stop()


def test_the_servers_word_through_it(proxy: tuple[int, ssl.SSLContext, Server]) -> None:
    port, context, _ = proxy

    def asked(path: str) -> tuple[int, bytes] | None:
        import http.client
        import socket

        try:
            raw = socket.create_connection(("127.0.0.1", port), 5)
        except OSError:
            return None
        connection = http.client.HTTPSConnection(HOST, port, context=context)
        connection.sock = context.wrap_socket(raw, server_hostname=HOST)
        connection.request("GET", path, headers={"Host": HOST})
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    status, body = until(lambda: asked("/api/evcs/v1/"), "nginx") or (0, b"")
    assert status == 200
    assert b'"service":"evcs"' in body
    # The login's cookie goes over TLS only, and the server knows that it was asked that way.
    status, _ = asked("/admin/login/") or (0, b"")
    assert status == 200
