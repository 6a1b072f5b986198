"""The claim "disk" counts what it says, and misses its figures when a box writes too much."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from campaign.claims import disk
from campaign.disk import witness
from campaign.disk.watched import Span
from campaign.disk.witness import Kind, Record


def commit(pages: int, page_bytes: int = 1024, at_s: float = 0.0) -> list[Record]:
    """The writes of one commit to a write-ahead log, as SQLite makes them."""
    found = []
    for page in range(pages):
        size = 7 if page == pages - 1 else 0
        header = (page + 2).to_bytes(4, "big") + size.to_bytes(4, "big") + bytes(16)
        at = 32 + page * (24 + page_bytes)
        found += [wal(Kind.WRITE, at, header), wal(Kind.WRITE, at + 24, bytes(page_bytes))]
    return [*found, wal(Kind.SYNC, at_s=at_s)]


def wal(kind: Kind, offset: int = 0, data: bytes = b"", at_s: float = 0.0) -> Record:
    return Record(kind, "data/journal.sqlite3-wal", offset, len(data), data, int(at_s * 1e9))


def charging(minute: list[Record], *others: list[Record]) -> dict[str, bool]:
    """Which figures are met by an hour of such minutes, and other ones in it."""
    figures = disk._charging([[], *others, *[minute] * (60 - len(others))], 1.0)
    return {figure.what.split(" ")[0]: figure.met for figure in figures}


def test_two_small_commits_a_minute_are_within_the_claim() -> None:
    minute = [*commit(1), *commit(2)]
    assert len(witness.commits(minute)) == 2
    assert witness.bytes_written(minute) == 3 * 1048
    assert set(charging(minute).values()) == {True}


def test_a_third_commit_is_found() -> None:
    found = charging([*commit(1), *commit(1), *commit(1)])
    assert not found["commits"]
    assert not found["minutes"]


def test_the_one_commit_of_the_day_is_allowed_and_no_second_one() -> None:
    usual, crowded = [*commit(1), *commit(2)], [*commit(1), *commit(2), *commit(1)]
    found = charging(usual, crowded)
    assert found["commits"]
    assert found["minutes"]
    found = charging(usual, crowded, crowded)
    assert not found["commits"]
    assert not found["minutes"]


def test_a_large_commit_is_found() -> None:
    found = charging([*commit(1), *commit(4)])
    assert found["commits"]
    assert not found["largest"]


def test_too_many_bytes_are_found() -> None:
    found = charging([*commit(1, 4096), *commit(2, 4096)])
    assert found["commits"]
    assert not found["handed"]


def test_two_commits_in_a_day_at_rest_are_found() -> None:
    assert disk._at_rest([commit(9), commit(1), []], 24.0)[0].met
    assert not disk._at_rest([commit(9), commit(1), commit(1)], 24.0)[0].met


def test_the_log_alone_synced_for_a_checkpoint_is_no_commit() -> None:
    frames = commit(2)
    assert witness.commits(frames[:-1]) == []
    assert witness.commits([*frames, wal(Kind.SYNC)]) == [len(frames) - 1]
    unfinished = [*frames[:2], wal(Kind.SYNC)]
    assert witness.commits(unfinished) == []


def test_blocks_are_counted_whole_and_once_a_sync() -> None:
    small = [wal(Kind.WRITE, 4000, bytes(200)), wal(Kind.WRITE, 4050, bytes(10))]
    assert witness.blocks_written(small) == 2 * 4096
    assert witness.blocks_written([*small, wal(Kind.SYNC), *small, wal(Kind.SYNC)]) == 4 * 4096


def test_the_daemons_rate_is_that_of_whole_minutes() -> None:
    records = [record for half in range(6) for record in commit(1 + half % 2, at_s=30 * half)]
    steady = Span(170.0, records).from_commit_to_commit()
    assert steady.seconds == 120
    assert witness.bytes_written(steady.records) == 2 * 3 * 1048
    with pytest.raises(ValueError, match="too few"):
        Span(20.0, records[:5]).from_commit_to_commit()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="make system-packages")
def test_half_an_hour_of_the_real_parts_keeps_the_claim(tmp_path: Path) -> None:
    figures = disk.measure(0.01, 1, tmp_path)
    assert len(figures) == 7
    assert [figure for figure in figures if not figure.met] == []
