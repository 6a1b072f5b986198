"""Reads EVCS_DATABASE: a path or URL becomes one entry of Django's DATABASES. Pure."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

ENGINES = {
    "postgres": "django.db.backends.postgresql",
    "postgresql": "django.db.backends.postgresql",
    "mysql": "django.db.backends.mysql",
    "mariadb": "django.db.backends.mysql",
}


def parse_database(value: str) -> dict[str, Any]:
    """Return the DATABASES entry for ``value``.

    ``sqlite:///relative.sqlite3``, ``sqlite:////absolute.sqlite3`` or a bare path is SQLite;
    ``postgres://user:password@host:port/name`` and ``mysql://…`` (also MariaDB) are servers. An
    empty host is the distribution's socket, a percent-encoded path (``%2Frun%2F…``) another one.
    Raises ImproperlyConfigured, with the shapes allowed, for anything else.
    """
    if "://" not in value:
        return _sqlite(Path(value))
    url = urlsplit(value)
    if url.scheme == "sqlite":
        return _sqlite(Path(unquote(url.path).removeprefix("/")))
    if url.scheme not in ENGINES or not url.path.strip("/"):
        raise ImproperlyConfigured(
            f"EVCS_DATABASE: {url.scheme}:// with name {url.path.strip('/')!r} cannot be used; "
            "give a file path, sqlite:///FILE, postgres://USER:PASSWORD@HOST/NAME or mysql://…"
        )
    engine = ENGINES[url.scheme]
    entry: dict[str, Any] = {
        "ENGINE": engine,
        "NAME": unquote(url.path.strip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": _host(url),
        "PORT": str(url.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # No longer than a station waits for its answer.
        "OPTIONS": {"connect_timeout": 3},
    }
    if engine.endswith("mysql"):
        entry["OPTIONS"] |= {
            "charset": "utf8mb4",
            "isolation_level": "read committed",
            # Whatever the server's configuration says: nothing is cut to fit, and what is written
            # is a transaction.
            "init_command": "SET sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES'), "
            "default_storage_engine = InnoDB",
        }
        # Text is compared as it is written, as the other databases do (evcs.E005).
        entry["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_bin"}
    return entry


def _host(url: SplitResult) -> str:
    # urlsplit folds a host name to lower case, which a path is not.
    host = url.netloc.rpartition("@")[2]
    if host[:3].lower() == "%2f":
        return unquote(host.partition(":")[0])
    return url.hostname or ""


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        # A request that opens and closes the file costs half as much again: the last one to close
        # it writes the whole log back and deletes it, with an fsync for each.
        "CONN_MAX_AGE": 60,
        "OPTIONS": {
            # A write lock from the first statement: with the default, parallel writers that
            # read first fail with "database is locked" whatever the timeout.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # FULL: a station forgets a session once it hears OK, so OK must survive a power cut.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
        # A file, because threads that share one in-memory database do not lock like clients do.
        "TEST": {
            "NAME": str(Path(tempfile.gettempdir()) / f"evcs-test-{os.getpid()}.sqlite3"),
        },
    }
