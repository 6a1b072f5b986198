"""System checks: what a project must have right before a station may rely on it."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import FieldDoesNotExist

from evcs.settings import evcs_settings


@register()
def check_time_zone(**_: Any) -> list[CheckMessage]:
    """E001: without aware times the hour of the change to winter time exists only once."""
    if settings.USE_TZ:
        return []
    return [
        Error(
            "evcs needs USE_TZ = True",
            hint="Set USE_TZ = True; TIME_ZONE decides where a month begins.",
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
