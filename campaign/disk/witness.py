"""What a process writes below a folder, record by record: builds witness.c and reads its log.

The process gets ``environment(...)`` when it is started; ``read`` may be called while it runs. The
log's layout is that of ``struct header`` in witness.c, in the byte order of this machine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name("witness.c")

_FLAGS = ("-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-pthread")
_HEADER = struct.Struct("=BBHIQQQ")
_MARK = ord("W")
# "The WAL file format" in SQLite's file format document: header, then frames.
_WAL_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24


class NoCompiler(Exception):
    """The witness cannot be built here; the message says what to do."""


class BrokenLog(Exception):
    """The log is not one of the witness, or another process wrote into it."""


class Kind(IntEnum):
    """What was done to a file; values as in witness.c."""

    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC = 4
    SYNC_FOLDER = 5
    UNLINK = 6
    RENAME = 7


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened to the file ``name`` (relative to the folder; "." is the folder).

    WRITE: ``data`` at ``offset``. TRUNCATE: to ``length`` bytes. RENAME: ``data`` is the name it
    has now; a name outside the folder is absolute. ``at_ns``: CLOCK_MONOTONIC.
    """

    kind: Kind
    name: str
    offset: int = 0
    length: int = 0
    data: bytes = b""
    at_ns: int = 0


def library() -> Path:
    """The witness as a shared library, built at the first call. Raises NoCompiler."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    built = Path(tempfile.gettempdir()) / f"evcs-witness-{os.getuid()}" / f"{digest}.so"
    if built.exists():
        return built
    compiler = shutil.which("gcc")
    if compiler is None:
        raise NoCompiler("the witness of disk writes needs gcc: run `make system-packages` as root")
    built.parent.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=built.parent) as scratch:
        fresh = Path(scratch) / built.name
        done = subprocess.run(
            (compiler, *_FLAGS, "-o", str(fresh), str(SOURCE), "-ldl"),
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise NoCompiler(
                f"gcc cannot build {SOURCE.name}; `make system-packages` brings what it needs:\n"
                f"{done.stderr.strip()}"
            )
        fresh.rename(built)
    return built


def environment(directory: Path, log: Path, kill_at: int | None = None) -> dict[str, str]:
    """What to add to a process's environment so that it is watched.

    ``directory`` is created, so that its name is the one the kernel knows; ``log`` must stand
    outside it and is appended to. ``kill_at`` n: the process gets SIGKILL from itself right before
    its n-th record (from 1) is carried out. Raises NoCompiler.
    """
    directory.mkdir(parents=True, exist_ok=True)
    watched, written = directory.resolve(), log.resolve()
    if written.is_relative_to(watched):
        raise ValueError(f"the log {log} must not stand in the watched folder {directory}")
    found = {
        "LD_PRELOAD": str(library()),
        "WITNESS_DIR": str(watched),
        "WITNESS_LOG": str(written),
    }
    if kill_at is not None:
        found["WITNESS_KILL_AT"] = str(kill_at)
    return found


def read(log: Path) -> list[Record]:
    """All records in their order; a last one that is not complete is left out.

    A log that is not there is an empty one: the process wrote nothing. Raises BrokenLog.
    """
    raw = log.read_bytes() if log.exists() else b""
    records = []
    at = 0
    while at + _HEADER.size <= len(raw):
        mark, kind, name_length, data_length, offset, length, at_ns = _HEADER.unpack_from(raw, at)
        if mark != _MARK:
            raise BrokenLog(f"{log}: no record begins at byte {at}")
        data_at = at + _HEADER.size + name_length
        end = data_at + data_length
        if end > len(raw):
            break
        name = os.fsdecode(raw[at + _HEADER.size : data_at])
        records.append(Record(Kind(kind), name, offset, length, raw[data_at:end], at_ns))
        at = end
    return records


def commits(records: Sequence[Record]) -> list[int]:
    """Where among ``records`` a commit of an SQLite file in WAL mode became safe.

    That is the first SYNC of a -wal file after a frame that ends a transaction was written there.
    """
    ended: set[str] = set()
    found = []
    for index, record in enumerate(records):
        if record.kind is Kind.WRITE and _ends_transaction(record):
            ended.add(record.name)
        elif record.kind is Kind.SYNC and record.name in ended:
            ended.remove(record.name)
            found.append(index)
    return found


def _ends_transaction(record: Record) -> bool:
    """A frame's header with the size of the database after the commit, which is never 0 pages."""
    return (
        record.name.endswith("-wal")
        and record.offset >= _WAL_HEADER_BYTES
        and len(record.data) == _FRAME_HEADER_BYTES
        and record.data[4:8] != bytes(4)
    )


def bytes_written(records: Iterable[Record]) -> int:
    """Bytes handed to the kernel. The file system's own (journal, whole blocks) are not seen."""
    return sum(len(record.data) for record in records if record.kind is Kind.WRITE)


def blocks_written(records: Iterable[Record], block_bytes: int = 4096) -> int:
    """Bytes of file contents that reach the disk if it takes whole blocks at every fsync only.

    A file system's own bookkeeping (its journal, inodes) comes on top and is not seen.
    """
    dirty: dict[str, set[int]] = {}
    blocks = 0
    for record in records:
        if record.kind is Kind.WRITE and record.data:
            last = record.offset + len(record.data) - 1
            touched = range(record.offset // block_bytes, last // block_bytes + 1)
            dirty.setdefault(record.name, set()).update(touched)
        elif record.kind is Kind.SYNC:
            blocks += len(dirty.pop(record.name, ()))
    return block_bytes * (blocks + sum(map(len, dirty.values())))
