"""The witness sees what a process writes, dies where it is told to, and tells what is missing."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from campaign.disk import cut, witness
from campaign.disk.witness import Kind, Record
from tools.installation import ROOT

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="make system-packages")

# Every watched call, with names given in every way there is.
SCRIPT = """
import os, sys
folder = sys.argv[1]
os.chdir(folder)
one = os.open("one", os.O_RDWR | os.O_CREAT)
os.write(one, b"first ")
os.write(one, b"second")
os.lseek(one, 2, os.SEEK_SET)
os.write(one, b"RST")
os.pwrite(one, b"far", 5000)
os.fsync(one)
os.ftruncate(one, 4000)
os.fdatasync(one)
with open(folder + "/two", "a") as two:
    two.write("appended")
with open("two", "a") as two:
    two.write(" twice")
os.mkdir("below")
at = os.open("below", os.O_RDONLY)
three = os.open("three", os.O_WRONLY | os.O_CREAT, dir_fd=at)
os.write(os.dup(three), b"x" * 1500)
os.rename("two", "below/two")
os.rename("three", "four", src_dir_fd=at, dst_dir_fd=at)
os.write(three, b"after the rename")
os.fsync(at)
gone = os.open("gone", os.O_WRONLY | os.O_CREAT)
os.unlink("gone")
os.write(gone, b"nobody will see this")
open("one", "r").close()
open("five", "w").write("short")
open("five", "w").write("s")
os.write(os.open("map-shm", os.O_WRONLY | os.O_CREAT), b"memory")
"""


def run(
    folder: Path, log: Path, kill_at: int | None = None, script: str = SCRIPT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        cwd=ROOT,
        env={**os.environ, **witness.environment(folder, log, kill_at)},
        capture_output=True,
        text=True,
    )


def test_everything_written_is_in_the_log(tmp_path: Path) -> None:
    folder, log = tmp_path / "watched", tmp_path / "log"
    done = run(folder, log)
    assert done.returncode == 0, done.stderr
    records = witness.read(log)
    assert cut.replayed({}, records) == cut.take(folder)
    counted = Counter(record.kind for record in records)
    assert counted == {
        Kind.CREATE: 5,
        Kind.WRITE: 10,
        Kind.TRUNCATE: 2,
        Kind.SYNC: 2,
        Kind.SYNC_FOLDER: 1,
        Kind.UNLINK: 1,
        Kind.RENAME: 2,
    }
    assert [record.at_ns for record in records] == sorted(record.at_ns for record in records)


def test_a_write_that_is_not_in_the_log_is_noticed(tmp_path: Path) -> None:
    folder, log = tmp_path / "watched", tmp_path / "log"
    run(folder, log)
    records = witness.read(log)
    unlogged = [index for index, record in enumerate(records) if record.kind is Kind.WRITE]
    # Renamed or overwritten bytes apart, each single write matters to the files.
    missed = [
        index
        for index in unlogged
        if cut.replayed({}, records[:index] + records[index + 1 :]) == cut.take(folder)
    ]
    assert [records[index].data for index in missed] == [b"far", b"short"]


@pytest.mark.parametrize("kill_at", [1, 2, 7, 23])
def test_it_dies_before_the_record_it_is_told(tmp_path: Path, kill_at: int) -> None:
    whole = tmp_path / "whole"
    run(whole, tmp_path / "whole.log")
    folder, log = tmp_path / "watched", tmp_path / "log"
    done = run(folder, log, kill_at)
    assert done.returncode == -signal.SIGKILL
    records = witness.read(log)
    assert [(one.kind, one.name, one.offset, one.length, one.data) for one in records] == [
        (one.kind, one.name, one.offset, one.length, one.data)
        for one in witness.read(tmp_path / "whole.log")[: kill_at - 1]
    ]
    assert cut.replayed({}, records) == cut.take(folder)


def test_failed_calls_fail_as_ever_and_are_not_logged(tmp_path: Path) -> None:
    script = """
import os, sys, errno
def fails(number, function, *given):
    try:
        function(*given)
    except OSError as error:
        assert error.errno == number, (error.errno, number)
    else:
        raise AssertionError(function)
