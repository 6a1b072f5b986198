"""System checks: what a project must have right before a station may rely on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import FieldDoesNotExist
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from evcs.settings import evcs_settings

# Settings of the server by which what is committed is on the disk, and the values that do.
DURABLE = {
    "postgresql": {
        "fsync": {"on"},
        "synchronous_commit": {"on", "local", "remote_write", "remote_apply"},
    },
    "mysql": {"innodb_flush_log_at_trx_commit": {"1", "3"}},
}


@register()
def check_time_zone(**_: Any) -> list[CheckMessage]:
    """E001: without aware times the hour of the change to winter time exists only once."""
    if settings.USE_TZ:
        return []
    return [
        Error(
            "evcs needs USE_TZ = True",
            hint="Set USE_TZ = True, and TIME_ZONE to the zone of the house, which decides where a "
            "month begins. A project of mmetering's kind has wall clocks in its tables, which "
            "Django would take for UTC from then on: make its DateTimeFields the HostDateTimeField "
            "of server/mmetering/localtime.py (no table changes), or leave it as it is and run "
            "server/ on a copy of its database (docs/server.md).",
            id="evcs.E001",
        )
    ]


@register()
def check_flat_model(**_: Any) -> list[CheckMessage]:
    """E002, E003: the model of an apartment and its name."""
    label = evcs_settings.FLAT_MODEL
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError, AttributeError):
        return [
            Error(
                f"EVCS['FLAT_MODEL'] = {label!r} is no installed model",
                hint="Name it as 'app.Model' and put its app into INSTALLED_APPS.",
                id="evcs.E002",
            )
        ]
    try:
        model._meta.get_field(evcs_settings.FLAT_NAME_FIELD)
    except FieldDoesNotExist:
        return [
            Error(
                f"EVCS['FLAT_NAME_FIELD'] = {evcs_settings.FLAT_NAME_FIELD!r} is no field "
                f"of {label}",
                id="evcs.E003",
            )
        ]
    return []


@register()
def check_sqlite(**_: Any) -> list[CheckMessage]:
    """E004: SQLite must take its write lock at the beginning of a transaction."""
    found: list[CheckMessage] = []
    for alias, entry in settings.DATABASES.items():
        options = entry.get("OPTIONS") or {}
        mode = str(options.get("transaction_mode") or "").upper()
        if entry.get("ENGINE", "").endswith("sqlite3") and mode not in ("IMMEDIATE", "EXCLUSIVE"):
            found.append(
                Error(
                    f"DATABASES[{alias!r}]: SQLite without transaction_mode IMMEDIATE fails with "
                    "'database is locked' as soon as two stations report at once",
                    hint="OPTIONS = {'transaction_mode': 'IMMEDIATE', 'timeout': 20}",
                    id="evcs.E004",
                )
            )
    return found


@register(Tags.database)
def check_collation(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """E005: MariaDB's own collations take "Lader1" and "lader1" for the same."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor != "mysql":
            continue
        name = connection.settings_dict["NAME"]
        binary = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        default, tables = _collations(connection)
        cures = [] if default.endswith("_bin") else [f"ALTER DATABASE `{name}` {binary};"]
        cures += [f"ALTER TABLE `{table}` CONVERT TO {binary};" for table in tables]
        if cures:
            found.append(
                Error(
                    f"DATABASES[{alias!r}]: {name} compares text without regard to case; two "
                    "names, keys or meter serials that differ would be one",
                    hint=" ".join(cures),
                    id="evcs.E005",
                )
            )
    return found


@register(Tags.database)
def check_durability(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """W002: a station forgets a charge once it hears OK, so OK must survive a power cut."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        lax = [
            f"{name} = {value}"
            for name, safe in DURABLE.get(connection.vendor, {}).items()
            if (value := _setting(connection, name)) not in safe
        ]
        if lax:
            found.append(
                Warning(
                    f"DATABASES[{alias!r}]: with {', '.join(lax)} a charge that was answered with "
                    "OK can be lost in a power cut",
                    hint="Set it back to the database's default.",
                    id="evcs.W002",
                )
            )
    return found


@register(deploy=True)
def check_https(**_: Any) -> list[CheckMessage]:
    """W001: tokens travel in the header of every request."""
    if settings.SECURE_SSL_REDIRECT or settings.SECURE_PROXY_SSL_HEADER:
        return []
    return [
        Warning(
            "nothing says that requests arrive over TLS; station tokens would be readable",
            hint="Put a proxy in front and set SECURE_PROXY_SSL_HEADER, or SECURE_SSL_REDIRECT.",
            id="evcs.W001",
        )
    ]


def _collations(connection: BaseDatabaseWrapper) -> tuple[str, list[str]]:
    """Return the collation of new tables, and which of ours have text columns with another one
    than of bytes."""
    models = apps.get_app_config("evcs").get_models(include_auto_created=True)
    ours = [model._meta.db_table for model in models]
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@collation_database")
        (default,) = cursor.fetchone()
        cursor.execute(
            "SELECT DISTINCT table_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND collation_name NOT LIKE %s AND table_name IN %s "
            "ORDER BY table_name",
            ["%\\_bin", ours],
        )
        return default, [table for (table,) in cursor.fetchall()]


def _setting(connection: BaseDatabaseWrapper, name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}" if connection.vendor == "postgresql" else f"SELECT @@{name}")
        (value,) = cursor.fetchone()
    return str(value)
