"""Opening the journal's SQLite file so that a commit survives a power cut.

WAL with ``synchronous=FULL``: every commit is fsynced before it is reported. What is not
guaranteed: an SD card that lies about fsync. A damaged file is set aside under a name with the
time, never deleted, and a new one begun.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import stat
from importlib import resources
from pathlib import Path

SCHEMA_VERSION = 2
# A sign of life changes a few bytes of one or two pages, and each is written whole: with SQLite's
# 4096 a day of charging would cost the card four times as much.
PAGE_BYTES = 1024
# A journal holds whole tag ids, and an id can be copied onto another card.
FOLDER_MODE, NOT_FOR_OTHERS = 0o750, 0o027

log = logging.getLogger("station.journal")


class JournalError(Exception):
    """The journal cannot be read or written; the message says what to do."""


class OtherRelease(JournalError):
    """The journal was written by another release; only that one may go on with it."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the journal for its one writer, creating or checking the schema.

    Raises JournalError when the file cannot be used; a file that is damaged was set aside first.
    """
    try:
        path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"{path.parent} cannot be created: {error.strerror}") from error
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise JournalError(f"journal {path} cannot be opened: {error}") from error
        try:
            aside = _set_aside(path)
        except OSError as problem:
            raise JournalError(
                f"journal {path} is damaged ({error}) and cannot be set aside: {problem.strerror}"
            ) from problem
        log.error(
            "journal %s is damaged (%s): set aside as %s, keep that file; a new journal is begun, "
            "and the box waits for the server's last seq",
            path,
            error,
            aside,
        )
    try:
        return _open(path)
    except sqlite3.Error as error:
        raise JournalError(f"journal {path} cannot be opened: {error}") from error


def connect_readonly(path: Path) -> sqlite3.Connection:
    """Open an existing journal for a reader beside the daemon. Raises JournalError."""
    if not path.exists():
        raise JournalError(f"there is no journal at {path}; was the daemon ever started?")
    database = None
    try:
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        database.execute("SELECT value FROM meta LIMIT 1")
    except sqlite3.Error as error:
        if database is not None:
            database.close()
        raise JournalError(f"journal {path} cannot be read: {error}") from error
    database.row_factory = sqlite3.Row
    return database


def _keep_from_others(path: Path) -> None:
    """Before SQLite makes the file: its companions get the mode that the file has."""
    # What cannot be made or changed here is for SQLite to complain of.
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666 & ~NOT_FOR_OTHERS))
    for suffix in ("", "-wal", "-shm"):
        one = path.with_name(path.name + suffix)
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(one.stat().st_mode)
            if mode & NOT_FOR_OTHERS:
                one.chmod(mode & ~NOT_FOR_OTHERS)


def _open(path: Path) -> sqlite3.Connection:
    _keep_from_others(path)
    database = sqlite3.connect(path, isolation_level=None, timeout=5)
    try:
        database.row_factory = sqlite3.Row
        database.execute(f"PRAGMA page_size={PAGE_BYTES}")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        check = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if check != "ok":
            raise sqlite3.DatabaseError(check)
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            schema = resources.files("station.journal").joinpath("schema.sql").read_text()
            database.executescript(
                f"BEGIN;\n{schema}\nPRAGMA user_version={SCHEMA_VERSION};\nCOMMIT;"
            )
        elif version != SCHEMA_VERSION:
            raise OtherRelease(
                f"journal {path} has schema {version}, this program knows {SCHEMA_VERSION}; "
                "it was written by another release: install that one"
            )
    except BaseException:
        database.close()
        raise
    return database


def _set_aside(path: Path) -> Path:
    """Move a damaged journal and its companions out of the way, under the next free number."""
    number = 1
    while (target := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(target.with_name(target.name + suffix))
    return target