os.chdir(sys.argv[1])
fails(errno.ENOENT, os.unlink, "nothing")
fails(errno.ENOENT, os.rename, "nothing", "else")
fails(errno.ENOENT, os.open, "nothing", os.O_WRONLY | os.O_TRUNC)
fails(errno.EBADF, os.write, 99, b"x")
one = os.open("one", os.O_RDONLY | os.O_CREAT)
fails(errno.EBADF, os.write, one, b"x")
fails(errno.EINVAL, os.ftruncate, one, 5)
fails(errno.EEXIST, os.open, "one", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
"""
    done = run(tmp_path / "watched", tmp_path / "log", script=script)
    assert done.returncode == 0, done.stderr
    assert [one.kind for one in witness.read(tmp_path / "log")] == [Kind.CREATE]


def test_threads_do_not_mix_their_records(tmp_path: Path) -> None:
    script = """
import os, sys, threading
os.chdir(sys.argv[1])
def work(number):
    file = os.open(f"file-{number}", os.O_WRONLY | os.O_CREAT)
    for index in range(200):
        os.write(file, bytes([number]) * (index + 1))
        os.fdatasync(file)
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    folder, log = tmp_path / "watched", tmp_path / "log"
    done = run(folder, log, script=script)
    assert done.returncode == 0, done.stderr
    assert cut.replayed({}, witness.read(log)) == cut.take(folder)


def test_a_torn_last_record_is_left_out(tmp_path: Path) -> None:
    folder, log = tmp_path / "watched", tmp_path / "log"
    run(folder, log)
    whole = witness.read(log)
    raw = log.read_bytes()
    for missing in range(1, 60):
        log.write_bytes(raw[:-missing])
        assert whole[: len(witness.read(log))] == witness.read(log) != whole
    log.write_bytes(b"?" * 64)
    with pytest.raises(witness.BrokenLog, match="byte 0"):
        witness.read(log)
    assert witness.read(tmp_path / "no such log") == []


def test_the_log_may_not_stand_in_the_watched_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must not stand"):
        witness.environment(tmp_path, tmp_path / "log")


def test_without_a_compiler_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(witness.shutil, "which", lambda name: None)
    with pytest.raises(witness.NoCompiler, match="make system-packages"):
        witness.library()


# -- the states after a cut, without a process


def write(name: str, offset: int, data: bytes) -> Record:
    return Record(Kind.WRITE, name, offset, len(data), data)


def states(before: dict[str, bytes], records: list[Record], count: int = 400) -> list:
    dice = random.Random(7)
    return [cut.after_cut(before, records, dice) for _ in range(count)]


def test_what_was_synced_is_there_and_what_was_not_may_be() -> None:
    old, new = b"o" * 1024, b"n" * 1024
    synced = [write("file", 0, new), Record(Kind.SYNC, "file")]
    assert states({"file": old}, synced, 20) == [{"file": new}] * 20
    halves = {
        (found["file"][:512], found["file"][512:]) for found in states({"file": old}, synced[:1])
    }
    for first in (old[:512], new[:512]):
        for second in (old[:512], new[:512]):
            assert (first, second) in halves
    assert any(first not in (old[:512], new[:512]) for first, _ in halves), "no garbage drawn"


def test_only_the_bytes_written_are_ever_touched() -> None:
    old = bytes(range(256)) * 8
    for found in states({"file": old}, [write("file", 600, b"?" * 30)]):
        assert found["file"][:600] + found["file"][630:] == old[:600] + old[630:]
    dice = random.Random(7)
    wider = [
        cut.after_cut(
            {"file": old}, [write("file", 600, b"?" * 30)], dice, powersafe_overwrite=False
        )["file"]
        for _ in range(400)
    ]
    assert any(found[512:600] != old[512:600] for found in wider)
    assert all(found[:512] + found[1024:] == old[:512] + old[1024:] for found in wider)


def test_the_length_is_never_below_what_was_synced() -> None:
    lengths = {
        len(found["file"])
        for found in states({"file": b"x" * 700}, [write("file", 690, b"y" * 900)])
    }
    assert min(lengths) == 700
    assert max(lengths) == 1590
    assert len(lengths) > 20


def test_a_truncation_may_or_may_not_have_happened() -> None:
    shrunk = [Record(Kind.TRUNCATE, "file", length=10)]
    assert {len(found["file"]) for found in states({"file": b"x" * 700}, shrunk)} == {10, 700}
    assert (
        states({"file": b"x" * 700}, [*shrunk, Record(Kind.SYNC, "file")], 20)
        == [{"file": b"x" * 10}] * 20
    )


def test_names_are_safe_with_their_folder_only() -> None:
    records = [
        Record(Kind.CREATE, "new"),
        write("new", 0, b"content"),
        Record(Kind.SYNC, "new"),
        Record(Kind.RENAME, "new", data=b"file"),
    ]
    before = {"file": b"older", "other": b"stays"}
    found = {tuple(sorted(one.items())) for one in states(before, records)}
    other = ("other", b"stays")
    assert found == {
        (("file", b"older"), other),
        (("file", b"older"), ("new", b"content"), other),
        (("file", b"content"), other),
    }
    safe = [*records, Record(Kind.SYNC_FOLDER, ".")]
    assert states(before, safe, 20) == [{"file": b"content", "other": b"stays"}] * 20


def test_a_log_of_another_folder_is_refused() -> None:
    with pytest.raises(ValueError, match="not the folder as it was"):
        cut.after_cut({}, [write("file", 0, b"x")], random.Random(1))


def test_put_makes_the_folder_hold_exactly_that(tmp_path: Path) -> None:
    (tmp_path / "journal-shm").write_bytes(b"memory")
    (tmp_path / "old").write_bytes(b"old")
    files = {"journal": b"1", "below/deeper": b"2"}
    cut.put(tmp_path, files)
    assert cut.take(tmp_path) == files
    assert not (tmp_path / "journal-shm").exists()
