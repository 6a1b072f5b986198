"""Whom the box takes for its server over TLS, and that nobody else gets to see the token."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from station.transport.answers import Answer, Kind
from station.transport.rest import RestTransport
from tests.station.test_rest import PATIENCE_S, TOKEN, Server, evcs, response

# A while ago and in a while, whatever the clock of this machine says.
AGES_AGO, LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC), datetime(2002, 1, 1, tzinfo=UTC)
FAR_OFF, FARTHER = datetime(2090, 1, 1, tzinfo=UTC), datetime(2091, 1, 1, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """The one that [server] ca_file names."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return authority


@pytest.fixture
def served() -> Iterator[Callable[[trustme.LeafCert], Server]]:
    servers: list[Server] = []

    def serve(certificate: trustme.LeafCert) -> Server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        servers.append(Server(response(200, evcs()), context=context))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


def asked(server: Server, folder: Path, host: str = "127.0.0.1") -> Answer:
    url = server.url.replace("127.0.0.1", host)
    transport = RestTransport(url, TOKEN, timeout_s=PATIENCE_S, ca_file=str(folder / "ca.pem"))
    try:
        return transport.heartbeat({})
    finally:
        transport.close()


Serve = Callable[[trustme.LeafCert], Server]


def test_a_server_with_its_certificate_is_heard(
    authority: trustme.CA, served: Serve, tmp_path: Path
) -> None:
    server = served(authority.issue_cert("127.0.0.1", "localhost"))
    assert asked(server, tmp_path).kind is Kind.DONE
    assert asked(server, tmp_path, "localhost").kind is Kind.DONE
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("names", "host", "lives", "word"),
    [
        (("mmetering.example",), "127.0.0.1", None, "mismatch"),
        (("127.0.0.1",), "localhost", None, "mismatch"),
        (("127.0.0.1",), "127.0.0.1", (AGES_AGO, LONG_AGO), "expired"),
        (("127.0.0.1",), "127.0.0.1", (FAR_OFF, FARTHER), "not yet valid"),
    ],
    ids=["another name", "a name for an address", "expired", "from the future"],
)
def test_a_certificate_that_is_not_this_servers_now(
    authority: trustme.CA,
    served: Serve,
    tmp_path: Path,
    names: tuple[str, ...],
    host: str,
    lives: tuple[datetime, datetime] | None,
    word: str,
) -> None:
    times = {} if lives is None else {"not_before": lives[0], "not_after": lives[1]}
    server = served(authority.issue_cert(*names, **times))
    answer = asked(server, tmp_path, host)
    assert answer.kind is Kind.SILENT
    assert word in answer.detail.lower(), answer.detail
    assert server.requests == [], "the token went to somebody else"


def test_a_named_authority_is_the_only_one(
    authority: trustme.CA, served: Serve, tmp_path: Path
) -> None:
    other = trustme.CA()
    server = served(other.issue_cert("127.0.0.1"))
    assert asked(server, tmp_path).kind is Kind.SILENT
    assert server.requests == []


def test_a_certificate_may_not_vouch_for_another(
    authority: trustme.CA, served: Serve, tmp_path: Path
) -> None:
    """A leaf of the right authority is no authority."""
    leaf = authority.issue_cert("attacker.example")
    forger = trustme.CA()
    certificate = forger.issue_cert("127.0.0.1")
    chain = [*certificate.cert_chain_pems, *leaf.cert_chain_pems]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    path = tmp_path / "chain.pem"
    path.write_bytes(certificate.private_key_pem.bytes() + b"".join(pem.bytes() for pem in chain))
    context.load_cert_chain(path)
    server = Server(response(200, evcs()), context=context)
    try:
        assert asked(server, tmp_path).kind is Kind.SILENT
    finally:
        server.close()
    assert server.requests == []


def test_a_clock_that_is_wrong_is_what_the_words_speak_of(
    authority: trustme.CA, served: Serve, tmp_path: Path
) -> None:
    """A Pi that woke up in 1970 finds every certificate to be from the future."""
    from station.checks.world import advice

    soon = datetime.now(UTC) + timedelta(days=3650)
    server = served(
        authority.issue_cert("127.0.0.1", not_before=soon, not_after=soon + timedelta(days=1))
    )
    assert "set the box's clock" in advice(asked(server, tmp_path))
