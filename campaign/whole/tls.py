"""A certificate authority of the campaign's own, with a good and an expired certificate."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Certificates:
    """``ca_file`` is what a station trusts; the contexts are the server's side."""

    ca_file: Path
    good: ssl.SSLContext
    expired: ssl.SSLContext


def issue(folder: Path) -> Certificates:
    """Make them; the authority's certificate is written below ``folder``."""
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return Certificates(
        ca_file,
        _context(authority.issue_cert(HOST)),
        _context(authority.issue_cert(HOST, not_after=yesterday)),
    )


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
