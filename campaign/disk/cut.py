"""What a disk may hold if the power goes after a write: drawn from all that POSIX leaves open.

Pure but for ``take`` and ``put``. What is guaranteed: the contents of a file at its last fsync, and
the names in a folder at that folder's last fsync. What is not, each by itself:

- of the bytes written to a 512-byte sector since, any earlier state, the newest, or garbage;
- the length: any between the synced one and the newest;
- a truncation: done or not;
- a file created, renamed or removed: done or not. An fsync of the file is not one of its name.

A write damages nothing beside the bytes that it covers. SQLite builds on that too ("powersafe
overwrite"); a disk that loses the rest of the sector with it is drawn with
``powersafe_overwrite=False``. A disk that lies about fsync is not drawn at all.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from campaign.disk.witness import Kind, Record

SECTOR_BYTES = 512


@dataclass(eq=False, slots=True)
class _File:
    """Contents that are safe, and what was done since. It outlives its names."""

    safe: bytearray
    since: list[Record] = field(default_factory=list)

    def sync(self) -> None:
        _carry_out(self.since, self.safe)
        self.since.clear()

    def newest(self) -> bytes:
        found = bytearray(self.safe)
        _carry_out(self.since, found)
        return bytes(found)


def _carry_out(records: Iterable[Record], data: bytearray) -> None:
    for record in records:
        if record.kind is Kind.TRUNCATE:
            _resize(data, record.length)
        else:
            _resize(data, max(len(data), record.offset))
            data[record.offset : record.offset + len(record.data)] = record.data


@dataclass(frozen=True, slots=True)
class _Naming:
    """One change of names: ``file`` lost the name ``gone`` and got the name ``got``."""

    file: _File
    gone: str | None
    got: str | None

    @property
    def folder(self) -> str:
        return str(PurePosixPath(self.got or self.gone or "").parent)

    def carry_out(self, names: dict[str, _File]) -> None:
        if self.gone is not None and names.get(self.gone) is self.file:
            del names[self.gone]
        if self.got is not None:
            names[self.got] = self.file


class _Disk:
    """The files as the process sees them (``names``), and as they are safe."""

    def __init__(self, before: Mapping[str, bytes]) -> None:
        files = {name: _File(bytearray(data)) for name, data in before.items() if _kept(name)}
        self.names = dict(files)
        self.safe_names = dict(files)
        self.namings: list[_Naming] = []

    def replay(self, records: Iterable[Record]) -> None:
        for record in records:
            match record.kind:
                case Kind.CREATE:
                    self._name(_Naming(_File(bytearray()), None, record.name))
                case Kind.UNLINK:
                    self._name(_Naming(self._file(record), record.name, None))
                case Kind.RENAME:
                    target = record.data.decode(errors="surrogateescape")
                    got = None if target.startswith("/") else target
                    self._name(_Naming(self._file(record), record.name, got))
                case Kind.WRITE | Kind.TRUNCATE:
                    self._file(record).since.append(record)
                case Kind.SYNC:
                    self._file(record).sync()
                case Kind.SYNC_FOLDER:
                    self._sync_folder(record.name)

    def _file(self, record: Record) -> _File:
        if record.name not in self.names:
            raise ValueError(
                f"{record.kind.name} of {record.name}, which was neither there nor created: "
                "'before' is not the folder as it was when the log began"
            )
        return self.names[record.name]

    def _name(self, naming: _Naming) -> None:
        naming.carry_out(self.names)
        self.namings.append(naming)

    def _sync_folder(self, folder: str) -> None:
        waiting = []
        for naming in self.namings:
            if naming.folder == folder:
                naming.carry_out(self.safe_names)
            else:
                waiting.append(naming)
        self.namings = waiting


def replayed(before: Mapping[str, bytes], records: Iterable[Record]) -> dict[str, bytes]:
    """The files as the process saw them after ``records``: no cut.

    Raises ValueError if ``before`` is not what the records began with.
    """
    disk = _Disk(before)
    disk.replay(records)
    return {name: file.newest() for name, file in disk.names.items()}


def after_cut(
    before: Mapping[str, bytes],
    records: Sequence[Record],
    dice: random.Random,
    *,
    powersafe_overwrite: bool = True,
) -> dict[str, bytes]:
    """One state the disk may be in if the power goes right after the last of ``records``.

    ``before``: contents by name when the log began, all of it safe. Raises ValueError if it is not
    what the records began with.
    """
    disk = _Disk(before)
    disk.replay(records)
    names = disk.safe_names
    for naming in _done(disk.namings, dice):
        naming.carry_out(names)
    return {
        name: _contents(file, dice, powersafe_overwrite) for name, file in sorted(names.items())
    }


def _done(namings: Sequence[_Naming], dice: random.Random) -> Sequence[_Naming]:
    """In their order up to one of them, as a journalling file system does it, or any of them."""
    if dice.random() < 0.5:
        return namings[: dice.randint(0, len(namings))]
    return [naming for naming in namings if dice.random() < 0.5]


def _contents(file: _File, dice: random.Random, powersafe_overwrite: bool) -> bytes:
    if not file.since:
        return bytes(file.safe)
    found, pieces = bytearray(file.safe), _Pieces()
    least = len(found)
    for record in file.since:
        if record.kind is Kind.WRITE:
            pieces.add(record.offset, record.data)
        elif dice.random() < 0.5:
            _resize(found, record.length)
            pieces.clip(record.length)
            least = min(least, record.length)
    newest = max(len(found), pieces.end)
    length = dice.choice((least, newest, newest, dice.randint(least, newest)))
    _resize(found, newest)
    p_newest = dice.choice((0.0, 0.2, 0.5, 0.8, 1.0))
    p_garbage = dice.choice((0.0, 0.0, 0.02, 0.2))
    for sector, written in sorted(pieces.by_sector.items()):
        start = sector * SECTOR_BYTES
        if dice.random() < p_garbage:
            if powersafe_overwrite:
                written = [(at, dice.randbytes(len(data))) for at, data in written]
            else:
                written = [(start, dice.randbytes(min(SECTOR_BYTES, newest - start)))]
        elif dice.random() >= p_newest:
            written = written[: dice.randrange(len(written))]
        for at, data in written:
            found[at : at + len(data)] = data
    return bytes(found[:length])


class _Pieces:
    """What was written, cut at the borders of sectors, in the order of writing."""

    def __init__(self) -> None:
        self.by_sector: dict[int, list[tuple[int, bytes]]] = {}
        self.end = 0

    def add(self, offset: int, data: bytes) -> None:
        self.end = max(self.end, offset + len(data))
        at = 0
        while at < len(data):
            sector, inside = divmod(offset + at, SECTOR_BYTES)
            piece = data[at : at + SECTOR_BYTES - inside]
            self.by_sector.setdefault(sector, []).append((offset + at, piece))
            at += len(piece)

    def clip(self, length: int) -> None:
        """A truncation was done: nothing written before it is left behind ``length``."""
        self.end = min(self.end, length)
        clipped = {
            sector: [(at, data[: length - at]) for at, data in written if at < length]
            for sector, written in self.by_sector.items()
        }
        self.by_sector = {sector: written for sector, written in clipped.items() if written}


def _resize(data: bytearray, length: int) -> None:
    del data[length:]
    data.extend(bytes(length - len(data)))


def _kept(name: str) -> bool:
    """SQLite's -shm is memory: recovery builds it anew."""
    return not name.endswith("-shm")


def take(folder: Path) -> dict[str, bytes]:
    """The files of a folder as ``before`` wants them; nobody may be writing."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _kept(path.name)
    }


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder hold exactly these files; whatever else is in it, -shm too, is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.rglob("*")):
        if not path.is_dir() and path.relative_to(folder).as_posix() not in files:
            path.unlink()
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
